"""A composite schedule says at every second what the profiles and the site, looked at by themselves, say."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sitectl.model.ids import EvseId
from sitectl.model.limits import StandingLimit
from sitectl.model.schedule import ChargingProfile, ChargingSchedule, ProfileKind, ProfilePurpose, Recurrency
from sitectl.model.schedule import SchedulePeriod as Period
from sitectl.planner.ceilings import Charging, evse_limit, station_limit
from sitectl.planner.composite import Point, composite
from tests.unit.planner.profiles import CP, NOON, TX

ONE, TWO = EvseId(CP, 1), EvseId(CP, 2)
MIN_A, MOST_A = 6.0, 32.0
WINDOW_S = 7200

moments = st.integers(-3 * WINDOW_S, 2 * WINDOW_S).map(lambda seconds: NOON + timedelta(seconds=seconds))
maybe = st.one_of(st.none(), moments)


@st.composite
def profiles(draw: st.DrawFn) -> ChargingProfile:
    purpose = draw(st.sampled_from(ProfilePurpose))
    kind = draw(st.sampled_from(ProfileKind))
    starts = sorted({0, *draw(st.lists(st.integers(0, 2 * WINDOW_S), max_size=4))})
    periods = tuple(Period(start, draw(st.integers(0, 40)) / 1.0) for start in starts)
    start = None if kind is ProfileKind.RELATIVE else draw(maybe)
    return ChargingProfile(
        id=draw(st.integers(0, 99)),
        evse=EvseId(CP, 0 if purpose is ProfilePurpose.STATION_MAX else draw(st.sampled_from([0, 1, 2]))),
        stack_level=draw(st.integers(0, 3)),
        purpose=purpose,
        kind=kind,
        schedule=ChargingSchedule(periods, start, draw(st.one_of(st.none(), st.integers(1, 2 * WINDOW_S)))),
        received=NOON - timedelta(seconds=draw(st.integers(0, WINDOW_S))),
        recurrency=draw(st.sampled_from(Recurrency)) if kind is ProfileKind.RECURRING else None,
        valid_from=draw(maybe),
        valid_to=draw(maybe),
        transaction=TX if purpose is ProfilePurpose.TX else None,
    )


def by_itself(held: list[ChargingProfile], charging: Charging | None, site_a: float, seconds: int) -> float:
    """What holds at one second."""
    moment = NOON + timedelta(seconds=seconds)
    bounds = (evse_limit(held, ONE, charging, moment).limit_a, station_limit(held, CP, moment).limit_a)
    limit_a = min([site_a, *(a for a in bounds if a is not None)])
    return limit_a if limit_a >= MIN_A else 0.0


@given(st.lists(profiles(), max_size=5), st.booleans(), st.lists(st.integers(0, WINDOW_S - 1), min_size=1, max_size=20))
def test_every_second_is_told_right(held: list[ChargingProfile], runs: bool, seconds: list[int]) -> None:
    charging = Charging(TX, NOON - timedelta(seconds=600)) if runs else None
    now_a = by_itself(held, charging, MOST_A, 0)
    standing = StandingLimit(now_a if runs else None, MOST_A, MIN_A)
    found = composite(held, {ONE: Point(charging, standing)}, None, NOON, WINDOW_S, 1000)
    assert found.duration_s == WINDOW_S
    starts = [period.start_s for period in found.periods]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    limits = [period.limit_a for period in found.periods]
    assert all(one != next_one for one, next_one in pairwise(limits))
    for second in {0, *starts, *seconds}:
        told = [period.limit_a for period in found.periods if period.start_s <= second][-1]
        assert told == by_itself(held, charging, MOST_A, second), second


@given(st.lists(profiles(), max_size=5), st.booleans(), st.integers(0, WINDOW_S - 1))
def test_a_station_is_its_evses_together_within_its_own_bounds(
    held: list[ChargingProfile], runs: bool, second: int
) -> None:
    charging = Charging(TX, NOON - timedelta(seconds=600)) if runs else None
    points = {
        ONE: Point(charging, StandingLimit(None, MOST_A, MIN_A)),
        TWO: Point(None, StandingLimit(None, 16.0, MIN_A)),
    }

    def at(asked: dict[EvseId, Point], post_a: float | None) -> float:
        found = composite(held, asked, post_a, NOON, WINDOW_S, 1000)
        return [period.limit_a for period in found.periods if period.start_s <= second][-1]

    whole_a = station_limit(held, CP, NOON + timedelta(seconds=second)).limit_a
    alone = sum(at({evse: point}, None) for evse, point in points.items())
    assert at(points, 40.0) == min(a for a in (40.0, whole_a, alone) if a is not None)
