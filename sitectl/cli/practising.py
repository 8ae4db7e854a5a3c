"""What of a site's configuration can be played on this machine, and how that is said: for `sitectl practice`."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sitectl.config.load import Loaded
from sitectl.config.settings import AuthorizationMode, Settings, UplinkSettings
from sitectl.model.circuit import Wiring
from sitectl.model.connection import TcpConnection
from sitectl.model.station import EvsePlan, StationKind, StationPlan
from sitectl.simulator.charge_point import ConnectorSpec, StationSpec
from sitectl.simulator.electrical import CircuitSpec
from sitectl.simulator.layout import ROOT, ROTATIONS, Layout, PlacedStation
from sitectl.simulator.meter import SHEET
from sitectl.simulator.practice import Place, Play, factory_password

CARD = "PRACTICE"

STRANGER_MAX_A = 16.0
BASE_LOAD_SHARE = 0.5
"""Of the worst case that the configuration names."""


class NotPlayable(Exception):
    """Nothing of this site can be played; why, and what to do."""


@dataclass
class Cast:
    """Who plays. `left`: what of the site cannot be played, and why."""

    play: Play
    meter: str
    central: str
    strangers: tuple[str, ...]
    left: list[str] = field(default_factory=list)


def cast_of(loaded: Loaded, strangers: int, at: tuple[str, ...] = (), car_phases: int = 1) -> Cast:
    """Who plays in this site; cars are `at` these stations, at all without any. Raises NotPlayable."""
    settings, left = loaded.settings, list[str]()
    if settings.topology.wiring is not Wiring.WYE:
        raise NotPlayable("only a site that is wired wye can be played; see circuits.*.wiring")
    if settings.ocpp.listen.port == 0:
        raise NotPlayable("ocpp.listen names no port, so that no station could find it")
    layout, new = _layout(settings, strangers, left)
    played = {placed.spec.id for placed in layout.stations}
    if (absent := next((id for id in at if id not in played), None)) is not None:
        raise NotPlayable(f"{absent} is not played here, so no car can be there; played are {' '.join(sorted(played))}")
    meter, meter_words, unit = _meter(settings, left)
    central, central_words, passwords = _central(settings, left)
    play = Play(
        layout=layout,
        station_url=_station_url(settings),
        card=_card(settings),
        cars_at=frozenset(at) if at else frozenset(played),
        base_load_a=BASE_LOAD_SHARE * layout.base_load_worst_a,
        meter=meter,
        meter_unit=unit,
        central=central,
        passwords=passwords,
        car_phases=car_phases,
    )
    return Cast(play, meter_words, central_words, new, left)


def introduce(cast: Cast, config: Path) -> None:
    listed = [s.spec.id for s in cast.play.layout.stations if s.spec.id not in cast.strangers]
    print(f"Simulated, for the sitectl that serves {config} (start it, if it does not run yet):")
    print(f"  meter     {cast.meter}")
    print(f"  central   {cast.central}")
    print(f"  stations  {' '.join(listed) or 'none that are listed'}, sent to {cast.play.station_url}")
    if cast.strangers:
        print(f"            and {' '.join(cast.strangers)}, which no file lists")
    everywhere = len(cast.play.cars_at) == len(cast.play.layout.stations)
    where = "" if everywhere else f" of {' '.join(sorted(cast.play.cars_at))}"
    print(f"  cars      one at each connector{where}; its driver shows the card {cast.play.card}")
    for text in cast.left:
        print(f"not played: {text}", file=sys.stderr)
    print("Ctrl-C ends it: the cars leave first.", flush=True)


def memory_of(config: Path) -> Path:
    """Where the stations of this site remember what they were told."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = hashlib.sha256(str(config.absolute()).encode()).hexdigest()[:12]
    return folder / "sitectl" / f"practice-{name}.json"


def _layout(settings: Settings, strangers: int, left: list[str]) -> tuple[Layout, tuple[str, ...]]:
    topology = settings.topology
    names = {id: ROOT if id == topology.root else f"circuit {id}" for id in topology.circuits}
    circuits = {
        names[id]: CircuitSpec(names[id], circuit.rated_a, names[circuit.parent] if circuit.parent else None)
        for id, circuit in topology.circuits.items()
    }
    placed = []
    for n, (id, plan) in enumerate(topology.stations.items()):
        if (why := _unplayable(plan)) is not None:
            left.append(f"{id}: {why}")
            continue
        placed.append(_station(settings, plan, names[plan.circuit], n))
    new = tuple(f"NEW{n}" for n in range(1, strangers + 1) if f"NEW{n}" not in topology.stations)
    for n, stranger in enumerate(new, len(placed)):
        connectors = (ConnectorSpec(STRANGER_MAX_A, ROTATIONS[n % len(ROTATIONS)]),)
        spec = StationSpec(stranger, connectors, password=factory_password(stranger))
        placed.append(PlacedStation(spec, ROOT, STRANGER_MAX_A))
    return Layout(circuits, tuple(placed), topology.circuits[topology.root].base_load_worst_a), new


def _unplayable(plan: StationPlan) -> str | None:
    if not plan.installed:
        return "by the configuration it is not installed yet"
    if plan.address is not None:
        return "it is told by its address, and all here have the same"
    if any(evse.kind is StationKind.DC for evse in plan.evses):
        return "it is a DC station, and only AC can be played"
    return None


def _station(settings: Settings, plan: StationPlan, circuit: str, n: int) -> PlacedStation:
    """Wired as the file says; where it does not say, in turn, for a phase test to find."""
    known = settings.passwords.get(plan.id)
    password = known.decode() if known is not None else factory_password(plan.id)
    connectors = tuple(ConnectorSpec(evse.max_a, _wiring(evse, n + k)) for k, evse in enumerate(plan.evses))
    open_door = plan.security_profile == 0
    spec = StationSpec(plan.id, connectors, password=None if open_door else password)
    return PlacedStation(spec, circuit, plan.max_a)


def _wiring(evse: EvsePlan, n: int) -> str:
    if not evse.rotation.known:
        return ROTATIONS[n % len(ROTATIONS)]
    return "".join(f"L{phase + 1}" for phase in evse.rotation.phases)


def _station_url(settings: Settings) -> str:
    host, port = settings.ocpp.listen.host, settings.ocpp.listen.port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


def _card(settings: Settings) -> str:
    """One that is listed, where only those may charge; it is for the installer to list one."""
    authorization = settings.authorization
    listed = authorization.mode is AuthorizationMode.LIST and authorization.tokens
    return next(iter(authorization.tokens)) if listed else CARD


def _meter(settings: Settings, left: list[str]) -> tuple[Place | None, str, int]:
    """Where the main meter is played, how that is said, and its unit."""
    main = settings.topology.circuits[settings.topology.root].meter
    found = settings.meters.get(main) if main is not None else None
    left += [f"meter {id}: only that of the main circuit is" for id in settings.meters if id != main]
    if main is None:
        return None, "none, as the configuration says", 1
    wanted = f"only {SHEET} at tcp://127.0.0.1:PORT can be"
    if found is None or found.sheet.id != SHEET or not isinstance(found.connection, TcpConnection):
        left.append(f"meter {main}: {wanted}")
        return None, "none", 1
    connection = found.connection
    if connection.rtu or not _is_here(connection.host):
        left.append(f"meter {main} at {connection}: {wanted}")
        return None, "none", 1
    return Place(connection.host, connection.port), f"{main}: {SHEET} at {connection}, unit {found.unit}", found.unit


def _central(settings: Settings, left: list[str]) -> tuple[Place | None, str, dict[str, str] | None]:
    """Where the central is played, how that is said, and the passwords that it asks for."""
    name = settings.default_uplink
    uplink = settings.uplinks.get(name) if name is not None else None
    if uplink is None:
        return None, "none, as the configuration says", None
    address = urlsplit(uplink.url)
    if address.scheme != "ws" or not _is_here(address.hostname or "") or not _names_station_last(uplink):
        left.append(f"central {name}: only one at ws://127.0.0.1:PORT/… can be")
        return None, "none", None
    passwords = {uplink.identities.get(id, id): word for id, word in uplink.passwords.items()}  # type: ignore[call-overload]
    place = Place(address.hostname or "127.0.0.1", address.port or 80)
    return place, f"{name}: at {uplink.url}; it takes everything", passwords or None


def _names_station_last(uplink: UplinkSettings) -> bool:
    return "{station}" not in uplink.url or uplink.url.endswith("/{station}")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
