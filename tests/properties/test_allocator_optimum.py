"""The allocator against exact optima on small random sites (Q2, Q6), and what more room does (Q3).

Solving takes a hundred times as long as sharing, so that the sample is an eighth of the others'.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.model.circuit import Topology, topology
from sitectl.model.ids import EvseId
from sitectl.model.snapshot import SiteSnapshot
from tests.properties.allocator_optimum import fairest, most_admitted
from tests.properties.allocator_sites import dA, moments, trees

pytestmark = pytest.mark.timeout(1800)
FEW = settings(max_examples=max(12, settings().max_examples // 8))


def targets(site: Topology, snapshot: SiteSnapshot) -> dict[EvseId, int]:
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    return {evse: dA(limit.limit_a) for evse, limit in allocation.targets.items()}


@FEW
@given(st.data(), trees(classes=1))
def test_as_many_are_admitted_as_can_be_but_one(data: st.DataObject, site: Topology) -> None:
    """Q6: fewest phases first serves at most one car less than an exact solver."""
    snapshot = data.draw(moments(site, calm=True))
    shared = targets(site, snapshot)
    who = sorted(shared)
    assert sum(1 for share in shared.values() if share) >= most_admitted(site, snapshot, who) - 1


@FEW
@given(st.data(), trees(classes=1))
def test_without_minimums_it_is_the_lexicographic_optimum(data: st.DataObject, site: Topology) -> None:
    """Q2: with one class and no minimum to speak of (0.1 A) everybody has what sequential linear programs give, put
    down on the grid. What that leaves of a row, less than a step of each, goes to those who can still use it."""
    site = topology(site.circuits, {id: replace(station, evses=tuple(replace(e, min_a=0.1) for e in station.evses))
                                    for id, station in site.stations.items()})  # fmt: skip
    snapshot = data.draw(moments(site, calm=True))
    shared = targets(site, snapshot)
    who = sorted(evse for evse, share in shared.items() if share)
    assume(who)
    best = fairest(site, snapshot, who)
    for evse in who:
        assert best[evse] - 1.0 - 1e-3 <= shared[evse] <= best[evse] + len(who) + 1e-3, (evse, best, shared)


@given(st.data(), trees(classes=1), st.integers(1, 300))
def test_more_room_makes_nobody_who_has_least_worse_off(data: st.DataObject, site: Topology, more: int) -> None:
    """Q3: for the same admitted, a higher limit never makes the sorted shares lexicographically worse (by more than
    the step that rounding may cost)."""
    snapshot = data.draw(moments(site, calm=True))
    name = data.draw(st.sampled_from(sorted(site.circuits)))
    wider = replace(site.circuits[name], rated_a=round(site.circuits[name].rated_a + more / 10, 1))
    before, after = targets(site, snapshot), targets(topology({**site.circuits, name: wider}, site.stations), snapshot)
    assume({e for e, share in before.items() if share} == {e for e, share in after.items() if share})
    for was, now in zip(sorted(before.values()), sorted(after.values()), strict=True):
        assert now >= was - 1
        if now > was + 1:
            break
