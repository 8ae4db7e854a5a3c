from datetime import UTC, datetime, timedelta, timezone

import pytest

from sitectl.base.gateway_clock import Mistake
from sitectl.model.transaction import ClockQuality
from sitectl.stations.clocks import LATE_S, SkewFilter, StationClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


STATION, ZONE, ESTIMATED, RECEIPT = ClockQuality
BERLIN = timezone(timedelta(hours=1))


def business_time(
    told: datetime,
    quality: ClockQuality = STATION,
    *,
    clock: StationClock | None = None,
    received: datetime = NOON,
    mistake: Mistake | None = None,
) -> tuple[datetime, ClockQuality]:
    return (clock or StationClock()).business_time(told, received, quality, BERLIN, mistake)


@pytest.mark.parametrize(
    ("told", "form", "expected"),
    [
        (after(-7200), STATION, (after(-7200), STATION)),
        (after(299), STATION, (after(299), STATION)),
        (after(301), STATION, (NOON, RECEIPT)),
        (datetime(1970, 1, 1, tzinfo=UTC), STATION, (NOON, RECEIPT)),
        (datetime(2000, 1, 1, tzinfo=UTC), STATION, (NOON, RECEIPT)),
        (after(-60), ZONE, (after(-60), ZONE)),
        (after(3600 - 60), ZONE, (after(-60), ZONE)),
        (after(-3600), ZONE, (NOON, RECEIPT)),
        (after(-5), RECEIPT, (NOON, RECEIPT)),
    ],
)
def test_impossible_times_become_that_of_receipt(
    told: datetime, form: ClockQuality, expected: tuple[datetime, ClockQuality]
) -> None:
    assert business_time(told, form) == expected


def test_while_our_own_clock_is_not_set_nobody_elses_is_called_ahead() -> None:
    right = after(86_400)
    assert StationClock().business_time(right, NOON, STATION, BERLIN, None, known=False) == (right, STATION)
    assert StationClock().business_time(right, NOON, STATION, BERLIN, None) == (NOON, RECEIPT)


def test_a_zone_that_live_stamps_have_shown_holds_for_those_that_waited() -> None:
    clock = StationClock()
    assert business_time(after(-7200 + 3600), ZONE, clock=clock) == (NOON, RECEIPT), "UTC or local: nobody knows"
    assert business_time(after(3600), ZONE, clock=clock) == (NOON, ZONE), "local"
    assert business_time(after(-7200 + 3600), ZONE, clock=clock) == (after(-7200), ZONE)
    assert business_time(after(0), ZONE, clock=clock) == (NOON, ZONE), "set to UTC meanwhile"
    assert business_time(after(-7200), ZONE, clock=clock) == (after(-7200), ZONE)


def test_a_clock_that_was_never_set_still_tells_how_long_ago() -> None:
    clock, begin = StationClock(), datetime(1970, 1, 1, tzinfo=UTC)
    assert business_time(begin + timedelta(minutes=5), clock=clock) == (NOON, RECEIPT)
    clock.shows(begin + timedelta(minutes=20), NOON)
    assert business_time(begin + timedelta(minutes=5), clock=clock) == (after(-900), ESTIMATED)
    assert business_time(begin + timedelta(minutes=21), clock=clock) == (NOON, ESTIMATED)
    assert business_time(begin + timedelta(days=3), clock=clock) == (NOON, RECEIPT), "of an earlier boot"
    clock.restart()
    assert business_time(begin + timedelta(minutes=5), clock=clock) == (NOON, RECEIPT)


def test_stamps_by_the_wrong_time_that_we_told_are_put_right() -> None:
    """Ours went on from 11:00 when it was switched on at noon, and was known a minute later."""
    wrong = after(-3600)
    mistake = Mistake(wrong, wrong + timedelta(minutes=1), timedelta(hours=1))
    clock = StationClock()
    clock.told(wrong + timedelta(seconds=10), known=False)
    stamped, received = wrong + timedelta(seconds=30), after(90)
    assert business_time(stamped, clock=clock, received=received, mistake=mistake) == (after(30), ESTIMATED)
    own = wrong - timedelta(minutes=5)
    assert business_time(own, clock=clock, received=received, mistake=mistake) == (own, STATION), "before it was told"
    clock.put_right()
    clock.told(after(100), known=True)
    assert business_time(stamped, clock=clock, received=after(200), mistake=mistake) == (after(30), ESTIMATED)
    assert business_time(after(150), clock=clock, received=after(200), mistake=mistake) == (after(150), STATION)


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


def test_what_was_learned_moves_when_our_own_clock_is_set() -> None:
    clock = StationClock()
    for n in range(2):
        clock.skew.learn(after(30 + n), after(n))
    assert clock.skew.own_moved(86_400.0) == (30.0 - 86_400.0, True)
    assert clock.skew.learn(after(40), after(86_400 + 10)) is None, "no news: its clock runs on"
    clock.told(after(86_400 + 20), known=True)
    assert [clock.skew.learn(after(86_400 + n), after(86_400 + n)) for n in (30, 40)] == [None, 0.0], "it follows"


def test_where_nothing_is_learned_yet_a_clock_is_where_it_should_be_and_that_is_not_sure() -> None:
    skew = SkewFilter()
    assert skew.own_moved(3600.0) == (-3600.0, False)
    skew.learn(after(7), after(3600))
    assert skew.own_moved(-3600.0) == (7.0, False), "by the one stamp there is"


def test_a_clock_that_is_told_ours_after_that_went_back_is_learned_at_once() -> None:
    clock = StationClock()
    for n in range(8):
        clock.skew.learn(after(n), after(n))
    assert clock.skew.own_moved(-3600.0) == (3600.0, True)
    clock.told(after(-3590), known=True)
    assert [clock.skew.learn(after(-3500 + n), after(-3500 + n)) for n in range(2)] == [None, 0.0]


def test_a_clock_that_is_days_off_is_learned_where_stamps_agree() -> None:
    skew = SkewFilter()
    week = 7 * 86_400
    assert [skew.learn(after(n), after(week + n)) for n in range(3)] == [None, -float(week), None]
    waiting = SkewFilter()
    assert [waiting.learn(after(n), after(week + n), queued=True) for n in range(3)] == [None] * 3, "it has waited"
    unset = SkewFilter()
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    assert [unset.learn(begin + timedelta(seconds=n), after(n)) for n in range(3)] == [None] * 3


def test_stamps_that_are_known_to_be_local_are_believed_before_a_live_one_has_shown_it() -> None:
    clock = StationClock()
    clock.pin_local(True)
    assert clock.is_local
    old = after(-7200 + 3600)  # two hours ago, in local time
    assert business_time(old, ZONE, clock=clock) == (after(-7200), ZONE)
    assert business_time(after(-30), ZONE, clock=clock) == (after(-3630), ZONE), "one that looks like UTC is local too"
    clock.pin_local(False)
    assert clock.is_local is None
