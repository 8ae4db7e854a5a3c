"""The one public function: what it remembers, and what it refuses to guess."""

from dataclasses import replace

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.allocator.why import why
from sitectl.base.errors import InternalError
from sitectl.model.ids import CircuitId
from sitectl.model.limits import ChargingLimit
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


def test_a_margin_is_left_alone_and_told() -> None:
    site = build({"grid": {"rated_a": 20, "reserve_a": 2.5}}, {"A": {"max_a": 32, "phases": "L1L2L3"}})
    snapshot = moment(site, base_load_a={"grid": (4.0, 0, 0)})
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), RULES)
    assert allocation.targets[A].limit_a == 13.5
    assert [(row.headroom_a, row.margin_a) for row in allocation.rows] == [(13.5, 2.5), (17.5, 2.5), (17.5, 2.5)]
    texts = [step["text"] for step in why(site, snapshot, allocation, A) if step["step"] == "row"]
    assert (
        texts[0]
        == "circuit grid L1: beside 4.0 A base load, 2.5 A margin, 0.0 A reserved and 0.0 A for others it has 13.5 A"
    )
    assert verify(site, snapshot, {A: ChargingLimit(A, 13.5, "")}) == []
    assert verify(site, snapshot, {A: ChargingLimit(A, 13.6, "")}) != []
    tight = build({"grid": {"rated_a": 8, "reserve_a": 2.5}}, {"A": {"max_a": 32, "phases": "L1"}})
    assert safe_allocation(tight, moment(tight), "a test").targets[A].limit_a == 0.0


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
