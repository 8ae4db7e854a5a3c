"""From a decision to offers: order, what waits for the disk, how long limits live, renewals, fallbacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model import events
from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import EvseId
from sitectl.model.ladder import LadderStep, LimitForm
from sitectl.model.limits import Allocation, ChargingLimit, OfferKind, StoredLimit
from sitectl.model.station import ProfileStorage
from sitectl.site import offers
from sitectl.site.offers import Due, Kind, Moment
from sitectl.site.stored import FOR_EVER_S, StoredLimits, lives_s, row_of
from sitectl.state.if_dead import in_force
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import snapshot
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
    charging,
    fallback,
    fresh,
    meter,
    plan,
    site,
    told,
)

WALL = datetime(2026, 1, 1, 12, tzinfo=UTC)


def moment(state: SiteState, at: float, lives_s: float = 1800.0) -> Moment:
    return Moment(snapshot(state, at)[0], WALL + timedelta(seconds=at), {GRID: lives_s, GARAGE: lives_s})


def decided(limits: Mapping[EvseId, float]) -> Allocation:
    given = {id: ChargingLimit(id, a, "") for id, a in limits.items()}
    return Allocation(0.0, given, given)


def stored(counts_a: float, until: float, evse: EvseId = A1, fallback_a: float | None = 6.0) -> StoredLimits:
    limits = StoredLimits()
    limits.loaded(StoredLimit(evse, counts_a, fallback_a, 1, WALL + timedelta(seconds=until), WALL))
    return limits


def due(state: SiteState, at: float, limits: Mapping[EvseId, float], rows: StoredLimits | None = None) -> list[Due]:
    return offers.due(moment(state, at), state, decided(limits), rows or StoredLimits())


def prepared(
    state: SiteState, at: float, limit_a: float, kind: Kind, rows: StoredLimits, lives_s: float = 1800.0
) -> offers.Prepared:
    now = moment(state, at, lives_s)
    return offers.prepare(Due(now.snapshot.evses[A1], limit_a, kind), now, rows, 50)


def lifetime(found: offers.Prepared) -> int:
    assert isinstance(found.command, OfferLimit)
    return found.command.lifetime_s


def both_charging() -> SiteState:
    return after(charging(16.0), [begins(B1, "t2"), *accepted(told(B1, 4, 10.0, 0.0), 0.5)])


def test_cuts_come_before_raises() -> None:
    found = due(both_charging(), 1.0, {A1: 20.0, B1: 8.0})
    assert [(d.view.id, d.kind) for d in found] == [(B1, Kind.CUT), (A1, Kind.RAISE)]


def test_a_first_limit_within_what_it_counts_at_is_no_raise() -> None:
    state = after(charging(), [begins(B1, "t2")])
    assert [d.kind for d in due(state, 1.0, {B1: 6.0})] == [Kind.CUT]
    assert [d.kind for d in due(state, 1.0, {B1: 6.1})] == [Kind.RAISE]


def test_after_a_start_a_resumed_transaction_keeps_its_limit_for_a_moment() -> None:
    remembered = events.LimitRemembered(A1, 0.0, 16.0, 6.0, 300.0, 1)
    state = after(fresh(), [remembered, *arrives(A), begins(A1, resumed=True)])
    found = offers.due(moment(state, 1.0), state, decided({A1: 8.0}), StoredLimits(), settling=True)
    assert not found
    assert [d.kind for d in due(state, 1.0, {A1: 8.0})] == [Kind.CUT]


def test_what_was_unanswered_is_said_again_unless_something_else_is_said() -> None:
    state = after(charging(), [events.StationDisconnected(A, 1.0, ""), events.StationConnected(A, 2.0, "1.6", "")])
    assert [(d.view.id, d.limit_a, d.kind) for d in due(state, 3.0, {})] == [(A1, 16.0, Kind.AGAIN)]
    assert [d.kind for d in due(state, 3.0, {A1: 8.0})] == [Kind.CUT]


def test_a_limit_is_renewed_before_it_lapses_and_in_ram_after_two_minutes() -> None:
    state = after(charging(), accepted(told(A1, 4, 16.0, 0.0, lives_s=400.0), 0.5))
    rows = stored(16.0, 3600.0)
    assert not due(state, 119.0, {}, rows)
    assert [d.kind for d in due(state, 120.0, {}, rows)] == [Kind.RENEWAL], "its lifetime of 300 s is one of RAM"


def test_a_limit_below_the_fallback_outlives_all_others() -> None:
    """Else it lapses while they hold, and its EVSE rises to its fallback beside them."""
    state = charging(16.0)
    assert lifetime(prepared(state, 0.0, 0.0, Kind.CUT, stored(16.0, 300.0))) == 1800
    assert lifetime(prepared(state, 0.0, 5.9, Kind.RENEWAL, stored(16.0, 300.0), lives_s=100.0)) == 1800
    paused = after(state, accepted(told(A1, 4, 0.0, 10.0, lives_s=1740.0), 10.5))
    assert not due(paused, 844.0, {})
    assert [d.kind for d in due(paused, 845.0, {})] == [Kind.RENEWAL]


def test_a_limit_that_the_disk_does_not_cover_for_long_is_renewed() -> None:
    state = charging()
    assert not due(state, 61.0, {}, stored(16.0, 300.0))
    assert not due(state, 29.0, {}, stored(16.0, 200.0))
    assert [d.kind for d in due(state, 61.0, {}, stored(16.0, 200.0))] == [Kind.RENEWAL]
    away = after(state, [events.StoreChanged(50.0, False)])
    assert not due(away, 61.0, {}, stored(16.0, 300.0)), "it could not be written"


def test_nobody_is_renewed_who_does_not_hear() -> None:
    state = after(charging(), [events.StationDisconnected(A, 1.0, "")])
    assert not due(state, 150.0, {})


def test_a_raise_and_a_renewal_wait_for_the_disk_a_cut_does_not() -> None:
    state, rows = charging(16.0), stored(16.0, 600.0)
    waits = {kind: prepared(state, 1.0, 12.0, kind, rows).waits for kind in Kind}
    assert waits == {Kind.CUT: False, Kind.AGAIN: False, Kind.RENEWAL: True, Kind.RAISE: True}


def test_what_leaves_at_once_lives_as_long_as_the_disk_covers_it() -> None:
    state = charging(16.0)
    assert lifetime(prepared(state, 0.0, 12.0, Kind.CUT, stored(16.0, 3600.0))) == 1740, "1800 s less the clock error"
    assert lifetime(prepared(state, 0.0, 12.0, Kind.CUT, stored(16.0, 300.0))) == 300
    known = after(state, [events.ClockSkewLearned(A, 0.0, 0.0)])
    assert lifetime(prepared(known, 0.0, 12.0, Kind.CUT, stored(16.0, 300.0))) == 355
    assert lifetime(prepared(state, 0.0, 6.0, Kind.CUT, stored(16.0, 0.0))) == 1740, "a restart counts the fallback"
    assert lifetime(prepared(state, 0.0, 12.0, Kind.CUT, stored(32.0, 0.0, fallback_a=None))) == 1740
    assert lifetime(prepared(state, 0.0, 12.0, Kind.CUT, StoredLimits())) == 1740


@pytest.mark.parametrize(("fallback_a", "goes_to"), [(6.0, 6.0), (0.0, 0.0), (3.0, 0.0)])
def test_a_cut_that_the_disk_does_not_cover_leaves_at_once_and_goes_to_the_fallback(
    fallback_a: float, goes_to: float
) -> None:
    found = prepared(charging(16.0), 0.0, 12.0, Kind.CUT, stored(16.0, 100.0, fallback_a=fallback_a))
    assert (found.waits, found.offer.limit_a) == (False, goes_to)


def test_what_is_said_again_waits_where_the_disk_does_not_cover_it() -> None:
    found = prepared(charging(16.0), 0.0, 16.0, Kind.AGAIN, stored(16.0, 100.0))
    assert (found.waits, found.offer.limit_a) == (True, 16.0)


def test_an_offer_knows_its_earliest_and_its_latest_end() -> None:
    state = after(charging(16.0), [events.ClockSkewLearned(A, 0.0, 30.0)])
    found = prepared(state, 10.0, 20.0, Kind.RAISE, StoredLimits())
    command = found.command
    assert isinstance(command, OfferLimit)
    assert command.begins == WALL + timedelta(seconds=10.0 + 30.0 - 60.0), "by the station's clock, a minute ago"
    assert command.lifetime_s == 1795
    assert (command.offer.expires_at, command.offer.expires_latest_at) == (10.0 + 1735.0 - 5.0, 10.0 + 1735.0 + 5.0)
    assert (command.offer.transaction, command.station_transaction_id, command.cut) == ("t1", 4711, False)
    assert found.beyond_s == 1795


def test_lifetimes_shrink_with_what_the_breaker_bears_and_not_below_what_the_station_does() -> None:
    state = charging(16.0)
    lives = [lifetime(prepared(state, 0.0, 20.0, Kind.RAISE, StoredLimits(), lives_s=s)) for s in (900.0, 100.0)]
    assert lives == [840, 396]


def test_the_longest_that_limits_may_live_below_a_circuit_is_that_of_all_above() -> None:
    full = after(charging(32.0), [begins(B1, "t2"), *accepted(told(B1, 4, 25.0, 0.0), 0.5), meter(1.0, 40.0)])
    seen, pictures = snapshot(full, 2.0)
    lives = offers.lifetimes(full, seen, in_force(full.topology, seen, pictures))
    assert lives[GARAGE] == lives[GRID] == pytest.approx(254.0, abs=1.0), "57 A in force, 60 A that may come"


def test_where_death_is_to_be_proven_limits_live_as_short_as_they_can() -> None:
    state = fresh(rules=SiteRules(meter_intervals_s={MAIN: 1.0}, proven=True))
    seen, pictures = snapshot(state, 0.0)
    assert set(offers.lifetimes(state, seen, in_force(state.topology, seen, pictures)).values()) == {0.0}


def test_fallbacks_are_due_at_first_contact_and_again_after_a_while() -> None:
    state = after(fresh(), arrives(A))
    assert [v.id for v in offers.fallbacks_due(snapshot(state, 1.0)[0], state)] == [A1]
    asked = after(
        state, [events.LimitOffered(offers.prepare_fallback(snapshot(state, 1.0)[0].evses[A1], 1.0, 1).offer)]
    )
    assert not offers.fallbacks_due(snapshot(asked, 45.9)[0], asked)
    assert offers.fallbacks_due(snapshot(asked, 46.0)[0], asked), "no answer: it may fall back to all that it can draw"
    refused = after(asked, [events.LimitRefused(A1, 1, OfferKind.FALLBACK, 1.5, "Rejected")])
    assert not offers.fallbacks_due(snapshot(refused, 300.0)[0], refused)
    assert offers.fallbacks_due(snapshot(refused, 301.0)[0], refused)
    back = after(asked, [events.StationConnected(A, 10.0, "1.6", "")])
    assert offers.fallbacks_due(snapshot(back, 11.0)[0], back)
    installed = after(state, fallback(A1))
    assert not offers.fallbacks_due(snapshot(installed, 1000.0)[0], installed)


def test_a_station_that_never_answers_is_asked_for_its_fallback_a_few_times_soon_and_then_seldom() -> None:
    state, asked_at = after(fresh(site(plan(A))), arrives(A)), []
    for at in range(1, 1000):
        for view in offers.fallbacks_due(snapshot(state, float(at))[0], state):
            state = after(state, [events.LimitOffered(offers.prepare_fallback(view, float(at), at).offer)])
            asked_at.append(at)
    assert asked_at == [1, 46, 91, 391, 691, 991]


def test_a_fallback_that_rises_is_on_disk_before_it_leaves() -> None:
    def waits(installed_a: float | None, planned_a: float) -> bool:
        state = after(fresh(site(plan(A, fallback_a=planned_a))), arrives(A))
        if installed_a is not None:
            state = after(state, fallback(A1, limit_a=installed_a))
        found = offers.prepare_fallback(snapshot(state, 1.0)[0].evses[A1], 1.0, 9)
        assert isinstance(found.command, InstallFallback)
        return found.waits

    assert [waits(None, 6.0), waits(10.0, 6.0), waits(6.0, 10.0)] == [False, False, True]


def test_profiles_in_ram_live_five_minutes() -> None:
    state = after(fresh(site(plan(A, storage=ProfileStorage.RAM), plan(B))), [*arrives(A), *fallback(A1), begins(A1)])
    assert lifetime(prepared(state, 0.0, 6.0, Kind.CUT, StoredLimits())) == 300


def test_a_fallback_that_rises_waits_for_those_that_fall() -> None:
    plans = site(plan(A, fallback_a=20.0), plan(B, fallback_a=6.0), rated_a=100.0, worst_a=60.0)
    both = after(fresh(plans), [*arrives(A), *arrives(B), *fallback(A1, 1, 6.0), *fallback(B1, 2, 26.0)])
    assert [v.id for v in offers.fallbacks_due(snapshot(both, 600.0)[0], both)] == [B1]
    fallen = after(both, fallback(B1, 3, 6.0, 601.0))
    assert [v.id for v in offers.fallbacks_due(snapshot(fallen, 602.0)[0], fallen)] == [A1]


# --- other rungs of the ladder ---


def on(state: SiteState, form: LimitForm) -> SiteState:
    evse = state.evses[A1]
    return replace(state, evses={**state.evses, A1: replace(evse, ladder=replace(evse.ladder, form=form))})


def made(state: SiteState, limit_a: float) -> OfferLimit:
    """The command by which A's limit is told at 10 s."""
    seen = moment(state, 10.0)
    command = offers.prepare(Due(seen.snapshot.evses[A1], limit_a, Kind.RAISE), seen, stored(20.0, 9e9), 9).command
    assert isinstance(command, OfferLimit)
    return command


def test_what_cannot_lapse_is_not_thought_to() -> None:
    relative, lasting = LimitForm(relative=True), LimitForm(LadderStep.TX_DEFAULT)
    assert made(on(charging(), relative), 12.0).offer.expires_latest_at is None
    assert not made(on(charging(), relative), 12.0).offer.lasts
    told_so = made(on(charging(), lasting), 12.0)
    assert (told_so.form, told_so.offer.lasts) == (lasting, True)
    assert told_so.offer.expires_latest_at is not None


def test_less_than_all_is_nothing_for_who_can_only_be_stopped() -> None:
    state = on(charging(), LimitForm(LadderStep.START_STOP))
    assert [made(state, a).offer.limit_a for a in (0.0, 6.0, 32.0)] == [0.0, 0.0, 32.0]


def test_where_no_profile_works_no_fallback_is_installed() -> None:
    state = after(fresh(), [*arrives(A), *arrives(B)])
    both = [view.id for view in offers.fallbacks_due(snapshot(state, 10.0)[0], state)]
    assert both == [A1, B1]
    state = on(state, LimitForm(LadderStep.START_STOP))
    assert [view.id for view in offers.fallbacks_due(snapshot(state, 10.0)[0], state)] == [B1]


def test_a_running_limit_in_the_place_of_the_fallback_is_not_overwritten_by_it() -> None:
    only = LimitForm(LadderStep.TX_DEFAULT, lowest=True)
    state = after(fresh(), [*arrives(A), *arrives(B), *fallback(B1, 2)])
    state = on(state, only)
    assert [view.id for view in offers.fallbacks_due(snapshot(state, 10.0)[0], state)] == [A1]
    running = after(state, [begins(A1)])
    assert not offers.fallbacks_due(snapshot(running, 10.0)[0], running)


def test_a_restart_counts_a_limit_that_never_lapses_for_ever() -> None:
    state = on(charging(), LimitForm(relative=True))
    never = replace(told(A1, 9, 20.0, 5.0), expires_at=None, expires_latest_at=None)
    state = after(state, accepted(never, 5.5))
    row = row_of(state.evses[A1], 10.0, WALL)
    assert (row.counts_a, lives_s(row)) == (20.0, FOR_EVER_S)
