"""Properties of the allocator over random trees: safety (S), quality (Q) and stability (T).

The checks here add currents up by themselves, in whole tenths; the inputs lie on that grid, so that they are exact.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, PhaseCurrents, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId
from sitectl.model.limits import Allocation, Ceiling, ChargingLimit
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, SiteSnapshot
from sitectl.model.station import EvsePlan, StationPlan

NOW = 10_000.0
ROTATIONS = [PhaseRotation(order) for count in (1, 2, 3) for order in permutations(ALL_PHASES, count)] + [
    UNKNOWN_ROTATION
]
MODES = st.sampled_from([SharingRules(), SharingRules(mode="strict-priority"), SharingRules(step_a=1.0)])


def tenths(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda n: n / 10)


@st.composite
def trees(draw: st.DrawFn, classes: int = 3) -> Topology:
    """Two to four levels, one to ten stations, posts among them, any wiring."""
    names = [CircuitId(f"c{n}") for n in range(draw(st.integers(2, 6)))]
    circuits = {names[0]: Circuit(names[0], None, draw(tenths(60, 1600)))}
    for number, name in enumerate(names[1:], 1):
        parent = names[draw(st.integers(0, number - 1))]
        circuits[name] = Circuit(name, parent, draw(tenths(60, 1000)))
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
        reserve = snapshot.quarantine_reserve_a if name == site.root else 0.0
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


def shared(site: Topology, snapshot: SiteSnapshot, rules: SharingRules) -> tuple[Allocation, dict[EvseId, int]]:
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    assert allocation.rows, allocation.alarms
    return allocation, {e: dA(t.limit_a) for e, t in allocation.targets.items()}


@given(st.data(), trees(), MODES)
def test_safety_of_what_goes_out(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    """S1, S2, S3, S7 for any state: worst case in force, grid and bounds, and cuts that are enough."""
    snapshot = data.draw(moments(site))
    allocation, _ = shared(site, snapshot, rules)
    assert verify(site, snapshot, allocation.offers, rules.step_a) == []
    members, room = rows_of(site, snapshot)
    new = {e: dA(o.limit_a) for e, o in allocation.offers.items()}
    for row, loaded in members.items():
        force = sum(dA(snapshot.evses[e].counts_a) for e in loaded)
        after = sum(max(dA(snapshot.evses[e].counts_a), new.get(e, 0)) for e in loaded)
        assert after <= room[row] or after == force, row
        if force > room[row]:
            newest = {e: new.get(e, dA(now_told(snapshot.evses[e]))) for e in loaded}
            fixed = sum(newest[e] for e in loaded if not takes(snapshot.evses[e]))
            assert sum(newest.values()) <= max(room[row], fixed), row
    for evse, offer in new.items():
        plan = snapshot.evses[evse].plan
        assert offer == 0 or dA(plan.min_a) <= offer <= dA(plan.max_a)
        assert offer % round(rules.step_a * 10) == 0
        assert takes(snapshot.evses[evse])


def now_told(evse: EvseSnapshot) -> float:
    """What binds it if all commands are obeyed: the newest offer, or without one what it may lawfully draw."""
    return evse.counts_a if evse.offered_a is None or not takes(evse) else evse.offered_a


@given(st.data(), trees(), MODES)
def test_no_raise_when_raises_are_not_allowed(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    """Store unusable, or a meter late on the way: nothing exceeds what is in force already."""
    snapshot = data.draw(moments(site))
    allocation, _ = shared(site, snapshot, rules)
    for evse, offer in allocation.offers.items():
        now = snapshot.evses[evse]
        settled = all(snapshot.circuits[c].settled for c in site.paths[now.plan.circuit])
        if not (snapshot.raises_allowed and settled):
            assert offer.limit_a <= now_told(now) + 1e-9
        assert not (offer.limit_a and any(snapshot.circuits[c].stop for c in site.paths[now.plan.circuit]))


@given(st.data(), trees(), MODES)
def test_work_conserving(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    """Q1: in the targets nobody below its cap could have a step more, and nobody who waits could be admitted."""
    snapshot = data.draw(moments(site, calm=True))
    _, targets = shared(site, snapshot, rules)
    step = round(rules.step_a * 10)
    for evse, left in slacks(site, snapshot, targets).items():
        plan = snapshot.evses[evse].plan
        cap = min(dA(plan.max_a), dA(site.stations[evse.station].max_a)) // step * step
        if targets[evse] == 0:
            assert min(left.values()) < dA(plan.min_a)
        elif targets[evse] < cap:
            assert min(left.values()) < step


@given(st.data(), trees(classes=1))
def test_max_min_fair(data: st.DataObject, site: Topology) -> None:
    """Q2: nobody gets less than the exact max-min share of the admitted, put down on the grid."""
    snapshot = data.draw(moments(site, calm=True))
    _, targets = shared(site, snapshot, SharingRules())
    admitted = [e for e, target in targets.items() if target]
    for evse, share in exact_shares(site, snapshot, admitted).items():
        assert targets[evse] >= share // 1


@given(st.data(), trees(classes=1))
def test_as_fair_as_filling_by_unit_steps(data: st.DataObject, site: Topology) -> None:
    """Q2 by another reference: 0.1 A at a time to whoever has least. Sorted, no place is worse by more than a step."""
    snapshot = data.draw(moments(site, calm=True))
    _, targets = shared(site, snapshot, SharingRules())
    admitted = [e for e, target in targets.items() if target]
    reference = unit_filling(site, snapshot, admitted)
    for mine, theirs in zip(sorted(targets[e] for e in admitted), sorted(reference.values()), strict=True):
        assert mine >= theirs - 1


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


@given(st.data(), trees())
def test_strict_priority_ignores_lower_classes(data: st.DataObject, site: Topology) -> None:
    """Q3: taking the lowest class away changes no value of a higher one."""
    snapshot = data.draw(moments(site, calm=True))
    rules = SharingRules(mode="strict-priority")
    _, with_all = shared(site, snapshot, rules)
    lowest = min(e.plan.priority for e in snapshot.evses.values())
    fewer = {e: replace(now, wants=now.plan.priority > lowest) for e, now in snapshot.evses.items()}
    _, without = shared(site, replace(snapshot, evses=fewer), rules)
    assert without == {e: a for e, a in with_all.items() if snapshot.evses[e].plan.priority > lowest}


@given(st.data(), trees())
def test_minimum_first_gives_lower_classes_no_more_than_their_minimum(data: st.DataObject, site: Topology) -> None:
    """Q3: how much a lower class could take beyond its minimum changes no value of a higher one."""
    snapshot = data.draw(moments(site, calm=True))
    _, free = shared(site, snapshot, SharingRules())
    lowest = min(e.plan.priority for e in snapshot.evses.values())
    bounds = tuple(
        Ceiling("k", "test", now.plan.min_a, evse=e) for e, now in snapshot.evses.items() if now.plan.priority == lowest
    )
    _, bounded = shared(site, replace(snapshot, ceilings=bounds), SharingRules())
    higher = [e for e, now in snapshot.evses.items() if now.plan.priority > lowest]
    assert [free[e] for e in higher] == [bounded[e] for e in higher]


@given(st.data(), trees(), MODES, st.randoms(use_true_random=False))
def test_order_of_inputs_does_not_matter(data: st.DataObject, site: Topology, rules: SharingRules, random: Any) -> None:
    """Q4: the same for any order of circuits, stations, EVSEs and ceilings, and for every repetition."""
    snapshot = data.draw(moments(site))
    first, memory = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    turned = topology(mixed(random, site.circuits), mixed(random, site.stations))
    again = replace(snapshot, circuits=mixed(random, snapshot.circuits), evses=mixed(random, snapshot.evses))
    second, other = allocate(compile_site(turned), again, AllocatorMemory(), rules)
    assert (first.targets, first.offers) == (second.targets, second.offers)
    assert sorted(first.rows, key=lambda row: (row.name, row.phase)) == sorted(
        second.rows, key=lambda row: (row.name, row.phase)
    )
    assert memory.unstarted == other.unstarted


def mixed(random: Any, values: Any) -> Any:
    keys = list(values)
    random.shuffle(keys)
    return {key: values[key] for key in keys}


@given(st.data(), trees(), MODES)
def test_constant_inputs_come_to_rest(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    """T1: with stations that obey, commands end, nobody swings on the way, and whoever has a share has it."""
    snapshot = replace(data.draw(moments(site)), raises_allowed=True, ceilings=())
    circuits = {name: replace(now, settled=True) for name, now in snapshot.circuits.items()}
    snapshot = replace(snapshot, circuits=circuits)
    plan, memory = compile_site(site), AllocatorMemory()
    sent: dict[EvseId, list[float]] = {}
    for cycle in range(120):
        allocation, memory = allocate(plan, snapshot, memory, rules)
        assert verify(site, snapshot, allocation.offers, rules.step_a) == []
        if cycle >= 110:
            assert not allocation.offers
        for evse, offer in allocation.offers.items():
            sent.setdefault(evse, []).append(offer.limit_a)
        snapshot = obeyed(snapshot, allocation, 10.0)
    for offers in sent.values():
        turns = [b - a for a, b in pairwise(offers)]
        assert sum(1 for a, b in pairwise(turns) if a * b < 0) <= 2
    for evse, target in allocation.targets.items():
        told = snapshot.evses[evse].offered_a
        assert (told or 0.0) > 0 or target.limit_a == 0


def obeyed(snapshot: SiteSnapshot, allocation: Allocation, seconds: float) -> SiteSnapshot:
    """What a plant without loss or delay looks like a little later: every offer in force, everything older released."""
    evses = dict(snapshot.evses)
    for evse, now in snapshot.evses.items():
        if not takes(now):
            continue
        offer = allocation.offers.get(evse)
        if offer is None:
            evses[evse] = replace(now, counts_a=now_told(now))
            continue
        before, new = now_told(now), offer.limit_a
        evses[evse] = replace(
            now,
            offered_a=new,
            counts_a=new,
            last_raise_at=snapshot.at if new > before else now.last_raise_at,
            last_cut_at=snapshot.at if new < before else now.last_cut_at,
            state_since=now.state_since if (new > 0) == (before > 0) else snapshot.at,
        )
    return replace(snapshot, at=snapshot.at + seconds, evses=evses)


@given(st.data(), trees(), MODES)
def test_fallback_plan_only_cuts_and_fits(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    """S8: whatever failed, what goes out instead is a cut for everybody, within all rows that cuts can save."""
    snapshot = data.draw(moments(site))
    allocation = safe_allocation(site, snapshot, "a test")
    assert verify(site, snapshot, allocation.offers) == []
    for evse, offer in allocation.offers.items():
        assert offer.limit_a <= now_told(snapshot.evses[evse])
    members, room = rows_of(site, snapshot)
    for row, loaded in members.items():
        kept = {e: dA(allocation.targets[e].limit_a) for e in loaded if e in allocation.targets}
        fixed = sum(dA(snapshot.evses[e].counts_a) for e in loaded if e not in kept)
        assert sum(kept.values()) == 0 or sum(kept.values()) + fixed <= room[row]


@given(st.data(), trees(), st.sampled_from([float("nan"), float("inf")]))
def test_a_number_that_is_none_never_raises_anything(data: st.DataObject, site: Topology, odd: float) -> None:
    """S6, S8: not-a-number in a base load or in what is in force is an error, and the fallback plan only cuts."""
    snapshot = data.draw(moments(site))
    if data.draw(st.booleans()):
        broken = replace(snapshot.circuits[site.root], base_load_a=PhaseCurrents(1.0, odd, 1.0))
        snapshot = replace(snapshot, circuits={**snapshot.circuits, site.root: broken})
    else:
        evse = data.draw(st.sampled_from(sorted(snapshot.evses)))
        snapshot = replace(snapshot, evses={**snapshot.evses, evse: replace(snapshot.evses[evse], counts_a=odd)})
    with pytest.raises((ValueError, OverflowError)):
        allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    assert verify(site, snapshot, {}) != []
    allocation = safe_allocation(site, snapshot, "a test")
    for evse, offer in allocation.offers.items():
        assert not offer.limit_a > now_told(snapshot.evses[evse])


@given(st.data(), trees(), st.integers(1, 300))
def test_the_second_check_sees_one_step_too_much(data: st.DataObject, site: Topology, more: int) -> None:
    """The verifier is no ornament: an offer above what any row has left is found."""
    snapshot = data.draw(moments(site, calm=True))
    _, targets = shared(site, snapshot, SharingRules())
    bound = [e for e, a in targets.items() if a]
    assume(bound)
    evse = data.draw(st.sampled_from(bound))
    raised = {e: ChargingLimit(e, a / 10, "") for e, a in targets.items()}
    assert verify(site, snapshot, raised) == []
    raised[evse] = ChargingLimit(evse, (targets[evse] + more) / 10, "")
    assert verify(site, snapshot, raised) != []
