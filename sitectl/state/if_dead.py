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
from sitectl.model.electrical import PhaseCurrents
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
    """Add up every circuit once."""
    return {id: _in_force(state, snapshot, id) for id in state.topology.circuits}


def _in_force(state: SiteState, snapshot: SiteSnapshot, circuit: CircuitId) -> InForce:
    lawful = [0.0, 0.0, 0.0]
    fallback = [0.0, 0.0, 0.0]
    latest = snapshot.at
    for id in state.below[circuit]:
        view = snapshot.evses[id]
        entry = state.evses[id].entry
        for phase in view.phases:
            lawful[phase] += view.counts_a
            fallback[phase] += view.plan.fallback_a
        if view.counts_a > 0:
            latest = max(latest, entry.last_expiry_at(snapshot.at))
    if circuit == state.topology.root:
        lawful = [a + snapshot.quarantine_reserve_a for a in lawful]
    return InForce(PhaseCurrents(*lawful), PhaseCurrents(*fallback), latest - snapshot.at)


def if_dead(circuit: Circuit, force: InForce, measured_base_a: PhaseCurrents | None) -> IfDead:
    """Judge one circuit. The base that may come is the configured worst, or the measured one where that is higher."""
    worst = circuit.base_load_worst_a
    base = measured_base_a or PhaseCurrents(worst, worst, worst)
    coming = [max(worst, b) for b in base]
    ratios = [(f + c) / circuit.rated_a for f, c in zip(force.lawful_a, coming, strict=True)]
    phase = max(range(3), key=lambda p: ratios[p])
    ratio = ratios[phase]
    now_fits = all(f + b <= circuit.rated_a + 0.05 for f, b in zip(force.lawful_a, base, strict=True))
    falls_fit = all(f + worst <= circuit.rated_a + 0.05 for f in force.fallback_a)
    bearable = ratio <= 1.0 or force.for_s <= SHARE_OF_TRIP * trip_time_s(ratio)
    holds = now_fits and falls_fit and bearable
    name = f"L{phase + 1}"
    lasting = f" for {force.for_s:.0f} s" if ratio > 1.0 else ""
    text = f"if this box dies now: at worst {ratio:.2f} x{lasting} on {circuit.id} {name}"
    return IfDead(round(ratio, 3), round(force.for_s, 1), name, holds, text)


def lifetime_s(circuit: Circuit, lawful_a: PhaseCurrents, clock_error_s: float, most_s: float) -> float:
    """How long limits below this circuit may live so that the third inequality holds, at most `most_s`."""
    ratio = (max(lawful_a) + circuit.base_load_worst_a) / circuit.rated_a
    return min(most_s, SHARE_OF_TRIP * trip_time_s(ratio) - clock_error_s)
