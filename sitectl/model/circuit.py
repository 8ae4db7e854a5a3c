"""The tree of circuits: cable runs with a rated current per phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.station import EvsePlan, StationPlan


class MeterLoss(StrEnum):
    """What a circuit does when its meter is lost: share as if the worst base load were drawn, or stop charging."""

    STATIC = "static"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Circuit:
    """One cable run. `rated_a` per phase; `base_load_worst_a` is the most that anything but stations may draw here.

    `reserve_a`: a margin on every phase that sharing leaves alone.
    """

    id: CircuitId
    parent: CircuitId | None
    rated_a: float
    meter: MeterId | None = None
    base_load_worst_a: float = 0.0
    on_meter_lost: MeterLoss = MeterLoss.STATIC
    reserve_a: float = 0.0


@dataclass(frozen=True, slots=True)
class Topology:
    """The site as it was installed: circuits (exactly one root, no cycles) and the stations hanging on them.

    Built by the configuration, which has checked it: every station names a circuit that exists.
    """

    circuits: Mapping[CircuitId, Circuit]
    stations: Mapping[StationId, StationPlan]
    nominal_voltage_v: float
    root: CircuitId
    paths: Mapping[CircuitId, tuple[CircuitId, ...]]
    """From a circuit up to the root, itself first."""

    def evses(self) -> dict[EvseId, EvsePlan]:
        """Every EVSE of every installed station, in configuration order."""
        return {evse.id: evse for station in self.stations.values() if station.installed for evse in station.evses}


def topology(
    circuits: Mapping[CircuitId, Circuit],
    stations: Mapping[StationId, StationPlan],
    nominal_voltage_v: float = 230.0,
) -> Topology:
    """Build a `Topology` and its paths. The tree must be sound (one root, no cycle); raises ValueError otherwise."""
    roots = [c.id for c in circuits.values() if c.parent is None]
    if len(roots) != 1:
        raise ValueError(f"a site has exactly one root circuit, not {len(roots)}")
    paths: dict[CircuitId, tuple[CircuitId, ...]] = {}
    for circuit in circuits.values():
        path: list[CircuitId] = []
        here: CircuitId | None = circuit.id
        while here is not None:
            if here in path:
                raise ValueError(f"circuit {circuit.id} is its own ancestor")
            path.append(here)
            here = circuits[here].parent
        paths[circuit.id] = tuple(path)
    return Topology(circuits, stations, nominal_voltage_v, roots[0], paths)
