"""Who gets a minimum at all, when not everybody can: the order, rule by rule, and what people are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.rules import Credit
from sitectl.model.ids import TransactionId
from sitectl.model.limits import Allocation, Ceiling, Urgency
from tests.unit.allocator.site import build, evse_id, moment

NOW, RULES, STRICT = 10_000_000.0, SharingRules(quantum_s=900.0), SharingRules(mode="strict-priority")
DWELL = RULES.dwell_s
PLAN = ("phases", "min_a", "priority", "max_a", "evses")


def shared(
    cars: Mapping[str, Mapping[str, Any]],
    rated_a: float = 6.0,
    rules: SharingRules = RULES,
    credits: Mapping[str, float] | None = None,
    promised: str = "",
    **more: Any,
) -> Allocation:
    """One line of so much, and cars by one letter. `credits`: what each has, who waits since the last cycle."""
    plan = {
        name: {"max_a": 16, "fallback_a": 0, "phases": "L1"} | {k: v for k, v in facts.items() if k in PLAN}
        for name, facts in cars.items()
    }
    site = build({"grid": {"rated_a": rated_a}}, plan)
    seen = {name: {k: v for k, v in facts.items() if k not in PLAN} for name, facts in cars.items()}
    own = {evse_id(n): TransactionId(f"transaction of {evse_id(n)}") for n in cars}
    memory = AllocatorMemory(
        credits={evse_id(n): Credit(s, own[evse_id(n)], NOW - 1.0) for n, s in (credits or {}).items()},
        contended=dict.fromkeys(range(9), NOW) if credits else {},
        promised=frozenset(evse_id(n) for n in promised),
    )
    allocation, _ = allocate(compile_site(site), moment(site, seen, at=NOW, **more), memory, rules)
    return allocation


def served(*arguments: Any, **more: Any) -> str:
    """The names of those who get their minimum."""
    return "".join(sorted(evse.station for evse, limit in shared(*arguments, **more).targets.items() if limit.limit_a))


def runs(for_s: float = 2000.0, a: float = 6.0, **more: Any) -> dict[str, Any]:
    return {"offered_a": a, "counts_a": a, "state_since": NOW - for_s, **more}


def waits(for_s: float = 2000.0, **more: Any) -> dict[str, Any]:
    return {"offered_a": 0.0, "state_since": NOW - for_s, **more}


NEW: dict[str, Any] = {}
"""One that was told nothing yet."""


def test_who_must_not_be_paused_yet_comes_before_a_higher_class() -> None:
    assert served({"A": NEW | {"priority": 2}, "B": runs(DWELL - 1.0)}) == "B"
    assert served({"A": NEW | {"priority": 2}, "B": runs(DWELL)}) == "A"


def test_where_priority_is_strict_the_class_comes_before_that_too() -> None:
    assert served({"A": NEW | {"priority": 2}, "B": runs(DWELL - 1.0)}, rules=STRICT) == "A"


def test_who_can_only_be_stopped_is_not_stopped_for_a_higher_class() -> None:
    cars = {"A": NEW | {"priority": 2, "max_a": 6}, "B": runs(whole=True) | {"max_a": 6}}
    assert served(cars) == "B"
    assert served(cars | {"B": runs() | {"max_a": 6}}) == "A"


def test_a_class_comes_before_urgency_and_urgency_before_who_runs() -> None:
    soon = {evse_id("B"): Urgency(0, 60.0)}
    assert served({"A": NEW | {"priority": 2}, "B": NEW}, urgency=soon) == "A"
    assert served({"A": runs(), "B": NEW}, urgency=soon) == "B"
    assert served({"A": runs(), "B": NEW}) == "A"


def test_the_more_urgent_comes_first_and_who_said_nothing_last() -> None:
    cars = {"A": NEW, "B": NEW, "C": NEW}
    assert served(cars, urgency={evse_id("B"): Urgency(1, 60.0), evse_id("C"): Urgency(0, 1.0)}) == "C"
    assert served(cars, urgency={evse_id("B"): Urgency(1, 60.0)}) == "B"


def test_who_runs_comes_before_who_charges_untold_and_that_one_before_who_waits() -> None:
    untold = {"charging_state": "Charging"}
    assert served({"A": NEW, "B": untold, "C": runs()}) == "C"
    assert served({"A": NEW, "B": untold, "C": waits()}) == "B"


def test_who_was_given_a_place_and_is_not_told_yet_keeps_it() -> None:
    assert served({"A": waits(), "B": waits()}, promised="B") == "B"
    assert served({"A": {"charging_state": "Charging"}, "B": waits()}, promised="B") == "A", "as good as who charges"


def test_who_has_waited_for_more_quanta_comes_first() -> None:
    cars = {"A": waits(), "B": waits()}
    assert served(cars, credits={"A": 100.0, "B": 950.0}) == "B"
    assert served(cars, credits={"A": 100.0, "B": 800.0}) == "A", "less than a quantum is alike"
    assert served(cars, credits={"B": 950.0}) == "B", "none is less than one"
    assert served(cars, credits={"A": 950.0, "B": 1900.0}) == "B"


def test_who_needs_the_fewest_phases_comes_first_then_the_first_id() -> None:
    assert served({"A": {"phases": "L1L2L3"}, "B": {"phases": "L1L2"}, "C": NEW}) == "C"
    assert served({"A": {"phases": "L1L2L3"}, "B": {"phases": "L1L2"}}) == "B"
    assert served({"A": NEW, "B": NEW}) == "A"


def test_who_drew_nothing_when_it_could_comes_last() -> None:
    again = waits(5000.0, satisfied=True)
    assert served({"A": again | {"priority": 2}, "B": NEW}) == "B"
    assert served({"A": again | {"priority": 2}, "B": NEW}, rules=STRICT) == "A", "within its class"
    assert served({"A": again, "B": NEW}, rules=STRICT) == "B"


# --- who does not take part ---


@pytest.mark.parametrize(("paused_s", "place"), [(DWELL - 1.0, "B"), (DWELL, "A")])
def test_a_pause_lasts_for_its_time(paused_s: float, place: str) -> None:
    allocation = shared({"A": waits(paused_s), "B": {"phases": "L1L2"}})
    assert "".join(e.station for e, limit in allocation.targets.items() if limit.limit_a) == place


def test_who_was_never_offered_more_than_nothing_is_not_paused() -> None:
    own = TransactionId(f"transaction of {evse_id('A')}")
    site = build({"grid": {"rated_a": 6}}, {"A": {"max_a": 16, "phases": "L1"}})
    snapshot = moment(site, {"A": waits(1.0)}, at=NOW)

    def target(transaction: TransactionId) -> float:
        memory = AllocatorMemory(unstarted={evse_id("A"): transaction})
        return allocate(compile_site(site), snapshot, memory, RULES)[0].targets[evse_id("A")].limit_a

    assert target(own) == 6.0
    assert target(TransactionId("another")) == 0.0


@pytest.mark.parametrize(("ceiling_a", "target"), [(5.9, 0.0), (6.0, 6.0)])
def test_a_ceiling_below_the_minimum_is_none_at_all(ceiling_a: float, target: float) -> None:
    allocation = shared({"A": NEW}, 32.0, ceilings=(Ceiling("k", "operator", ceiling_a, evse=evse_id("A")),))
    assert allocation.targets[evse_id("A")].limit_a == target


def test_on_a_circuit_that_is_stopped_nobody_charges() -> None:
    site = build(
        {"grid": {"rated_a": 60}, "garage": {"parent": "grid", "rated_a": 40}},
        {"A": {"max_a": 16, "phases": "L1", "circuit": "garage"}, "B": {"max_a": 16, "phases": "L1"}},
    )
    now = moment(site, {"A": runs()}, at=NOW, circuits={"garage": {"stop": True}})
    allocation, _ = allocate(compile_site(site), now, AllocatorMemory(), RULES)
    assert {e.station: limit.limit_a for e, limit in allocation.targets.items()} == {"A": 0.0, "B": 16.0}


# --- giving ---


def test_whoever_fits_is_served_though_one_before_him_does_not() -> None:
    assert served({"A": {"min_a": 10}, "B": {"min_a": 8}, "C": NEW}, 9.0) == "B"
    assert served({"A": {"min_a": 10}, "B": NEW, "C": NEW}, 12.0) == "A", "and nobody after him, where nothing is left"


def test_one_who_does_not_fit_on_one_phase_takes_nothing_of_the_others() -> None:
    """T would fit L1 and L2, but L3 is full."""
    cars = {"A": runs(a=10.0) | {"phases": "L3", "min_a": 10}, "T": {"phases": "L1L2L3", "priority": 2}}
    cars |= {name: {"phases": phase, "min_a": 13} for name, phase in (("B", "L1"), ("C", "L2"))}
    cars["A"]["priority"] = 3
    assert served(cars, 13.0) == "ABC"


def test_people_are_told_what_is_left_and_what_is_needed() -> None:
    allocation = shared({"A": NEW, "B": NEW}, 11.5)
    assert allocation.targets[evse_id("B")].reason == "waiting: circuit grid L1 has 5.5 A left, 6 A needed"
    three = shared({"A": NEW, "T": {"phases": "L1L2L3"}}, 11.5)
    assert three.targets[evse_id("T")].reason == "waiting: circuit grid L1 has 5.5 A left, 6 A needed"


def test_a_minimum_that_is_exactly_left_is_given() -> None:
    assert served({"A": NEW, "B": NEW}, 12.0) == "AB"
    assert served({"A": NEW, "B": NEW}, 11.9) == "A"
