"""The one public function: what it remembers, and what it refuses to guess."""

from dataclasses import replace

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.base.errors import InternalError
from sitectl.model.ids import CircuitId
from tests.unit.allocator.site import build, evse_id, moment

RULES = SharingRules()
SITE = build(
    {"grid": {"rated_a": 10}},
    {"A": {"max_a": 10, "phases": "L1"}, "B": {"max_a": 10, "phases": "L1", "fallback_a": 0}},
)
PLAN = compile_site(SITE)
A, B = evse_id("A"), evse_id("B")
RUNNING = {"offered_a": 10.0, "state_since": 0.0}


def test_who_never_started_is_no_paused_vehicle_and_starts_at_once() -> None:
    refused, memory = allocate(PLAN, moment(SITE, {"A": RUNNING}), AllocatorMemory(), RULES)
    assert (refused.offers[B].limit_a, set(memory.unstarted)) == (0.0, {B})
    waiting = {"offered_a": 0.0, "state_since": 10_000.0, "last_cut_at": 10_000.0}
    free = moment(SITE, {"A": {"wants": False}, "B": waiting}, at=10_005.0)
    started, memory = allocate(PLAN, free, memory, RULES)
    assert (started.offers[B].limit_a, set(memory.unstarted)) == (10.0, set())


def test_the_same_without_memory_or_in_another_transaction_is_a_pause() -> None:
    waiting = {"offered_a": 0.0, "state_since": 10_000.0}
    free = moment(SITE, {"A": {"wants": False}, "B": waiting}, at=10_005.0)
    assert allocate(PLAN, free, AllocatorMemory(), RULES)[0].offers == {}
    assert allocate(PLAN, free, AllocatorMemory({B: None}), RULES)[0].offers == {}


def test_values_are_used_again_where_nothing_changed() -> None:
    snapshot = moment(SITE, {"A": RUNNING})
    first, memory = allocate(PLAN, snapshot, AllocatorMemory(), RULES)
    second, _ = allocate(PLAN, replace(snapshot, at=snapshot.at + 1), memory, RULES)
    assert second.targets[A] is first.targets[A]


def test_rows_tell_what_a_circuit_has_reserves_and_gives() -> None:
    snapshot = moment(SITE, {"A": {"controllable": False, "counts_a": 3.0}}, {"grid": (0.5, 0, 0)})
    row = allocate(PLAN, snapshot, AllocatorMemory(), RULES)[0].rows[0]
    assert (row.name, row.phase, row.base_load_a) == ("grid", 0, 0.5)
    assert (row.headroom_a, row.reserved_a, row.allocated_a) == (9.5, 3.0, 6.5)


def test_a_snapshot_of_another_site_is_refused() -> None:
    snapshot = moment(SITE)
    with pytest.raises(InternalError):
        allocate(PLAN, replace(snapshot, evses={A: snapshot.evses[A]}), AllocatorMemory(), RULES)
    with pytest.raises(KeyError):
        allocate(
            PLAN,
            replace(snapshot, circuits={CircuitId("other"): snapshot.circuits[CircuitId("grid")]}),
            AllocatorMemory(),
            RULES,
        )


def test_a_site_without_stations_is_shared_too() -> None:
    site = build({"grid": {"rated_a": 10}}, {})
    allocation, _ = allocate(compile_site(site), moment(site), AllocatorMemory(), RULES)
    assert (allocation.targets, allocation.offers, len(allocation.rows)) == ({}, {}, 3)
