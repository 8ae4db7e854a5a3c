"""Bounds by time of day: which of them hold at a moment.

Hours are those of the clock on the wall at the site. When clocks go forward, hours that do not exist are skipped; when
they go back, an hour that comes twice counts twice: a bound on a fuse or a tariff is by what the clock shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from sitectl.model.limits import Ceiling
from sitectl.model.signals import Hours

SOURCE = "schedule"


def holds(hours: Hours, local: datetime) -> bool:
    """Whether a bound holds at a moment of the site's own clock."""
    minute, today = local.hour * 60 + local.minute, local.weekday()
    if hours.begins < hours.ends:
        return hours.begins <= minute < hours.ends and today in hours.days
    yesterday = (today - 1) % 7
    return (minute >= hours.begins and today in hours.days) or (minute < hours.ends and yesterday in hours.days)


def ceilings(timetable: Iterable[Hours], wall: datetime, zone: tzinfo) -> tuple[Ceiling, ...]:
    """The ceilings that hold at `wall` (aware), one for each bound that does, under its place in the timetable."""
    local = wall.astimezone(zone)
    return tuple(
        Ceiling(
            key=f"{SOURCE}/{number}",
            source=SOURCE,
            ceiling_a=hours.bound.ceiling_a,
            circuit=hours.bound.circuit,
            text=str(hours),
        )
        for number, hours in enumerate(timetable, start=1)
        if holds(hours, local)
    )
