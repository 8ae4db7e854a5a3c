"""Properties of the bound on imbalance: met by shares wherever cars can meet it, and never above a fuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Topology, topology
from sitectl.model.electrical import ALL_PHASES, PhaseCurrents
from sitectl.model.ids import EvseId
from sitectl.model.limits import Allocation
from sitectl.model.snapshot import SiteSnapshot
from tests.properties.allocator_sites import dA, moments, takes, tenths, trees

pytestmark = pytest.mark.timeout(1800)
FEWER = settings(max_examples=settings().max_examples * 2 // 5)
"""Every example is dear here; the whole sweep makes up for it."""
CYCLE_S, SETTLED_CYCLES = 20.0, 120
"""Each of a row of pauses may be answered only when the least run of somebody else is over."""
RULES = st.sampled_from(
    [SharingRules(), SharingRules(mode="strict-priority"), SharingRules(step_a=1.0), SharingRules(share="power")]
)


@st.composite
def bounded(draw: st.DrawFn, below: bool = False) -> Topology:
    """A tree whose root, and sometimes whatever is below, bounds its imbalance."""
    site = draw(trees())
    bound = st.sampled_from([8.0, 16.0, 20.0])
    circuits = {
        name: replace(c, imbalance_a=draw(bound) if c.parent is None else draw(st.none() | bound) if below else None)
        for name, c in site.circuits.items()
    }
    return topology(circuits, site.stations)


def with_average(data: st.DataObject, snapshot: SiteSnapshot) -> SiteSnapshot:
    """Measured, with generation."""
    signed = tenths(-300, 300)
    circuits = {
        name: replace(now, average_base_a=PhaseCurrents(*(data.draw(signed) for _ in range(3))))
        for name, now in snapshot.circuits.items()
    }
    return replace(snapshot, circuits=circuits)


def told(snapshot: SiteSnapshot, allocation: Allocation) -> dict[EvseId, float]:
    found = {}
    for evse, now in snapshot.evses.items():
        before = now.offered_a if takes(now) and now.offered_a is not None else now.counts_a
        found[evse] = allocation.offers[evse].limit_a if evse in allocation.offers else before
    return found


def currents(site: Topology, snapshot: SiteSnapshot, name: str, amperes: dict[EvseId, float]) -> list[float]:
    base = snapshot.circuits[name].average_base_a
    assert base is not None
    found = list(base)
    for evse, a in amperes.items():
        if name in site.paths[snapshot.evses[evse].plan.circuit]:
            for phase in snapshot.evses[evse].phases or ALL_PHASES:
                found[phase] += a
    return found


@FEWER
@given(st.data(), bounded(), RULES)
def test_shares_meet_the_bound_or_are_down_to_minimums(
    data: st.DataObject, site: Topology, rules: SharingRules
) -> None:
    snapshot = with_average(data, data.draw(moments(site)))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    assert verify(site, snapshot, allocation.offers, rules.step_a) == []
    shares = {e: allocation.targets[e].limit_a if takes(now) else now.counts_a for e, now in snapshot.evses.items()}
    now, most = currents(site, snapshot, site.root, shares), site.circuits[site.root].imbalance_a
    assert most is not None
    for heavy, light in permutations(ALL_PHASES, 2):
        if now[heavy] - now[light] > most + 1e-6:
            for evse, target in allocation.targets.items():
                phases = snapshot.evses[evse].phases or ALL_PHASES
                if heavy in phases and light not in phases:
                    assert dA(target.limit_a) <= -(-dA(snapshot.evses[evse].plan.min_a) // 10) * 10, (
                        "trimmed as far as can be"
                    )


@FEWER
@given(st.data(), bounded(below=True), RULES)
def test_no_raise_tilts_a_circuit(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    snapshot = with_average(data, data.draw(moments(site)))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    assert verify(site, snapshot, allocation.offers, rules.step_a) == []
    before, after = told(snapshot, replace(allocation, offers={})), told(snapshot, allocation)
    for name, circuit in site.circuits.items():
        if circuit.imbalance_a is None:
            continue
        was, now = currents(site, snapshot, name, before), currents(site, snapshot, name, after)
        for heavy, light in permutations(ALL_PHASES, 2):
            tilting = [
                e
                for e, seen in snapshot.evses.items()
                if after[e] > before[e] + 1e-6
                and name in site.paths[seen.plan.circuit]
                and heavy in (seen.phases or ALL_PHASES)
                and light not in (seen.phases or ALL_PHASES)
            ]
            if tilting:
                assert now[heavy] - now[light] <= max(circuit.imbalance_a, was[heavy] - was[light]) + 1e-5


@FEWER
@given(st.data(), bounded(below=True))
def test_constant_inputs_come_to_rest(data: st.DataObject, site: Topology) -> None:
    """T1: raises that wait for one another do not wait for ever, and nothing swings: in the end nothing goes out for
    longer than a run or a pause lasts. Here nobody takes turns, which would be a change by time."""
    snapshot = replace(with_average(data, data.draw(moments(site, calm=True))), raises_allowed=True)
    plan, memory, rules = compile_site(site), AllocatorMemory(), SharingRules(quantum_s=1e9)
    quiet = 0
    for _ in range(SETTLED_CYCLES):
        allocation, memory = allocate(plan, snapshot, memory, rules)
        assert verify(site, snapshot, allocation.offers) == []
        quiet = 0 if allocation.offers else quiet + 1
        if (quiet - 1) * CYCLE_S > rules.dwell_s:
            break
        evses = dict(snapshot.evses)
        for evse, offer in allocation.offers.items():
            before = evses[evse].offered_a or 0.0
            evses[evse] = replace(
                evses[evse],
                offered_a=offer.limit_a,
                counts_a=offer.limit_a,
                last_raise_at=snapshot.at if offer.limit_a > before else evses[evse].last_raise_at,
                last_cut_at=snapshot.at if offer.limit_a < before else evses[evse].last_cut_at,
                state_since=snapshot.at if (before > 0) != (offer.limit_a > 0) else evses[evse].state_since,
            )
        snapshot = replace(snapshot, at=snapshot.at + CYCLE_S, evses=evses)
    else:
        pytest.fail(f"still at {allocation.offers}")
    for evse, target in allocation.targets.items():
        assert (snapshot.evses[evse].offered_a or 0.0) >= target.limit_a - 1.0 - 1e-6
