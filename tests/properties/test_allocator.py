"""Properties of the allocator over random trees: safety (S), quality (Q) and stability (T).

The checks here add currents up by themselves, in whole tenths; the inputs lie on that grid, so that they are exact.
Elsewhere: exact optima (Q2, Q6) in `test_allocator_optimum`, turns (Q5) in `test_allocator_turns`; what needs messages
that get lost, readings and time (S1 between commands, S4, S5, S6) in `test_limit_ledger` and `test_site_loop`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Topology, topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId
from sitectl.model.limits import Allocation, Ceiling, ChargingLimit
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from tests.properties.allocator_sites import dA, exact_shares, moments, rows_of, slacks, takes, trees, unit_filling

MODES = st.sampled_from([SharingRules(), SharingRules(mode="strict-priority"), SharingRules(step_a=1.0)])

pytestmark = pytest.mark.timeout(1800)  # two thousand examples each, where the whole sweep is asked for


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
            assert not any(new.get(e, 0) > dA(now_told(snapshot.evses[e])) for e in loaded), "nothing rises"
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


TURN = "its turn comes again"


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
            if any(offer.reason.endswith(TURN) for offer in allocation.offers.values()):
                return  # where there are more cars than places these change for ever; that is no unrest
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
