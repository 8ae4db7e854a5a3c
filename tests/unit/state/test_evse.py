"""One EVSE: readings, obedience, what was learned of the car, refusals, starts and ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sitectl.model import events
from sitectl.model.electrical import UNKNOWN_ROTATION, Phase, PhaseCurrents, PhaseRotation
from sitectl.model.ladder import FormVerdict, LadderStep, forms_of
from sitectl.model.limits import OfferKind
from sitectl.model.metering import EvseReading
from sitectl.model.station import ChargingState, Obeys
from sitectl.state.reduce import aged
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import (
    A1,
    A,
    accepted,
    after,
    arrives,
    begins,
    charging,
    counts,
    draws,
    fallback,
    fresh,
    held,
    plan,
    says,
    site,
    told,
)


def with_last_form(state: SiteState) -> SiteState:
    """A stands on a pinned step whose other forms were all refused."""
    forms = forms_of(LadderStep.TX_PROFILE)
    tried = tuple((form, FormVerdict.REFUSED) for form in forms[1:])
    ladder = replace(held(state, A1).ladder, pinned=LadderStep.TX_PROFILE, tried=tried)
    return replace(state, evses={**state.evses, A1: replace(held(state, A1), ladder=ladder)})


def refused(seq: int, at: float) -> events.LimitRefused:
    return events.LimitRefused(A1, seq, OfferKind.DYNAMIC, at, "Rejected")


def test_a_reading_without_currents_does_not_make_an_older_one_look_new() -> None:
    state = after(charging(16.0), [draws(A1, 10.0, 15.5)])
    later = after(state, [events.EvseMetered(EvseReading(A1, 20.0, register_wh=1234.0))])
    assert held(later, A1).reading == held(state, A1).reading


def test_a_cut_that_the_car_visibly_keeps_proves_its_station() -> None:
    state = after(
        charging(16.0), [draws(A1, 10.0, 15.5), *accepted(told(A1, 4, 8.0, 11.0), 11.5), draws(A1, 20.0, 7.8)]
    )
    assert held(state, A1).obeys is Obeys.PROVEN


def test_a_limit_that_was_never_needed_proves_nothing() -> None:
    state = after(charging(16.0), [draws(A1, 10.0, 5.0), *accepted(told(A1, 4, 8.0, 11.0), 11.5), draws(A1, 20.0, 5.0)])
    assert held(state, A1).obeys is Obeys.UNKNOWN


def test_one_high_reading_is_no_disobedience_two_are() -> None:
    state = after(charging(8.0), [draws(A1, 16.0, 12.0)])
    assert held(state, A1).obeys is Obeys.UNKNOWN
    state = after(state, [draws(A1, 26.0, 12.0)])
    assert held(state, A1).obeys is Obeys.IGNORES
    assert counts(state, A1, 26.0) == 12.0, "counted at what it measurably draws"


def test_it_is_trusted_again_after_half_a_minute_within_its_limit() -> None:
    ignoring = after(charging(8.0), [draws(A1, 16.0, 12.0), draws(A1, 26.0, 12.0)])
    within = after(ignoring, [draws(A1, 36.0, 7.9), draws(A1, 46.0, 7.9)])
    assert held(within, A1).obeys is Obeys.IGNORES
    assert held(after(within, [draws(A1, 66.0, 7.9)]), A1).obeys is Obeys.UNKNOWN


def test_the_next_transaction_is_another_chance() -> None:
    ignoring = after(charging(8.0), [draws(A1, 16.0, 12.0), draws(A1, 26.0, 12.0)])
    ended = events.TransactionEnded(A1, held(ignoring, A1).transaction.id, 30.0)
    assert held(after(ignoring, [ended]), A1).obeys is Obeys.IGNORES
    assert held(after(ignoring, [ended, begins(A1, "t2", 60.0)]), A1).obeys is Obeys.UNKNOWN


def test_refusals_of_the_only_form_are_asked_again_ever_more_seldom_and_end_uncontrolled() -> None:
    state = with_last_form(charging(8.0))
    pauses = []
    for turn, seq in enumerate((4, 5, 6)):
        at = 100.0 * (turn + 1)
        state = after(state, [events.LimitOffered(told(A1, seq, 10.0, at)), refused(seq, at)])
        pauses.append(held(state, A1).refused_until - at)
        assert held(state, A1).newest_offer.limit_a == 8.0, "what was accepted before is what holds"
    assert pauses == [30.0, 60.0, 120.0]
    assert held(state, A1).obeys is Obeys.UNCONTROLLED
    assert held(after(state, accepted(told(A1, 7, 10.0, 500.0), 500.5)), A1).obeys is Obeys.UNKNOWN


def test_what_never_left_us_is_no_refusal() -> None:
    offer = told(A1, 4, 10.0, 50.0)
    withdrawn = events.LimitRefused(A1, 4, OfferKind.DYNAMIC, 50.0, "superseded", by_station=False)
    state = after(charging(8.0), [events.LimitOffered(offer), withdrawn])
    assert (held(state, A1).refusals, held(state, A1).newest_offer.limit_a) == (0, 8.0)


def test_an_unanswered_offer_is_said_again_and_counts_on() -> None:
    offer = told(A1, 4, 6.0, 50.0)
    state = after(
        charging(16.0), [events.LimitOffered(offer), events.LimitUnanswered(A1, 4, OfferKind.DYNAMIC, 80.0, "")]
    )
    assert held(state, A1).resend
    assert counts(state, A1, 80.0) == 16.0


def test_a_car_on_its_first_phase_alone_is_counted_there() -> None:
    wiring = PhaseRotation((Phase.L2, Phase.L3, Phase.L1))
    state = after(fresh(site(plan(A, rotation=wiring))), [*arrives(A), *fallback(A1), begins(A1)])
    state = after(state, [draws(A1, at, 6.0, 0.0, 0.0) for at in (5.0, 15.0, 25.0)])
    assert held(state, A1).phases() == wiring.phases, "not before half a minute"
    state = after(state, [draws(A1, 35.0, 6.0, 0.0, 0.0)])
    assert held(state, A1).phases() == (Phase.L2,)
    assert held(after(state, [draws(A1, 45.0, 6.0, 1.5, 0.0)]), A1).phases() == wiring.phases


def test_a_car_on_its_first_two_phases_is_counted_there() -> None:
    wiring = PhaseRotation((Phase.L2, Phase.L3, Phase.L1))
    state = after(fresh(site(plan(A, rotation=wiring))), [*arrives(A), *fallback(A1), begins(A1)])
    state = after(state, [draws(A1, at, 6.0, 5.8, 0.0) for at in (5.0, 15.0, 25.0)])
    assert held(state, A1).phases() == wiring.phases, "not before half a minute"
    state = after(state, [draws(A1, 35.0, 6.0, 5.8, 1.0)])
    assert held(state, A1).phases() == (Phase.L2, Phase.L3)
    assert held(after(state, [draws(A1, 45.0, 0.0, 0.0, 0.0)]), A1).phases() == (Phase.L2, Phase.L3)
    assert held(after(state, [draws(A1, 45.0, 6.0, 5.8, 1.1)]), A1).phases() == wiring.phases
    one = after(state, [draws(A1, 45.0, 6.0, 0.0, 0.0)])
    assert held(one, A1).phases() == wiring.phases, "another count is learned anew"
    one = after(one, [draws(A1, at, 6.0, 0.0, 0.0) for at in (60.0, 75.0)])
    assert held(one, A1).phases() == (Phase.L2,)


@pytest.mark.parametrize(
    ("rotation", "phases", "read"),
    [
        (PhaseRotation((Phase.L2, Phase.L3, Phase.L1)), 3, (3.0, 9.0, 6.0)),
        (PhaseRotation((Phase.L3,)), 1, (0.0, 0.0, 9.0)),
        (PhaseRotation((Phase.L2, Phase.L3, Phase.L1)), 0, (0.0, 9.0, 0.0)),
        (UNKNOWN_ROTATION, 3, (3.0, 3.0, 3.0)),
        (UNKNOWN_ROTATION, 0, (0.0, 0.0, 0.0)),
    ],
)
def test_what_is_surely_drawn(rotation: PhaseRotation, phases: int, read: tuple[float, float, float]) -> None:
    state = after(fresh(site(plan(A, rotation=rotation))), [begins(A1), draws(A1, 10.0, 9.0, 6.0, 3.0, phases=phases)])
    assert held(state, A1).surely_drawn() == (PhaseCurrents(*read), PhaseCurrents(*read))
    cut = after(state, [events.LimitOffered(told(A1, 4, 5.0, 11.0))])
    assert held(cut, A1).surely_drawn()[1] == PhaseCurrents(*(min(a, 5.0) for a in read))


def test_a_car_may_have_risen_until_a_reading_could_show_it() -> None:
    state = charging(8.0)
    assert held(state, A1).may_have_risen(1.0), "no reading yet"
    state = after(state, [draws(A1, 10.0, 7.9)])
    assert not held(state, A1).may_have_risen(11.0)
    offer = told(A1, 4, 16.0, 40.0)
    state = after(state, [events.LimitOffered(offer), draws(A1, 50.0, 7.9)])
    assert held(state, A1).may_have_risen(51.0), "it may have arrived, however long no answer comes"
    state = after(state, [events.LimitAcknowledged(A1, 4, OfferKind.DYNAMIC, 52.0), draws(A1, 59.0, 8.5)])
    assert held(state, A1).may_have_risen(59.5), "too early a reading"
    assert not held(after(state, [draws(A1, 61.0, 15.5)]), A1).may_have_risen(61.5)


def test_a_cut_sets_nobody_free_to_draw_more() -> None:
    state = after(charging(16.0), [draws(A1, 10.0, 15.5), *accepted(told(A1, 4, 8.0, 20.0), 20.5)])
    assert not held(state, A1).may_have_risen(21.0)


def test_a_pause_that_ends_by_itself_is_a_rise() -> None:
    state = after(charging(16.0), [says(A1, 5.0, ChargingState.SUSPENDED_EV), draws(A1, 10.0, 0.0)])
    assert not held(state, A1).may_have_risen(12.0)
    state = after(state, [says(A1, 12.0, ChargingState.CHARGING)])
    assert held(state, A1).may_have_risen(12.5)


def test_an_old_reading_lapses_where_nobody_charges_or_nothing_newer_will_come() -> None:
    running = after(charging(16.0), [draws(A1, 10.0, 15.5)])
    assert counts(aged(running, 100.0), A1, 100.0) == 16.0
    stopped = after(
        running, [events.TransactionEnded(A1, held(running, A1).transaction.id, 12.0), draws(A1, 12.5, 3.0)]
    )
    assert counts(aged(stopped, 60.0), A1, 60.0) == 6.0
    assert held(aged(stopped, 73.0), A1).reading is None
    away = after(running, [events.StationDisconnected(A, 20.0, "gone")])
    assert counts(aged(away, 240.0), A1, 240.0) == 16.0, "the last lawful limit until it has surely lapsed"
    lapsed = aged(away, 246.0)
    assert (counts(lapsed, A1, 246.0), held(lapsed, A1).reading) == (6.0, None)


def test_where_no_cable_is_nothing_is_drawn() -> None:
    state = after(fresh(), [*arrives(A), *fallback(A1), draws(A1, 10.0, 9.0), says(A1, 11.0, None)])
    assert held(state, A1).entry.measured_a == 0.0


def test_a_lapsed_limit_is_no_longer_held() -> None:
    state = charging(16.0)
    assert held(aged(state, 234.0), A1).newest_offer is not None
    assert held(aged(state, 235.0), A1).newest_offer is None


def test_pause_and_run_count_from_the_change_between_nothing_and_something() -> None:
    state = charging(16.0)
    assert held(state, A1).state_since == 0.0
    state = after(state, accepted(told(A1, 4, 8.0, 50.0), 50.5))
    assert (held(state, A1).state_since, held(state, A1).last_cut_at) == (0.0, 50.0)
    state = after(state, accepted(told(A1, 5, 0.0, 60.0), 60.5))
    assert held(state, A1).state_since == 60.0
    state = after(state, accepted(told(A1, 6, 8.0, 400.0), 400.5))
    assert (held(state, A1).state_since, held(state, A1).last_raise_at) == (400.0, 400.0)


def test_the_end_of_another_transaction_changes_nothing() -> None:
    state = charging(16.0)
    assert after(state, [events.TransactionEnded(A1, "other", 5.0)]) is state


def test_a_start_told_twice_changes_nothing() -> None:
    state = charging(16.0)
    assert after(state, [begins(A1, at=30.0)]) is state
