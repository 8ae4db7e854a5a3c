"""Charging stations: how they were installed (plan) and what they said of themselves (identity, statuses)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sitectl.model.electrical import UNKNOWN_ROTATION, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.ladder import LadderStep
from sitectl.model.transaction import Payload


class ProfileStorage(StrEnum):
    """Where a station keeps charging profiles; flash wears out, so limits there are renewed seldom."""

    RAM = "ram"
    FLASH = "flash"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EvsePlan:
    """One EVSE as installed. Ampere per phase; `fallback_a` is solved (never "auto") and installed in the station."""

    id: EvseId
    circuit: CircuitId
    max_a: float
    min_a: float = 6.0
    rotation: PhaseRotation = UNKNOWN_ROTATION
    fallback_a: float = 0.0
    priority: int = 1


@dataclass(frozen=True, slots=True)
class StationPlan:
    """One station as installed. `max_a` is the post's own row above its EVSEs (ampere per phase)."""

    id: StationId
    circuit: CircuitId
    max_a: float
    evses: tuple[EvsePlan, ...]
    priority: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    security_profile: int = 1
    password_file: str | None = None
    profile_storage: ProfileStorage = ProfileStorage.UNKNOWN
    installed: bool = True
    ocpp: str | None = None
    control: LadderStep | None = None
    """The only rung of the ladder that may be used; None: it is found out."""


class ConnectorStatus(StrEnum):
    """Connector status as OCPP 2.x names it (StatusNotificationRequest.connectorStatus)."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargingState(StrEnum):
    """Charging state as OCPP 2.x names it (TransactionEventRequest.transactionInfo.chargingState)."""

    IDLE = "Idle"
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


class Obeys(StrEnum):
    """Whether a station follows the limits that it acknowledges; proven only by measurement."""

    UNKNOWN = "unknown"
    PROVEN = "proven"
    IGNORES = "ignores"
    UNCONTROLLED = "uncontrolled"


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """What a station says of itself when it boots."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class EvseStatus:
    """A status notification, translated. `preparing` is the wish to start: a cable or a token, no transaction yet."""

    connector_status: ConnectorStatus
    charging_state: ChargingState | None = None
    preparing: bool = False
    error_code: str = "NoError"
    vendor_error_code: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class KnownStation:
    """What is remembered of a station that was here before. `boot` is its last BootNotification payload, raw."""

    station: StationId
    identity: StationIdentity
    boot: Payload | None = None
    credential: str | None = None
    """Pinned in the commissioning window: "password:<hash>", "certificate:<fingerprint>" or "address:<ip>"."""
    configuration: Mapping[str, str] | None = None
    ocpp: str = "1.6"
