"""Circuits without a neutral: what two pairs draw on the line they share adds up as vectors."""

from __future__ import annotations

from math import cos, hypot, radians, sin

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.compiled import PHASE_MASK
from sitectl.allocator.polygon import CLASSES, COEFFICIENTS, SCALE, WIDTH
from sitectl.allocator.verify import verify
from sitectl.model.electrical import Phase
from sitectl.model.limits import Allocation, ChargingLimit
from tests.unit.allocator.site import build, evse_id, moment

A, B, C = evse_id("A"), evse_id("B"), evse_id("C")
PAIRS = {"A": {"max_a": 80, "phases": "L1L2"}, "B": {"max_a": 80, "phases": "L3L1"}}
RULES = SharingRules()


def shared(rated_a: float, stations: dict[str, dict[str, object]], wiring: str = "delta") -> Allocation:
    site = build({"grid": {"rated_a": rated_a, "wiring": wiring}}, stations)
    allocation, _ = allocate(compile_site(site), moment(site), AllocatorMemory(), RULES)
    assert verify(site, moment(site), allocation.offers) == []
    return allocation


def targets(allocation: Allocation) -> dict[str, float]:
    return {evse.station: limit.limit_a for evse, limit in allocation.targets.items()}


def test_the_polygon_lies_in_the_disc_and_gives_away_little() -> None:
    """In every direction between the two pairs: what the rows of L1 let through is 98.4 to 100 % of the line."""
    rows = [row for row in COEFFICIENTS if row[0] and row[2]][:3]
    found = []
    for tenth in range(-300, 301):
        angle = radians(tenth / 10)
        # Of a phasor at this angle, so much is on the pair that leads by 30 degrees, so much on the one that lags.
        lead, lag = sin(radians(30) + angle) / sin(radians(60)), sin(radians(30) - angle) / sin(radians(60))
        length = min(SCALE / (row[0] * lead + row[2] * lag) for row in rows)
        x = length * (lead * cos(radians(30)) + lag * cos(radians(30)))
        y = length * (lead - lag) * sin(radians(30))
        found.append(hypot(x, y))
    assert max(found) <= 1.0 + 1e-12
    assert min(found) >= 0.984
    assert min(found[0], found[-1]) > 0.999, "a single pair has the whole line"


def test_no_coefficient_is_negative_and_a_pair_counts_on_two_lines() -> None:
    assert all(k >= 0 for row in COEFFICIENTS for k in row)
    assert [[bool(row[kind]) for row in COEFFICIENTS[::3]] for kind in range(4)] == [
        [True, True, False],
        [False, True, True],
        [True, False, True],
        [True, True, True],
    ]
    assert len(COEFFICIENTS) + len(CLASSES) == WIDTH


def test_two_pairs_share_a_line_as_vectors() -> None:
    """60 A carry 34.6 A on each of two pairs: √3 times, not twice; a plain sum would give 30."""
    assert targets(shared(60, PAIRS)) == {"A": 34.1, "B": 34.0}
    assert targets(shared(60, PAIRS, "it")) == {"A": 34.1, "B": 34.0}


def test_one_pair_has_its_lines_alone() -> None:
    assert targets(shared(60, {"A": PAIRS["A"]})) == {"A": 60.0}


def test_three_balanced_pairs() -> None:
    stations = {**PAIRS, "C": {"max_a": 80, "phases": "L2L3"}}
    assert targets(shared(60, stations)) == {"A": 34.1, "B": 34.0, "C": 34.0}


def test_who_is_bound_less_gets_more() -> None:
    stations = {"A": {**PAIRS["A"], "max_a": 10}, "B": PAIRS["B"]}
    found = targets(shared(60, stations))
    assert found["A"] == 10.0
    assert 53.4 <= found["B"] <= 54.3, "x² + xy + y² = 60² at x = 10 is y = 54.4"


def test_a_station_on_three_lines_counts_at_its_worst_angle() -> None:
    allocation = shared(60, {"C": {"max_a": 80, "phases": "L1L2L3"}})
    assert targets(allocation) == {"C": 59.0}
    assert targets(shared(60, {"C": {"max_a": 80, "phases": "unknown"}})) == {"C": 59.0}


def test_rows_show_lines_and_their_vector_sums() -> None:
    allocation = shared(60, PAIRS)
    assert [row.headroom_a for row in allocation.rows] == [60.0, 60.0, 60.0]
    assert [round(row.allocated_a, 1) for row in allocation.rows] == [59.9, 34.1, 34.0]
    assert allocation.targets[A].reason == "fair share of circuit grid on L1"


def test_posts_are_polygons_too_and_circuits_below() -> None:
    stations = {
        "P": {"max_a": 40, "evse_max_a": 40, "phases": "L1L2", "evses": 2},
        "B": {**PAIRS["B"], "circuit": "low"},
    }
    site = build({"grid": {"rated_a": 100, "wiring": "delta"}, "low": {"parent": "grid", "rated_a": 30}}, stations)
    allocation, _ = allocate(compile_site(site), moment(site), AllocatorMemory(), RULES)
    assert [limit.limit_a for limit in allocation.targets.values()] == [30.0, 20.0, 20.0]
    assert verify(site, moment(site), allocation.offers) == []


def test_base_load_is_taken_off_every_line_and_who_waits_is_told() -> None:
    site = build({"grid": {"rated_a": 60, "wiring": "delta"}}, PAIRS)
    snapshot = moment(site, base_load_a={"grid": (50, 0, 0)})
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), RULES)
    assert targets(allocation) == {"A": 10.0, "B": 0.0}
    waiting = next(limit for limit in allocation.targets.values() if not limit.limit_a)
    assert waiting.reason.startswith("waiting: circuit grid L1 has ")


def test_reserved_and_overloaded_lines_end_in_one_alarm_each() -> None:
    site = build({"grid": {"rated_a": 20, "wiring": "delta"}}, PAIRS)
    snapshot = moment(site, {"A": {"controllable": False, "counts_a": 32.0}})
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), RULES)
    assert [alarm.split(" is ")[0] for alarm in allocation.alarms] == ["circuit grid L1", "circuit grid L2"]
    assert allocation.alarms[0].startswith("circuit grid L1 is 12 A over")


def test_split_phase_loads_both_legs_with_one_current() -> None:
    stations = {
        "A": {"max_a": 48, "phases": "L1L2"},
        "B": {"max_a": 16, "phases": "L1"},
        "C": {"max_a": 16, "phases": "L2"},
    }
    assert targets(shared(60, stations, "split")) == {"A": 44.0, "B": 16.0, "C": 16.0}


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        (34.6, 34.6, False),  # 59.93 A
        (34.7, 34.7, True),  # 60.1 A
        (10.0, 54.3, False),  # 59.94 A
        (10.0, 54.5, True),
    ],
)
def test_the_second_check_adds_phasors(first: float, second: float, wrong: bool) -> None:
    site = build({"grid": {"rated_a": 60, "wiring": "delta"}}, PAIRS)
    offers = {A: ChargingLimit(A, first, ""), B: ChargingLimit(B, second, "")}
    assert bool(verify(site, moment(site), offers)) is wrong


def test_the_second_check_takes_three_lines_at_the_worst_angle() -> None:
    site = build(
        {"grid": {"rated_a": 60, "wiring": "delta"}}, {"A": PAIRS["A"], "C": {"max_a": 80, "phases": "L1L2L3"}}
    )
    fits = {A: ChargingLimit(A, 30.0, ""), C: ChargingLimit(C, 30.0, "")}
    assert verify(site, moment(site), fits) == []
    over = {A: ChargingLimit(A, 30.0, ""), C: ChargingLimit(C, 30.1, "")}
    assert verify(site, moment(site), over) != []


def test_masks_of_single_lines_count_everywhere() -> None:
    plan = compile_site(build({"grid": {"rated_a": 60, "wiring": "delta"}}, PAIRS))
    single, three = PHASE_MASK[(Phase.L1,)], PHASE_MASK[(Phase.L1, Phase.L2, Phase.L3)]
    assert plan.path_rows[single] == plan.path_rows[three]
