"""GetCompositeSchedule: what really holds for an EVSE or a station, by the central's profiles and by the site."""

from __future__ import annotations

from sitectl.base.clock import Clock
from sitectl.base.units import floor_step
from sitectl.model.ids import EvseId
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.central_schedules import ScheduleAsked, composite_schedule
from sitectl.ocpp.v16.virtual_keys import MOST_PERIODS
from sitectl.ocpp.versions import ErrorCode
from sitectl.planner.composite import CompositePeriod, Point, composite
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles
from sitectl.wire.outcomes import Refuse, Reply

WITHOUT_SMART_CHARGING = Refuse(ErrorCode.NOT_SUPPORTED, "this station has no smart charging")
"""The answer where there is none (errata of 1.6, 3.24 and 3.38)."""


def composed(rooms: Rooms, profiles: Profiles, clock: Clock, asker: Asker, asked: ScheduleAsked) -> Reply:
    """Answer from what is known, whether the station is there or not. Connector 0 is the whole station."""
    station = asker.station
    if asked.evse not in (0, *rooms.facts.evses(station)):
        return Refuse(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"there is no connector {asked.evse}")
    standing = rooms.site.standing(station, asker.uplink)
    limits = {} if standing is None else standing.evses
    if asked.evse != 0:
        limits = {evse: limit for evse, limit in limits.items() if evse.evse == asked.evse}
    if standing is None or not limits:
        return central_encode.negative("GetCompositeSchedule") or {}
    if not all(limit.obedient for limit in limits.values()):
        return WITHOUT_SMART_CHARGING
    points = {evse: Point(profiles.charging(evse), limit) for evse, limit in limits.items()}
    post_a = standing.post_a if asked.evse == 0 else None
    start = clock.wall().replace(microsecond=0)
    found = composite(profiles.of(station), points, post_a, start, asked.duration_s, MOST_PERIODS)
    unit = asked.unit or "A"
    periods = [(period.start_s, _rate(period, unit, profiles.nominal_voltage_v)) for period in found.periods]
    phases = len(limits[EvseId(station, asked.evse)].phases) if asked.evse else 3
    return composite_schedule(asked.evse, start, found.duration_s, periods, unit, phases if phases < 3 else None)


def _rate(period: CompositePeriod, unit: str, nominal_voltage_v: float) -> float:
    """Ampere per phase, or the watt of all phases."""
    return period.limit_a if unit == "A" else floor_step(period.total_a * nominal_voltage_v)
