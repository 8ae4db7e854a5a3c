"""Short ways to write charging profiles."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.schedule import ChargingProfile, ChargingSchedule, ProfileKind, ProfilePurpose, SchedulePeriod

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CP = StationId("CP01")
TX = TransactionId("t1")


def after(**span: float) -> datetime:
    return NOON + timedelta(**span)


def profile(
    *limits: float,
    every_s: int = 600,
    start: datetime | None = NOON,
    duration_s: int | None = None,
    kind: ProfileKind = ProfileKind.ABSOLUTE,
    purpose: ProfilePurpose = ProfilePurpose.TX_DEFAULT,
    evse: int = 1,
    stack: int = 0,
    id: int = 1,
    received: datetime = NOON,
    **more: Any,
) -> ChargingProfile:
    """A profile of one limit every ten minutes."""
    periods = tuple(SchedulePeriod(n * every_s, limit) for n, limit in enumerate(limits))
    schedule = ChargingSchedule(periods, start, duration_s)
    return ChargingProfile(id, EvseId(CP, evse), stack, purpose, kind, schedule, received, **more)
