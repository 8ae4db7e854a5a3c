"""Totals of the circuits, for people."""

from __future__ import annotations

from dataclasses import replace

from sitectl.model import events
from sitectl.model.limits import Allocation, Ceiling, ChargingLimit
from sitectl.site.shares import circuit_shares
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import A1, B1, GARAGE, GRID, B, after, begins, charging


def test_who_shares_is_allocated_everybody_else_reserved() -> None:
    state = after(charging(16.0), [begins(B1, "t2"), events.StationDisconnected(B, 1.0, "")])
    state = after(state, [events.StationConnected("stranger", 1.0, "1.6", "", quarantined=True)])
    seen, _ = snapshot(state, 2.0)
    cut = {A1: ChargingLimit(A1, 12.0, "")}
    shares = circuit_shares(state, seen, Allocation(2.0, cut, cut), {})
    assert (shares[GARAGE].allocated_a.l1, shares[GARAGE].reserved_a.l1) == (12.0, 6.0)
    assert (shares[GRID].allocated_a.l1, shares[GRID].reserved_a.l1) == (12.0, 6.0 + 32.0)
    unchanged = circuit_shares(state, seen, Allocation(2.0, cut, {}), {})
    assert unchanged[GARAGE].allocated_a.l1 == 16.0, "what holds until something else is said"


def test_a_margin_is_reserved() -> None:
    state = charging(16.0)
    grid = replace(state.topology.circuits[GRID], reserve_a=2.0)
    state = replace(state, topology=replace(state.topology, circuits={**state.topology.circuits, GRID: grid}))
    shares = circuit_shares(state, snapshot(state, 2.0)[0], Allocation(2.0, {}, {}), {})
    assert (shares[GRID].reserved_a.l3 - shares[GARAGE].reserved_a.l3) == 2.0


def test_the_ceiling_is_the_lowest_of_rating_and_ceilings() -> None:
    def ceiling(key: str, a: float) -> events.CeilingSet:
        return events.CeilingSet(Ceiling(key, "operator", a, circuit=GRID), 0.0)

    state = after(charging(), [ceiling("high", 120.0), ceiling("low", 60.0)])
    shares = circuit_shares(state, snapshot(state, 1.0)[0], Allocation(1.0, {}, {}), {})
    assert (shares[GRID].ceiling_a.l1, shares[GARAGE].ceiling_a.l1) == (60.0, 63.0)
