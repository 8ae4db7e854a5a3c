"""What is missing, row by row, and what is not any more once somebody gives something back."""

from __future__ import annotations

from sitectl.allocator.allocate import SharingRules, allocate
from sitectl.allocator.compiled import CompiledSite, compile_site
from sitectl.allocator.cuts import Shortage
from sitectl.allocator.rules import AllocatorMemory, Credit, Reclaimed
from sitectl.model.limits import ChargingLimit
from tests.unit.allocator.site import build, evse_id, moment

STATIONS = {"A": {"max_a": 16, "phases": "L1L2", "circuit": "garage"}}


def plan_of(wiring: str) -> tuple[CompiledSite, int, list[tuple[int, int]]]:
    """A site with one car between or on L1 and L2, its key, and its rows with what an ampere of it counts there."""
    circuits = {
        "grid": {"rated_a": 60, "wiring": wiring},
        "garage": {"parent": "grid", "rated_a": 30, "wiring": wiring},
    }
    plan = compile_site(build(circuits, STATIONS))
    key = plan.node[0] * 8 + 0b011
    terms = plan.path_terms[key] if plan.path_terms is not None else [(row, 1) for row in plan.path_rows[key]]
    return plan, key, list(terms)


def missing(plan: CompiledSite, terms: list[tuple[int, int]], now: int, due: int, fair: int, beside: int) -> Shortage:
    """So many of its own tenths on each of its rows, and `beside` on all others."""
    counts = dict(terms)
    rows = range(len(plan.rated))
    return Shortage(*([counts[row] * a if row in counts else beside for row in rows] for a in (now, due, fair)))


def test_what_is_given_back_is_missing_no_more_on_every_row_above_it_and_on_no_other() -> None:
    for wiring in ("wye", "delta"):
        plan, key, terms = plan_of(wiring)
        own = {row for row, _ in terms}
        others = set(range(len(plan.rated))) - own
        short = missing(plan, terms, 10, 20, 30, 7)
        short.given_back(plan, key, 10)
        assert (short.rows_now, short.rows_due, short.rows_fair) == (others, own | others, own | others)
        for row, counts in terms:
            assert (short.now[row], short.due[row], short.fair[row]) == (0, 10 * counts, 20 * counts)
        short.given_back(plan, key, 20)
        assert (short.rows_now, short.rows_due, short.rows_fair) == (others, others, others)
        assert all(short.fair[row] == 7 for row in others)


def test_a_tenth_that_is_missing_is_missing() -> None:
    plan, key, terms = plan_of("wye")
    own = {row for row, _ in terms}
    short = missing(plan, terms, 10, 10, 10, 0)
    short.given_back(plan, key, 9)
    assert short.rows_now == short.rows_due == short.rows_fair == own
    short.given_back(plan, key, 1)
    assert short.rows_now == short.rows_due == short.rows_fair == set()


def test_what_is_kept_by_name_outlives_another_tree_and_what_is_kept_by_number_does_not() -> None:
    evse = evse_id("A")
    by_name = AllocatorMemory(
        unstarted={evse: None},
        reclaimed={evse: Reclaimed(60, 1.0, None)},
        credits={evse: Credit(5.0, None, 2.0)},
        promised=frozenset({evse}),
    )
    by_number = AllocatorMemory(
        unstarted=by_name.unstarted,
        targets=(ChargingLimit(evse, 6.0, ""),),
        reclaimed=by_name.reclaimed,
        short=frozenset({1}),
        credits=by_name.credits,
        promised=by_name.promised,
        contended={1: 1.0},
        shortages={1: (1.0, 2.0)},
        borne={1: 1.0},
        spare_since={1: 1.0},
    )
    assert by_number.over_another_tree() == by_name


def test_who_is_spared_spares_nobody_on_another_phase() -> None:
    """A and C are half an ampere off their shares, which is fair; on L2, D begins and needs what B has too much."""
    stations = {name: {"max_a": 16, "phases": "L1" if name in "AC" else "L2", "fallback_a": 0} for name in "ABCD"}
    site = build({"grid": {"rated_a": 20}}, stations)
    running = {"A": 10.5, "B": 10.4, "C": 9.5}
    seen = {name: {"offered_a": a, "counts_a": a, "state_since": 0.0} for name, a in running.items()}
    allocation, _ = allocate(compile_site(site), moment(site, seen), AllocatorMemory(), SharingRules())
    assert {evse.station: limit.limit_a for evse, limit in allocation.offers.items()} == {"B": 9.4, "D": 9.6}
