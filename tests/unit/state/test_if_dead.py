"""If this process dies now: the three inequalities, and how long limits may live."""

from __future__ import annotations

import pytest

from sitectl.model.circuit import Circuit
from sitectl.model.electrical import ALL_PHASES, PhaseCurrents, PhaseRotation
from sitectl.model.ids import CircuitId
from sitectl.state.breaker import bearable_ratio, trip_time_s
from sitectl.state.if_dead import InForce, if_dead, in_force, lifetime_s
from sitectl.state.rise import BaseRise, base_that_may_come, remembered, sampled
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    GARAGE,
    GRID,
    A,
    B,
    accepted,
    after,
    arrives,
    begins,
    charging,
    draws,
    events,
    fallback,
    fresh,
    plan,
    site,
    told,
)
from tests.unit.state.test_rise import week

GRID_OF_100 = Circuit(GRID, None, 100.0, base_load_worst_a=60.0)


def three(a: float) -> PhaseCurrents:
    return PhaseCurrents(a, a, a)


def force(lawful_a: float, for_s: float, fallback_a: float = 40.0) -> InForce:
    return InForce(three(lawful_a), three(fallback_a), for_s, three(lawful_a))


@pytest.mark.parametrize(("ratio", "seconds"), [(1.13, 3600.0), (1.45, 293.0), (2.0, 11.5), (2.55, 1.0)])
def test_the_envelope_runs_through_the_fixed_points_of_the_standard(ratio: float, seconds: float) -> None:
    assert trip_time_s(ratio) == pytest.approx(seconds, rel=0.03)
    assert bearable_ratio(seconds / 10.0) == pytest.approx(ratio, rel=0.003)


def test_at_its_rating_a_breaker_holds_for_ever() -> None:
    assert trip_time_s(1.0) == float("inf")
    assert bearable_ratio(1e9) == 1.0


def test_what_fits_with_the_worst_base_load_holds() -> None:
    found = if_dead(GRID_OF_100, force(40.0, 1800.0), three(20.0))
    assert (found.ratio, found.holds) == (1.0, True)


def test_a_little_more_holds_while_limits_are_short() -> None:
    assert if_dead(GRID_OF_100, force(50.0, 400.0), three(20.0)).holds
    found = if_dead(GRID_OF_100, force(50.0, 1800.0), three(20.0))
    assert not found.holds
    assert found.text == "if this box dies now: at worst 1.10 x for 1800 s on grid L1"


def test_more_than_the_rating_now_does_not_hold() -> None:
    assert not if_dead(GRID_OF_100, force(81.0, 1.0), three(20.0)).holds


def test_fallbacks_that_do_not_fit_do_not_hold() -> None:
    assert not if_dead(GRID_OF_100, force(0.0, 0.0, fallback_a=41.0), three(20.0)).holds


def test_a_base_load_above_the_configured_worst_is_reckoned_with() -> None:
    assert if_dead(GRID_OF_100, force(30.0, 60.0), three(75.0)).ratio == 1.05
    assert lifetime_s(GRID_OF_100, force(30.0, 60.0), three(75.0)) < lifetime_s(GRID_OF_100, force(30.0, 60.0), None)


def test_limits_may_live_as_long_as_the_breaker_bears() -> None:
    assert lifetime_s(GRID_OF_100, force(40.0, 0.0), None) == float("inf")
    assert lifetime_s(GRID_OF_100, force(53.0, 0.0), None) == pytest.approx(360.0)


def test_circuits_are_added_up_from_the_leaves_to_the_root() -> None:
    two = site(plan(A, rotation=PhaseRotation(ALL_PHASES[:1])), plan(B, circuit=CircuitId("grid")))
    state = after(fresh(two), [*arrives(A), *arrives(B), *fallback(A1), begins(A1)])
    state = after(state, [events.StationConnected("stranger", 0.0, "1.6", "", quarantined=True)])
    seen, pictures = snapshot(state, 1.0)
    found = in_force(state.topology, seen, pictures)
    assert found[GARAGE].lawful_a == (6.0, 0.0, 0.0)
    assert found[GRID].lawful_a == (6.0 + 32.0 + 32.0, 32.0 + 32.0, 32.0 + 32.0), "B was never told, one nobody listed"
    assert found[GRID].fallback_a == (12.0, 6.0, 6.0)
    assert found[GRID].for_s == 0.0


def test_the_longest_limit_below_says_for_how_long() -> None:
    state = charging(16.0, at=10.0)
    seen, pictures = snapshot(state, 20.0)
    found = in_force(state.topology, seen, pictures)
    assert found[GRID].for_s == found[GARAGE].for_s == pytest.approx(235.0)
    later = in_force(state.topology, snapshot(state, 30.0, pictures)[0], pictures)
    assert later[GRID].for_s == pytest.approx(225.0)


def paused(lives_s: float) -> SiteState:
    """A runs at 16 A until 235 s, B was told 0 A for so long; both fall back to 6 A."""
    state = after(charging(16.0), [begins(B1, "t2"), *accepted(told(B1, 4, 0.0, 0.0, lives_s=lives_s), 0.5)])
    return after(state, [draws(B1, 7.0, 0.0)])


def test_who_is_paused_counts_at_its_fallback_where_its_limit_may_lapse_before_those_of_others() -> None:
    for lives_s, falling_a in ((240.0, 22.0), (1740.0, 16.0)):
        state = paused(lives_s)
        seen, pictures = snapshot(state, 10.0)
        found = in_force(state.topology, seen, pictures)[GARAGE]
        assert found.lawful_a == three(16.0)
        assert found.falling_a == three(falling_a)
        assert found.for_s == pytest.approx(235.0), "how long somebody stays at nothing is no matter"


# --- with a learned rise of the base load ---


@pytest.mark.parametrize(("installed_a", "holds"), [(None, False), (32.0, False), (6.0, True)])
def test_who_holds_another_fallback_than_the_planned_one_counts_at_that(installed_a: float | None, holds: bool) -> None:
    state = after(fresh(), [*arrives(A), *arrives(B), *fallback(B1, 2)])
    if installed_a is not None:
        state = after(state, fallback(A1, 1, installed_a))
    state = after(state, [begins(A1), begins(B1, "t2"), *accepted(told(A1, 3, 6.0, 0.0), 0.0)])
    state = after(state, [draws(A1, 10.0, 5.8), *accepted(told(B1, 4, 6.0, 0.0, lives_s=1700.0), 0.0)])
    seen, pictures = snapshot(state, 11.0)
    force = in_force(state.topology, seen, pictures)[GRID]
    assert force.lawful_a == three(12.0), "the limit hides it while it lasts"
    assert if_dead(Circuit(GRID, None, 100.0, base_load_worst_a=70.0), force, three(50.0)).holds is holds


def test_what_was_learned_takes_the_place_of_the_worst_after_a_week() -> None:
    worst = if_dead(GRID_OF_100, force(50.0, 300.0), three(20.0))
    assert (worst.ratio, worst.base_a, worst.learned) == (1.1, 60.0, False)
    learned = if_dead(GRID_OF_100, force(50.0, 300.0), three(20.0), week(s300=12.0))
    assert (learned.ratio, learned.base_a, learned.learned) == (0.82, 32.0, True)
    assert if_dead(GRID_OF_100, force(50.0, 300.0), three(20.0), BaseRise()) == worst
    six_days = remembered(week(s300=12.0).days[:6], 0)
    assert if_dead(GRID_OF_100, force(50.0, 300.0), three(20.0), six_days) == worst


def test_the_rise_is_that_of_the_time_for_which_limits_last() -> None:
    rise = week(s60=1.0, s120=2.0, s300=3.0, s600=4.0, s1200=5.0, s2400=6.0)
    bases = [if_dead(GRID_OF_100, force(0.0, for_s), three(20.0), rise).base_a for for_s in (0, 60, 61, 1860, 2401)]
    assert bases == [21.0, 21.0, 22.0, 26.0, 60.0]


def test_never_more_than_the_worst_and_never_less_than_what_is_measured() -> None:
    rise = week(s300=50.0)
    assert base_that_may_come(GRID_OF_100, three(20.0), rise, 300.0) == three(60.0)
    assert base_that_may_come(GRID_OF_100, three(75.0), rise, 300.0) == three(75.0)
    assert base_that_may_come(GRID_OF_100, None, rise, 300.0) == three(60.0)
    assert base_that_may_come(GRID_OF_100, PhaseCurrents(0.0, 55.0, 70.0), week(s300=10.0), 300.0) == (10.0, 60.0, 70.0)


@pytest.mark.parametrize("lawful_a", [40.0, 60.0, 70.0, 75.0, 78.0])
def test_limits_live_as_long_as_what_was_learned_bears_and_no_longer(lawful_a: float) -> None:
    rise = week(s60=2.0, s120=4.0, s300=8.0, s600=20.0, s1200=30.0, s2400=36.0)
    lives_s = lifetime_s(GRID_OF_100, force(lawful_a, 0.0), three(20.0), rise)
    assert lives_s >= lifetime_s(GRID_OF_100, force(lawful_a, 0.0), three(20.0))
    if lives_s < 1e9:
        assert if_dead(GRID_OF_100, force(lawful_a, lives_s - 0.1), three(20.0), rise).holds
        assert not if_dead(GRID_OF_100, force(lawful_a, lives_s + 0.1), three(20.0), rise).holds


def test_a_larger_rise_shortens_limits_at_once() -> None:
    rise = week(s60=1.0, s120=1.0, s300=1.0, s600=1.0, s1200=1.0, s2400=1.0)
    before = lifetime_s(GRID_OF_100, force(70.0, 0.0), three(20.0), rise)
    for at in range(3):
        rise = sampled(rise, (5.0, 5.0, 5.0), float(at))
    rise = sampled(rise, (35.0, 5.0, 5.0), 3.0)
    assert before == 2400.0
    assert lifetime_s(GRID_OF_100, force(70.0, 0.0), three(20.0), rise) < 200.0
