"""Charging stations: how they were installed (plan) and what they said of themselves (identity, statuses)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import floor

from sitectl.model.electrical import UNKNOWN_ROTATION, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.ladder import LadderStep
from sitectl.model.transaction import Payload


class ProfileStorage(StrEnum):
    """Where a station keeps charging profiles; flash wears out, so limits there are renewed seldom."""

    RAM = "ram"
    FLASH = "flash"
    UNKNOWN = "unknown"


class StationKind(StrEnum):
    """What a vehicle gets: alternating current, or direct current that the station makes of three phases."""

    AC = "ac"
    DC = "dc"


DC_EFFICIENCY = 0.9
"""What of the power a DC station takes from the grid reaches the vehicle: about 0.95 at full load, less at a part of it
and with its cooling. The low end, so that what it may draw is never counted for less."""


def dc_watts_per_ampere(nominal_voltage_v: float) -> float:
    """Watts at the vehicle for each ampere that a DC station draws on each of three phases."""
    return 3.0 * nominal_voltage_v * DC_EFFICIENCY


@dataclass(frozen=True, slots=True)
class EvsePlan:
    """One EVSE as installed. Ampere per phase; `fallback_a` is solved (never "auto") and installed in the station.

    A DC station is limited and measured in watts at the vehicle, `w_per_a` for each ampere per phase (None: AC); its
    `max_a` and `min_a` follow from `max_w` and `min_w` where these are said. `switches_phases`: it is wired with three
    and can be told to charge by one of them, its first.
    """

    id: EvseId
    circuit: CircuitId
    max_a: float
    min_a: float = 6.0
    rotation: PhaseRotation = UNKNOWN_ROTATION
    fallback_a: float = 0.0
    priority: int = 1
    kind: StationKind = StationKind.AC
    max_w: float | None = None
    min_w: float | None = None
    w_per_a: float | None = None
    switches_phases: bool = False

    def limit_w(self, limit_a: float) -> float | None:
        """What a limit says in whole watts, rounded down; None for AC, which is told amperes."""
        if self.w_per_a is None:
            return None
        limit_w = float(floor(limit_a * self.w_per_a + 1e-6))
        return limit_w if self.max_w is None else min(limit_w, self.max_w)


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
    sheet: str | None = None
    """The sheet of its model, where somebody named it."""
    address: str | None = None
    """Where it connects from, for one that names itself nowhere."""


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
