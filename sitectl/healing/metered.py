"""What the site's own meters say of a single EVSE: whether current surely flows there, surely does not, or either.

A circuit's meter shows everything below it. What the other stations surely draw is taken away from it, and what is left
is the most that this one can draw; what they and the base load may draw at most is taken away from it, and what is left
is the least. Only in a wye are currents of stations such plain sums, and generation hides what is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sitectl.model.circuit import Topology, Wiring
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

NOTHING_A = 1.0
SURELY_A = 2.0
"""Meters and stations read at other moments and with other errors: only clear differences count."""
OTHERS_S = 15.0
"""An older reading of another station is not taken away: its car may have stopped since."""

Amperes = Mapping[Phase, float]


@dataclass(slots=True)
class Meters:
    """The meters of one moment; what is below each of them is summed up once, when first asked for."""

    snapshot: SiteSnapshot
    topology: Topology
    _surely: dict[CircuitId, dict[Phase, float]] = field(default_factory=dict)
    _at_most: dict[CircuitId, dict[Phase, float]] = field(default_factory=dict)
    _summed: bool = False

    def sums(self, circuit: CircuitId) -> tuple[Amperes, Amperes]:
        """What all EVSEs below a circuit surely draw, and what they may draw at most, by phase."""
        if not self._summed:
            self._sum_up()
        nothing = dict.fromkeys(ALL_PHASES, 0.0)
        return self._surely.get(circuit, nothing), self._at_most.get(circuit, nothing)

    def _sum_up(self) -> None:
        self._summed = True
        for evse in self.snapshot.evses.values():
            least, most = surely(evse, self.snapshot.at), at_most(evse)
            for circuit in self.topology.paths.get(evse.plan.circuit, ()):
                for sums, values in ((self._surely, least), (self._at_most, most)):
                    row = sums.setdefault(circuit, dict.fromkeys(ALL_PHASES, 0.0))
                    for phase, value in values.items():
                        row[phase] += value


def metered(id: EvseId, meters: Meters) -> bool | None:
    """True: current surely flows at this EVSE; False: surely none does; None: no meter can tell."""
    evse, topology = meters.snapshot.evses[id], meters.topology
    if topology.wiring is not Wiring.WYE:
        return None
    for circuit in topology.paths.get(evse.plan.circuit, ()):
        seen = meters.snapshot.circuits[circuit]
        if seen.measured_a is None or seen.meter is not Freshness.FRESH or topology.circuits[circuit].generation_a:
            continue
        said = _by(seen.id, seen.measured_a, topology.circuits[circuit].base_load_worst_a, evse, meters)
        if said is not None:
            return said
    return None


def _by(
    circuit: CircuitId, measured_a: PhaseCurrents, base_worst_a: float, evse: EvseSnapshot, meters: Meters
) -> bool | None:
    shown = dict(zip(ALL_PHASES, measured_a, strict=True))
    least, most = meters.sums(circuit)
    own_least, own_most = surely(evse, meters.snapshot.at), at_most(evse)
    can_a = max(shown[phase] - (least[phase] - own_least.get(phase, 0.0)) for phase in evse.phases)
    if can_a <= NOTHING_A:
        return False
    must_a = max(shown[phase] - base_worst_a - (most[phase] - own_most.get(phase, 0.0)) for phase in evse.phases)
    return True if must_a > SURELY_A else None


def surely(evse: EvseSnapshot, at: float) -> Amperes:
    """What an EVSE draws by a reading that is new, where its wiring is known; nothing is surely drawn otherwise."""
    if evse.measured_a is None or evse.measured_at is None or at - evse.measured_at > OTHERS_S:
        return {}
    if not evse.plan.rotation.known:
        return {}
    return dict(zip(ALL_PHASES, evse.measured_a, strict=True))


def at_most(evse: EvseSnapshot) -> Amperes:
    """What an EVSE may draw, on every phase that it may be wired to."""
    return dict.fromkeys(evse.phases, evse.counts_a)
