"""Lines between which stations are connected: what stations draw there, and what is base load beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sitectl.model import events
from sitectl.model.circuit import Circuit, Topology, Wiring, topology
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents, PhaseRotation
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.limits import Allocation
from sitectl.model.metering import MeterReading
from sitectl.site.shares import circuit_shares
from sitectl.state.if_dead import in_force
from sitectl.state.site_state import SiteRules, SiteState, initial_state
from sitectl.state.snapshot import snapshot
from sitectl.state.triangle import at_least, least_a, most_a, place_of
from tests.unit.state.small_site import (
    A1,
    B1,
    GARAGE,
    GRID,
    MAIN,
    A,
    B,
    accepted,
    after,
    arrives,
    begins,
    draws,
    fallback,
    held,
    meter,
    plan,
    site,
    told,
)

AB = PhaseRotation((Phase.L1, Phase.L2), line_to_line=True)
CA = PhaseRotation((Phase.L3, Phase.L1), line_to_line=True)


def wired(site: Topology, wiring: Wiring) -> Topology:
    return topology({n: replace(c, wiring=wiring) for n, c in site.circuits.items()}, site.stations)


def both_draw(wiring: Wiring = Wiring.DELTA) -> SiteState:
    """A draws 30 A between L1 and L2, B as much between L3 and L1, each told and accepted so."""
    tree = wired(site(plan(A, rotation=AB), plan(B, rotation=CA)), wiring)
    state = initial_state(tree, SiteRules(meter_intervals_s={MAIN: 1.0}), 0.0)
    state = after(state, [*arrives(A), *arrives(B), *fallback(A1), *fallback(B1, 2), begins(A1), begins(B1, "t2")])
    state = after(state, [*accepted(told(A1, 3, 30.0, 0.0), 0.0), *accepted(told(B1, 4, 30.0, 0.0), 0.0)])
    return after(state, [draws(A1, 9.0, 30.0, 0.0, 0.0, phases=1), draws(B1, 9.0, 30.0, 0.0, 0.0, phases=1)])


def test_equal_pairs_make_the_root_of_three_on_the_line_they_share() -> None:
    assert least_a((30.0, 0.0, 30.0), (0.0,) * 3) == pytest.approx((51.96, 30.0, 30.0), abs=0.01)


def test_what_is_on_all_lines_may_add_up_with_a_pair_or_less() -> None:
    assert most_a((30.0, 0.0, 0.0), (10.0,) * 3) == pytest.approx((40.0, 40.0, 10.0))
    assert least_a((30.0, 0.0, 0.0), (10.0,) * 3)[0] == pytest.approx(36.06, abs=0.01)


def test_places_are_pairs_whatever_their_order_and_all_lines() -> None:
    assert [place_of(p) for p in ((Phase.L2, Phase.L1), (Phase.L3, Phase.L2), (Phase.L1, Phase.L3), ALL_PHASES)] == [
        0,
        1,
        2,
        3,
    ]


def test_a_reading_of_one_line_comes_back_by_the_other() -> None:
    state = both_draw()
    assert held(state, A1).measured_grid() == PhaseCurrents(30.0, 30.0, 0.0)
    assert held(state, A1).phases() == AB.phases
    for at in range(10, 60, 10):
        state = after(state, [draws(A1, float(at), 30.0, 0.0, 0.0, phases=1)])
    assert held(state, A1).phases() == AB.phases, "not taken for a car on one phase"


def test_the_base_is_the_meter_less_the_vector_sum() -> None:
    """The meter shows 61.96 A: a plain sum of 60 A would make 1.96 A of a base load of 10 A."""
    state = after(both_draw(), [meter(float(at), 61.96, 40.0, 40.0) for at in range(10, 31)])
    base = state.bases[GRID].upper()
    assert base is not None
    assert base == pytest.approx((11.0, 11.0, 11.0), abs=0.05), "and one per cent of the rating on top"


def test_if_dead_and_shares_add_up_vectors() -> None:
    state = both_draw()
    seen, pictures = snapshot(state, 10.0)
    assert in_force(state.topology, seen, pictures)[GRID].lawful_a == pytest.approx((51.96, 30.0, 30.0), abs=0.01)
    shares = circuit_shares(state, seen, Allocation(10.0, {}, {}), {})
    assert shares[GARAGE].allocated_a == (52.0, 30.0, 30.0)


def test_plain_sums_of_meters_below_are_a_bound_with_an_angle() -> None:
    """60 A in all, 30 A each of two pairs: the meter above shows 52 A and is right."""
    assert at_least(PhaseCurrents(60.0, 30.0, 30.0)) == pytest.approx((51.96, 25.98, 25.98), abs=0.01)
    tree = wired(site(plan(A, rotation=AB), plan(B, rotation=CA)), Wiring.DELTA)
    extra = {CircuitId(n): Circuit(CircuitId(n), GRID, 63.0, MeterId(n), wiring=Wiring.DELTA) for n in ("one", "two")}
    tree = topology({**tree.circuits, **extra}, tree.stations)
    intervals = {MAIN: 1.0, MeterId("one"): 1.0, MeterId("two"): 1.0}
    state = initial_state(tree, SiteRules(meter_intervals_s=intervals), 0.0)
    for at in range(1, 60):
        for name, shown in (("one", (30.0, 30.0, 0.0)), ("two", (30.0, 0.0, 30.0))):
            state = after(state, [events.MeterRead(MeterReading(MeterId(name), float(at), PhaseCurrents(*shown)))])
        state = after(state, [meter(float(at), 52.0, 30.0, 30.0)])
    assert state.meters[MAIN].mistrust == ""


def test_split_legs_add_up_plainly() -> None:
    state = both_draw(Wiring.SPLIT)
    seen, pictures = snapshot(state, 10.0)
    assert in_force(state.topology, seen, pictures)[GRID].lawful_a == (60.0, 30.0, 30.0)
