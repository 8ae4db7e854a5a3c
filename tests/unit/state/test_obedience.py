"""Stations that accept a limit and carry on: found by their readings, led down the ladder, trusted when they obey."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sitectl.model import events
from sitectl.model.ids import EvseId
from sitectl.model.ladder import FormVerdict, Ladder, LadderStep, LimitForm
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.station import Obeys, StationIdentity
from sitectl.state import obedience
from sitectl.state.obedience import WALK_AGAIN_S
from sitectl.state.reduce import aged
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    MODEL,
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
    site,
    told,
)

TX, DEFAULT = LadderStep.TX_PROFILE, LadderStep.TX_DEFAULT


def ignoring(state: SiteState | None = None) -> SiteState:
    """A was told 8 A at 0 and draws 12 A, seen twice."""
    return after(state or charging(8.0), [draws(A1, 16.0, 12.0), draws(A1, 26.0, 12.0)])


def said_again(state: SiteState, seq: int, at: float, drawn_a: float = 12.0) -> SiteState:
    """The limit is said again and accepted; the car goes on."""
    state = after(state, accepted(told(A1, seq, 8.0, at), at + 0.5))
    return after(state, [draws(A1, at + 10.0, drawn_a), draws(A1, at + 20.0, drawn_a)])


def with_form(state: SiteState, form: LimitForm) -> SiteState:
    evse = held(state, A1)
    return replace(state, evses={**state.evses, A1: replace(evse, ladder=replace(evse.ladder, form=form))})


def test_whoever_carries_on_is_found_by_the_first_reading_after_a_quarter_of_a_minute() -> None:
    early = after(charging(8.0), [draws(A1, 5.0, 12.0), draws(A1, 14.9, 12.0)])
    assert held(early, A1).obeys is Obeys.UNKNOWN
    found = after(early, [draws(A1, 15.1, 12.0)])
    assert held(found, A1).obeys is Obeys.IGNORES
    assert held(found, A1).resend, "it is told once more"
    assert held(found, A1).ladder.form == LimitForm(), "in the same words"


def test_limits_that_follow_one_another_hide_nobody() -> None:
    state = charging(16.0)
    for turn in range(5):
        at = 10.0 * turn
        state = after(state, accepted(told(A1, 4 + turn, 12.0 - turn, at + 1.0), at + 1.5))
        state = after(state, [draws(A1, at + 9.0, 15.8)])
    assert held(state, A1).obeys is Obeys.IGNORES


def test_a_limit_that_was_in_force_a_moment_ago_excuses_a_reading() -> None:
    state = after(charging(16.0), [draws(A1, 50.0, 15.8), *accepted(told(A1, 4, 8.0, 51.0), 51.5)])
    state = after(state, [draws(A1, 56.0, 15.8), draws(A1, 65.0, 15.8)])
    assert held(state, A1).obeys is Obeys.UNKNOWN


def test_an_offer_on_its_way_excuses_a_reading() -> None:
    state = after(charging(8.0), [events.LimitOffered(told(A1, 4, 16.0, 10.0))])
    assert held(ignoring(state), A1).obeys is Obeys.UNKNOWN


def test_it_is_reserved_at_its_peak_and_nobody_else_is() -> None:
    state = after(ignoring(), [draws(A1, 36.0, 14.0), draws(A1, 46.0, 9.0)])
    assert counts(state, A1, 46.0) == 14.0
    assert counts(state, B1, 46.0) == counts(charging(8.0), B1, 0.0)


def test_ignored_twice_the_next_step_is_tried() -> None:
    once = ignoring()
    early = after(once, [draws(A1, 36.0, 12.0), draws(A1, 46.0, 12.0)])
    assert held(early, A1).ladder.form == LimitForm(), "what was said again has not been accepted yet"
    twice = said_again(once, 4, 30.0)
    assert held(twice, A1).ladder.form == LimitForm(DEFAULT)
    assert held(twice, A1).ladder.tried == ((LimitForm(), FormVerdict.IGNORED),)
    assert (held(twice, A1).resend, held(twice, A1).obeys) == (True, Obeys.IGNORES)


def test_a_form_that_a_car_is_seen_to_keep_is_proven_and_trusted_at_once() -> None:
    state = said_again(ignoring(after(charging(16.0), accepted(told(A1, 4, 8.0, 0.5), 1.0))), 5, 30.0)
    assert held(state, A1).ladder.verdict() is None
    state = after(state, accepted(told(A1, 6, 8.0, 51.0), 51.5))
    assert held(state, A1).ladder.verdict() is FormVerdict.PLAUSIBLE
    state = after(state, [draws(A1, 60.0, 7.8)])
    assert held(state, A1).ladder.verdict() is FormVerdict.PROVEN
    assert held(state, A1).obeys is Obeys.PROVEN
    assert counts(state, A1, 60.0) == 8.0


def test_a_car_that_ends_by_itself_in_the_moment_of_a_cut_proves_nothing() -> None:
    state = after(
        charging(16.0), [draws(A1, 10.0, 15.8), *accepted(told(A1, 4, 8.0, 11.0), 11.5), draws(A1, 20.0, 0.2)]
    )
    assert held(state, A1).ladder.verdict() is FormVerdict.PLAUSIBLE
    paused = after(
        charging(16.0), [draws(A1, 10.0, 15.8), *accepted(told(A1, 4, 0.0, 11.0), 11.5), draws(A1, 20.0, 0.0)]
    )
    assert held(paused, A1).ladder.verdict() is FormVerdict.PROVEN, "nothing is what it was told to draw"


def all_profiles_ignored() -> SiteState:
    state, seq, at = ignoring(), 4, 30.0
    while held(state, A1).ladder.form.is_profile:
        state, seq, at = said_again(state, seq, at), seq + 1, at + 25.0
    return state


def test_below_all_profiles_it_is_started_and_stopped_and_counts_at_all_it_can_draw() -> None:
    state = all_profiles_ignored()
    assert held(state, A1).ladder.form.step is LadderStep.START_STOP
    assert held(state, A1).newest_offer is None, "nothing that it was told binds it"
    assert counts(state, A1, 300.0) == 32.0
    assert held(state, A1).entry.fallback_a is None


def test_the_walk_through_all_steps_takes_a_bounded_number_of_words() -> None:
    assert len(held(all_profiles_ignored(), A1).ladder.tried) == 4


def stop(seq: int, at: float) -> Offer:
    return Offer(A1, seq, 0.0, OfferKind.DYNAMIC, at)


def test_whoever_is_stopped_and_goes_on_is_out_of_control() -> None:
    state = after(all_profiles_ignored(), accepted(stop(20, 300.0), 300.5))
    state = after(state, [draws(A1, 310.0, 12.0), draws(A1, 320.0, 12.0)])
    assert held(state, A1).obeys is Obeys.IGNORES
    state = after(state, accepted(stop(21, 321.0), 321.5))
    state = after(state, [draws(A1, 331.0, 12.0), draws(A1, 341.0, 12.0)])
    assert held(state, A1).ladder.form.step is LadderStep.NONE
    assert (held(state, A1).obeys, counts(state, A1, 341.0)) == (Obeys.UNCONTROLLED, 32.0)


def ended_and_begun_again(state: SiteState, at: float) -> SiteState:
    return after(state, [events.TransactionEnded(A1, held(state, A1).transaction.id, at), begins(A1, "t2", at + 5.0)])


def test_what_was_found_holds_for_the_next_transaction_and_is_doubted_after_a_day() -> None:
    state = all_profiles_ignored()
    again = ended_and_begun_again(state, 400.0)
    assert held(again, A1).ladder.form.step is LadderStep.START_STOP
    assert counts(again, A1, 405.0) == 32.0
    later = ended_and_begun_again(state, 400.0 + WALK_AGAIN_S)
    assert (held(later, A1).ladder.form, held(later, A1).ladder.tried) == (LimitForm(), ())


def test_another_firmware_is_another_device() -> None:
    state = after(all_profiles_ignored(), arrives(A, 400.0))
    assert held(state, A1).ladder.form.step is LadderStep.START_STOP
    other = after(state, arrives(A, 500.0, identity=replace(MODEL, firmware="2.0")))
    assert (held(other, A1).ladder.form, held(other, A1).obeys) == (LimitForm(), Obeys.UNKNOWN)


def test_refused_forms_are_tried_twice_each_and_soon() -> None:
    state, words, at = after(fresh(), [*arrives(A), *fallback(A1), begins(A1)]), 0, 0.0
    while held(state, A1).obeys is not Obeys.UNCONTROLLED and words < 100:
        words, at = words + 1, at + 2.0
        state = after(state, [events.LimitOffered(told(A1, 10 + words, 16.0, at))])
        state = after(state, [events.LimitRefused(A1, 10 + words, OfferKind.DYNAMIC, at, "Rejected")])
    assert words == 2 * 17, "sixteen profiles and the stop"
    assert held(state, A1).ladder.form.step is LadderStep.NONE


def test_what_was_remembered_is_where_it_begins_if_it_is_the_same_device() -> None:
    known = Ladder(form=LimitForm(DEFAULT, watts=True), accepted=True, proven=True)
    state = after(fresh(), arrives(A))
    same = after(state, [events.RungRemembered(A1, 1.0, MODEL, known)])
    assert held(same, A1).ladder == known
    other = after(state, [events.RungRemembered(A1, 1.0, StationIdentity("Maker", "Model", "0.9"), known)])
    assert held(other, A1).ladder.form == LimitForm()


def test_a_configuration_that_pins_a_step_wins_over_what_is_remembered() -> None:
    pinned = site(replace(plan(A), control=LadderStep.TX_DEFAULT))
    state = after(fresh(pinned), [*arrives(A), events.RungRemembered(A1, 1.0, MODEL, Ladder(proven=True))])
    assert held(state, A1).ladder.form == LimitForm(DEFAULT)


def test_somebody_may_order_a_new_walk() -> None:
    state = after(all_profiles_ignored(), [events.WalkOrdered(A1, 400.0)])
    assert (held(state, A1).ladder.form, held(state, A1).walked_at) == (LimitForm(), None)


def test_what_is_proven_of_one_outlet_is_where_the_others_begin() -> None:
    post = site(plan(A, evses=3))
    second, third = EvseId(A, 2), EvseId(A, 3)
    state = after(fresh(post), [*arrives(A), begins(A1), begins(third, "t3")])
    state = after(with_form(state, LimitForm(DEFAULT)), [*accepted(lasting(4, 16.0, 1.0), 1.5), draws(A1, 20.0, 15.8)])
    state = after(state, [*accepted(lasting(5, 8.0, 21.0), 21.5), draws(A1, 30.0, 7.8)])
    assert held(state, A1).ladder.proven
    assert (held(state, second).ladder.form, held(state, second).ladder.verdict()) == (LimitForm(DEFAULT), None)
    assert held(state, third).ladder.form == LimitForm(), "what charges there is not told otherwise for it"


# --- what the ledger counts -------------------------------------------------------------------------------------------


def lasting(seq: int, limit_a: float, at: float, lives_s: float = 240.0) -> Offer:
    return replace(told(A1, seq, limit_a, at, lives_s), lasts=True)


def test_a_limit_that_outlives_its_transaction_counts_on_until_it_lapses() -> None:
    state = after(with_form(charging(8.0), LimitForm(DEFAULT)), accepted(lasting(4, 20.0, 10.0), 10.5))
    state = after(state, [events.TransactionEnded(A1, held(state, A1).transaction.id, 20.0)])
    assert counts(state, A1, 100.0) == 20.0, "another car may begin with it"
    begun = after(state, [begins(A1, "t2", 100.0)])
    assert counts(begun, A1, 100.0) == 20.0
    assert counts(aged(begun, 256.0), A1, 256.0) == 6.0, "then the fallback holds"
    barred = after(state, [events.StartControlLearned(A, 30.0, starts_pass_us=True)])
    assert counts(barred, A1, 100.0) == 0.0, "where every start passes us, nobody draws"


def test_a_limit_in_the_place_of_the_fallback_is_the_fallback() -> None:
    state = with_form(charging(8.0), LimitForm(DEFAULT, lowest=True))
    state = after(state, accepted(Offer(A1, 4, 20.0, OfferKind.DYNAMIC, 10.0), 10.5))
    assert held(state, A1).entry.fallback_a == 20.0
    state = after(state, [events.TransactionEnded(A1, held(state, A1).transaction.id, 20.0)])
    assert counts(state, A1, 1e6) == 20.0, "until the fallback is installed again"
    assert counts(after(state, fallback(A1, 5, 6.0, 30.0)), A1, 1e6) == 6.0


def test_a_limit_that_never_lapses_counts_for_ever() -> None:
    state = with_form(charging(8.0), LimitForm(TX, relative=True))
    state = after(state, accepted(Offer(A1, 4, 20.0, OfferKind.DYNAMIC, 10.0), 10.5))
    assert counts(aged(state, 1e6), A1, 1e6) == 20.0


def test_a_fallback_in_another_place_is_none_until_it_is_installed_there() -> None:
    moved = obedience.on_rung(held(charging(8.0), A1), Ladder(form=LimitForm(LadderStep.CHARGE_POINT_MAX)), 10.0)
    assert (moved.entry.fallback_a, moved.fallback_asked_at) == (None, None)
    assert moved.entry.counts_a(11.0, start_possible=True) == 8.0, "what it was told before still binds it"


def test_after_a_restart_whoever_ignored_its_limit_is_told_anew() -> None:
    remembered = events.LimitRemembered(A1, 0.0, 12.0, 6.0, 900.0, 7, Obeys.IGNORES)
    state = after(fresh(), [remembered, *arrives(A), begins(A1, resumed=True)])
    seen = snapshot(state, 1.0)[0].evses[A1]
    assert (seen.obeys, seen.controllable, seen.counts_a) == (Obeys.UNKNOWN, True, 12.0)


def test_who_can_only_be_stopped_takes_all_or_nothing_and_lends_nothing() -> None:
    pinned = site(replace(plan(A), control=LadderStep.START_STOP))
    state = after(fresh(pinned), [*arrives(A), begins(A1)])
    seen = snapshot(state, 20.0)[0].evses[A1]
    assert (seen.whole, seen.controllable, seen.counts_a, seen.lasting_a) == (True, True, 32.0, 32.0)
    state = after(state, [draws(A1, at, 10.0) for at in range(10, 200, 10)])
    assert snapshot(state, 200.0)[0].evses[A1].draws_at_most_a is None


def test_who_is_not_controlled_is_only_reserved() -> None:
    state = after(fresh(site(replace(plan(A), control=LadderStep.NONE))), [*arrives(A), begins(A1)])
    seen = snapshot(state, 20.0)[0].evses[A1]
    assert (seen.controllable, seen.counts_a, seen.obeys) == (False, 32.0, Obeys.UNCONTROLLED)
    again = after(state, [events.TransactionEnded(A1, held(state, A1).transaction.id, 30.0), begins(A1, "t2", 40.0)])
    assert held(again, A1).obeys is Obeys.UNCONTROLLED


# --- upwards ----------------------------------------------------------------------------------------------------------


def stays(state: SiteState, a: float, since: float, seconds: float = 80.0) -> SiteState:
    return after(state, [draws(A1, since + at, a) for at in range(20, int(seconds) + 21, 10)])


def test_a_car_that_stays_at_its_fallback_under_a_higher_limit_is_told_by_another_purpose() -> None:
    state = stays(charging(16.0), 5.6, 0.0)
    assert held(state, A1).ladder.form == LimitForm(DEFAULT)
    assert held(state, A1).ladder.tried == ((LimitForm(), FormVerdict.STUCK),)
    assert (held(state, A1).resend, held(state, A1).obeys) == (True, Obeys.UNKNOWN)
    assert counts(state, A1, 100.0) == 16.0, "it is no offence"


def test_if_it_stays_there_still_it_is_the_car() -> None:
    state = stays(charging(16.0), 5.6, 0.0)
    state = after(state, accepted(lasting(4, 16.0, 101.0), 101.5))
    state = stays(state, 5.6, 101.5)
    assert (held(state, A1).ladder.form, held(state, A1).ladder.settled) == (LimitForm(), True)
    for seq, at in ((5, 200.0), (6, 320.0)):
        state = stays(after(state, accepted(told(A1, seq, 16.0, at), at + 0.5)), 5.6, at)
    assert held(state, A1).ladder.form == LimitForm(), "nobody asks again"


def test_a_car_that_draws_little_or_whose_station_is_proven_is_left_alone() -> None:
    assert held(stays(charging(16.0), 3.0, 0.0), A1).ladder.form == LimitForm()
    assert held(stays(charging(7.0), 6.0, 0.0), A1).ladder.form == LimitForm()
    cut = after(charging(16.0), [draws(A1, 10.0, 15.5), *accepted(told(A1, 4, 8.0, 11.0), 11.5), draws(A1, 20.0, 7.8)])
    raised = after(cut, accepted(told(A1, 5, 16.0, 90.0), 90.5))
    assert held(stays(raised, 5.8, 90.0), A1).ladder.form == LimitForm()


def rounding(limit_a: float, drawn_a: float) -> SiteState:
    """A limit was cut to this, and for twenty seconds so much is drawn of it."""
    state = after(charging(16.0), accepted(told(A1, 4, limit_a, 0.5), 1.0))
    return after(state, [draws(A1, at, drawn_a) for at in (16.5, 26.5, 36.5)])


def test_a_station_that_rounds_up_is_counted_there_and_walks_down_no_ladder() -> None:
    state = rounding(7.1, 7.8)
    assert held(state, A1).rounds_up
    assert held(state, A1).obeys is not Obeys.IGNORES
    assert held(state, A1).ladder.form == held(charging(16.0), A1).ladder.form
    told_whole = after(state, accepted(told(A1, 5, 9.3, 40.0), 41.0))
    assert counts(told_whole, A1, 41.0) >= 10.0, "9.3 A become 10 there"
    assert not held(after(told_whole, [draws(A1, 60.0, 9.9), draws(A1, 70.0, 9.9)]), A1).above_since


@pytest.mark.parametrize(("limit_a", "drawn_a"), [(7.1, 8.3), (7.0, 7.6), (0.0, 0.9), (6.0, 16.0)])
def test_who_is_above_the_next_whole_ampere_ignores_it(limit_a: float, drawn_a: float) -> None:
    state = rounding(limit_a, drawn_a)
    assert not held(state, A1).rounds_up
    assert held(state, A1).obeys is Obeys.IGNORES


def test_another_device_rounds_by_its_own_rules() -> None:
    state = after(rounding(7.1, 7.8), arrives(A, 50.0, identity=StationIdentity("Maker", "Other", "2.0")))
    assert not held(state, A1).rounds_up
