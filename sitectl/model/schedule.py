"""Charging profiles that a central set, in neutral terms: whatever version they came in, limits are ampere per phase.

They are never passed to a station. `sitectl.planner.ceilings` composes them into `Ceiling` values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sitectl.model.ids import EvseId, TransactionId


class ProfilePurpose(StrEnum):
    """What a profile bounds, as OCPP 2.x names it (1.6: ChargePointMaxProfile for the first)."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class ProfileKind(StrEnum):
    """What the schedule's offsets count from: its own start, a start that recurs, or the start of the transaction."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    """How often a recurring schedule begins anew."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """From `start_s` seconds after the schedule's start on: at most `limit_a` ampere per phase."""

    start_s: int
    limit_a: float


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """Periods in ascending order. `start` None: counts from the start of the transaction. `duration_s` None: no end."""

    periods: tuple[SchedulePeriod, ...]
    start: datetime | None = None
    duration_s: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """One profile as a central set it on its virtual station. `evse.evse` 0: the station as a whole.

    `transaction` is our own id, and only on a TxProfile. `received` anchors a station maximum that names no start.
    """

    id: int
    evse: EvseId
    stack_level: int
    purpose: ProfilePurpose
    kind: ProfileKind
    schedule: ChargingSchedule
    received: datetime
    recurrency: Recurrency | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction: TransactionId | None = None
