"""What is left when everybody is near its share goes out in whole dead bands: to whom, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from tests.unit.allocator.site import build, moment

NOW = 10_000.0
RULES = SharingRules(calm_s=0.0)


def told(
    rated_a: float,
    offered: Mapping[str, float],
    held: Mapping[str, float] | None = None,
    max_a: Mapping[str, float] | None = None,
    rules: SharingRules = RULES,
    phases: str = "L1",
    **grid: Any,
) -> dict[str, float]:
    """What is told to whom; `held`: who had a raise a moment ago and must wait for the next."""
    everybody = {**offered, **(held or {})}
    limits = max_a or {}
    stations = {n: {"max_a": limits.get(n, 16), "phases": phases, "fallback_a": 0} for n in everybody}
    site = build({"grid": {"rated_a": rated_a, **grid}}, stations)
    seen: dict[str, dict[str, Any]] = {
        name: {"offered_a": a, "counts_a": a, "state_since": 0.0} for name, a in everybody.items()
    }
    for name in held or {}:
        seen[name]["last_raise_at"] = NOW - 10.0
    allocation, _ = allocate(compile_site(site), moment(site, seen, at=NOW), AllocatorMemory(), rules)
    return {evse.station: limit.limit_a for evse, limit in allocation.offers.items()}


@pytest.mark.parametrize(("rated_a", "given"), [(23.2, {}), (23.3, {"A": 8.4}), (24.3, {"A": 8.4, "B": 8.4})])
def test_a_dead_band_must_be_to_spare(rated_a: float, given: dict[str, float]) -> None:
    assert told(rated_a, {"A": 7.4, "B": 7.4, "C": 7.5}) == given


def test_who_is_farthest_below_its_share_comes_first_then_the_first_id() -> None:
    assert told(23.3, {"A": 7.5, "B": 7.3, "C": 7.5}) == {"B": 8.3}
    assert told(23.3, {"A": 7.5, "B": 7.4, "C": 7.4}) == {"B": 8.4}


@pytest.mark.parametrize(("rated_a", "given"), [(30.2, {}), (30.3, {"A": 8.4})])
def test_what_somebody_waits_for_is_not_to_spare(rated_a: float, given: dict[str, float]) -> None:
    """D has 6 A and may soon have the 7 A that it can take."""
    assert told(rated_a, {"A": 7.4, "B": 7.4, "C": 7.5}, {"D": 6.0}, {"D": 7.0}) == given


@pytest.mark.parametrize(("rated_a", "given"), [(37.2, {}), (37.3, {"A": 8.4})])
def test_nor_what_several_wait_for(rated_a: float, given: dict[str, float]) -> None:
    found = told(rated_a, {"A": 7.4, "B": 7.4, "C": 7.5}, {"D": 6.0, "E": 6.0}, {"D": 7.0, "E": 7.0})
    assert found == given


def test_nobody_gets_more_than_it_can_take_and_the_next_comes_instead() -> None:
    offered = {"A": 7.4, "B": 7.5, "C": 7.5}
    assert told(23.5, offered, max_a={"A": 8.4}) == {"A": 8.4}
    assert told(23.5, offered, max_a={"A": 8.3}) == {"B": 8.5}


def test_what_was_offered_off_the_grid_comes_back_to_it() -> None:
    whole = SharingRules(calm_s=0.0, step_a=1.0)
    assert told(24.0, {"A": 7.4, "B": 7.5, "C": 7.5}, rules=whole) == dict.fromkeys("ABC", 8.0)


@pytest.mark.parametrize(("rated_a", "given"), [(15.9, {}), (16.0, {"A": 9.0})])
def test_a_dead_band_is_whole_steps(rated_a: float, given: dict[str, float]) -> None:
    rules = SharingRules(calm_s=0.0, step_a=1.0, dead_band_a=1.5)
    assert told(rated_a, {"A": 7.0, "B": 7.0}, rules=rules) == given


def test_it_is_taken_from_every_phase_of_who_gets_it() -> None:
    assert told(24.3, {"A": 7.4, "B": 7.4, "C": 7.5}, phases="L1L2L3") == {"A": 8.4, "B": 8.4}


def test_without_a_neutral_it_is_counted_on_the_lines() -> None:
    """Between two phases all three share both lines, and nothing else does."""
    offered = {"A": 7.4, "B": 7.4, "C": 7.5}
    assert told(23.6, offered, phases="L1L2", wiring="delta") == {"A": 8.4}
