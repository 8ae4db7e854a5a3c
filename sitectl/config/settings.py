"""What the configuration says, as frozen data: checked, complete, every default filled in. Built only by `load`.

File names are absolute here (they are relative to the configuration file in the YAML).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from sitectl.config.settings_alerts import AlertSettings
from sitectl.config.settings_mqtt import MqttSettings
from sitectl.healing.policy import HealingRules
from sitectl.model.circuit import Topology
from sitectl.model.connection import Connection
from sitectl.model.ids import CircuitId, MeterId, StationId, UplinkId
from sitectl.model.sheets import MeterSheet
from sitectl.model.signals import Hours, Signal
from sitectl.model.uplink import DeadStart, Right, ZeroId
from sitectl.quirks.sheet import StationSheet

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """Who and where the site is; all that the daemon writes goes below `data_dir`."""

    name: str
    timezone: str
    nominal_voltage_v: float
    data_dir: Path


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address to listen on; port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The encrypted listener towards the stations."""

    listen: Address
    certificate: Path
    key: Path
    client_ca: Path | None = None


class UnknownStations(StrEnum):
    """What an identity that nobody listed gets."""

    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class OcppSettings:
    """Towards the charging stations."""

    listen: Address
    allow_from: tuple[Network, ...]
    tls: TlsSettings | None = None
    versions: tuple[str, ...] = ("1.6",)
    security_profile: int = 1
    commissioning_s: float = 3600.0
    unknown_stations: UnknownStations = UnknownStations.QUARANTINE
    unknown_reserve_a: float = 32.0


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """One meter on a field bus.

    `device`: which of several that a scan finds; `direction`: +1 import, -1 export is positive, as the operator knows;
    `rated_a`: of the smallest circuit that it measures; `max_a`: what itself or its transformers are rated for;
    `voltage_v`: between which a phase in use stands.
    """

    id: MeterId
    sheet: MeterSheet
    connection: Connection
    unit: int
    interval_s: float = 1.0
    device: int | None = None
    direction: int | None = None
    rated_a: float | None = None
    max_a: float | None = None
    voltage_v: tuple[float, float] = (150.0, 270.0)


@dataclass(frozen=True, slots=True)
class VirtualMeter:
    """A meter that is reckoned: `sum` added up, `minus` taken away."""

    sum: tuple[MeterId, ...]
    minus: tuple[MeterId, ...] = ()
    interval_s: float = 1.0

    @property
    def parts(self) -> tuple[MeterId, ...]:
        """What it is made of."""
        return (*self.sum, *self.minus)


@dataclass(frozen=True, slots=True)
class MeterRoles:
    """What meters are to each other.

    `virtual`: those that are reckoned; `stations`: those that add up what the stations below a circuit say;
    `substitutes`: who stands in for whom.
    """

    virtual: Mapping[MeterId, VirtualMeter] = field(default_factory=dict)
    stations: Mapping[MeterId, CircuitId] = field(default_factory=dict)
    substitutes: Mapping[MeterId, MeterId] = field(default_factory=dict)

    def worst_cases(self) -> frozenset[MeterId]:
        """Those that add up what stations say, and the virtual meters that are made of them."""
        made = {id for id in self.virtual if any(part in self.stations for part in self._made_of(id))}
        return frozenset(made | set(self.stations))

    def _made_of(self, meter: MeterId) -> frozenset[MeterId]:
        parts = self.virtual[meter].parts
        return frozenset(parts).union(*(self._made_of(part) for part in parts if part in self.virtual))

    def behind(self, meters: Iterable[MeterId]) -> frozenset[MeterId]:
        """These, their substitutes, and what the virtual among them are made of."""
        found: set[MeterId] = set()
        open_ends = list(meters)
        while open_ends:
            meter = open_ends.pop()
            if meter in found:
                continue
            found.add(meter)
            open_ends += self.virtual[meter].parts if meter in self.virtual else ()
            open_ends += [self.substitutes[meter]] if meter in self.substitutes else []
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class IoBoxSettings:
    """A box with inputs on a field bus. `function` 1: its inputs are coils there, 2: discrete inputs."""

    name: str
    connection: Connection
    unit: int = 1
    function: int = 2
    interval_s: float = 0.5
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PowerRelaySettings:
    """The relay that feeds a station: coil `number` of the I/O box `box`. `normally_closed`: it cuts while it is on."""

    box: str
    number: int
    off_s: float = 10.0
    normally_closed: bool = False


ShareBy = Literal["current", "power", "need"]


class AllocationMode(StrEnum):
    """`minimum-first` gives everybody the minimum before anybody more; `strict-priority` fills class by class."""

    MINIMUM_FIRST = "minimum-first"
    STRICT_PRIORITY = "strict-priority"


class DeadController(StrEnum):
    """How far offers heed what happens if this process dies: by lifetimes alone, or capped so that it is proven."""

    LIFETIMES = "lifetimes"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class AllocationSettings:
    """How current is shared."""

    mode: AllocationMode = AllocationMode.MINIMUM_FIRST
    dwell_s: float = 300.0
    dead_controller: DeadController = DeadController.LIFETIMES
    share: ShareBy = "current"


class AuthorizationMode(StrEnum):
    """Who decides about an IdToken: the routed central, the tokens file only, or nobody (everybody may)."""

    UPLINK = "uplink"
    LIST = "list"
    FREE = "free"


class OfflineUnknown(StrEnum):
    """An IdToken that nobody here knows, while the central is away."""

    REJECT = "reject"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class ListedToken:
    """One line of the tokens file."""

    id_token: str
    group: str | None = None
    parent: str | None = None
    valid_until: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationSettings:
    """Who may charge."""

    mode: AuthorizationMode = AuthorizationMode.UPLINK
    offline_unknown: OfflineUnknown = OfflineUnknown.REJECT
    tokens: Mapping[str, ListedToken] = field(default_factory=dict)
    cache_days: int = 14


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """One central CSMS. `url` with `{station}` is a template, otherwise `/<station id>` is appended."""

    id: UplinkId
    url: str
    ocpp: str = "1.6"
    passwords: Mapping[str, str] = field(default_factory=dict)
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    identities: Mapping[StationId, str] = field(default_factory=dict)
    rights: frozenset[Right] = frozenset(Right)
    replay_per_s: float = 20.0
    zero_id: ZeroId = ZeroId.MINUS_ONE
    on_dead_start: DeadStart = DeadStart.MINUS_ONE
    data_transfer: frozenset[str] | None = None
    """Vendors whose private messages are passed on, in lower case; None: all."""


@dataclass(frozen=True, slots=True)
class ApiGroups:
    """Unix groups by the role that they give."""

    viewer: str = "sitectl"
    technician: str = "sitectl-tech"
    admin: str = "sitectl-admin"


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The local interface on a Unix socket."""

    socket: Path = Path("/run/sitectl/sitectl.sock")
    groups: ApiGroups = ApiGroups()


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long records are kept (days), and how much they may take (MB of 1,000,000 bytes).

    `backlog_mb` and `backlog_station_mb`: what may wait for the centrals, of all stations and of one.
    """

    raw_days: int = 30
    transactions_days: int = 730
    energy_15min_days: int = 730
    max_mb_per_day: int = 1000
    backlog_mb: int = 2000
    backlog_station_mb: int = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. `default_uplink` None: stations are not shown to any central."""

    site: SiteSettings
    ocpp: OcppSettings
    topology: Topology
    meters: Mapping[MeterId, MeterSettings]
    """Those on field buses."""
    allocation: AllocationSettings
    authorization: AuthorizationSettings
    uplinks: Mapping[UplinkId, UplinkSettings]
    default_uplink: UplinkId | None
    api: ApiSettings
    retention: RetentionSettings = RetentionSettings()
    io_boxes: Mapping[str, IoBoxSettings] = field(default_factory=dict)
    power_relays: Mapping[StationId, PowerRelaySettings] = field(default_factory=dict)
    signals: Mapping[str, Signal] = field(default_factory=dict)
    schedules: tuple[Hours, ...] = ()
    meter_roles: MeterRoles = MeterRoles()
    alerts: tuple[AlertSettings, ...] = ()
    station_sheets: tuple[StationSheet, ...] = ()
    """All that there are, for whichever station comes."""
    healing: HealingRules = field(default_factory=HealingRules)
    mqtt: MqttSettings | None = None
    passwords: Mapping[StationId, bytes] = field(default_factory=dict, repr=False)
    """Passwords of stations that name a password_file, as UTF-8 bytes without the trailing newline."""
