"""Credits of those who wait: what they begin with, what they keep, what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sitectl.allocator.compiled import compile_site
from sitectl.allocator.demand import read_demand
from sitectl.allocator.headroom import read_ceilings
from sitectl.allocator.rules import AllocatorMemory, Credit, SharingRules
from sitectl.allocator.turns import SELDOM_S, Turns
from sitectl.model.ids import TransactionId
from sitectl.model.limits import Urgency
from tests.unit.allocator.site import build, evse_id, moment

NOW, RULES = 10_000.0, SharingRules()
QUANTUM = RULES.quantum_s
SITE = build({"grid": {"rated_a": 30}}, {name: {"max_a": 16, "phases": "L1"} for name in "ABCD"})
PLAN = compile_site(SITE)
A, B, C, D = (PLAN.index[evse_id(name)] for name in "ABCD")
ROW = PLAN.path_rows[PLAN.node[A] * 8 + 1][-1]


def own(name: str) -> TransactionId:
    return TransactionId(f"transaction of {evse_id(name)}")


def turns(
    credits: Mapping[str, tuple[float, float | None]] | None = None,
    contended: Mapping[int, float] | None = None,
    evses: Mapping[str, Mapping[str, Any]] | None = None,
    rules: SharingRules = RULES,
    promised: str = "",
    **more: Any,
) -> Turns:
    """`credits`: the seconds of each, and since when it waits (None: it charges)."""
    memory = AllocatorMemory(
        credits={evse_id(n): Credit(s, own(n), since) for n, (s, since) in (credits or {}).items()},
        contended=contended or {},
        promised=frozenset(evse_id(n) for n in promised),
    )
    snapshot = moment(SITE, evses, at=NOW, **more)
    return Turns(PLAN, read_demand(PLAN, snapshot, read_ceilings(PLAN, snapshot), memory, 1), memory, rules, NOW)


def test_who_waits_earns_with_time_and_who_charges_keeps_what_he_has() -> None:
    found = turns({"A": (100.0, NOW - 50.0), "B": (70.0, None)})
    assert (found.credit, found.since) == ({A: 150.0, B: 70.0}, {A: NOW - 50.0})
    assert (found.waited_s(A), found.waited_s(B)) == (50.0, 0.0)


def test_credits_belong_to_a_transaction() -> None:
    found = turns({"A": (100.0, NOW - 50.0)}, evses={"A": {"transaction": TransactionId("the next")}})
    assert (found.credit, found.since) == ({}, {})


def test_what_is_kept_of_somebody_who_is_not_here_is_passed_over() -> None:
    found = turns({"A": (100.0, None), "X": (50.0, NOW)}, promised="XB")
    assert (found.credit, found.promised) == ({A: 100.0}, {B})


def test_credits_order_by_whole_quanta() -> None:
    found = turns({"A": (QUANTUM - 1.0, None), "B": (QUANTUM, None), "C": (3.5 * QUANTUM, None)})
    assert [found.quanta(number) for number in (A, B, C, D)] == [0, 1, 3, 0]


def test_who_goes_by_its_laxity_or_drew_nothing_is_more_patient() -> None:
    found = turns(evses={"B": {"satisfied": True}}, urgency={evse_id("A"): Urgency(1, 60.0)})
    assert [found.patience_s(number) for number in (A, B, C)] == [SELDOM_S, SELDOM_S, QUANTUM]
    slow = turns(evses={"B": {"satisfied": True}}, rules=SharingRules(quantum_s=2 * SELDOM_S))
    assert slow.patience_s(B) == slow.patience_s(C) == 2 * SELDOM_S


# --- beginning to wait ---


def test_who_begins_is_level_with_the_least_of_those_who_charge() -> None:
    found = turns({"A": (500.0, None), "B": (300.0, None)}, {ROW: NOW})
    found.begin([C], ROW, [A, B])
    assert found.credit == {A: 500.0, B: 300.0, C: 300.0}
    found.begin([D], ROW, [A])
    assert found.credit[D] == 500.0


def test_who_has_more_keeps_it_where_others_have_waited_lately() -> None:
    found = turns({"A": (500.0, None), "B": (300.0, None), "C": (900.0, None)}, {ROW: NOW})
    found.begin([C], ROW, [A, B])
    assert found.credit[C] == 900.0


def test_where_somebody_who_charges_has_none_who_begins_has_none() -> None:
    found = turns({"A": (500.0, None)}, {ROW: NOW})
    found.begin([C], ROW, [A, B])
    assert C not in found.credit


@pytest.mark.parametrize(("last", "credits"), [(QUANTUM, {A: 500.0, C: 900.0}), (QUANTUM + 1.0, {})])
def test_where_nobody_has_waited_for_a_quantum_all_begin_anew(last: float, credits: dict[int, float]) -> None:
    found = turns({"A": (500.0, None), "C": (900.0, None)}, {ROW: NOW - last})
    found.begin([C], ROW, [A])
    assert found.credit == credits
    assert found.contended() == {ROW: NOW}


def test_what_is_waited_for_goes_on() -> None:
    found = turns(contended={ROW: NOW - 100.0})
    assert found.contended() == {ROW: NOW - 100.0}
    found.goes_on([ROW])
    assert found.contended() == {ROW: NOW}


def test_who_charges_and_competes_elsewhere_keeps_what_he_has() -> None:
    """A and B share the garage's line with C; D waits for a line of its own circuit."""
    site = build(
        {"grid": {"rated_a": 60}, "garage": {"parent": "grid", "rated_a": 30}},
        {n: {"max_a": 16, "phases": "L1", "circuit": "garage" if n in "AB" else "grid"} for n in "ABCD"},
    )
    plan = compile_site(site)
    a, c = plan.index[evse_id("A")], plan.index[evse_id("C")]
    garage, grid = plan.path_rows[plan.node[a] * 8 + 1]
    memory = AllocatorMemory(credits={evse_id("A"): Credit(500.0, own("A"), None)}, contended={garage: NOW})
    snapshot = moment(site, at=NOW)
    demand = read_demand(plan, snapshot, read_ceilings(plan, snapshot), memory, 1)
    found = Turns(plan, demand, memory, RULES, NOW)
    found.begin([c], grid, [a])
    assert found.credit == {a: 500.0, c: 500.0}


# --- giving a place ---


def test_who_gives_his_place_keeps_what_he_has() -> None:
    found = turns({"A": (100.0, None), "B": (500.0, None)})
    found.leave(A, [B])
    assert found.credit[A] == 100.0
    found.leave(C, [])
    assert found.credit[C] == 0.0


@pytest.mark.parametrize(
    ("b", "c", "after"),
    [
        (2 * QUANTUM + 100.0, 5 * QUANTUM, 100.0),
        (2 * QUANTUM + 101.0, 5 * QUANTUM, 101.0),
        (4 * QUANTUM, 5 * QUANTUM, 2 * QUANTUM),
        (5 * QUANTUM, 4 * QUANTUM, 2 * QUANTUM),
        (50.0, 5 * QUANTUM, 100.0),
    ],
)
def test_unless_he_is_two_quanta_behind_all_who_stay(b: float, c: float, after: float) -> None:
    found = turns({"A": (100.0, None), "B": (b, None), "C": (c, None)})
    found.leave(A, [B, C])
    assert found.credit[A] == after


# --- for the next cycle ---


def test_who_goes_on_waiting_keeps_since_when_and_who_begins_begins_now() -> None:
    found = turns({"A": (100.0, NOW - 50.0), "B": (70.0, None), "C": (30.0, None)})
    kept = found.credits([A, C, D])
    assert kept == {
        evse_id("A"): Credit(100.0, own("A"), NOW - 50.0),
        evse_id("C"): Credit(30.0, own("C"), NOW),
        evse_id("D"): Credit(0.0, own("D"), NOW),
        evse_id("B"): Credit(70.0, own("B"), None),
    }
    assert found.waited(kept) == {evse_id("A"): 150.0, evse_id("B"): 70.0, evse_id("C"): 30.0}


def test_who_got_a_place_keeps_what_he_waited() -> None:
    found = turns({"A": (100.0, NOW - 50.0)})
    assert found.credits([]) == {evse_id("A"): Credit(150.0, own("A"), None)}


def test_no_credit_is_not_kept() -> None:
    found = turns({"A": (0.0, None)})
    assert found.credits([]) == {}
