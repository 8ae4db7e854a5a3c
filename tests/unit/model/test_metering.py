import pytest

from sitectl.model.metering import Freshness, freshness


@pytest.mark.parametrize(
    ("age_s", "state"),
    [
        (0.0, Freshness.FRESH),
        (2.0, Freshness.FRESH),
        (2.01, Freshness.LATE),
        (5.0, Freshness.LATE),
        (5.01, Freshness.STALE),
        (10.0, Freshness.STALE),
        (10.01, Freshness.LOST),
        (None, Freshness.LOST),
    ],
)
def test_a_meter_read_every_second(age_s: float | None, state: Freshness) -> None:
    assert freshness(age_s, 1.0) is state


def test_fresh_is_two_cycles() -> None:
    assert freshness(0.5, 0.2) is Freshness.LATE
    assert freshness(4.0, 2.0) is Freshness.FRESH


def test_a_slow_poll_keeps_nothing_fresh_for_longer_than_late() -> None:
    assert freshness(5.0, 30.0) is Freshness.FRESH
    assert freshness(5.01, 30.0) is Freshness.STALE
    assert freshness(10.01, 30.0) is Freshness.LOST
