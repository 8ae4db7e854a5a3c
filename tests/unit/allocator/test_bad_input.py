"""What nobody should say: ceilings that are no numbers, circuits that carry nothing, more minimums than amperes."""

from __future__ import annotations

from typing import Any

import pytest

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.limits import Allocation, Ceiling
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import build, evse_id, moment

A, B = evse_id("A"), evse_id("B")
TREES = {
    "wye": {"rated_a": 40},
    "delta": {"rated_a": 40, "wiring": "delta"},
    "split": {"rated_a": 40, "wiring": "split"},
    "bounded": {"rated_a": 40, "imbalance_a": 20, "reserve_a": 2},
}
RUNNING: dict[str, dict[str, Any]] = {name: {"offered_a": 10.0, "state_since": 0.0} for name in "AB"}


def tree(name: str, **root: float) -> Topology:
    stations = {"A": {"max_a": 32, "phases": "L1L2"}, "B": {"max_a": 32, "phases": "L1L2"}}
    return build({"grid": {**TREES[name], **root}}, stations)


def outcomes(site: Topology, snapshot: SiteSnapshot) -> list[Allocation]:
    """What is decided, and what would be if that failed; neither may raise, and both stand the second check."""
    decided, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    safe = safe_allocation(site, snapshot, "a test")
    for allocation in (decided, safe):
        assert verify(site, snapshot, allocation.offers) == []
    assert all(limit.limit_a <= 10.0 for limit in safe.offers.values()), "it only cuts"
    return [decided, safe]


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("ceiling_a", [float("nan"), -1.0, 0.0, float("-inf")])
@pytest.mark.parametrize("on", ["circuit", "evse", "station"])
def test_a_ceiling_that_is_no_amount_is_nothing(name: str, ceiling_a: float, on: str) -> None:
    where = {"circuit": {"circuit": CircuitId("grid")}, "evse": {"evse": A}, "station": {"evse": EvseId(A.station, 0)}}
    bound = Ceiling("k", "operator", ceiling_a, **where[on])  # type: ignore[arg-type]
    site = tree(name)
    for allocation in outcomes(site, moment(site, RUNNING, ceilings=(bound,))):
        assert allocation.offers[A].limit_a == 0.0
        assert on != "circuit" or allocation.offers[B].limit_a == 0.0


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("ceiling_a", [10_000.0, float("inf")])
def test_a_ceiling_of_ten_thousand_amperes_raises_nothing(name: str, ceiling_a: float) -> None:
    site = tree(name)
    bounds = (Ceiling("1", "x", ceiling_a, circuit=CircuitId("grid")), Ceiling("2", "x", ceiling_a, evse=A))
    with_it, _ = outcomes(site, moment(site, RUNNING, ceilings=bounds))
    without, _ = outcomes(site, moment(site, RUNNING))
    assert {e: t.limit_a for e, t in with_it.targets.items()} == {e: t.limit_a for e, t in without.targets.items()}


@pytest.mark.parametrize("name", TREES)
def test_one_that_is_over_bounds_nothing(name: str) -> None:
    site = tree(name)
    over = Ceiling("k", "x", float("nan"), circuit=CircuitId("grid"), expires_at=9_999.0)
    decided, _ = outcomes(site, moment(site, RUNNING, ceilings=(over,)))
    assert decided.targets[A].limit_a > 0


@pytest.mark.parametrize("name", TREES)
def test_a_circuit_that_carries_nothing_pauses_everybody_and_says_why(name: str) -> None:
    site = tree(name, rated_a=0.0)
    decided, _ = outcomes(site, moment(site, RUNNING))
    assert [limit.limit_a for limit in decided.offers.values()] == [0.0, 0.0]
    assert all(limit.reason.startswith("paused: circuit grid L1 has 0 A left") for limit in decided.offers.values())


@pytest.mark.parametrize("name", TREES)
def test_of_more_minimums_than_amperes_some_are_served(name: str) -> None:
    site = tree(name, rated_a=11.9)
    decided, _ = outcomes(site, moment(site, RUNNING))
    targets = [limit.limit_a for limit in decided.targets.values()]
    assert sorted(a >= 6.0 for a in targets) == [False, True]


@pytest.mark.parametrize("name", TREES)
def test_base_load_above_the_rating_is_an_alarm_and_no_raise(name: str) -> None:
    site = tree(name)
    snapshot = moment(site, {"A": {"offered_a": 0.0}, "B": {"offered_a": 0.0}}, base_load_a={"grid": (50, 50, 50)})
    decided, _ = outcomes(site, snapshot)
    assert not any(limit.limit_a for limit in decided.offers.values())
    assert any(alarm.startswith("circuit grid L1 is ") for alarm in decided.alarms)
