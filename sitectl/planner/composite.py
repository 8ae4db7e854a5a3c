"""What really holds over a window of time: the profiles of one central, and the limit that the site gives.

A central's profiles are known for all time to come, the site's limits only for now. So a limit of the site that binds
now is taken to go on; where the central's own profile binds now, what comes after it is bounded by the installation and
by what others have asked for. A limit below the smallest current of an EVSE is a pause: what holds then is 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sitectl.base.units import floor_step
from sitectl.model.ids import EvseId
from sitectl.model.limits import StandingLimit
from sitectl.model.schedule import ChargingProfile
from sitectl.planner.ceilings import Charging, evse_limit, station_limit
from sitectl.planner.schedule import later

MOST_LOOKS = 600
FEWEST_STEPS = 30
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
    view = _View(profiles, points, post_a, start)
    periods: list[CompositePeriod] = []
    elapsed_s = 0
    for _ in range(max(FEWEST_STEPS, MOST_LOOKS // max(1, len(points)))):
        now = later(start, elapsed_s)
        here, changes = view.at(now, elapsed_s)
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


class _View:
    """Profiles and site, to be looked at at several moments. EVSEs that the same profiles bound are looked at once."""

    def __init__(
        self,
        profiles: Sequence[ChargingProfile],
        points: Mapping[EvseId, Point],
        post_a: float | None,
        start: datetime,
    ) -> None:
        self._profiles = profiles
        self._points = points
        self._post_a = post_a
        self._station = next((evse.station for evse in points), None)
        self._alike = {evse: self._kind(evse, point) for evse, point in points.items()}
        bounds, _, _ = self._own(start)
        self._site_a = {evse: _site_a(point.standing, bounds[evse]) for evse, point in points.items()}

    def _kind(self, evse: EvseId, point: Point) -> Hashable:
        """The same for EVSEs that profiles treat alike: nothing runs there, and none is for that one alone."""
        own = any(profile.evse == evse for profile in self._profiles)
        return evse if own or point.charging is not None else None

    def _own(self, now: datetime) -> tuple[dict[EvseId, float | None], float | None, datetime | None]:
        """What the central's profiles leave each EVSE, and the station as a whole, and when that changes."""
        if self._station is None:
            return {}, None, None
        whole = station_limit(self._profiles, self._station, now)
        until, seen = whole.until, dict[Hashable, float | None]()
        for evse, kind in self._alike.items():
            if kind not in seen:
                own = evse_limit(self._profiles, evse, self._points[evse].charging, now)
                seen[kind] = _lower(whole.limit_a, own.limit_a)
                until = min(filter(None, (until, own.until)), default=None)
        return {evse: seen[kind] for evse, kind in self._alike.items()}, whole.limit_a, until

    def at(self, now: datetime, elapsed_s: int) -> tuple[CompositePeriod, datetime | None]:
        """What holds at one moment, and when the profiles change next."""
        bounds, whole_a, until = self._own(now)
        phases_a = [0.0, 0.0, 0.0]
        for evse, point in self._points.items():
            own_a, site_a = bounds[evse], self._site_a[evse]
            limit_a = site_a if own_a is None else min(own_a, site_a)
            for phase in point.standing.phases:
                phases_a[phase] += limit_a if limit_a >= point.standing.min_a else 0.0
        if self._post_a is not None:
            most_a = self._post_a if whole_a is None else min(self._post_a, whole_a)
            phases_a = [min(a, most_a) for a in phases_a]
        return CompositePeriod(elapsed_s, floor_step(max(phases_a)), floor_step(sum(phases_a))), until


def _lower(one_a: float | None, other_a: float | None) -> float | None:
    return min((a for a in (one_a, other_a) if a is not None), default=None)


def _site_a(standing: StandingLimit, own_a: float | None) -> float:
    """What bounds an EVSE besides the central's profiles, for the whole window; `own_a`: what they leave it now."""
    if standing.limit_a is None:
        return standing.most_a
    if own_a is None:
        return standing.limit_a
    own_a = own_a if own_a >= standing.min_a else 0.0
    return standing.most_a if standing.limit_a >= own_a - SAME_A else standing.limit_a
