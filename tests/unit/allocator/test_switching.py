"""One phase or three: when one is chosen, when it goes back, and that nothing changes under load."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.limits import Allocation, ChargingLimit
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import build, evse_id, moment

A = evse_id("A")
SITE = build({"grid": {"rated_a": 32}}, {"A": {"max_a": 32, "phases": "L2L3L1", "fallback_a": 0, "switches": True}})
PLAN = compile_site(SITE)
BY_ONE: dict[str, Any] = {
    "phases": (Phase.L2,),
    "offered_a": 20.0,
    "counts_a": 20.0,
    "told_phases": 1,
    "state_since": 9_000.0,
}
FULL_L1 = {"grid": (28.0, 0.0, 0.0)}


def decided(snapshot: SiteSnapshot, memory: AllocatorMemory | None = None) -> tuple[Allocation, AllocatorMemory]:
    allocation, after = allocate(PLAN, snapshot, memory or AllocatorMemory(), SharingRules())
    assert verify(SITE, snapshot, allocation.offers) == []
    return allocation, after


def test_three_phases_come_first() -> None:
    limit = decided(moment(SITE))[0].offers[A]
    assert (limit.limit_a, limit.phases) == (32.0, 3)


def test_one_where_the_minimum_of_three_does_not_fit() -> None:
    limit = decided(moment(SITE, base_load_a=FULL_L1))[0].offers[A]
    assert (limit.limit_a, limit.phases) == (32.0, 1)
    assert limit.reason == "its own maximum 32 A, by one phase, for three do not fit"


def test_nothing_where_its_one_phase_is_full_too() -> None:
    limit = decided(moment(SITE, base_load_a={"grid": (0.0, 28.0, 0.0)}))[0].targets[A]
    assert (limit.limit_a, limit.phases) == (0.0, None)


def test_a_station_that_cannot_is_never_told_of_phases() -> None:
    site = build({"grid": {"rated_a": 32}}, {"A": {"max_a": 32, "phases": "L1L2L3"}})
    allocation, _ = allocate(compile_site(site), moment(site, base_load_a=FULL_L1), AllocatorMemory(), SharingRules())
    assert (allocation.targets[A].limit_a, allocation.targets[A].phases) == (0.0, None)


def test_while_it_charges_its_phases_stay() -> None:
    by_one = decided(moment(SITE, {"A": {**BY_ONE, "offered_a": 32.0, "counts_a": 32.0}}, {"grid": (0, 20, 0)}))[0]
    assert (by_one.offers[A].limit_a, by_one.offers[A].phases) == (12.0, 1)
    by_three = {"offered_a": 16.0, "counts_a": 16.0, "told_phases": 3, "state_since": 9_000.0}
    paused = decided(moment(SITE, {"A": by_three}, FULL_L1))[0].offers[A]
    assert (paused.limit_a, paused.phases) == (0.0, 3), "by one only after a pause"


def test_it_begins_by_one_only_when_nothing_is_drawn_any_more() -> None:
    told = {"offered_a": 0.0, "told_phases": 3, "state_since": 9_000.0}
    still = decided(moment(SITE, {"A": {**told, "counts_a": 16.0}}, FULL_L1))[0]
    assert A not in still.offers
    free = decided(moment(SITE, {"A": {**told, "counts_a": 0.0}}, FULL_L1))[0]
    assert (free.offers[A].limit_a, free.offers[A].phases) == (32.0, 1)


def test_changes_are_300_s_apart_also_where_pauses_are_shorter() -> None:
    rules = SharingRules(dwell_s=0.0)
    for since, phases in ((9_750.0, []), (9_650.0, [1])):
        told = {"offered_a": 0.0, "counts_a": 0.0, "told_phases": 3, "state_since": since}
        allocation, _ = allocate(PLAN, moment(SITE, {"A": told}, FULL_L1), AllocatorMemory(), rules)
        assert [limit.phases for limit in allocation.offers.values()] == phases


def test_it_is_paused_for_three_when_they_have_had_room_for_two_minutes() -> None:
    snapshot = moment(SITE, {"A": {**BY_ONE, "offered_a": 32.0, "counts_a": 32.0}})
    first, memory = decided(snapshot)
    assert (first.targets[A].limit_a, memory.roomy) == (32.0, {A: 10_000.0})
    young, _ = decided(replace(snapshot, at=10_119.0), memory)
    assert young.targets[A].limit_a == 32.0
    due, _ = decided(replace(snapshot, at=10_120.0), memory)
    assert (due.offers[A].limit_a, due.offers[A].phases) == (0.0, 1)
    assert due.offers[A].reason == "paused: it changes from one phase to three, which have room for it again"


def test_not_for_a_little_more_power() -> None:
    """13 A on three phases are 39 A, on one 32 A are not a quarter less."""
    snapshot = moment(SITE, {"A": {**BY_ONE, "offered_a": 32.0, "counts_a": 32.0}}, {"grid": (19.0, 0.0, 0.0)})
    assert decided(snapshot)[1].roomy == {}


def test_the_second_check_counts_one_phase_and_finds_changes_under_load() -> None:
    snapshot = moment(SITE, base_load_a=FULL_L1)
    assert verify(SITE, snapshot, {A: ChargingLimit(A, 32.0, "", 1)}) == []
    assert verify(SITE, snapshot, {A: ChargingLimit(A, 32.0, "", 3)}) == ["circuit grid L1: 32 A may be drawn of 4 A"]
    loaded = moment(SITE, {"A": BY_ONE})
    assert verify(SITE, loaded, {A: ChargingLimit(A, 6.0, "", 3)}) == [
        "A:1: it may still draw 20 A by other phases than 3"
    ]
    cannot = build({"grid": {"rated_a": 32}}, {"A": {"max_a": 32, "phases": "L1L2L3"}})
    assert verify(cannot, moment(cannot), {A: ChargingLimit(A, 6.0, "", 1)}) != []


def test_the_safe_plan_changes_nothing() -> None:
    snapshot = moment(SITE, {"A": BY_ONE})
    safe = safe_allocation(SITE, snapshot, "a test")
    assert (safe.offers[A].limit_a, safe.offers[A].phases) == (6.0, None)
    assert verify(SITE, snapshot, safe.offers) == []


def test_an_afternoon_with_a_phase_that_is_full_for_an_hour() -> None:
    """It never changes but from nothing, seldom, and ends on three phases."""
    memory, told, counts = AllocatorMemory(), None, 0.0
    facts: dict[str, Any] = {"counts_a": 0.0}
    seen: list[tuple[float, float, int | None]] = []
    for at in range(0, 7_200, 5):
        base = {"grid": (28.0 if 600 <= at < 4_200 else 2.0, 2.0, 2.0)}
        snapshot = moment(SITE, {"A": facts}, base, at=float(at))
        allocation, memory = decided(snapshot, memory)
        offer = allocation.offers.get(A)
        if offer is not None:
            before = facts.get("offered_a")
            told, counts = offer.phases, offer.limit_a
            seen.append((float(at), offer.limit_a, offer.phases))
            phases = (Phase.L2,) if told == 1 else ALL_PHASES
            flips = before is None or (before > 0) != (counts > 0)
            facts = {
                "offered_a": counts,
                "counts_a": counts,
                "told_phases": told,
                "phases": phases,
                "state_since": float(at) if flips else facts["state_since"],
                "last_cut_at": float(at) if before is not None and counts < before else facts.get("last_cut_at"),
                "last_raise_at": float(at) if before is not None and counts > before else facts.get("last_raise_at"),
            }
    changes = [at for (_, was, _), (at, now, _) in pairwise(seen) if was == 0.0 and now > 0.0]
    assert next(phases for _, a, phases in seen if a > 0.0) == 3
    assert seen[-1][2] == 3
    assert 1 in [phases for _, a, phases in seen if a > 0.0]
    assert all(b - a >= 300.0 for a, b in pairwise(changes))
    for (_, was, phases), (_, now, after) in pairwise(seen):
        assert phases == after or was == 0.0 or now == 0.0
