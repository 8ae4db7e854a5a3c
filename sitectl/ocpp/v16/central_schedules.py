"""GetCompositeSchedule of a central: the question, and the answer in its unit (OCPP 1.6, 5.7 and 6.21; errata 3.38)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sitectl.base.units import format_utc
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.versions import ErrorCode

UNITS = {"a": "A", "w": "W"}


@dataclass(frozen=True, slots=True)
class ScheduleAsked:
    """A GetCompositeSchedule: `duration_s` from now on, in watt or ampere (None: as we like)."""

    evse: int
    duration_s: int
    unit: str | None = None


def schedule_asked(payload: Payload) -> ScheduleAsked | Invalid:
    """Read a GetCompositeSchedule. Whether the connector exists is for the caller to say."""
    fields = Fields(payload)
    connector = fields.integer("connectorId", required=True)
    duration_s = fields.integer("duration", required=True)
    if connector is None or duration_s is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    word = fields.text("chargingRateUnit")
    unit = None if word is None else UNITS.get(word.lower())
    if payload.get("chargingRateUnit") is not None and unit is None:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "chargingRateUnit is A or W")
    if connector < 0 or duration_s < 0:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "neither connectorId nor duration is negative")
    return ScheduleAsked(connector, duration_s, unit)


def composite_schedule(
    evse: int,
    start: datetime,
    duration_s: int,
    periods: Sequence[tuple[int, float]],
    unit: str = "A",
    phases: int | None = None,
) -> Payload:
    """The answer: what holds from `start` on. Periods are (seconds after it, limit in `unit`).

    `phases`: on how many the limit is used, where that is not the three that 1.6 assumes (errata 3.69).
    """
    count = {} if phases is None else {"numberPhases": phases}
    schedule = {
        "duration": duration_s,
        "startSchedule": format_utc(start),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit, **count} for at_s, limit in periods],
    }
    answer = {"status": "Accepted", "connectorId": evse, "scheduleStart": format_utc(start)}
    return {**answer, "chargingSchedule": schedule}
