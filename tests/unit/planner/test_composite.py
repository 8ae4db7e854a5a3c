"""What really holds over a window of time; as plain values."""

from datetime import timedelta

import pytest

from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.ids import EvseId
from sitectl.model.limits import StandingLimit
from sitectl.model.schedule import ChargingProfile, ProfileKind, ProfilePurpose, Recurrency
from sitectl.planner.ceilings import Charging
from sitectl.planner.composite import CompositeSchedule, Point, composite
from tests.unit.planner.profiles import CP, NOON, TX, after, profile

ONE, TWO = EvseId(CP, 1), EvseId(CP, 2)
STATION_MAX, TX_PROFILE = ProfilePurpose.STATION_MAX, ProfilePurpose.TX
HOUR = 3600


def point(told_a: float | None = None, most_a: float = 32.0, phases: tuple[Phase, ...] = ALL_PHASES) -> Point:
    charging = None if told_a is None else Charging(TX, NOON)
    return Point(charging, StandingLimit(told_a, most_a, 6.0, phases))


def composed(
    profiles: list[ChargingProfile],
    points: dict[EvseId, Point] | None = None,
    post_a: float | None = None,
    duration_s: int = HOUR,
    start=NOON,
    most: int = 24,
) -> CompositeSchedule:
    return composite(profiles, points or {ONE: point()}, post_a, start, duration_s, most)


def limits(schedule: CompositeSchedule) -> list[tuple[int, float]]:
    return [(period.start_s, period.limit_a) for period in schedule.periods]


def test_without_profiles_the_site_alone_holds():
    assert limits(composed([])) == [(0, 32.0)]
    assert limits(composed([], {ONE: point(13.5)})) == [(0, 13.5)]
    assert composed([]).duration_s == HOUR


def test_periods_begin_where_the_profile_changes_and_the_window_ends_where_it_was_asked_to():
    steps = profile(20, 10, 16)
    assert limits(composed([steps])) == [(0, 20.0), (600, 10.0), (1200, 16.0)]
    assert limits(composed([steps], duration_s=600)) == [(0, 20.0)]
    assert limits(composed([steps], duration_s=601)) == [(0, 20.0), (600, 10.0)]
    assert limits(composed([steps], start=after(seconds=599))) == [(0, 20.0), (1, 10.0), (601, 16.0)]
    assert limits(composed([steps], duration_s=0)) == [(0, 20.0)]


def test_a_limit_of_the_site_that_binds_now_goes_on():
    assert limits(composed([profile(20, 10, 30)], {ONE: point(16.0)})) == [(0, 16.0), (600, 10.0), (1200, 16.0)]


def test_where_the_profile_binds_now_what_comes_is_bounded_by_the_installation():
    assert limits(composed([profile(10, 40)], {ONE: point(10.0, 32.0)})) == [(0, 10.0), (600, 32.0)]


def test_a_limit_below_the_minimum_is_a_pause_and_the_pause_is_the_profiles_doing():
    assert limits(composed([profile(4, 20)], {ONE: point(0.0)})) == [(0, 0.0), (600, 20.0)]
    assert limits(composed([profile(20, 4)])) == [(0, 20.0), (600, 0.0)]


def test_a_pause_by_the_site_is_not():
    assert limits(composed([profile(10, 20)], {ONE: point(0.0)})) == [(0, 0.0)]


def test_stack_levels_durations_and_transactions_are_heeded():
    default = profile(24, start=None, kind=ProfileKind.RELATIVE)
    own = profile(12, 8, id=2, purpose=TX_PROFILE, start=None, kind=ProfileKind.RELATIVE, transaction=TX)
    over = profile(30, id=3, stack=3, duration_s=300)
    assert limits(composed([default, own], {ONE: point(12.0)})) == [(0, 12.0), (600, 8.0)]
    assert limits(composed([default, own])) == [(0, 24.0)]  # nothing runs, so the transaction's own does not count
    assert limits(composed([default, over])) == [(0, 30.0), (300, 24.0)]


def test_a_window_and_a_duration_beyond_all_calendars():
    found = composed([profile(20, duration_s=10**12)], duration_s=10**13)
    assert (limits(found)[0], found.duration_s) == ((0, 20.0), 10**13)


def test_a_profile_that_comes_daily():
    daily = profile(
        8, 32, every_s=6 * HOUR, kind=ProfileKind.RECURRING, recurrency=Recurrency.DAILY, duration_s=12 * HOUR
    )
    found = limits(composed([daily], duration_s=48 * HOUR))
    assert found == [(0, 8.0), (6 * HOUR, 32.0), (24 * HOUR, 8.0), (30 * HOUR, 32.0)]


def test_an_evse_is_bounded_by_the_station_maximum_too():
    top = profile(10, purpose=STATION_MAX, evse=0)
    assert limits(composed([top, profile(20, id=2)])) == [(0, 10.0)]


def test_the_station_is_the_sum_of_its_evses_within_its_maximum_and_its_post():
    both = {ONE: point(), TWO: point()}
    assert limits(composed([profile(20, evse=0)], both, 63.0)) == [(0, 40.0)]
    assert limits(composed([profile(20, evse=0)], both, 32.0)) == [(0, 32.0)]
    top = profile(25, 50, purpose=STATION_MAX, evse=0, id=2)
    assert limits(composed([profile(20, evse=0), top], both, 63.0)) == [(0, 25.0), (600, 40.0)]


def test_evses_on_different_phases_do_not_add_up_and_watts_do():
    points = {ONE: point(phases=(Phase.L1,)), TWO: point(phases=(Phase.L2,))}
    [period] = composed([profile(16, evse=0)], points, 32.0).periods
    assert (period.limit_a, period.total_a) == (16.0, 32.0)
    [alone] = composed([profile(16)], {ONE: point()}).periods
    assert (alone.limit_a, alone.total_a) == (16.0, 48.0)


def test_more_periods_than_allowed_end_the_schedule_before():
    many = profile(*[6.0 + n for n in range(20)])
    found = composed([many], duration_s=24 * HOUR, most=5)
    assert len(found.periods) == 5
    assert found.duration_s == 5 * 600


@pytest.mark.parametrize("evses", [1, 64])
def test_what_changes_for_ever_without_effect_comes_to_an_end(evses):
    points = {EvseId(CP, n + 1): point(6.0) for n in range(evses)}
    flicker = profile(*[10.0 + n % 2 for n in range(86400)], every_s=1, evse=0)
    found = composed([flicker], points, 63.0, duration_s=86400)
    assert len(found.periods) == 1
    assert 30 <= found.duration_s <= 600


def test_fractions_of_a_second_begin_with_the_next():
    later = profile(10, id=2, stack=1, start=NOON + timedelta(seconds=1.5))
    assert limits(composed([profile(20), later])) == [(0, 20.0), (2, 10.0)]
