"""Random sites for the benchmarks, and the plain round robin that they are compared with."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random

from sitectl.allocator.compiled import PHASE_MASK, CompiledSite
from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, PhaseCurrents, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId
from sitectl.model.limits import Allocation
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, SiteSnapshot
from sitectl.model.station import EvsePlan, StationPlan


def random_site(random: Random, connectors: int) -> tuple[Topology, SiteSnapshot]:
    """A four-level tree in which every row may bind, and a moment of it: everybody wants to charge."""
    stations: dict[StationId, StationPlan] = {}
    hanging: dict[CircuitId, list[EvsePlan]] = {}
    circuits: dict[CircuitId, CircuitId | None] = {CircuitId("grid"): None}
    for number in range((connectors + 1) // 2):
        sub = number // 12
        panel = CircuitId(f"panel{sub // 8}")
        name = CircuitId(f"sub{sub}")
        circuits.setdefault(panel, CircuitId("grid"))
        circuits.setdefault(name, panel)
        station = StationId(f"S{number:04}")
        evses = tuple(
            EvsePlan(
                EvseId(station, evse),
                name,
                random.choice((16.0, 32.0)),
                rotation=random_rotation(random),
                fallback_a=6.0,
            )
            for evse in (1, 2)
        )
        stations[station] = StationPlan(station, name, random.choice((20.0, 32.0, 48.0)), evses)
        for circuit in (name, panel, CircuitId("grid")):
            hanging.setdefault(circuit, []).extend(evses)
    rated = {name: max(16.0, sum(e.max_a for e in below)) for name, below in hanging.items()}
    site = topology({c: Circuit(c, parent, rated[c]) for c, parent in circuits.items()}, stations)
    base = {name: random_base(random, rated[name], hanging[name]) for name in circuits}
    evses_now = {}
    for evse, installed in site.evses().items():
        offered = None if random.random() < 1 / 3 else random.choice((0.0, 6.0, 10.3, 16.0))
        offered = None if offered is None else min(offered, installed.max_a)
        evses_now[evse] = EvseSnapshot(
            evse,
            installed,
            online=True,
            transaction=TransactionId(f"{evse}"),
            wants=True,
            controllable=True,
            phases=tuple(sorted(installed.rotation.phases)),
            counts_a=max(installed.fallback_a, offered or 0.0) if random.random() < 0.9 else installed.max_a,
            offered_a=offered,
        )
    return site, SiteSnapshot(1000.0, base, evses_now, {}, {})


def random_rotation(random: Random) -> PhaseRotation:
    """45 % one phase, 10 % two, 45 % three; any rotation."""
    count = random.choices((1, 2, 3), (45, 10, 45))[0]
    return PhaseRotation(tuple(random.sample(ALL_PHASES, count)))


def random_base(random: Random, rated_a: float, below: list[EvsePlan]) -> CircuitSnapshot:
    """A base load that leaves 15 to 90 % of what hangs below, on each phase."""
    left = [
        random.uniform(0.15, 0.9) * sum(e.max_a for e in below if phase in e.rotation.phases) for phase in ALL_PHASES
    ]
    return CircuitSnapshot(below[0].circuit, PhaseCurrents(*(round(rated_a - a, 2) for a in left)))


def shaken(random: Random, snapshot: SiteSnapshot, allocation: Allocation) -> SiteSnapshot:
    """The next moment: offers obeyed, a minute gone, base loads moved by a few per cent."""
    evses = dict(snapshot.evses)
    for evse, offer in allocation.offers.items():
        evses[evse] = replace(evses[evse], offered_a=offer.limit_a, counts_a=max(6.0, offer.limit_a))
    circuits = {
        name: replace(now, base_load_a=PhaseCurrents(*(a * random.uniform(0.97, 1.03) for a in now.base_load_a)))
        for name, now in snapshot.circuits.items()
    }
    return replace(snapshot, at=snapshot.at + 400.0, evses=evses, circuits=circuits)


def plain_round_robin(plan: CompiledSite, snapshot: SiteSnapshot) -> float:
    """CPU ms of the peer: minimums in order of number, then 0.1 A to each in turn until no row admits any. Inputs
    flat."""
    slack = list(plan.rated)
    for name, node in plan.circuit_node.items():
        for phase, base in enumerate(snapshot.circuits[name].base_load_a):
            slack[node * 3 + phase] -= int(base * 10) + 1
    paths = [
        plan.path_rows[plan.node[number] * 8 + PHASE_MASK[snapshot.evses[evse].phases]]
        for number, evse in enumerate(plan.ids)
    ]
    begun = time.process_time_ns()
    share = [0] * len(plan.ids)
    active = []
    for number, path in enumerate(paths):
        if all(slack[row] >= 60 for row in path):
            for row in path:
                slack[row] -= 60
            share[number] = 60
            active.append(number)
    while active:
        again = []
        for number in active:
            if share[number] >= plan.maximum[number]:
                continue
            for row in paths[number]:
                if slack[row] < 1:
                    break
            else:
                for row in paths[number]:
                    slack[row] -= 1
                share[number] += 1
                again.append(number)
        active = again
    return (time.process_time_ns() - begun) / 1e6
