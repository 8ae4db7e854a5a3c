"""Events that change the state: what each leaves behind, and what an event about something unknown does not."""

from __future__ import annotations

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, MeterId, StationId
from sitectl.model.limits import Ceiling, OfferKind
from sitectl.model.metering import MeterReading
from sitectl.model.station import ProfileStorage, StationIdentity
from sitectl.state.reduce import aged, with_acknowledgements
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    GARAGE,
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
    meter,
    plan,
    says,
    site,
    station,
    told,
)

STRANGER = StationId("stranger")


def remembered(counts_a: float, fallback_a: float | None, until: float) -> events.LimitRemembered:
    return events.LimitRemembered(A1, 0.0, counts_a, fallback_a, until, 9)


def test_what_was_never_heard_of_counts_at_its_maximum() -> None:
    assert counts(fresh(), A1, 0.0) == 32.0
    assert counts(after(fresh(), arrives(A)), A1, 0.0) == 32.0


def test_an_idle_evse_counts_at_its_fallback_unless_a_start_must_pass_us() -> None:
    state = after(fresh(), [*arrives(A), *fallback(A1)])
    assert counts(state, A1, 0.0) == 6.0, "it can start by itself"
    asks = after(state, [events.StartControlLearned(A, 0.0, True)])
    assert counts(asks, A1, 0.0) == 0.0
    expected = after(asks, [events.StartExpected(EvseId(A, 0), 1.0, 121.0)])
    assert (counts(expected, A1, 120.0), counts(expected, A1, 121.0)) == (6.0, 0.0)
    assert counts(after(asks, [says(A1, 1.0, None, preparing=True)]), A1, 1.0) == 6.0


def test_a_station_that_is_cut_off_may_have_begun_another_transaction() -> None:
    state = after(charging(16.0), [*accepted(told(A1, 4, 0.0, 10.0), 10.5), draws(A1, 20.0, 0.0)])
    assert counts(state, A1, 21.0) == 0.0
    away = after(state, [events.StationDisconnected(A, 21.0, "gone")])
    assert counts(away, A1, 22.0) == 6.0
    asks = after(away, [events.StartControlLearned(A, 0.0, True)])
    assert counts(asks, A1, 22.0) == 0.0, "where starts must pass us none can have begun"


def test_a_station_that_came_back_may_run_another_transaction_until_it_accepts_a_limit() -> None:
    paused = after(charging(16.0), [*accepted(told(A1, 4, 0.0, 10.0), 10.5), draws(A1, 20.0, 0.0)])
    gone = after(paused, [events.StationDisconnected(A, 21.0, "gone")])
    back = after(gone, [events.StationConnected(A, 23.0, "1.6", ""), draws(A1, 24.0, 0.0)])
    assert counts(back, A1, 25.0) == 6.0, "its stop and the start of another may wait in it, behind this reading"
    assert counts(after(back, accepted(told(A1, 5, 0.0, 26.0), 26.5)), A1, 27.0) == 0.0


def test_after_a_restart_a_running_transaction_counts_at_what_was_remembered() -> None:
    state = after(fresh(), [remembered(16.0, 6.0, 300.0), begins(A1, resumed=True)])
    assert (counts(state, A1, 299.0), held(state, A1).newest_offer) == (16.0, None)
    assert counts(aged(state, 300.0), A1, 300.0) == 6.0


def test_after_a_restart_a_new_transaction_runs_under_the_fallback() -> None:
    state = after(fresh(), [remembered(16.0, 6.0, 300.0), begins(A1)])
    assert counts(state, A1, 1.0) == 6.0


def test_after_a_restart_without_a_row_a_transaction_counts_at_the_maximum() -> None:
    assert counts(after(fresh(), [begins(A1, resumed=True)]), A1, 1.0) == 32.0


def test_a_reconnected_station_is_told_again() -> None:
    state = after(charging(), [events.StationDisconnected(A, 10.0, ""), events.StationConnected(A, 20.0, "1.6", "")])
    assert held(state, A1).resend
    assert not held(state, B1).resend
    assert (station(state, A).online, station(state, B).online) == (True, True)


def test_a_boot_puts_what_was_told_in_doubt() -> None:
    paused = after(charging(16.0), [*accepted(told(A1, 4, 0.0, 10.0), 10.5), draws(A1, 20.0, 0.0)])
    booted = after(paused, arrives(A, 30.0))
    assert counts(booted, A1, 30.0) == 6.0, "either the limit holds still, or the fallback again"
    again = after(booted, accepted(told(A1, 5, 0.0, 31.0), 31.5))
    assert counts(after(again, [draws(A1, 40.0, 0.0)]), A1, 40.0) == 0.0


def test_a_boot_of_a_station_with_profiles_in_ram_loses_its_fallback() -> None:
    state = after(fresh(site(plan(A, storage=ProfileStorage.RAM))), [*arrives(A), *fallback(A1)])
    assert counts(state, A1, 1.0) == 6.0
    state = after(state, arrives(A, 30.0))
    assert (counts(state, A1, 30.0), held(state, A1).fallback_asked_at) == (32.0, None)


def test_another_firmware_knows_nothing_of_its_predecessor() -> None:
    state = after(
        charging(16.0), [draws(A1, 10.0, 15.5), *accepted(told(A1, 4, 8.0, 11.0), 11.5), draws(A1, 20.0, 7.8)]
    )
    assert held(state, A1).obeys.value == "proven"
    state = after(state, arrives(A, 30.0, identity=StationIdentity("Maker", "Model", "2.0")))
    assert held(state, A1).obeys.value == "unknown"
    assert counts(state, A1, 30.0) == 32.0


def test_a_remembered_boot_is_no_connection() -> None:
    state = after(fresh(), [events.StationBooted(A, 0.0, StationIdentity("Maker"), remembered=True)])
    assert (station(state, A).seen, station(state, A).booted, station(state, A).online) == (True, True, False)


def test_an_unlisted_identity_counts_from_its_connection_on_also_over_a_restart() -> None:
    whispers = [
        events.StationDisconnected(STRANGER, 0.0, ""),
        events.ClockSkewLearned(STRANGER, 0.0, 5.0),
        events.StartControlLearned(STRANGER, 0.0, True),
    ]
    state = fresh()
    assert after(state, whispers) is state
    there = after(state, [events.StationConnected(STRANGER, 0.0, "1.6", "", quarantined=True)])
    assert snapshot(there, 1.0)[0].quarantine_reserve_a == 32.0
    gone = after(there, [events.StationDisconnected(STRANGER, 2.0, "")])
    assert snapshot(gone, 3.0)[0].quarantine_reserve_a == 32.0, "until it is listed or forgotten"
    remembered = after(state, [events.StationBooted(STRANGER, 0.0, StationIdentity("Maker"), remembered=True)])
    assert snapshot(remembered, 3.0)[0].quarantine_reserve_a == 32.0


def test_a_station_that_is_not_installed_counts_nothing_until_it_comes() -> None:
    state = fresh(site(plan(A), plan(B, installed=False)))
    assert B1 not in state.evses
    assert after(state, [events.StationBooted(B, 0.0, StationIdentity("Maker"), remembered=True)]) is state
    assert snapshot(state, 0.0)[0].quarantine_reserve_a == 0.0
    assert snapshot(after(state, arrives(B)), 1.0)[0].quarantine_reserve_a == 32.0


def test_events_about_something_unknown_change_nothing() -> None:
    state, nowhere = fresh(), EvseId(STRANGER, 1)
    strange = [
        events.TransactionStarted(nowhere, "t", 0.0, 1),
        events.EvseMetered(draws(nowhere, 0.0, 5.0).reading),
        events.LimitOffered(told(nowhere, 1, 6.0, 0.0)),
        events.MeterRead(MeterReading(MeterId("other"), 0.0, PhaseCurrents(1.0, 1.0, 1.0))),
        events.MeterFailed(MeterId("other"), 0.0, "no answer"),
        says(EvseId(A, 0), 0.0, None),
    ]
    assert after(state, strange) is state


def test_a_clock_that_turns_out_to_be_another_has_the_limit_said_again() -> None:
    state = charging()
    assert not held(after(state, [events.ClockSkewLearned(A, 5.0, 50.0)]), A1).resend
    wrong = after(state, [events.ClockSkewLearned(A, 5.0, 600.0)])
    assert held(wrong, A1).resend
    assert (station(wrong, A).skew_s, station(wrong, A).clock_error_s()) == (600.0, 5.0)


def test_limits_that_are_doubted_are_said_again() -> None:
    state = charging()
    assert not held(state, A1).resend
    assert held(after(state, [events.LimitsDoubted(A, 5.0)]), A1).resend


def test_ceilings_come_are_replaced_lapse_and_go() -> None:
    def set_to(key: str, ceiling_a: float, until: float | None) -> events.CeilingSet:
        return events.CeilingSet(Ceiling(key, "central", ceiling_a, circuit=GARAGE, expires_at=until), 0.0)

    state = after(fresh(), [set_to("x", 10.0, 60.0), set_to("x", 20.0, 90.0), set_to("y", 30.0, None)])
    assert {k: c.ceiling_a for k, c in state.ceilings.items()} == {"x": 20.0, "y": 30.0}
    assert set(aged(state, 90.0).ceilings) == {"y"}
    assert not after(aged(state, 90.0), [events.CeilingCleared("y", 91.0)]).ceilings


def test_a_store_that_cannot_keep_offers_allows_no_raises() -> None:
    state = after(fresh(), [events.StoreChanged(0.0, False, "disk full")])
    assert not snapshot(state, 0.0)[0].raises_allowed
    assert snapshot(after(state, [events.StoreChanged(1.0, True)]), 1.0)[0].raises_allowed


def test_why_a_meter_fails_is_kept_until_it_reads_again() -> None:
    state = after(fresh(), [events.MeterFailed(MeterId("main"), 1.0, "no answer")])
    assert state.meters[MeterId("main")].failure == "no answer"
    assert after(state, [meter(2.0, 5.0)]).meters[MeterId("main")].failure == ""


def test_many_answers_at_once_are_taken_as_each_by_itself() -> None:
    state = charging(16.0)
    for offer in (told(A1, 4, 10.0, 10.0), told(A1, 5, 8.0, 11.0), told(B1, 6, 6.0, 11.0)):
        state = after(state, [events.LimitOffered(offer)])
    answers = [
        events.LimitAcknowledged(A1, 4, OfferKind.DYNAMIC, 12.0),
        events.LimitAcknowledged(EvseId(STRANGER, 1), 9, OfferKind.DYNAMIC, 12.1),
        events.LimitAcknowledged(B1, 6, OfferKind.DYNAMIC, 12.2),
        events.LimitAcknowledged(A1, 5, OfferKind.DYNAMIC, 12.3),
        events.LimitAcknowledged(A1, 5, OfferKind.DYNAMIC, 12.4),
    ]
    assert with_acknowledgements(state, answers) == after(state, answers)
    assert with_acknowledgements(state, answers).evses != state.evses
