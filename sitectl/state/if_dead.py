"""If this process dies now: would the fuses hold until the stations have fallen back?

Three inequalities for every circuit and phase:

1. what is lawfully in force + measured base <= rated;
2. the sum of fallbacks + `base_load_worst_a` <= rated (the configuration refuses a tree where it fails);
3. with r = (in force + the base that may come within one lifetime) / rated: r <= 1, or lifetime + the station's clock
   error <= 10 % of the trip time at r. Limits lapse one after the other: who is held below its fallback counts at it,
   unless its limit surely outlives those of all others.

The base that may come is the measured one and the largest rise learned for so long a time, at most the configured
worst; the worst itself until a week is learned, and where nothing is measured. What is measured above the worst counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from sitectl.model.circuit import Circuit, Topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId
from sitectl.model.limits import IfDead
from sitectl.model.snapshot import SiteSnapshot
from sitectl.state.breaker import SHARE_OF_TRIP, trip_time_s
from sitectl.state.rise import SPANS_S, BaseRise, base_that_may_come
from sitectl.state.snapshot import EvsePicture, Pictures
from sitectl.state.tree import add_up, leaves_first
from sitectl.state.triangle import no_sums, on_lines, places


@dataclass(frozen=True, slots=True)
class InForce:
    """Per circuit and phase: what is lawfully in force, the fallbacks' sum, and how long the longest limit may last.

    `falling_a`: the most while limits lapse one after the other, and who was held below its fallback rises to it.
    """

    lawful_a: PhaseCurrents
    fallback_a: PhaseCurrents
    for_s: float
    falling_a: PhaseCurrents


def in_force(topology: Topology, snapshot: SiteSnapshot, pictures: Pictures) -> Mapping[CircuitId, InForce]:
    """Add up every circuit: first what hangs on it itself, then from the leaves to the root."""
    wiring = topology.wiring
    lawful = {id: no_sums(wiring) for id in topology.circuits}
    fallback = {id: no_sums(wiring) for id in topology.circuits}
    rising: list[EvsePicture] = []
    latest = dict.fromkeys(topology.circuits, snapshot.at)
    for picture in pictures.evses.values():
        view = picture.view
        plan, counts_a = view.plan, view.counts_a
        circuit, fallback_a = plan.circuit, max(plan.fallback_a, view.lasting_a)
        in_all, in_fallbacks = lawful[circuit], fallback[circuit]
        for place in places(view.phases, wiring):
            in_all[place] += counts_a
            in_fallbacks[place] += fallback_a
        if counts_a > 0 and picture.lasts_until > latest[circuit]:
            latest[circuit] = picture.lasts_until
        if fallback_a > counts_a and view.wants:
            rising.append(picture)
    last_at = max(latest.values())
    falling = {id: list(sums) for id, sums in lawful.items()}
    for picture in rising:
        if _may_lapse_at(picture) < last_at:
            view = picture.view
            for place in places(view.phases, wiring):
                falling[view.plan.circuit][place] += max(view.plan.fallback_a, view.lasting_a) - view.counts_a
    for sums in (lawful, fallback, falling):
        add_up(topology, sums)
    for circuit in leaves_first(topology):
        for above in topology.paths[circuit][1:2]:
            latest[above] = max(latest[above], latest[circuit])

    def on(sums: Mapping[CircuitId, list[float]], id: CircuitId) -> PhaseCurrents:
        strangers_a = snapshot.quarantine_reserve_a if id == topology.root else 0.0
        return PhaseCurrents(*(a + strangers_a for a in on_lines(sums[id], wiring)))

    return {
        id: InForce(on(lawful, id), on_lines(fallback[id], wiring), latest[id] - snapshot.at, on(falling, id))
        for id in topology.circuits
    }


def _may_lapse_at(picture: EvsePicture) -> float:
    """When a limit that holds an EVSE below its fallback may lapse, by the clock of its station."""
    expires_at = picture.view.offer_expires_at
    return float("-inf") if expires_at is None else expires_at - picture.station.clock_error_s()


def if_dead(
    circuit: Circuit, force: InForce, measured_base_a: PhaseCurrents | None, rise: BaseRise | None = None
) -> IfDead:
    """Judge one circuit. Without a measured base the configured worst is taken for it."""
    worst = circuit.base_load_worst_a
    base = measured_base_a or PhaseCurrents(worst, worst, worst)
    coming_a = base_that_may_come(circuit, measured_base_a, rise, force.for_s)
    ratio, phase = _worst_ratio(circuit, force, coming_a)
    now_fits = all(f + b <= circuit.rated_a + 0.05 for f, b in zip(force.lawful_a, base, strict=True))
    falls_fit = all(f + worst <= circuit.rated_a + 0.05 for f in force.fallback_a)
    bearable = ratio <= 1.0 or force.for_s <= SHARE_OF_TRIP * trip_time_s(ratio)
    holds = now_fits and falls_fit and bearable
    name = f"L{phase + 1}"
    lasting = f" for {force.for_s:.0f} s" if ratio > 1.0 else ""
    text = f"if this box dies now: at worst {ratio:.2f} x{lasting} on {circuit.id} {name}"
    learned = rise is not None and measured_base_a is not None and rise.within(force.for_s) is not None
    return IfDead(round(ratio, 3), round(force.for_s, 1), name, holds, text, round(coming_a[phase], 1), learned)


def lifetime_s(
    circuit: Circuit, force: InForce, measured_base_a: PhaseCurrents | None, rise: BaseRise | None = None
) -> float:
    """How long limits below this circuit may live, clock error included, so that the third inequality holds.

    The longer they live, the more base load may come: the longest of all spans that is not longer than what comes in
    it lets them live.
    """

    def bearable_s(span_s: float) -> float:
        ratio, _ = _worst_ratio(circuit, force, base_that_may_come(circuit, measured_base_a, rise, span_s))
        return SHARE_OF_TRIP * trip_time_s(ratio)

    always_s = bearable_s(inf)
    if rise is None or not rise.is_learned or measured_base_a is None:
        return always_s
    return max(always_s, *(min(span_s, bearable_s(span_s)) for span_s in SPANS_S))


def _worst_ratio(circuit: Circuit, force: InForce, coming_a: PhaseCurrents) -> tuple[float, int]:
    """In force while limits lapse, and the base that may come, against the rating: the worst phase."""
    ratios = [(f + b) / circuit.rated_a for f, b in zip(force.falling_a, coming_a, strict=True)]
    phase = max(range(3), key=lambda p: ratios[p])
    return ratios[phase], phase
