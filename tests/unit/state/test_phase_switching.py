"""A station that can charge by one phase: on which it counts while it changes, and what is learned of its car."""

from __future__ import annotations

from dataclasses import replace

from sitectl.model import events
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseRotation
from sitectl.model.ladder import LadderStep
from sitectl.model.limits import Offer, OfferKind
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    A,
    accepted,
    after,
    arrives,
    begins,
    draws,
    fallback,
    fresh,
    held,
    plan,
    site,
)

ONE = (Phase.L2,)


def told(seq: int, limit_a: float, phases: int | None, at: float) -> Offer:
    return Offer(A1, seq, limit_a, OfferKind.DYNAMIC, at, at + 235.0, at + 245.0, None, 300, phases=phases)


def charging(fallback_a: float = 0.0) -> SiteState:
    """It was told 16 A by three phases, accepted that and draws so."""
    rotation = PhaseRotation((Phase.L2, Phase.L3, Phase.L1))
    made = plan(A, rotation=rotation, fallback_a=fallback_a)
    tree = site(replace(made, evses=(replace(made.evses[0], switches_phases=True),)))
    state = after(fresh(tree), [*arrives(A), *fallback(A1, limit_a=fallback_a), begins(A1)])
    return after(state, [*accepted(told(2, 16.0, 3, 1.0), 1.0), draws(A1, 9.0, 16.0)])


def paused(state: SiteState) -> SiteState:
    return after(state, [*accepted(told(3, 0.0, 3, 10.0), 10.0), draws(A1, 19.0, 0.0)])


def test_it_counts_on_one_when_nothing_else_can_be_in_force() -> None:
    state = charging()
    assert held(state, A1).phases() == (Phase.L2, Phase.L3, Phase.L1)
    state = after(paused(state), accepted(told(4, 20.0, 1, 400.0), 400.0))
    assert held(state, A1).phases() == ONE
    view = snapshot(state, 401.0)[0].evses[A1]
    assert (view.phases, view.told_phases, view.counts_a) == (ONE, 1, 20.0)


def test_its_first_limit_counts_on_one_before_it_is_accepted() -> None:
    state = charging()
    begun = after(
        after(state, [events.TransactionEnded(A1, held(state, A1).transaction.id, 20.0)]), [begins(A1, "t2", 30.0)]
    )
    offered = after(begun, [events.LimitOffered(told(4, 20.0, 1, 31.0))])
    assert held(offered, A1).phases() == ONE


def test_a_station_without_profiles_counts_on_three() -> None:
    state = after(paused(charging()), accepted(told(4, 20.0, 1, 400.0), 400.0))
    evse = held(state, A1)
    ladder = replace(evse.ladder, form=replace(evse.ladder.form, step=LadderStep.START_STOP))
    assert len(replace(evse, ladder=ladder).phases()) == 3


def test_both_count_until_the_first_is_released() -> None:
    unheard = after(charging(), accepted(told(4, 20.0, 1, 10.0), 10.0))
    assert len(held(unheard, A1).phases()) == 3, "16 A by three phases may still be drawn"
    shown = after(unheard, [draws(A1, 19.0, 12.0, 0.0, 0.0)])
    assert held(shown, A1).phases() == ONE


def test_who_draws_by_three_all_the_same_counts_on_three() -> None:
    state = after(paused(charging()), [*accepted(told(4, 20.0, 1, 400.0), 400.0), draws(A1, 409.0, 8.0, 8.0, 8.0)])
    assert len(held(state, A1).phases()) == 3


def test_a_fallback_above_nothing_counts_on_three() -> None:
    state = after(paused(charging(6.0)), accepted(told(4, 20.0, 1, 400.0), 400.0))
    assert len(held(state, A1).phases()) == 3


def test_when_its_limit_has_lapsed_it_counts_on_three() -> None:
    state = after(paused(charging()), accepted(told(4, 20.0, 1, 400.0), 400.0))
    evse = replace(held(state, A1), newest_offer=None)
    assert len(evse.phases()) == 3


def test_one_phase_by_our_word_is_no_one_phase_car() -> None:
    state = after(paused(charging()), accepted(told(4, 20.0, 1, 400.0), 400.0))
    for at in range(409, 480, 10):
        state = after(state, [draws(A1, float(at), 20.0, 0.0, 0.0)])
    assert not held(state, A1).is_one_phase()
    state = after(state, [*accepted(told(5, 0.0, 1, 500.0), 500.0), draws(A1, 509.0, 0.0)])
    state = after(state, accepted(told(6, 16.0, 3, 900.0), 900.0))
    assert set(held(state, A1).phases()) == set(ALL_PHASES)


def test_a_one_phase_car_is_forgotten_when_the_phases_change() -> None:
    state = charging()
    for at in range(19, 70, 10):
        state = after(state, [draws(A1, float(at), 16.0, 0.0, 0.0)])
    assert held(state, A1).phases() == ONE
    state = after(state, [*accepted(told(3, 0.0, 3, 80.0), 80.0), draws(A1, 89.0, 0.0)])
    state = after(state, [*accepted(told(4, 10.0, 1, 400.0), 400.0), *accepted(told(5, 0.0, 1, 420.0), 420.0)])
    state = after(state, [draws(A1, 429.0, 0.0), *accepted(told(6, 16.0, 3, 800.0), 800.0)])
    assert set(held(state, A1).phases()) == set(ALL_PHASES)
