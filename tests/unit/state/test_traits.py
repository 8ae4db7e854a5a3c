"""What is known of a model before anything was tried with it: where the ladder begins, and what is counted for it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from sitectl.model import events
from sitectl.model.ladder import FormVerdict, Ladder, LadderStep, LimitForm, LimitTraits
from sitectl.model.snapshot import SiteSnapshot
from sitectl.model.station import Obeys, ProfileStorage, StationIdentity
from sitectl.site.rungs import _read
from sitectl.state import restart
from sitectl.state.reconfigure import reconfigured
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    MAIN,
    MODEL,
    A,
    B,
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
    station,
    told,
)

RULES = SiteRules(meter_intervals_s={MAIN: 1.0})
WATTS = LimitTraits(steps=(LadderStep.TX_DEFAULT,), watts=True)


def learned(traits: LimitTraits, at: float = 1.0) -> events.LimitTraitsLearned:
    return events.LimitTraitsLearned(A, at, traits)


def seen(state: SiteState, now: float) -> SiteSnapshot:
    return snapshot(state, now)[0]


def ladder(state: SiteState) -> Ladder:
    return held(state, A1).ladder


def test_the_ladder_begins_where_the_sheet_says() -> None:
    state = after(fresh(), [*arrives(A), learned(WATTS)])
    assert ladder(state).form == LimitForm(LadderStep.TX_DEFAULT, watts=True)
    assert held(state, B1).ladder.form == LimitForm(), "the other is another model"


def test_what_was_measured_goes_before_the_sheet() -> None:
    found = Ladder(form=LimitForm(lowest=True), accepted=True, proven=True, tried=((LimitForm(), FormVerdict.REFUSED),))
    state = after(fresh(), [*arrives(A), events.RungRemembered(A1, 1.0, MODEL, found), learned(WATTS, 2.0)])
    assert ladder(state).form == LimitForm(lowest=True)
    assert ladder(state).traits == WATTS


def test_a_form_that_is_remembered_keeps_the_traits_that_hold_now() -> None:
    state = after(fresh(), [*arrives(A), learned(WATTS)])

    flags = {"watts": True, "relative": False, "lowest": True, "accepted": True, "proven": True, "settled": False}
    who = {"vendor": "Maker", "model": "Model", "firmware": "1.0", "serial": ""}
    entry = SimpleNamespace(value={**who, **flags, "step": "tx_default", "tried": []})
    found = _read(entry, ladder(state))  # type: ignore[arg-type]
    assert found is not None
    assert found[1].traits == WATTS
    assert found[1].form == LimitForm(LadderStep.TX_DEFAULT, watts=True, lowest=True)


def test_another_firmware_walks_anew_from_where_its_own_sheet_says() -> None:
    newer = StationIdentity("Maker", "Model", "2.0")
    state = after(fresh(), [*arrives(A), learned(WATTS), *arrives(A, 5.0, identity=newer), learned(LimitTraits(), 5.0)])
    assert ladder(state).form == LimitForm()


def test_nothing_that_limits_it_is_uncontrolled_and_counted_whole() -> None:
    state = after(fresh(), [*arrives(A), learned(LimitTraits(steps=(LadderStep.NONE,))), begins(A1, at=2.0)])
    assert held(state, A1).obeys is Obeys.UNCONTROLLED
    assert counts(state, A1, 3.0) == 32.0
    assert not seen(state, 3.0).evses[A1].controllable


def test_who_forgets_with_the_connection_counts_whole_when_that_is_gone() -> None:
    gone = events.StationDisconnected(A, 5.0, "cut")
    keeps = after(charging(10.0, at=1.0), [gone])
    assert counts(keeps, A1, 6.0) == 10.0
    forgets = after(charging(10.0, at=1.0), [learned(LimitTraits(forgets=True), 2.0), gone])
    assert counts(forgets, A1, 6.0) == 32.0
    assert held(forgets, A1).entry.fallback_a is None
    before = after(charging(10.0, at=1.0), [learned(LimitTraits(forgets=True), 2.0)])
    assert seen(before, 3.0).evses[A1].lasting_a == 32.0, "if this box dies, its connection goes, and its limit with it"
    assert seen(charging(10.0, at=1.0), 3.0).evses[A1].lasting_a == 0.0
    again = after(forgets, [*arrives(A, 7.0)])
    assert counts(again, A1, 8.0) == 32.0, "until it is told again"
    told_again = after(
        again, [*fallback(A1, 8, 6.0, 9.0), *accepted(told(A1, 9, 10.0, 9.0), 9.0), draws(A1, 12.0, 9.5)]
    )
    assert counts(told_again, A1, 12.0) == 10.0


def test_where_profiles_lie_is_believed_where_nobody_has_said_it() -> None:
    in_ram = learned(LimitTraits(in_ram=True))
    state = after(fresh(), [*arrives(A), in_ram])
    assert seen(state, 2.0).stations[A].profiles_in_ram
    said = site(plan(A, storage=ProfileStorage.FLASH), plan(B))
    assert not seen(after(fresh(said), [*arrives(A), in_ram]), 2.0).stations[A].profiles_in_ram
    kept = reconfigured(state, site(plan(A), plan(B)), RULES, 3.0, keeps_strangers=True)
    assert seen(kept, 4.0).stations[A].profiles_in_ram


def test_phases_are_not_switched_where_the_model_does_not() -> None:
    switching = replace(plan(A), evses=(replace(plan(A).evses[0], switches_phases=True, fallback_a=0.0),))
    state = after(fresh(site(switching, plan(B))), [*arrives(A)])
    assert held(state, A1).plan.switches_phases
    state = after(state, [learned(LimitTraits(phases=False))])
    assert not held(state, A1).plan.switches_phases
    kept = reconfigured(state, site(switching, plan(B)), RULES, 3.0, keeps_strangers=True)
    assert not held(kept, A1).plan.switches_phases


def test_a_pause_that_ends_the_transaction_was_ours_and_it_goes_on_later() -> None:
    state = charging(16.0, at=1.0)
    pause = accepted(told(A1, 5, 0.0, 10.0), 10.0)
    ended = events.TransactionEnded(A1, held(state, A1).transaction.id, 12.0)  # type: ignore[union-attr]
    token = replace(held(state, A1), transaction=replace(held(state, A1).transaction, id_token="TAG"))  # type: ignore[type-var]
    state = replace(state, evses={**state.evses, A1: token})
    assert held(after(state, [*pause, ended]), A1).stopped is None
    ends = after(state, [learned(LimitTraits(zero_ends=True), 2.0), *pause, ended])
    stopped = held(ends, A1).stopped
    assert stopped is not None
    assert (stopped.id_token, stopped.times) == ("TAG", 0)
    assert list(restart.due(ends, seen(ends, 20.0))) == [], "a vehicle needs its pause"
    assert station(ends, A).traits.zero_ends
