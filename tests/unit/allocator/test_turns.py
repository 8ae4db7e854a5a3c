"""One moment in which turns are due or not: who gives a place to whom, at the very bounds of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.idle import TRIED_AGAIN_S
from sitectl.allocator.rotation import MOST_CHANGES
from sitectl.allocator.rules import Credit
from sitectl.allocator.turns import SELDOM_S
from sitectl.model.ids import TransactionId
from sitectl.model.limits import Urgency
from tests.unit.allocator.site import build, evse_id, moment

NOW, RULES = 10_000_000.0, SharingRules()
QUANTUM, DWELL = RULES.quantum_s, RULES.dwell_s


def runs(for_s: float = 2000.0, a: float = 6.0, **more: Any) -> dict[str, Any]:
    """Who has charged for so long."""
    return {"offered_a": a, "counts_a": a, "state_since": NOW - for_s, **more}


def waits(**more: Any) -> dict[str, Any]:
    """Who has been paused for long."""
    return {"offered_a": 0.0, "state_since": NOW - 50_000.0, **more}


def served(
    cars: Mapping[str, Mapping[str, Any]],
    credits: Mapping[str, tuple[float, float | None]],
    rated_a: float = 6.0,
    grid: Mapping[str, Any] | None = None,
    **more: Any,
) -> str:
    """The names of those who have a place now. `credits`: what each had, and for how long it has waited since (None:
    it charges). Cars are one letter; `L` in their facts: their phases, `min_a`, `priority`, `circuit` theirs."""
    plan = {
        name: {"max_a": 16, "fallback_a": 0, "phases": "L1"} | {k: facts[k] for k in PLAN if k in facts}
        for name, facts in cars.items()
    }
    circuits = {"grid": {"rated_a": rated_a}, **(grid or {})}
    site = build(circuits, plan)
    seen = {name: {k: v for k, v in facts.items() if k not in PLAN} for name, facts in cars.items()}
    memory = AllocatorMemory(
        credits={
            evse_id(name): Credit(
                seconds, TransactionId(f"transaction of {evse_id(name)}"), None if since is None else NOW - since
            )
            for name, (seconds, since) in credits.items()
        },
        contended=dict.fromkeys(range(99), NOW),
    )
    allocation, _ = allocate(compile_site(site), moment(site, seen, at=NOW, **more), memory, RULES)
    return "".join(sorted(evse.station for evse, limit in allocation.targets.items() if limit.limit_a))


PLAN = ("phases", "min_a", "priority", "circuit", "max_a")


@pytest.mark.parametrize(("ahead_s", "place"), [(QUANTUM - 0.1, "A"), (QUANTUM, "B")])
def test_a_quantum_ahead_is_a_turn(ahead_s: float, place: str) -> None:
    cars = {"A": runs(QUANTUM - 1.0), "B": waits()}
    assert served(cars, {"A": (100.0, None), "B": (ahead_s, 100.0)}) == place


@pytest.mark.parametrize(
    ("waited_s", "ran_s", "credit_of_a", "place"),
    [
        (QUANTUM, QUANTUM, 900.0, "B"),
        (QUANTUM - 1.0, QUANTUM, 899.0, "A"),
        (QUANTUM, QUANTUM - 1.0, 900.0, "A"),
        (QUANTUM, QUANTUM, 901.0, "A"),
    ],
)
def test_a_wait_and_a_run_of_a_quantum_are_a_turn_for_who_has_no_less_credit(
    waited_s: float, ran_s: float, credit_of_a: float, place: str
) -> None:
    cars = {"A": runs(ran_s), "B": waits()}
    assert served(cars, {"A": (credit_of_a, None), "B": (0.0, waited_s)}) == place


@pytest.mark.parametrize(("ran_s", "place"), [(DWELL - 1.0, "A"), (DWELL, "B")])
def test_nobody_goes_before_its_least_run(ran_s: float, place: str) -> None:
    cars = {"A": runs(ran_s), "B": waits()}
    assert served(cars, {"A": (0.0, None), "B": (9 * QUANTUM, 100.0)}) == place


def test_who_charges_since_nobody_knows_when_has_had_its_run() -> None:
    cars = {"A": runs() | {"state_since": None}, "B": waits()}
    assert served(cars, {"A": (0.0, None), "B": (9 * QUANTUM, 100.0)}) == "B"


def test_who_does_not_wake_gives_no_place() -> None:
    cars = {"A": runs(sleeps=True), "B": waits()}
    assert served(cars, {"A": (0.0, None), "B": (9 * QUANTUM, 100.0)}) == "A"


def test_the_most_credit_comes_first() -> None:
    cars = {"A": runs(), "B": waits(), "C": waits()}
    assert served(cars, {"B": (2 * QUANTUM, 100.0), "C": (4 * QUANTUM, 100.0)}) == "C"


def test_within_a_quantum_who_has_waited_longer_comes_first() -> None:
    cars = {"A": runs(), "B": waits(), "C": waits()}
    credits = {"B": (2 * QUANTUM, 100.0), "C": (2 * QUANTUM - 500.0, 500.0)}
    assert served(cars, credits) == "C"


def test_of_equals_who_needs_the_fewest_phases_comes_first() -> None:
    cars = {"A": runs(phases="L1L2L3"), "B": waits(phases="L1L2L3"), "C": waits(phases="L1")}
    assert served(cars, dict.fromkeys("BC", (2 * QUANTUM, 100.0))) == "C"


def test_of_those_who_charge_who_has_the_least_credit_gives_his_place() -> None:
    cars = {"A": runs(), "B": runs(), "C": waits()}
    assert served(cars, {"A": (500.0, None), "B": (400.0, None), "C": (2 * QUANTUM, 100.0)}, 12.0) == "AC"
    assert served(cars, {"A": (400.0, None), "B": (500.0, None), "C": (2 * QUANTUM, 100.0)}, 12.0) == "BC"


@pytest.mark.parametrize(("rated_a", "places"), [(18.0, "CD"), (23.9, "CD"), (24.0, "BCD"), (30.0, "ABCD")])
def test_as_many_give_their_places_as_are_needed_and_no_more(rated_a: float, places: str) -> None:
    cars = {"A": runs(), "B": runs(), "C": runs(), "D": waits(min_a=12)}
    assert served(cars, {"A": (1.0, None), "B": (2.0, None), "C": (3.0, None), "D": (2 * QUANTUM, 100.0)}, rated_a) == (
        places
    )


def test_nobody_goes_where_even_all_who_may_are_not_enough() -> None:
    cars = {"A": runs(), "B": runs(100.0), "D": waits(min_a=12)}
    assert served(cars, {"D": (9 * QUANTUM, 100.0)}, 12.0) == "AB"


def test_what_a_turn_takes_of_another_phase_is_not_given_twice() -> None:
    """B takes L1 from A and the last of L2; C would need a place on L2, where nobody can give one."""
    cars = {"A": runs(), "B": waits(phases="L1L2"), "C": waits(phases="L2L3", min_a=6.1)}
    credits = {"B": (4 * QUANTUM, 100.0), "C": (2 * QUANTUM, 100.0)}
    assert served(cars, credits, 6.0) == "B"


def test_a_place_on_every_phase_that_lacks_is_needed() -> None:
    cars = {"A": runs(phases="L1"), "B": runs(100.0, phases="L2"), "C": waits(phases="L1L2")}
    assert served(cars, {"C": (9 * QUANTUM, 100.0)}) == "AB", "B has not had its run"
    cars["B"] = runs(phases="L2")
    assert served(cars, {"C": (9 * QUANTUM, 100.0)}) == "C"


def test_turns_are_taken_within_one_class_of_urgency() -> None:
    cars = {"A": runs(), "B": waits()}
    long = {"A": (0.0, None), "B": (2 * SELDOM_S, 100.0)}

    def with_urgency(a: int | None, b: int | None) -> str:
        of = {"A": a, "B": b}
        return served(
            cars, long, urgency={evse_id(n): Urgency(rank, 1.0) for n, rank in of.items() if rank is not None}
        )

    assert with_urgency(1, 1) == "B"
    assert with_urgency(0, 1) == "A"
    assert with_urgency(None, None) == "B"


def test_who_is_served_by_its_laxity_takes_a_turn_only_after_hours() -> None:
    cars = {"A": runs(), "B": waits()}
    urgency = {evse_id(n): Urgency(1, 1.0) for n in "AB"}
    assert served(cars, {"B": (SELDOM_S - 200.0, 100.0)}, urgency=urgency) == "A"
    assert served(cars, {"B": (SELDOM_S - 100.0, 100.0)}, urgency=urgency) == "B"


def test_a_place_without_use_goes_to_anybody_at_once() -> None:
    """Also to one of a lower class that has only just come."""
    cars = {"A": runs(DWELL, draws_at_most_a=0.9, priority=2), "B": waits()}
    assert served(cars, {}) == "B"
    cars["A"]["draws_at_most_a"] = 1.0
    assert served(cars, {}) == "A"
    cars["A"] = runs(DWELL - 1.0, draws_at_most_a=0.9, priority=2)
    assert served(cars, {}) == "A"


@pytest.mark.parametrize(("paused_s", "place"), [(TRIED_AGAIN_S - 1.0, "A"), (TRIED_AGAIN_S, "B")])
def test_who_drew_nothing_of_its_last_place_waits_an_hour_for_another(paused_s: float, place: str) -> None:
    cars = {
        "A": runs(draws_at_most_a=0.0),
        "B": waits(satisfied=True, sleeps=True) | {"state_since": NOW - paused_s},
    }
    assert served(cars, {}) == place


def test_so_many_places_change_hands_in_one_cycle() -> None:
    old, new = "ABCDEFGHIJKLMNOPQRST", "abcdefghijklmnopqrst"
    cars = {name: runs() for name in old} | {name: waits() for name in new}
    now = served(cars, dict.fromkeys(new, (2 * QUANTUM, 100.0)), 6.0 * len(old))
    assert sum(name in new for name in now) == MOST_CHANGES
    assert len(now) == len(old)


@pytest.mark.parametrize(
    ("rated_a", "min_a", "places"),
    [(12.0, 6, "BC"), (15.0, 6, "BC"), (16.5, 6, "ABC"), (12.0, 12, "C"), (15.0, 12, "C"), (16.5, 12, "BC")],
)
def test_without_a_neutral_a_place_is_what_it_frees_on_the_lines(rated_a: float, min_a: float, places: str) -> None:
    """A and B hold 6 A each between L1 and L2. Beside one of them 6 A between L1 and L3 make 10.4 A on L1, and 12 A
    make 15.9 A; beside both, 6 A make 15.9 A."""
    cars = {"A": runs(phases="L1L2"), "B": runs(phases="L1L2"), "C": waits(phases="L1L3", min_a=min_a)}
    found = served(
        cars,
        {"A": (0.0, None), "B": (10.0, None), "C": (2 * QUANTUM, 100.0)},
        grid={"grid": {"rated_a": rated_a, "wiring": "delta"}},
    )
    assert found == places
