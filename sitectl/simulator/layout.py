"""The simulated site's installation, sized so that its fuses bind: circuits, stations, wiring; and its site.yaml.

Half of the stations hang on the sub-circuit `garage`. Rotations differ, some stations are one-phase, some have a
smaller fuse, and some are posts with two connectors behind one fuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sitectl.base.errors import ConfigurationError
from sitectl.simulator.charge_point import ConnectorSpec, StationSpec
from sitectl.simulator.electrical import CircuitSpec
from sitectl.simulator.meter import SHEET
from sitectl.simulator.units import UNITS, Unit

ROOT, GARAGE, METER = "grid", "garage", "main"
FUSES_A = (
    16,
    20,
    25,
    32,
    35,
    40,
    50,
    63,
    80,
    100,
    125,
    160,
    200,
    250,
    315,
    400,
    500,
    630,
    800,
    1000,
    1250,
    1600,
    2000,
    2500,
    3150,
    4000,
)
SHARE_A = 12.0  # rating per connector: enough for every fallback of 6 A, too little for every wish
BASE_WORST_SHARE = 0.33
ROTATIONS = ("L1L2L3", "L2L3L1", "L3L1L2")
MOST_STATIONS = 200
MISFIT_MAX_A = 16.0


@dataclass(frozen=True)
class PlacedStation:
    spec: StationSpec
    circuit: str
    max_a: float
    keys: Mapping[str, Any] = field(default_factory=dict)
    """What the configuration says of it beside the usual."""

    @property
    def is_post(self) -> bool:
        return len(self.spec.connectors) > 1


@dataclass(frozen=True)
class Layout:
    circuits: dict[str, CircuitSpec]
    stations: tuple[PlacedStation, ...]
    base_load_worst_a: float

    @property
    def places(self) -> list[tuple[str, int]]:
        """Every connector as (station, number)."""
        return [(s.spec.id, n) for s in self.stations for n in range(1, len(s.spec.connectors) + 1)]


def lay_out(stations: int) -> Layout:
    """A site of `stations` stations; raises ConfigurationError outside 1 to 200."""
    if not 1 <= stations <= MOST_STATIONS:
        raise ConfigurationError(f"a simulated site has 1 to {MOST_STATIONS} stations, not {stations}")
    placed = tuple(_station(n) for n in range(stations))
    rated_a = max(35.0, _fuse(sum(len(s.spec.connectors) for s in placed)))
    circuits = {ROOT: CircuitSpec(ROOT, rated_a)}
    if in_garage := sum(len(s.spec.connectors) for s in placed if s.circuit == GARAGE):
        circuits[GARAGE] = CircuitSpec(GARAGE, _fuse(in_garage), ROOT)
    return Layout(circuits, placed, round(rated_a * BASE_WORST_SHARE, 1))


def lay_out_misfits(stations: int) -> Layout:
    """A site of `stations` stations as they are found, each deviating in its own ways; raises as `lay_out`."""
    if not 1 <= stations <= MOST_STATIONS:
        raise ConfigurationError(f"a simulated site has 1 to {MOST_STATIONS} stations, not {stations}")
    kinds = list(UNITS.values())
    placed = tuple(_misfit(kinds[n % len(kinds)], n // len(kinds), n) for n in range(stations))
    rated_a = max(35.0, _fuse(stations))
    return Layout({ROOT: CircuitSpec(ROOT, rated_a)}, placed, round(rated_a * BASE_WORST_SHARE, 1))


def _misfit(unit: Unit, number: int, n: int) -> PlacedStation:
    connector = ConnectorSpec(MISFIT_MAX_A, ROTATIONS[n % 3])
    spec = unit.spec(f"{unit.name.upper()}-{number + 1}", number, (connector,))
    return PlacedStation(spec, ROOT, MISFIT_MAX_A, unit.keys(spec) | {"profile_storage": "unknown"})


def _station(n: int) -> PlacedStation:
    max_a = 16.0 if n % 5 == 4 else 32.0
    wiring = "L3" if n % 7 == 5 else ROTATIONS[n % 3]
    connectors = [ConnectorSpec(max_a, wiring)]
    if n % 10 == 3:
        connectors.append(ConnectorSpec(max_a, ROTATIONS[(n + 1) % 3]))
    spec = StationSpec(id=f"CP{n + 1:02d}", connectors=tuple(connectors), boots_on_reconnect=n % 4 != 2)
    return PlacedStation(spec, GARAGE if n % 2 else ROOT, max_a)


def _fuse(connectors: int) -> float:
    """The standard rating nearest to SHARE_A for each connector."""
    wanted = SHARE_A * connectors
    return float(min(FUSES_A, key=lambda rating: max(rating / wanted, wanted / rating)))


def site_yaml(layout: Layout, directory: Path, *, ocpp_port: int, meter_port: int, csms_url: str) -> str:
    """The configuration with which the daemon runs this site; everything it writes stays in `directory`."""
    root = {"rated_a": layout.circuits[ROOT].rated_a, "meter": METER, "base_load_worst_a": layout.base_load_worst_a}
    circuits: dict[str, Any] = {ROOT: root}
    for circuit in layout.circuits.values():
        if circuit.parent is not None:
            circuits[circuit.name] = {"parent": circuit.parent, "rated_a": circuit.rated_a}
    document = {
        "site": {"name": "demo", "nominal_voltage_v": 230, "data_dir": str(directory / "data")},
        "ocpp": {"listen": f"127.0.0.1:{ocpp_port}", "security_profile": 0},
        "circuits": circuits,
        "meters": {METER: {"sheet": SHEET, "connection": f"tcp://127.0.0.1:{meter_port}", "unit": 1}},
        "stations": {placed.spec.id: _station_keys(placed) for placed in layout.stations},
        "allocation": {"mode": "minimum-first"},
        "authorization": {"mode": "uplink", "offline_unknown": "accept"},
        "uplinks": {"central": {"url": csms_url, "ocpp": "1.6"}},
        "routing": {"default": "central"},
        "api": {"socket": str(directory / "sitectl.sock")},
    }
    text = StringIO()
    YAML().dump(document, text)
    return text.getvalue()


def _station_keys(placed: PlacedStation) -> dict[str, Any]:
    keys: dict[str, Any] = {"circuit": placed.circuit, "max_a": placed.max_a, "profile_storage": "ram", **placed.keys}
    if placed.is_post:
        connectors = enumerate(placed.spec.connectors, start=1)
        return keys | {"evses": {n: {"max_a": c.max_a, "phases": c.wiring} for n, c in connectors}}
    return keys | {"phases": placed.spec.connectors[0].wiring}
