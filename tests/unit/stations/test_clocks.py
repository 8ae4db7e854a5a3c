from datetime import UTC, datetime, timedelta

import pytest

from sitectl.stations.clocks import LATE_S, SkewFilter, business_time

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("told", "trusted", "expected"),
    [
        (after(-7200), True, (after(-7200), True)),
        (after(299), True, (after(299), True)),
        (after(301), True, (NOON, False)),
        (datetime(1970, 1, 1, tzinfo=UTC), True, (NOON, False)),
        (datetime(2000, 1, 1, tzinfo=UTC), True, (NOON, False)),
        (after(-60), False, (after(-60), False)),
        (after(-3600), False, (NOON, False)),
    ],
)
def test_impossible_times_become_that_of_receipt(
    told: datetime, trusted: bool, expected: tuple[datetime, bool]
) -> None:
    assert business_time(told, NOON, trusted) == expected


def test_two_stamps_teach_and_noise_is_no_news() -> None:
    skew = SkewFilter()
    assert skew.learn(after(30), NOON) is None
    assert skew.learn(after(41), after(10)) == 30.0
    assert skew.learn(after(51), after(20)) is None
    assert skew.skew_s == 30.0
    assert skew.late_s(after(30), after(5)) == 5.0


def test_one_stamp_of_nonsense_changes_nothing() -> None:
    skew = SkewFilter()
    for second in range(4):
        skew.learn(after(second), after(second))
    assert skew.learn(after(4000), after(10)) is None
    assert skew.learn(after(10**7), after(10)) is None
    assert skew.skew_s == 0.0


def test_what_waited_teaches_nothing() -> None:
    skew = SkewFilter()
    skew.learn(NOON, NOON)
    for n in range(20):
        assert skew.learn(after(-7200 + 10 * n), after(0.1 * n), queued=True) is None
    assert skew.skew_s == 0.0
    assert skew.late_s(after(-7000), NOON) > LATE_S


def test_a_clock_that_is_set_back_is_followed() -> None:
    skew = SkewFilter()
    for n in range(4):
        skew.learn(after(3600 + 10 * n), after(10 * n), queued=True)
    assert skew.skew_s == 3600.0
    learned = [skew.learn(after(10 * n), after(10 * n), queued=True) for n in range(4, 8)]
    assert learned == [None, 0.0, None, None], "one may have waited, two at our own pace have not"


def test_after_a_boot_everything_is_learned_anew() -> None:
    skew = SkewFilter()
    for n in range(4):
        skew.learn(after(3600 + n), after(n))
    skew.restart()
    assert skew.skew_s == 0.0
    assert [skew.learn(after(n), after(n)) for n in range(2)] == [None, 0.0]
