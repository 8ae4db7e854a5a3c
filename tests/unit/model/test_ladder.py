"""The ladder of control: which form comes after which, and what each says of a limit."""

from __future__ import annotations

from dataclasses import replace

from sitectl.model.ladder import FormVerdict, Ladder, LadderStep, LimitForm, LimitTraits, first_rung, forms_of


def walk(ladder: Ladder, verdict: FormVerdict) -> list[LimitForm]:
    seen = [ladder.form]
    while not (ladder := ladder.after(verdict)).exhausted:
        seen.append(ladder.form)
    return seen


def test_refused_forms_lead_through_each_step_before_the_next() -> None:
    seen = walk(first_rung(None, one_evse=True), FormVerdict.REFUSED)
    assert seen == [form for step in LadderStep for form in forms_of(step)]
    assert len(seen) == 4 * 4 + 2


def test_ignored_forms_lead_straight_down() -> None:
    steps = [form.step for form in walk(first_rung(None, one_evse=True), FormVerdict.IGNORED)]
    assert steps == list(LadderStep)


def test_connector_0_serves_only_stations_with_one_evse() -> None:
    steps = {form.step for form in walk(first_rung(None, one_evse=False), FormVerdict.REFUSED)}
    assert steps == {LadderStep.TX_PROFILE, LadderStep.TX_DEFAULT, LadderStep.START_STOP, LadderStep.NONE}


def test_a_pinned_step_is_never_left() -> None:
    ladder = first_rung(LadderStep.TX_DEFAULT, one_evse=True)
    assert {form.step for form in walk(ladder, FormVerdict.REFUSED)} == {LadderStep.TX_DEFAULT}
    assert ladder.after(FormVerdict.IGNORED).exhausted, "nothing lies below it"


def test_a_form_that_was_proven_once_may_be_left_and_is_known_as_left() -> None:
    ladder = Ladder(accepted=True, proven=True).after(FormVerdict.IGNORED)
    assert (ladder.form.step, ladder.accepted, ladder.proven) == (LadderStep.TX_DEFAULT, False, False)
    assert ladder.tried == ((LimitForm(), FormVerdict.IGNORED),)


def test_what_ends_by_itself_and_what_outlives_its_transaction() -> None:
    tx, default = LadderStep.TX_PROFILE, LadderStep.TX_DEFAULT
    assert (LimitForm(tx).lapses, LimitForm(tx).lasts) == (True, False)
    assert LimitForm(tx, lowest=True).lapses, "the fallback lies in another purpose"
    assert not LimitForm(tx, relative=True).lapses, "relative to a start that was long ago it is no dead-man"
    assert (LimitForm(default).lapses, LimitForm(default).lasts) == (True, True)
    only = LimitForm(default, lowest=True)
    assert (only.replaces_fallback, only.lapses, only.lasts) == (True, False, False)
    assert not LimitForm(LadderStep.START_STOP).lapses


def test_a_form_is_said_in_words() -> None:
    assert str(LimitForm()) == "TxProfile in A"
    assert str(LimitForm(LadderStep.TX_DEFAULT, watts=True, relative=True)) == "TxDefaultProfile in W, relative"
    assert str(LimitForm(LadderStep.START_STOP)) == "start and stop"


def test_traits_say_where_a_walk_begins_and_what_it_never_tries() -> None:
    traits = LimitTraits(steps=(LadderStep.TX_DEFAULT, LadderStep.START_STOP), watts=True, relative=False)
    seen = walk(first_rung(None, True, traits), FormVerdict.REFUSED)
    watts = LimitForm(LadderStep.TX_DEFAULT, watts=True)
    assert seen == [watts, replace(watts, lowest=True), LimitForm(LadderStep.START_STOP)]


def test_a_form_that_is_the_only_one_is_tried_once() -> None:
    traits = LimitTraits(watts=False, relative=True, lowest=True)
    assert forms_of(LadderStep.TX_PROFILE, traits) == (LimitForm(relative=True, lowest=True),)
    assert forms_of(LadderStep.NONE, traits) == (LimitForm(LadderStep.NONE),)


def test_steps_that_a_station_cannot_use_are_no_steps() -> None:
    traits = LimitTraits(steps=(LadderStep.CHARGE_POINT_MAX,))
    assert first_rung(None, True, traits).form.step is LadderStep.CHARGE_POINT_MAX
    assert first_rung(None, False, traits).form.step is LadderStep.TX_PROFILE, "it would bind all of its EVSEs alike"
    pinned = first_rung(LadderStep.TX_DEFAULT, True, replace(traits, watts=True))
    assert pinned.form == LimitForm(LadderStep.TX_DEFAULT, watts=True), "the configuration says where, the sheet how"


def test_a_car_that_stays_low_is_not_lifted_by_a_step_that_does_not_work() -> None:
    stuck = first_rung(None, True, LimitTraits(steps=(LadderStep.TX_PROFILE,))).after_stuck()
    assert (stuck.form, stuck.settled) == (LimitForm(), True)
