"""The shape of a configuration: every section and key, its type, bounds, default and meaning.

Keys of features that are not built yet are here too (`Later`, `only`): they are refused as such, never as unknown and
never ignored. A value that says what this version does anyway (`wiring: wye`) is accepted.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sitectl.config.fields import (
    Ampere,
    Connection,
    FileName,
    Later,
    ListenAddress,
    Name,
    NetworkText,
    Only,
    PositiveAmpere,
    Rate,
    Seconds,
    Section,
    StationName,
    Text,
    UplinkUrl,
)
from sitectl.config.models_alerts import AlertSection
from sitectl.config.models_healing import Healing
from sitectl.config.models_mqtt import MqttSection
from sitectl.config.models_signals import IoBox, ScheduleSection, SignalSection
from sitectl.config.models_station import Station

OcppVersion = Annotated[Literal["1.6", "2.0.1", "2.1"], Only("1.6")]
SecurityProfile = Annotated[int, Field(ge=0, le=3)]


class Site(Section):
    """Who and where the site is."""

    name: Text = "site"
    """What the site is called in status pages and records."""
    timezone: Text = "UTC"
    """IANA name, such as Europe/Berlin."""
    nominal_voltage_v: Annotated[float, Field(ge=50, le=1000, allow_inf_nan=False)] = 230.0
    """Phase to neutral."""
    data_dir: FileName = "/var/lib/sitectl"
    """All that the daemon writes lies below."""


class Tls(Section):
    """The encrypted listener towards the stations."""

    listen: ListenAddress
    """host:port"""
    certificate: FileName
    """PEM file with the server's certificate and its chain."""
    key: FileName
    """PEM file with its private key."""
    client_ca: FileName | None = None
    """PEM file of who else signs certificates of stations (security profile 3), beside the site's own authority."""


class Ocpp(Section):
    """Towards the charging stations."""

    listen: ListenAddress = "127.0.0.1:8887"
    """Plain WebSocket, host:port. Name the charger network's address to open it."""
    allow_from: list[NetworkText] = Field(default=["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])
    """Networks that stations may come from; loopback always may."""
    tls: Tls | None = None
    """Absent: no encrypted listener."""
    versions: Annotated[list[OcppVersion], Field(min_length=1)] = Field(default=["1.6"])
    """What is offered to stations."""
    security_profile: SecurityProfile = 1
    """The least accepted: 0 open, 1 password, 2 TLS and password, 3 mutual TLS."""
    commissioning_s: Seconds = 3600.0
    """After the first start a listed station without a credential is let in for so long, and pinned."""
    unknown_stations: Literal["quarantine", "reject"] = "quarantine"
    """What an identity that is not listed gets."""
    unknown_reserve_a: Ampere = 32.0
    """What each quarantined identity counts on the root circuit, all phases."""


class CircuitSection(Section):
    """A cable run. Circuits form a tree with exactly one root."""

    parent: Name | None = None
    """The circuit that feeds this one; the root has none."""
    rated_a: PositiveAmpere
    """Its fuse, per phase."""
    meter: Name | None = None
    """The meter that measures all that flows here."""
    base_load_worst_a: Ampere | None = None
    """The most that anything but stations may draw here, per phase. Required on the root, default 0 below."""
    imbalance_a: PositiveAmpere | None = None
    """How far one phase may be above another, base load and all cars counted: cars on one or two phases are trimmed,
    by an average of 45 s. Absent: as far as it likes."""
    generation_a: Ampere = 0.0
    """The most that generation below may feed in, per phase: by so much the meter may show less than stations draw."""
    reserve_a: Ampere = 0.0
    """A margin on every phase that sharing leaves alone; it pays for steps of the base load before they come."""
    wiring: Literal["wye", "delta", "split", "it"] | None = None
    """How the currents of stations add up; one value for the whole tree, written on the root. wye (the default): three
    phases and neutral, each phase a sum of its own. delta: stations between two lines (phases: L1L2) or on all three;
    what two pairs draw on the line they share adds up as vectors. it: the same without any neutral, 3 x 230 V. split:
    two legs L1 and L2 with neutral, 120/240 V; what is between them loads both."""


class Meter(Section):
    """A grid meter, or (with sum) one that is reckoned from others."""

    sheet: Text | None = None
    """Model: the name of a shipped sheet, or of a file in meters.d/ beside the configuration. sunspec: found by a scan;
    stations: what the stations of its circuit say, added up."""
    connection: Connection | None = None
    """tcp://host:port, rtu-tcp://host:port, or rtu:///dev/ttyUSB0?baud=9600&parity=N&stop=1"""
    unit: Annotated[int, Field(ge=0, le=255)] | None = None
    """Modbus unit; default: what the sheet says."""
    device: Annotated[int, Field(ge=1, le=60)] | None = None
    """Which of several devices that the scan of sheet sunspec finds: meters from 1, then inverters."""
    interval_s: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 1.0
    """Time between readings."""
    positive: Literal["import", "export"] | None = None
    """Which direction the device counts as positive; default: what the sheet says."""
    max_a: PositiveAmpere | None = None
    """What the meter, or its current transformers, are rated for: readings above 1.2 times that are refused."""
    on_lost: Literal["static", "stop"] = "static"
    """When it is lost: share as if base_load_worst_a were drawn, or stop charging."""
    substitute: Name | None = None
    """Another meter at the same place: compared with this one, and taken when this one is stale."""
    sum: list[Name] | None = None
    """A virtual meter: these added up."""
    minus: list[Name] | None = None
    """A virtual meter: these taken away."""


class AllocationSection(Section):
    """How current is shared."""

    mode: Literal["minimum-first", "strict-priority"] = "minimum-first"
    """Everybody's minimum before anybody's more, or class by class."""
    share: Literal["current", "power", "need"] = "current"
    """What is the same for everybody: the current per phase, the power, or the part of what each still needs."""
    dwell_s: Seconds = 300.0
    """How long a vehicle at least runs, and pauses."""
    dead_controller: Literal["lifetimes", "proven"] = "lifetimes"
    """How offers heed what happens if the daemon dies: by lifetimes, or capped so that it is proven."""


class Authorization(Section):
    """Who may charge."""

    mode: Literal["uplink", "list", "free"] = "uplink"
    """Ask the routed central, the tokens file only, or nobody."""
    offline_unknown: Literal["reject", "accept"] = "reject"
    """A token that nobody here knows, while the central is away."""
    tokens_file: FileName | None = None
    """CSV: id_token,group,parent,valid_until,note"""
    cache_days: Annotated[int, Field(ge=0, le=3650)] = 14
    """How long a central's word on a token is remembered."""


Rights = Literal["start_stop", "profiles", "configuration", "reset", "firmware", "lists", "read"]


class Uplink(Section):
    """A central CSMS."""

    url: UplinkUrl
    """/<station id> is appended; or a template with {station}."""
    ocpp: OcppVersion = "1.6"
    """The version spoken with it."""
    passwords_file: FileName | None = None
    """station:secret a line."""
    certificate: FileName | None = None
    """PEM file of the client certificate, for mutual TLS."""
    key: FileName | None = None
    """PEM file of its private key."""
    ca: FileName | None = None
    """PEM file of who signs the central's certificate; default: the system's."""
    identities: dict[StationName, Annotated[str, Field(min_length=1, max_length=255)]] = Field(default={})
    """Where the central knows a station by another name."""
    rights: list[Rights] | None = None
    """Which commands it may send; default: all."""
    replay_per_s: Rate = 20.0
    """How fast a backlog is sent."""
    zero_id: Literal["minus_one", "send_zero", "suppress"] = "minus_one"
    """With which transaction id the rest goes up when it refused a start without one: -1, 0, or not at all."""
    on_dead_start: Literal["minus_one", "hold"] = "minus_one"
    """When it never took a start: its stop goes up with transaction id -1, or waits until the start is requeued."""
    data_transfer: list[Annotated[str, Field(min_length=1, max_length=255)]] | None = None
    """Vendors (vendorId) whose DataTransfer is passed on, both ways; default: all."""


class Routing(Section):
    """Which central a station is shown to."""

    default: Name | None = None
    """An uplink, or none. Absent: the only uplink."""
    stations: Later = None
    tokens: Later = None


GroupName = Annotated[str, Field(min_length=1, max_length=32)]


class Groups(Section):
    """Unix groups of this machine whose members may do more than look; each may do what the ones before it may."""

    viewer: GroupName = "sitectl"
    """May open the socket, and look."""
    technician: GroupName = "sitectl-tech"
    """May set limits, take stations out of service, test, send messages again."""
    admin: GroupName = "sitectl-admin"
    """May everything, as root and the daemon's own user."""


class Api(Section):
    """The local interface."""

    socket: FileName = "/run/sitectl/sitectl.sock"
    """Unix socket."""
    listen: Later = None
    groups: Groups = Groups()


Days = Annotated[int, Field(ge=1, le=3650)]
Megabytes = Annotated[int, Field(ge=1, le=10_000_000)]


class Retention(Section):
    """How long records are kept, and how much of the disk they may take."""

    raw_days: Days = 30
    """Frames as they came and went, and events of every day."""
    transactions_days: Days = 730
    """Transactions that every central has taken, and the events that tell of transactions."""
    energy_15min_days: Days = 730
    """Energy by quarters of an hour, of each circuit and EVSE: 1 MB for an EVSE in two years."""
    max_mb_per_day: Megabytes = 1000
    """Written a day, in all. Beyond it the wire is not recorded until the next day; the ledger goes on."""
    backlog_mb: Megabytes = 2000
    """What may wait for the centrals. Near it meter values are thinned, starts and stops never."""
    backlog_station_mb: Megabytes = 200
    """The same of a single station."""


class Configuration(Section):
    """One site."""

    site: Site = Site()
    ocpp: Ocpp = Ocpp()
    circuits: dict[Name, CircuitSection] = Field(default={})
    """Cable runs: a tree with exactly one root."""
    meters: dict[Name, Meter] = Field(default={})
    """Grid meters; absent: none."""
    stations: dict[StationName, Station] = Field(default={})
    """Charging stations, by OCPP identity."""
    allocation: AllocationSection = AllocationSection()
    authorization: Authorization = Authorization()
    uplinks: dict[Name, Uplink] = Field(default={})
    """Central CSMSs; absent: none."""
    routing: Routing = Routing()
    api: Api = Api()
    healing: Healing = Healing()
    io_boxes: dict[Name, IoBox] = Field(default={})
    """Boxes with inputs on a field bus, for signals."""
    signals: dict[Name, SignalSection] = Field(default={})
    """Relay contacts that bound what may be drawn; absent: none."""
    schedules: list[ScheduleSection] = Field(default=[])
    """Bounds by time of day; absent: none."""
    mqtt: MqttSection | None = None
    """A broker that gets the state of the site; absent: none."""
    alerts: list[AlertSection] = Field(default=[])
    """Whom to tell of problems; absent: nobody."""
    retention: Retention = Retention()
