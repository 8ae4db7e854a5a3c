"""Random sites and moments for the properties of the allocator, and references that share slowly and plainly.

All amperes lie on the grid of tenths, so that sums are exact.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, PhaseCurrents, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId
from sitectl.model.limits import Ceiling
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, SiteSnapshot
from sitectl.model.station import EvsePlan, StationPlan

NOW = 10_000.0
ROTATIONS = [PhaseRotation(order) for count in (1, 2, 3) for order in permutations(ALL_PHASES, count)] + [
    UNKNOWN_ROTATION
]


def tenths(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda n: n / 10)


@st.composite
def trees(draw: st.DrawFn, classes: int = 3) -> Topology:
    """Two to four levels, one to ten stations, posts among them, any wiring."""
    names = [CircuitId(f"c{n}") for n in range(draw(st.integers(2, 6)))]
    circuits = {names[0]: Circuit(names[0], None, draw(tenths(60, 1600)))}
    for number, name in enumerate(names[1:], 1):
        parent = names[draw(st.integers(0, number - 1))]
        circuits[name] = Circuit(name, parent, draw(tenths(60, 1000)), reserve_a=draw(st.sampled_from([0.0, 0.0, 2.5])))
    stations = {}
    for number in range(draw(st.integers(1, 10))):
        station, circuit = StationId(f"S{number}"), draw(st.sampled_from(names))
        priority = draw(st.integers(1, classes))
        evses = tuple(
            EvsePlan(
                EvseId(station, evse),
                circuit,
                max_a=draw(st.sampled_from([10.0, 16.0, 20.5, 32.0])),
                min_a=draw(st.sampled_from([6.0, 6.0, 6.0, 8.0])),
                rotation=draw(st.sampled_from(ROTATIONS)),
                fallback_a=draw(st.sampled_from([0.0, 6.0])),
                priority=priority,
            )
            for evse in range(1, draw(st.sampled_from([1, 1, 1, 2, 3])) + 1)
        )
        stations[station] = StationPlan(station, circuit, draw(st.sampled_from([16.0, 32.0, 40.0])), evses, priority)
    return topology(circuits, stations)


@st.composite
def moments(draw: st.DrawFn, site: Topology, calm: bool = False) -> SiteSnapshot:
    """Any state of a site; `calm`: nothing in force yet and everybody takes part, so that only the sharing is seen."""
    evses = {}
    for evse, plan in site.evses().items():
        offered = None if calm else draw(st.none() | st.sampled_from([0.0, 6.0, 8.5, 10.0, plan.max_a]))
        evses[evse] = EvseSnapshot(
            evse,
            plan,
            online=True,
            transaction=TransactionId("t"),
            wants=calm or draw(st.sampled_from([True, True, True, False])),
            controllable=calm or draw(st.sampled_from([True, True, True, False])),
            phases=() if not plan.rotation.known else tuple(sorted(plan.rotation.phases)),
            counts_a=0.0 if calm else max(offered or 0.0, draw(tenths(0, int(plan.max_a * 10)))),
            offered_a=offered,
            last_raise_at=None if calm else draw(st.none() | st.sampled_from([NOW - 10, NOW - 400])),
            last_cut_at=None if calm else draw(st.none() | st.sampled_from([NOW - 40, NOW - 400])),
            state_since=None if calm else draw(st.none() | st.sampled_from([NOW - 100, NOW - 400])),
        )
    circuits = {
        name: CircuitSnapshot(
            name,
            PhaseCurrents(*(draw(tenths(0, int(circuit.rated_a * 11))) for _ in range(3))),
            settled=calm or draw(st.sampled_from([True, True, True, False])),
            stop=not calm and draw(st.sampled_from([False] * 7 + [True])),
        )
        for name, circuit in site.circuits.items()
    }
    bounds = [] if calm else draw(st.lists(ceilings(site), max_size=3))
    reserve = draw(st.sampled_from([0.0, 0.0, 5.5]))
    return SiteSnapshot(
        NOW, circuits, evses, {}, {}, tuple(bounds), reserve, draw(st.sampled_from([True, True, False]))
    )


def ceilings(site: Topology) -> st.SearchStrategy[Ceiling]:
    amperes = tenths(0, 400)
    on_circuit = st.builds(
        lambda c, a: Ceiling("k", "operator", a, circuit=c), st.sampled_from(sorted(site.circuits)), amperes
    )
    ids = sorted(site.evses()) + [EvseId(station, 0) for station in site.stations]
    return on_circuit | st.builds(lambda e, a: Ceiling("k", "central", a, evse=e), st.sampled_from(ids), amperes)


Rows = dict[tuple[str, int], list[EvseId]]


def rows_of(site: Topology, snapshot: SiteSnapshot) -> tuple[Rows, dict[tuple[str, int], int]]:
    """Every (circuit or station, phase) with who loads it and what it has for them, in tenths."""
    members: Rows = {}
    room: dict[tuple[str, int], int] = {}
    for name, circuit in site.circuits.items():
        bounds = [circuit.rated_a] + [c.ceiling_a for c in snapshot.ceilings if c.circuit == name]
        reserve = circuit.reserve_a + (snapshot.quarantine_reserve_a if name == site.root else 0.0)
        for phase in ALL_PHASES:
            room[name, phase] = round((min(bounds) - snapshot.circuits[name].base_load_a[phase] - reserve) * 10)
    for station in site.stations.values():
        bounds = [station.max_a] + [c.ceiling_a for c in snapshot.ceilings if c.evse == (station.id, 0)]
        for phase in ALL_PHASES:
            room[f"post {station.id}", phase] = round(min(bounds) * 10)
    for evse in snapshot.evses.values():
        for name in (*site.paths[evse.plan.circuit], f"post {evse.id.station}"):
            for phase in evse.phases or ALL_PHASES:
                members.setdefault((name, phase), []).append(evse.id)
    return members, room


def takes(evse: EvseSnapshot) -> bool:
    return evse.wants and evse.controllable


def dA(a: float) -> int:
    return round(a * 10)


def slacks(site: Topology, snapshot: SiteSnapshot, targets: dict[EvseId, int]) -> dict[EvseId, dict[Any, int]]:
    """For every EVSE the slack of each of its rows, with everybody at the target and the rest reserved."""
    members, room = rows_of(site, snapshot)
    left = {
        row: room[row] - sum(targets.get(e, dA(snapshot.evses[e].counts_a)) for e in loaded)
        for row, loaded in members.items()
    }
    return {e: {row: left[row] for row, loaded in members.items() if e in loaded} for e in snapshot.evses}


def bounds_of(site: Topology, snapshot: SiteSnapshot, evse: EvseId) -> tuple[int, int]:
    plan = snapshot.evses[evse].plan
    return dA(plan.min_a), min(dA(plan.max_a), dA(site.stations[evse.station].max_a))


def exact_shares(site: Topology, snapshot: SiteSnapshot, admitted: list[EvseId]) -> dict[EvseId, Fraction]:
    """Max-min by raising one level: at each stop, freeze whoever cannot rise. Quadratic, exact, no heap."""
    members, room = rows_of(site, snapshot)
    rows = [(room[row], [e for e in loaded if e in admitted]) for row, loaded in members.items()]
    bounds = {e: bounds_of(site, snapshot, e) for e in admitted}
    share = {e: Fraction(bounds[e][0]) for e in admitted}
    active, level = set(admitted), Fraction(0)

    def used(loaded: list[EvseId], at: Fraction) -> Fraction:
        return sum(
            (max(share[e], min(at, Fraction(bounds[e][1]))) if e in active else share[e] for e in loaded), Fraction(0)
        )

    while active:
        stops = {Fraction(b) for e in active for b in bounds[e] if b > level}
        for limit, loaded in rows:
            for stop in sorted(stops | {level}):
                rising = [e for e in loaded if e in active and share[e] <= stop < bounds[e][1]]
                if rising and used(loaded, stop) <= limit:
                    full = stop + (limit - used(loaded, stop)) / len(rising)
                    if full > level:
                        stops.add(full)
        level = min(stops, default=level)
        for e in active:
            share[e] = max(share[e], min(level, Fraction(bounds[e][1])))
        full_rows = [loaded for limit, loaded in rows if sum((share[e] for e in loaded), Fraction(0)) >= limit]
        done = {e for e in active if share[e] >= bounds[e][1] or any(e in loaded for loaded in full_rows)}
        active -= done
    return share


def unit_filling(site: Topology, snapshot: SiteSnapshot, admitted: list[EvseId]) -> dict[EvseId, int]:
    members, room = rows_of(site, snapshot)
    left = {
        row: room[row] - sum(bounds_of(site, snapshot, e)[0] for e in loaded if e in admitted)
        for row, loaded in members.items()
    }
    mine = {e: [row for row, loaded in members.items() if e in loaded] for e in admitted}
    share = {e: bounds_of(site, snapshot, e)[0] for e in admitted}
    active = set(admitted)
    while active:
        evse = min(active, key=lambda e: (share[e], e))
        if share[evse] >= bounds_of(site, snapshot, evse)[1] or any(left[row] < 1 for row in mine[evse]):
            active.discard(evse)
            continue
        share[evse] += 1
        for row in mine[evse]:
            left[row] -= 1
    return share
