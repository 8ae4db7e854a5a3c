"""Equal current, equal power, or the same part of what each needs."""

from __future__ import annotations

from typing import Any

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.rules import Share
from sitectl.allocator.verify import verify
from sitectl.allocator.why import why
from sitectl.model.limits import Wish
from tests.unit.allocator.site import build, evse_id, moment

ONE, THREE = {"max_a": 32, "phases": "L1"}, {"max_a": 32, "phases": "L1L2L3"}


def shared(
    share: Share, rated_a: float, stations: dict[str, dict[str, Any]], wiring: str = "wye", **said: Any
) -> dict[str, float]:
    site = build({"grid": {"rated_a": rated_a, "wiring": wiring}}, stations)
    snapshot = moment(site, said)
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules(share=share))
    assert verify(site, snapshot, allocation.offers) == []
    return {evse.station: limit.limit_a for evse, limit in allocation.targets.items()}


def needs(name: str, energy_wh: float | None, taken_wh: float = 0.0) -> dict[str, Any]:
    return {"wish": Wish(evse_id(name), 90_000.0, energy_wh), "taken_wh": taken_wh}


def test_power_gives_a_one_phase_car_three_times_the_amperes() -> None:
    stations = {"A": ONE, "B": THREE}
    assert shared("current", 40, stations) == {"A": 20.0, "B": 20.0}
    assert shared("power", 40, stations) == {"A": 30.0, "B": 10.0}


def test_two_phases_are_half_way_and_bounds_hold() -> None:
    stations = {"A": ONE, "B": {"max_a": 32, "phases": "L1L2"}, "C": THREE}
    assert shared("power", 44, stations) == {"A": 24.0, "B": 12.0, "C": 8.0}
    assert shared("power", 20, stations) == {"A": 8.0, "B": 6.0, "C": 6.0}


def test_power_between_lines_of_a_triangle() -> None:
    found = shared("power", 60, {"A": {"max_a": 80, "phases": "L1L2"}, "B": {"max_a": 80, "phases": "L1L2L3"}}, "delta")
    assert found["A"] / found["B"] == pytest.approx(3**0.5, rel=0.01)


def test_need_shares_by_what_is_left() -> None:
    stations = {"A": ONE, "B": ONE}
    assert shared("need", 40, stations, A=needs("A", 30_000), B=needs("B", 12_000, 2_000)) == {"A": 30.0, "B": 10.0}


def test_need_counts_watts() -> None:
    found = shared("need", 40, {"A": ONE, "B": THREE}, A=needs("A", 10_000), B=needs("B", 30_000))
    assert found == {"A": 20.0, "B": 20.0}


def test_who_said_nothing_needs_the_mean_and_without_wishes_it_is_the_current() -> None:
    stations = {"A": ONE, "B": ONE, "C": ONE}
    found = shared("need", 60, stations, A=needs("A", 30_000), B=needs("B", 10_000), C=needs("C", None))
    assert found == {"A": 30.0, "B": 10.0, "C": 20.0}
    assert shared("need", 60, stations) == {"A": 20.0, "B": 20.0, "C": 20.0}


def test_who_has_all_keeps_a_little() -> None:
    stations = {"A": ONE, "B": ONE}
    assert shared("need", 40, stations, A=needs("A", 10_000, 12_000), B=needs("B", 10_000)) == {"A": 8.0, "B": 32.0}


def test_why_says_what_is_equal() -> None:
    site = build({"grid": {"rated_a": 20}}, {"A": ONE, "B": THREE})
    allocation, _ = allocate(compile_site(site), moment(site), AllocatorMemory(), SharingRules(share="power"))
    step = next(step for step in why(site, moment(site), allocation, evse_id("A")) if step["step"] == "share")
    assert step["text"] == (
        "fair share of circuit grid on L1 (the same watts for everybody: on fewer phases more amperes)"
    )
