"""If this process dies now: would the fuses hold until the stations have fallen back?

Three inequalities for every circuit and phase:

1. what is lawfully in force + measured base <= rated;
2. the sum of fallbacks + `base_load_worst_a` <= rated (the configuration refuses a tree where it fails);
3. with r = (in force + the base that may come within one lifetime) / rated: r <= 1, or lifetime + the station's clock
   error <= 10 % of the trip time at r.

The trip time is a conservative envelope through the fixed points of IEC 60898-1 (1.13 x In: 3600 s, 2.55 x In: 1 s), a
straight line on log-log paper; its line serves between 1.0 and 1.13 too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sitectl.model.circuit import Circuit
from sitectl.model.electrical import NO_CURRENT, PhaseCurrents
from sitectl.model.ids import CircuitId
from sitectl.model.limits import IfDead
from sitectl.model.snapshot import SiteSnapshot
from sitectl.state.site_state import SiteState

TRIP_EXPONENT = 10.06
SHARE_OF_TRIP = 0.1


def trip_time_s(ratio: float) -> float:
    """How long a breaker surely holds `ratio` times its rating; infinite up to 1.0."""
    if ratio <= 1.0:
        return float("inf")
    return 3600.0 * float((ratio / 1.13) ** -TRIP_EXPONENT)


def bearable_ratio(seconds: float) -> float:
    """The ratio that may last `seconds` within a tenth of the trip time; at least 1.0."""
    return max(1.0, 1.13 * float((seconds / SHARE_OF_TRIP / 3600.0) ** (-1.0 / TRIP_EXPONENT)))


@dataclass(frozen=True, slots=True)
class InForce:
    """Per circuit and phase: what is lawfully in force, the fallbacks' sum, and how long the longest limit may last."""

    lawful_a: PhaseCurrents
    fallback_a: PhaseCurrents
    for_s: float


def in_force(state: SiteState, snapshot: SiteSnapshot) -> Mapping[CircuitId, InForce]:
    """Add up every circuit: first what hangs on it itself, then from the leaves to the root."""
    topology, now = state.topology, snapshot.at
    lawful = {id: [0.0, 0.0, 0.0] for id in topology.circuits}
    fallback = {id: [0.0, 0.0, 0.0] for id in topology.circuits}
    latest = dict.fromkeys(topology.circuits, now)
    for id, view in snapshot.evses.items():
        circuit, counts_a, fallback_a = view.plan.circuit, view.counts_a, view.plan.fallback_a
        in_all, in_fallbacks = lawful[circuit], fallback[circuit]
        for phase in view.phases:
            in_all[phase] += counts_a
            in_fallbacks[phase] += fallback_a
        if counts_a > 0:
            latest[circuit] = max(latest[circuit], state.evses[id].entry.last_expiry_at(now))
    for circuit in sorted(topology.circuits, key=lambda c: -len(topology.paths[c])):
        above = topology.circuits[circuit].parent
        if above is None:
            lawful[circuit] = [a + snapshot.quarantine_reserve_a for a in lawful[circuit]]
            continue
        lawful[above] = [a + b for a, b in zip(lawful[above], lawful[circuit], strict=True)]
        fallback[above] = [a + b for a, b in zip(fallback[above], fallback[circuit], strict=True)]
        latest[above] = max(latest[above], latest[circuit])
    return {
        id: InForce(PhaseCurrents(*lawful[id]), PhaseCurrents(*fallback[id]), latest[id] - now)
        for id in topology.circuits
    }


def if_dead(circuit: Circuit, force: InForce, measured_base_a: PhaseCurrents | None) -> IfDead:
    """Judge one circuit. Without a measured base the configured worst is taken for it."""
    worst = circuit.base_load_worst_a
    base = measured_base_a or PhaseCurrents(worst, worst, worst)
    ratio, phase = _worst_ratio(circuit, force, measured_base_a)
    now_fits = all(f + b <= circuit.rated_a + 0.05 for f, b in zip(force.lawful_a, base, strict=True))
    falls_fit = all(f + worst <= circuit.rated_a + 0.05 for f in force.fallback_a)
    bearable = ratio <= 1.0 or force.for_s <= SHARE_OF_TRIP * trip_time_s(ratio)
    holds = now_fits and falls_fit and bearable
    name = f"L{phase + 1}"
    lasting = f" for {force.for_s:.0f} s" if ratio > 1.0 else ""
    text = f"if this box dies now: at worst {ratio:.2f} x{lasting} on {circuit.id} {name}"
    return IfDead(round(ratio, 3), round(force.for_s, 1), name, holds, text)


def lifetime_s(circuit: Circuit, force: InForce, measured_base_a: PhaseCurrents | None) -> float:
    """How long limits below this circuit may live, clock error included, so that the third inequality holds."""
    ratio, _ = _worst_ratio(circuit, force, measured_base_a)
    return SHARE_OF_TRIP * trip_time_s(ratio)


def _worst_ratio(circuit: Circuit, force: InForce, measured_base_a: PhaseCurrents | None) -> tuple[float, int]:
    """In force and the base that may come, against the rating: the worst phase. The base that may come is the
    configured worst, or the measured one where that is higher."""
    worst = circuit.base_load_worst_a
    base = measured_base_a or NO_CURRENT
    ratios = [(f + max(worst, b)) / circuit.rated_a for f, b in zip(force.lawful_a, base, strict=True)]
    phase = max(range(3), key=lambda p: ratios[p])
    return ratios[phase], phase
