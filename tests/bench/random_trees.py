"""Random small trees against exact answers: `python -m tests.bench.random_trees [--json] [--full]`.

Method: 2000 seeds (10 000 with `--full`), each a tree of 2 to 6 circuits with 2 to 16 EVSEs (any wiring, unknown ones
too, posts of several EVSEs, minimums of 6 or 8 A, three priorities), a random base load on every circuit, and everybody
wanting to charge from nothing; then the same tree in a random state with much in force and one ceiling. Counted are
seeds that break a property: S1 (no row exceeded), S2 (0 or minimum to maximum, on the grid), S3 (a ceiling is kept by
what goes out at once), Q1 (nobody could have a step more, nobody who waits could be admitted), Q2 (nobody below its
exact max-min share, by raising one level with fractions), Q3 (strict priority: taking the lowest class away changes no
higher one), Q4 (another order of the inputs changes nothing), and Q6 (as many admitted as an exact mixed-integer
programme, less one).
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from random import Random

import numpy
from scipy.optimize import Bounds, LinearConstraint, milp

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId
from sitectl.model.limits import Ceiling
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, SiteSnapshot
from sitectl.model.station import EvsePlan, StationPlan
from tests.bench.figures import Figure, conclude, full
from tests.properties.allocator_sites import NOW, ROTATIONS, bounds_of, dA, exact_shares, rows_of, slacks

SEEDS, ALL_SEEDS = 2000, 10_000
EVSES = (2, 16)
PROPERTIES = ("S1", "S2", "S3", "Q1", "Q2", "Q3", "Q4", "Q6")


def random_tree(random: Random, classes: int) -> Topology:
    """A small tree."""
    names = [CircuitId(f"c{n}") for n in range(random.randint(2, 6))]
    circuits = {names[0]: Circuit(names[0], None, random.randint(60, 1600) / 10)}
    for number, name in enumerate(names[1:], 1):
        circuits[name] = Circuit(name, names[random.randrange(number)], random.randint(60, 1000) / 10)
    stations: dict[StationId, StationPlan] = {}
    wanted, made = random.randint(*EVSES), 0
    while made < wanted:
        id, circuit, priority = StationId(f"S{made}"), random.choice(names), random.randint(1, classes)
        here = min(wanted - made, random.choice((1, 1, 1, 2, 3)))
        evses = tuple(
            EvsePlan(
                EvseId(id, evse),
                circuit,
                max_a=random.choice((10.0, 16.0, 20.5, 32.0)),
                min_a=random.choice((6.0, 6.0, 6.0, 8.0)),
                rotation=random.choice(ROTATIONS),
                priority=priority,
            )
            for evse in range(1, here + 1)
        )
        stations[id] = StationPlan(id, circuit, random.choice((16.0, 32.0, 40.0)), evses, priority)
        made += here
    return topology(circuits, stations)


def moment(random: Random, site: Topology, *, calm: bool) -> SiteSnapshot:
    """A state of it; `calm`: nothing in force, everybody takes part."""
    evses = {}
    for id, plan in site.evses().items():
        offered = None if calm else random.choice((None, 0.0, 6.0, 10.0, plan.max_a))
        evses[id] = EvseSnapshot(
            id,
            plan,
            online=True,
            transaction=TransactionId("t"),
            wants=calm or random.random() < 0.8,
            controllable=calm or random.random() < 0.8,
            phases=tuple(sorted(plan.rotation.phases)) if plan.rotation.known else (),
            counts_a=0.0 if calm else max(offered or 0.0, random.randint(0, int(plan.max_a * 10)) / 10),
            offered_a=offered,
        )
    circuits = {
        name: CircuitSnapshot(
            name, PhaseCurrents(*(random.randint(0, int(circuit.rated_a * 11)) / 10 for _ in range(3)))
        )
        for name, circuit in site.circuits.items()
    }
    return SiteSnapshot(NOW, circuits, evses, {}, {})


def targets_of(site: Topology, snapshot: SiteSnapshot, rules: SharingRules) -> dict[EvseId, int]:
    """The shares, in tenths."""
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    return {id: dA(limit.limit_a) for id, limit in allocation.targets.items()}


def most_admitted(site: Topology, snapshot: SiteSnapshot) -> int:
    """How many minimums fit at once, exactly."""
    members, room = rows_of(site, snapshot)
    evses = [id for id in snapshot.evses if bounds_of(site, snapshot, id)[0] <= bounds_of(site, snapshot, id)[1]]
    if not evses:
        return 0
    least = {id: bounds_of(site, snapshot, id)[0] for id in evses}
    matrix = numpy.array([[least[id] if id in loaded else 0 for id in evses] for loaded in members.values()])
    limits = [max(room[row], 0) for row in members]
    solved = milp(
        -numpy.ones(len(evses)),
        constraints=LinearConstraint(matrix, -numpy.inf, limits),
        integrality=numpy.ones(len(evses)),
        bounds=Bounds(0, 1),
    )
    return round(-solved.fun)


def quality(random: Random, site: Topology) -> set[str]:
    """S1, S2, Q1, Q2, Q4, Q6 of the shares from nothing."""
    broken: set[str] = set()
    snapshot = moment(random, site, calm=True)
    targets = targets_of(site, snapshot, SharingRules())
    members, room = rows_of(site, snapshot)
    if any(sum(targets[e] for e in loaded) > max(0, room[row]) for row, loaded in members.items()):
        broken.add("S1")
    for evse, left in slacks(site, snapshot, targets).items():
        least, most = bounds_of(site, snapshot, evse)
        if targets[evse] and not least <= targets[evse] <= most:
            broken.add("S2")
        can_start = targets[evse] == 0 and least <= most and min(left.values()) >= least
        can_rise = 0 < targets[evse] < most and min(left.values()) >= 1
        if can_start or can_rise:
            broken.add("Q1")
    admitted = [evse for evse, target in targets.items() if target]
    if any(targets[evse] < share // 1 for evse, share in exact_shares(site, snapshot, admitted).items()):
        broken.add("Q2")
    mixed = list(snapshot.evses.items())
    random.shuffle(mixed)
    if targets_of(site, replace(snapshot, evses=dict(mixed)), SharingRules()) != targets:
        broken.add("Q4")
    if len(admitted) < most_admitted(site, snapshot) - 1:
        broken.add("Q6")
    return broken


def safety(random: Random, site: Topology) -> set[str]:
    """S1, S2 and S3 of what goes out in a random state, with a ceiling on a circuit."""
    broken: set[str] = set()
    circuit = random.choice(list(site.circuits))
    ceiling = Ceiling("k", "operator", random.randint(0, 400) / 10, circuit=circuit)
    snapshot = replace(moment(random, site, calm=False), ceilings=(ceiling,))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    for wrong in verify(site, snapshot, allocation.offers):
        broken.add("S2" if "minimum" in wrong or "maximum" in wrong or "multiple" in wrong else "S1")
    members, room = rows_of(site, snapshot)
    new = {evse: dA(offer.limit_a) for evse, offer in allocation.offers.items()}
    for row, loaded in members.items():
        then = fixed = 0
        for id in loaded:
            view = snapshot.evses[id]
            takes = view.wants and view.controllable
            held = dA(view.offered_a if takes and view.offered_a is not None else view.counts_a)
            then += new.get(id, held)
            fixed += 0 if takes else held
        if row[0] == circuit and then > max(room[row], fixed):
            broken.add("S3")
    return broken


def priority(random: Random) -> set[str]:
    """Q3 on a tree of three classes."""
    site, rules = random_tree(random, classes=3), SharingRules(mode="strict-priority")
    snapshot = moment(random, site, calm=True)
    lowest = min(view.plan.priority for view in snapshot.evses.values())
    without = {
        id: replace(view, wants=view.wants and view.plan.priority > lowest) for id, view in snapshot.evses.items()
    }
    both = targets_of(site, snapshot, rules), targets_of(site, replace(snapshot, evses=without), rules)
    higher = [id for id, view in snapshot.evses.items() if view.plan.priority > lowest]
    return {"Q3"} if any(both[0][id] != both[1][id] for id in higher) else set()


def main() -> int:
    """Print the table, or JSON."""
    seeds, broken = ALL_SEEDS if full() else SEEDS, Counter[str]()
    first: dict[str, int] = {}
    for seed in range(seeds):
        random = Random(seed)
        site = random_tree(random, classes=1)
        for name in quality(random, site) | safety(random, site) | priority(random):
            broken[name] += 1
            first.setdefault(name, seed)
    figures = [
        Figure(f"random trees, seeds that break {name}", broken[name], f"of {seeds}", 0.0, peer=_first(first, name))
        for name in PROPERTIES
    ]
    return conclude("random_trees", __doc__, figures)


def _first(first: dict[str, int], name: str) -> str:
    return f"first: seed {first[name]}" if name in first else ""


if __name__ == "__main__":
    sys.exit(main())
