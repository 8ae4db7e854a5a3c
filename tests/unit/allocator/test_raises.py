"""A raise uses what is free while everything that may still be in force counts: how much of it goes out."""

from __future__ import annotations

from typing import Any

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.demand import NEVER_OFFERED
from tests.unit.allocator.site import build, evse_id, moment

NOW, RULES = 10_000.0, SharingRules()


def told(rated_a: float, a: dict[str, Any], rules: SharingRules = RULES, max_a: float = 10.0) -> float | None:
    """What A is told while B, which shall have 10 A, may still draw 14 A; both are on one line of so much."""
    site = build(
        {"grid": {"rated_a": rated_a}},
        {"A": {"max_a": max_a, "phases": "L1", "fallback_a": 0}, "B": {"max_a": 10, "phases": "L1", "fallback_a": 0}},
    )
    old = {"state_since": 0.0}
    seen = {"A": old | a, "B": old | {"offered_a": 10.0, "counts_a": 14.0}}
    allocation, _ = allocate(compile_site(site), moment(site, seen, at=NOW), AllocatorMemory(), rules)
    offer = allocation.offers.get(evse_id("A"))
    return None if offer is None else offer.limit_a


@pytest.mark.parametrize(("free_a", "offer"), [(0, None), (0.9, None), (1, 7.0), (3.9, 9.9), (4, 10.0), (9, 10.0)])
def test_as_much_as_is_free_where_that_is_a_dead_band(free_a: float, offer: float | None) -> None:
    assert told(20.0 + free_a, {"offered_a": 6.0, "counts_a": 6.0}) == offer


@pytest.mark.parametrize(("free_a", "offer"), [(5.9, None), (6.0, 6.0), (6.4, 6.4), (12.0, 10.0)])
def test_who_begins_gets_its_minimum_or_nothing(free_a: float, offer: float | None) -> None:
    assert told(14.0 + free_a, {"offered_a": 0.0}) == offer


def test_what_goes_out_in_part_lies_on_the_grid_of_limits() -> None:
    whole = SharingRules(step_a=1.0)
    assert told(21.9, {"offered_a": 6.0, "counts_a": 6.0}, whole) == 7.0
    assert told(20.9, {"offered_a": 6.0, "counts_a": 6.0}, whole) is None


def test_what_it_may_still_draw_is_its_own_and_the_dead_band_counts_from_what_it_was_told() -> None:
    assert told(22.5, {"offered_a": 6.0, "counts_a": 8.0}) == 8.5
    assert told(22.0, {"offered_a": 6.0, "counts_a": 8.0}) == 8.0
    assert told(22.0, {"offered_a": 7.1, "counts_a": 8.0}) is None


def test_who_was_paused_and_may_still_draw_counts_from_that() -> None:
    assert told(22.9, {"offered_a": 0.0, "counts_a": 8.0}) is None
    assert told(23.0, {"offered_a": 0.0, "counts_a": 8.0}) == 9.0


def test_what_it_may_draw_anyway_takes_nothing_from_anybody() -> None:
    assert told(20.0, {"offered_a": 0.0, "counts_a": 6.0}, max_a=6.0) == 6.0
    assert told(19.9, {"offered_a": 0.0, "counts_a": 6.0}, max_a=6.0) is None


def test_who_was_never_told_anything_is_told_what_it_may_draw_at_once() -> None:
    """Even where nothing is free: it is no raise. `NEVER_OFFERED` lies below every offer."""
    assert NEVER_OFFERED < 0
    assert told(16.0, {"offered_a": None, "counts_a": 6.0}, max_a=6.0) == 6.0
    assert told(20.0, {"offered_a": None, "counts_a": 5.9}, max_a=6.0) == 6.0
    assert told(19.9, {"offered_a": None, "counts_a": 5.9}, max_a=6.0) is None
