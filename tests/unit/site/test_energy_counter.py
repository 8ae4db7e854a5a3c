"""One place's energy: exact between readings, a lump over what was not seen, nothing where nothing is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitectl.model.energy import Note
from sitectl.site.energy_counter import APART_S, Counter


def counter(most_w: float = 100_000.0) -> Counter:
    return Counter(most_w)


def test_a_quarter_is_what_the_register_rose_by_between_its_ends() -> None:
    one = counter()
    one.register(1000.0, 95.0)
    one.begins(5, 100.0)
    one.register(1010.0, 105.0)  # half of it before
    one.register(2000.0, 990.0)
    one.begins(6, 1000.0)
    assert not one.settled()
    one.register(2020.0, 1010.0)
    assert one.settled()
    assert one.take() == [(5, 5, 1005)]
    assert one.take() == []


def test_a_gap_over_the_ends_of_quarters_is_one_lump() -> None:
    one = counter()
    one.register(0.0, 95.0)
    one.begins(5, 100.0)
    one.register(0.0, 100.0)
    one.register(0.0, 900.0)
    for quarter in (6, 7):
        one.begins(quarter, 100.0 + 900.0 * (quarter - 5))
    one.register(7000.0, 2000.0)
    assert one.take() == []
    one.register(7100.0, 2795.0)
    one.begins(8, 2800.0)
    one.register(7100.0, 2800.0)
    assert one.take() == [(5, 7, 7100)]


def test_a_gap_within_a_quarter_costs_nothing() -> None:
    one = counter()
    one.register(0.0, 99.0)
    one.begins(5, 100.0)
    one.register(0.0, 101.0)
    one.register(5000.0, 990.0)
    one.begins(6, 1000.0)
    one.register(5000.0, 1001.0)
    assert one.take() == [(5, 5, 5000)]


@pytest.mark.parametrize("to_wh", [0.0, 900_000.0])
def test_a_register_that_jumps_costs_its_quarter_and_no_other(to_wh: float) -> None:
    one = counter()
    one.register(5000.0, 99.0)
    one.begins(5, 100.0)
    one.register(5000.0, 100.0)
    one.register(to_wh, 500.0)
    assert one.note is Note.RESET
    one.register(to_wh + 10.0, 950.0)
    one.begins(6, 1000.0)
    one.register(to_wh + 10.0, 1000.0)
    one.register(to_wh + 110.0, 1890.0)
    one.begins(7, 1900.0)
    one.register(to_wh + 110.0, 1900.0)
    assert one.take() == [(6, 6, 100)]


def test_a_register_that_wobbles_stands_still() -> None:
    one = counter()
    one.register(5000.0, 99.0)
    one.begins(5, 100.0)
    one.register(4999.0, 100.0)
    one.register(5001.0, 990.0)
    one.begins(6, 1000.0)
    one.register(5001.0, 1000.0)
    assert one.take() == [(5, 5, 1)]


def test_power_is_counted_by_its_mean_and_a_gap_in_it_is_lost() -> None:
    one = counter()
    one.begins(5, 100.0)
    for at in range(99, 1002):
        one.power(3600.0, float(at))
    one.begins(6, 1000.0)
    one.power(3600.0, 1002.0)
    one.power(3600.0, 1200.0)
    one.begins(7, 1900.0)
    for at in range(1890, 1911):
        one.power(0.0, float(at))
    assert one.take() == []
    assert one.open is not None
    assert one.open[0] == 7


def test_what_rests_takes_nothing_and_what_was_away_is_not_known() -> None:
    one = counter()
    one.rests(99.0)
    one.begins(5, 100.0)
    one.rests(101.0)
    one.begins(6, 1000.0)
    one.rests(1000.0 + APART_S * 3)
    assert (one.open, one.note) == (None, Note.STATION)
    for quarter in (7, 8):
        edge_at = 1000.0 + 900.0 * (quarter - 6)
        for at in range(int(one.at or 0), int(edge_at), 100):
            one.rests(float(at))
        one.begins(quarter, edge_at)
        one.rests(edge_at + 1.0)
    assert one.take() == [(7, 7, 0)]


def test_a_clock_that_is_set_ends_what_it_showed() -> None:
    one = counter()
    one.register(0.0, 99.0)
    one.begins(5, 100.0)
    one.register(0.0, 100.0)
    one.register(700.0, 400.0)
    assert one.set_clock(1, 400.0) == (5, 700)
    one.register(1000.0, 500.0)
    one.register(1100.0, 990.0)
    one.begins(2, 1000.0)
    one.register(1100.0, 1000.0)
    assert one.take() == [(1, 1, 400)]
    assert one.set_clock(9, 9000.0) is None


@given(
    st.lists(st.tuples(st.floats(1.0, 110.0), st.floats(0.0, 2000.0)), min_size=5, max_size=200),
)
def test_quarters_add_up_to_the_register(steps: list[tuple[float, float]]) -> None:
    one = counter(1e9)
    at, register_wh, quarter = 0.0, 123.4, 0
    one.register(register_wh, at)
    one.begins(0, 0.0)
    one.register(register_wh, at)
    for seconds, wh in steps:
        at += seconds
        register_wh += wh
        if at >= (quarter + 1) * 900.0:
            quarter += 1
            one.begins(quarter, quarter * 900.0)
        one.register(register_wh, at)
    spans = one.take()
    assert [span[0] for span in spans] == list(range(quarter))
    told = sum(span[2] for span in spans)
    assert one.open is not None
    assert told == round(one.open[1]) <= register_wh - 123.4 + 1.0
