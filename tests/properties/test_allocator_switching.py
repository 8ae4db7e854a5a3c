"""Properties of the choice between one phase and three, over random trees and states."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Topology, topology
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.snapshot import SiteSnapshot
from tests.properties.allocator_sites import dA, moments, rows_of, trees

pytestmark = pytest.mark.timeout(1800)
FEWER = settings(max_examples=settings().max_examples * 2 // 5)
"""Every example is dear here; the whole sweep makes up for it."""
RULES = st.sampled_from([SharingRules(), SharingRules(mode="strict-priority"), SharingRules(dwell_s=0.0)])


@st.composite
def switching(draw: st.DrawFn) -> Topology:
    """A tree in which whoever is on three known phases can switch."""
    site = draw(trees(classes=2))
    stations = {
        name: replace(
            station,
            evses=tuple(
                replace(evse, switches_phases=evse.rotation.known and len(evse.rotation.phases) == 3, fallback_a=0.0)
                for evse in station.evses
            ),
        )
        for name, station in site.stations.items()
    }
    return topology(site.circuits, stations)


def with_phases(data: st.DataObject, snapshot: SiteSnapshot) -> SiteSnapshot:
    """Some were told one phase, and half of these show it."""
    evses = {}
    for evse, now in snapshot.evses.items():
        told = (
            data.draw(st.sampled_from([None, 1, 3])) if now.plan.switches_phases and now.offered_a is not None else None
        )
        one = told == 1 and data.draw(st.booleans())
        evses[evse] = replace(now, told_phases=told, phases=now.plan.rotation.phases[:1] if one else now.phases)
    return replace(snapshot, evses=evses)


@FEWER
@given(st.data(), switching(), RULES)
def test_no_row_is_overloaded_and_nobody_changes_under_load(
    data: st.DataObject, site: Topology, rules: SharingRules
) -> None:
    snapshot = with_phases(data, data.draw(moments(site)))
    roomy = dict.fromkeys(snapshot.evses, 0.0) if data.draw(st.booleans()) else {}
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(roomy=roomy), rules)
    assert verify(site, snapshot, allocation.offers) == []
    before: dict[tuple[str, int], int] = {}
    after: dict[tuple[str, int], int] = {}
    for evse, now in snapshot.evses.items():
        offer = allocation.offers.get(evse)
        counted = set(now.phases or ALL_PHASES)
        told = counted if offer is None or offer.phases is None else set(now.plan.rotation.phases[: offer.phases])
        if offer is not None and offer.phases != now.told_phases:
            assert now.plan.switches_phases
            assert now.counts_a <= 1.0
            assert now.state_since is None or now.told_phases is None or snapshot.at - now.state_since >= 300.0
        for name in (*site.paths[now.plan.circuit], f"post {evse.station}"):
            for phase in ALL_PHASES:
                was = dA(now.counts_a) if phase in counted else 0
                new = dA(offer.limit_a) if offer is not None and phase in told else 0
                before[name, phase] = before.get((name, phase), 0) + was
                after[name, phase] = after.get((name, phase), 0) + max(was, new)
    room = rows_of(site, snapshot)[1]
    for row, amperes in after.items():
        assert amperes <= room[row] or amperes == before[row], row


@FEWER
@given(st.data(), switching())
def test_one_phase_is_for_whom_three_do_not_fit(data: st.DataObject, site: Topology) -> None:
    """And the safe plan says nothing of phases."""
    snapshot = data.draw(moments(site, calm=True))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    used: dict[tuple[str, int], int] = {}
    for evse, target in allocation.targets.items():
        now = snapshot.evses[evse]
        phases = now.plan.rotation.phases[:1] if target.phases == 1 else now.phases or ALL_PHASES
        for name in (*site.paths[now.plan.circuit], f"post {evse.station}"):
            for phase in phases:
                used[name, phase] = used.get((name, phase), 0) + dA(target.limit_a)
    room = rows_of(site, snapshot)[1]
    assert all(amperes == 0 or amperes <= room[row] for row, amperes in used.items())
    for evse, target in allocation.targets.items():
        plan = snapshot.evses[evse].plan
        assert (target.phases is None) is (not plan.switches_phases or not target.limit_a)
    safe = safe_allocation(site, snapshot, "a test")
    assert all(limit.phases is None for limit in safe.offers.values())
    assert verify(site, snapshot, safe.offers) == []
