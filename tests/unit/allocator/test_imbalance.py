"""Phases that may differ by so much: who is trimmed, who waits, and which raises wait for one another."""

from __future__ import annotations

from typing import Any

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.verify import verify
from sitectl.allocator.why import why
from sitectl.model.circuit import Topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.limits import Allocation, ChargingLimit
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import build, evse_id, moment

A, B, C, T = (evse_id(name) for name in "ABCT")
RULES = SharingRules()
BALANCED = {"grid": {"rated_a": 100, "imbalance_a": 20}}
WHY = "phase imbalance of circuit grid: L1 may be at most 20 A above L3"


def on(phases: str, max_a: float = 32, **more: object) -> dict[str, object]:
    return {"max_a": max_a, "phases": phases, "fallback_a": 0, **more}


def shared(site: Topology, snapshot: SiteSnapshot) -> Allocation:
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), RULES)
    assert verify(site, snapshot, allocation.offers) == []
    return allocation


def targets(allocation: Allocation) -> dict[str, float]:
    return {evse.station: limit.limit_a for evse, limit in allocation.targets.items()}


def base(*average: float) -> dict[str, dict[str, Any]]:
    return {"grid": {"average_base_a": PhaseCurrents(*average)}}


def test_one_car_on_one_phase_is_held_to_the_difference() -> None:
    site = build(BALANCED, {"A": on("L1")})
    allocation = shared(site, moment(site))
    assert targets(allocation) == {"A": 20.0}
    assert allocation.targets[A].reason == WHY.replace("L3", "L2")


def test_three_phase_cars_are_never_trimmed_and_count_on_all_phases() -> None:
    site = build(BALANCED, {"A": on("L1"), "T": on("L1L2L3")})
    assert targets(shared(site, moment(site))) == {"A": 20.0, "T": 32.0}


def test_cars_on_other_phases_make_room() -> None:
    site = build(BALANCED, {"A": on("L1"), "B": on("L2", 16), "C": on("L3", 10)})
    found = shared(site, moment(site))
    assert targets(found) == {"A": 30.0, "B": 16.0, "C": 10.0}
    assert found.targets[A].reason == WHY


def test_the_largest_goes_down_first_and_nobody_below_its_minimum() -> None:
    site = build(BALANCED, {"A": on("L1", 32), "B": on("L1", 8), "C": on("L1", 10, min_a=10)})
    running = {name: {"offered_a": 6.0 if name != "C" else 10.0, "state_since": 0.0} for name in "ABC"}
    found = shared(site, moment(site, running, circuits=base(0, 0, 0)))
    assert targets(found) == {"A": 6.0, "B": 6.0, "C": 0.0} or sum(targets(found).values()) <= 20.0
    assert min(a for a in targets(found).values() if a) >= 6.0


def test_a_car_on_two_phases_is_trimmed_against_the_third() -> None:
    site = build(BALANCED, {"A": on("L1L2")})
    found = shared(site, moment(site))
    assert (targets(found), found.targets[A].reason) == ({"A": 20.0}, WHY)


def test_the_measured_base_load_counts_with_its_sign() -> None:
    site = build(BALANCED, {"A": on("L1")})
    assert targets(shared(site, moment(site, circuits=base(8, 0, 3)))) == {"A": 12.0}
    assert targets(shared(site, moment(site, circuits=base(-10, 0, 3)))) == {"A": 30.0}


def test_what_is_reserved_counts_too() -> None:
    site = build(BALANCED, {"A": on("L1"), "B": on("L1")})
    found = shared(site, moment(site, {"B": {"controllable": False, "counts_a": 11.0}}))
    assert targets(found) == {"A": 9.0}


def test_nobody_begins_where_its_minimum_is_too_much() -> None:
    site = build(BALANCED, {"A": on("L1"), "B": on("L2")})
    found = shared(site, moment(site, circuits=base(16, 0, 0)))
    assert targets(found) == {"A": 0.0, "B": 20.0}
    assert found.targets[A].reason == f"paused: {WHY}"


def test_among_equals_who_is_on_the_light_phase_begins() -> None:
    site = build(
        {"grid": {"rated_a": 30, "imbalance_a": 20}, "low": {"parent": "grid", "rated_a": 30}},
        {
            "A": on("L1", 16),
            "B": on("L2", 16),
            "T": on("L1L2L3", 20, min_a=20, priority=2),
        },
    )
    running = {"T": {"offered_a": 20.0, "state_since": 0.0}}
    found = shared(site, moment(site, running, base_load_a={"grid": (0, 0, 0)}, circuits=base(5, 0, 0)))
    assert targets(found)["T"] == 20.0
    assert targets(found)["B"] == 10.0


def test_who_runs_is_paused_only_after_its_run_and_only_where_that_helps() -> None:
    site = build(BALANCED, {"A": on("L1")})
    young = {"A": {"offered_a": 6.0, "state_since": 9_900.0}}
    old = {"A": {"offered_a": 6.0, "state_since": 0.0}}
    heavy = base(18, 0, 0)
    assert targets(shared(site, moment(site, young, circuits=heavy))) == {"A": 6.0}
    assert targets(shared(site, moment(site, old, circuits=heavy))) == {"A": 0.0}
    alone = base(50, 0, 0)
    assert targets(shared(site, moment(site, old, circuits=alone))) == {"A": 6.0}, "the base load alone is too much"


def test_levels_are_whole_amperes() -> None:
    site = build(BALANCED, {"A": on("L1")})
    assert targets(shared(site, moment(site, circuits=base(4.3, 0, 0)))) == {"A": 15.0}


def test_a_raise_waits_for_the_raise_that_balances_it() -> None:
    """A may rise to 30 A once B has 16 A, but B's hold is not over."""
    site = build(BALANCED, {"A": on("L1"), "B": on("L2", 16), "C": on("L3", 10)})
    told = {
        "A": {"offered_a": 10.0, "state_since": 0.0},
        "B": {"offered_a": 6.0, "state_since": 0.0, "last_raise_at": 9_990.0},
        "C": {"offered_a": 10.0, "state_since": 0.0},
    }
    found = shared(site, moment(site, told))
    assert found.targets[A].limit_a == 30.0
    assert found.offers[A].limit_a == 26.0
    assert "phase imbalance" in found.offers[A].reason
    low = {**told, "A": {"offered_a": 26.0, "state_since": 0.0}}
    assert A not in shared(site, moment(site, low)).offers


def test_the_hard_rows_come_first() -> None:
    site = build({"grid": {"rated_a": 12, "imbalance_a": 20}}, {"A": on("L1")})
    found = shared(site, moment(site))
    assert (targets(found), found.targets[A].reason) == ({"A": 12.0}, "fair share of circuit grid on L1")


def test_a_circuit_below_has_a_bound_of_its_own() -> None:
    site = build(
        {"grid": {"rated_a": 100, "imbalance_a": 20}, "garage": {"parent": "grid", "rated_a": 50, "imbalance_a": 8}},
        {"A": on("L1", circuit="garage"), "B": on("L1")},
    )
    assert targets(shared(site, moment(site))) == {"A": 8.0, "B": 12.0}


def test_the_second_check_finds_raises_that_tilt_and_lets_cuts_pass() -> None:
    site = build(BALANCED, {"A": on("L1"), "B": on("L2"), "T": on("L1L2L3")})
    told = {"A": {"offered_a": 20.0}, "B": {"offered_a": 0.0}, "T": {"offered_a": 10.0}}
    snapshot = moment(site, told)

    def wrong(**offers: float) -> list[str]:
        return verify(
            site, snapshot, {evse_id(name): ChargingLimit(evse_id(name), a, "") for name, a in offers.items()}
        )

    assert wrong(A=20.1) == [
        "circuit grid: L1 rises to 20.1 A above L2, more than 20 A",
        "circuit grid: L1 rises to 20.1 A above L3, more than 20 A",
    ]
    assert wrong(A=26.0, B=6.0) == ["circuit grid: L1 rises to 26 A above L3, more than 20 A"]
    assert wrong(T=32.0) == []
    assert (
        verify(
            site,
            moment(site, {**told, "A": {"offered_a": 30.0}, "B": {"offered_a": 12.0}}),
            {B: ChargingLimit(B, 0.0, "")},
        )
        == []
    )


def test_why_tells_of_it() -> None:
    site = build(BALANCED, {"A": on("L1")})
    snapshot = moment(site, circuits=base(4, 0, 1), base_load_a={"grid": (4, 0, 1)})
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), RULES)
    step = next(step for step in why(site, snapshot, allocation, A) if step["step"] == "imbalance")
    assert step["text"] == (
        "circuit grid: no phase may be more than 20 A above another; by these shares L1 20.0 A, L2 0.0 A, L3 1.0 A"
    )
