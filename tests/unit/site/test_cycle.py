"""One decision: sharing, its check, and what goes out when either fails."""

from __future__ import annotations

import logging

import pytest

from sitectl.allocator.allocate import compile_site
from sitectl.allocator.rules import AllocatorMemory, SharingRules
from sitectl.allocator.verify import verify
from sitectl.model.limits import Allocation, ChargingLimit
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site import cycle
from sitectl.site.cycle import Decision, decide
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import A1, B1, GARAGE, GRID, accepted, after, begins, charging, meter, told


def decided(state: SiteState, at: float) -> Decision:
    return decide(state, compile_site(state.topology), AllocatorMemory(), SharingRules(), at)[1]


def busy() -> SiteState:
    """Two at 16 A behind a meter that shows nothing else."""
    state = after(charging(16.0), [begins(B1, "t2"), *accepted(told(B1, 4, 16.0, 0.0), 0.5)])
    return after(state, [meter(1.0, 32.0)])


def test_a_decision_carries_what_it_saw_and_what_it_leads_to() -> None:
    found = decided(after(busy(), [meter(1.5, 90.0)]), 1.6)
    assert not found.violations
    assert set(found.allocation.targets) == {A1, B1}
    assert found.force[GRID].lawful_a.l1 == 32.0
    assert found.shares[GARAGE].if_dead is not None
    assert found.pictures.evses[A1].view is found.snapshot.evses[A1]


def test_a_full_circuit_is_cut_in_the_same_cycle() -> None:
    found = decided(after(busy(), [meter(1.5, 110.0)]), 1.6)
    assert {id: limit.limit_a < 16.0 for id, limit in found.allocation.offers.items()} == {A1: True, B1: True}


def test_when_sharing_fails_inside_the_safe_plan_goes_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(cycle, "allocate", broken)
    with caplog.at_level(logging.ERROR):
        found = decided(busy(), 1.6)
    assert "no idea" in found.violations[0]
    assert {id: limit.limit_a for id, limit in found.allocation.offers.items()} == {A1: 6.0, B1: 6.0}
    assert caplog.records


def test_when_the_check_objects_the_safe_plan_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(_: object, seen: SiteSnapshot, memory: AllocatorMemory, rules: SharingRules) -> tuple:
        limits = {A1: ChargingLimit(A1, 500.0, "mine")}
        return Allocation(seen.at, limits, limits), memory

    monkeypatch.setattr(cycle, "allocate", greedy)
    state = busy()
    found = decided(state, 1.6)
    assert found.violations
    assert found.allocation.offers[A1].limit_a == 6.0
    assert not verify(state.topology, found.snapshot, found.allocation.offers)
