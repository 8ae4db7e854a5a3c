"""What really holds over a window of time: the profiles of one central, and the limit that the site gives.

A central's profiles are known for all time to come, the site's limits only for now. So a limit of the site that binds
now is taken to go on; where the central's own profile binds now, what comes after it is bounded by the installation and
by what others have asked for. A limit below the smallest current of an EVSE is a pause: what holds then is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sitectl.base.units import floor_step
from sitectl.model.ids import EvseId
from sitectl.model.limits import StandingLimit
from sitectl.model.schedule import ChargingProfile
from sitectl.planner.ceilings import Charging, evse_limit, station_limit

MOST_LOOKS = 600
FEWEST_STEPS = 48
"""Moments looked at for one answer, times EVSEs: profiles that change ever so often without any effect must not hold up
the process. What lies beyond is left out of the answer."""

SAME_A = 0.05


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """From `start_s` on: at most `limit_a` on any phase, `total_a` over all phases (what watts are made of)."""

    start_s: int
    limit_a: float
    total_a: float


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """The schedule that holds, for as long as it is known: at most as long as was asked for."""

    duration_s: int
    periods: tuple[CompositePeriod, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One EVSE for this purpose: what runs on it, and what the site gives it."""

    charging: Charging | None
    standing: StandingLimit


def composite(
    profiles: Sequence[ChargingProfile],
    points: Mapping[EvseId, Point],
    post_a: float | None,
    start: datetime,
    duration_s: int,
    most_periods: int,
) -> CompositeSchedule:
    """What holds from `start` (whole seconds) on for one EVSE or, given all of a station, for the station as a whole.

    `post_a`: the row that all EVSEs of the post share, None for a single one. Where more than `most_periods` would be
    needed the schedule ends before.
    """
    site_a = {evse: _site_a(profiles, evse, point, start) for evse, point in points.items()}
    periods: list[CompositePeriod] = []
    elapsed_s = 0
    for _ in range(max(FEWEST_STEPS, MOST_LOOKS // max(1, len(points)))):
        now = start + timedelta(seconds=elapsed_s)
        here, changes = _at(profiles, points, site_a, post_a, now, elapsed_s)
        last = periods[-1] if periods else None
        if last is None or (last.limit_a, last.total_a) != (here.limit_a, here.total_a):
            if len(periods) == most_periods:
                break
            periods.append(here)
        if changes is None:
            elapsed_s = duration_s
        else:
            elapsed_s += max(1, ceil((changes - now).total_seconds()))
        if elapsed_s >= duration_s:
            return CompositeSchedule(duration_s, tuple(periods))
    return CompositeSchedule(elapsed_s, tuple(periods))


def _site_a(profiles: Sequence[ChargingProfile], evse: EvseId, point: Point, start: datetime) -> float:
    """What bounds this EVSE besides the central's profiles, for the whole window."""
    standing = point.standing
    if standing.limit_a is None:
        return standing.most_a
    own_a, _ = _own_a(profiles, evse, point, start)
    if own_a is None:
        return standing.limit_a
    own_a = own_a if own_a >= standing.min_a else 0.0
    return standing.most_a if standing.limit_a >= own_a - SAME_A else standing.limit_a


def _own_a(
    profiles: Sequence[ChargingProfile], evse: EvseId, point: Point, now: datetime
) -> tuple[float | None, datetime | None]:
    """What the central's profiles leave this EVSE, and when that changes."""
    whole = station_limit(profiles, evse.station, now)
    own = evse_limit(profiles, evse, point.charging, now)
    bounds = [a for a in (whole.limit_a, own.limit_a) if a is not None]
    return (min(bounds) if bounds else None), min(filter(None, (whole.until, own.until)), default=None)


def _at(
    profiles: Sequence[ChargingProfile],
    points: Mapping[EvseId, Point],
    site_a: Mapping[EvseId, float],
    post_a: float | None,
    now: datetime,
    elapsed_s: int,
) -> tuple[CompositePeriod, datetime | None]:
    """What holds at one moment, and when the profiles change next."""
    phases_a = [0.0, 0.0, 0.0]
    until: datetime | None = None
    for evse, point in points.items():
        own_a, changes = _own_a(profiles, evse, point, now)
        until = min(filter(None, (until, changes)), default=None)
        limit_a = site_a[evse] if own_a is None else min(own_a, site_a[evse])
        for phase in point.standing.phases:
            phases_a[phase] += limit_a if limit_a >= point.standing.min_a else 0.0
    if post_a is not None and points:
        whole_a = station_limit(profiles, next(iter(points)).station, now).limit_a
        most_a = post_a if whole_a is None else min(post_a, whole_a)
        phases_a = [min(a, most_a) for a in phases_a]
    return CompositePeriod(elapsed_s, floor_step(max(phases_a)), floor_step(sum(phases_a))), until
