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


class Wiring(StrEnum):
    """How a circuit is wired, which says how the currents of its stations add up on its conductors.

    * `wye`: three phases and neutral; every phase current comes back by the neutral, so each phase is a sum of its own.
    * `delta`: three lines; stations are connected between two lines (or on all three), so one current loads two lines
      and adds up with that of another pair as vectors 60 degrees apart: |I|² = x² + xy + y² on the line they share.
      Also a grounded wye whose stations are all between lines (208 V of 120/208 V).
    * `it`: the same for an isolated supply without a neutral (3 x 230 V).
    * `split`: two legs L1 and L2, 180 degrees apart, and neutral (120/240 V); 240 V loads both legs with one current.
    """

    WYE = "wye"
    DELTA = "delta"
    SPLIT = "split"
    IT = "it"

    @property
    def is_triangle(self) -> bool:
        """Whether currents flow between lines that are 120 degrees apart."""
        return self in (Wiring.DELTA, Wiring.IT)


@dataclass(frozen=True, slots=True)
class Circuit:
    """One cable run. `rated_a` per phase; `base_load_worst_a` is the most that anything but stations may draw here.

    `reserve_a`: a margin on every phase that sharing leaves alone. `imbalance_a`: how far one phase may be above
    another, a soft bound; None: as far as it likes. `generation_a`: the most that
    generation below may feed in per phase, by which the meter may show less than what is drawn.
    """

    id: CircuitId
    parent: CircuitId | None
    rated_a: float
    meter: MeterId | None = None
    base_load_worst_a: float = 0.0
    on_meter_lost: MeterLoss = MeterLoss.STATIC
    reserve_a: float = 0.0
    imbalance_a: float | None = None
    wiring: Wiring = Wiring.WYE
    generation_a: float = 0.0


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

    @property
    def wiring(self) -> Wiring:
        """How the whole tree is wired: as its root."""
        return self.circuits[self.root].wiring

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
