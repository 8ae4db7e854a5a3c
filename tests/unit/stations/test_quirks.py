"""Each flag of a sheet where it acts: what is done otherwise for such a station, and for no other."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.commands import (
    Answered,
    ChangeAvailability,
    NotSent,
    ResetKind,
    ResetStation,
    TriggerMessage,
    Urgency,
)
from sitectl.model.events import (
    EvseMetered,
    EvseStatusChanged,
    LimitTraitsLearned,
    StationConnected,
    StationDisconnected,
)
from sitectl.model.ids import EvseId
from sitectl.model.ladder import LadderStep, LimitTraits
from sitectl.model.station import ConnectorStatus, KnownStation, StationIdentity
from sitectl.quirks.sheet import Pattern, StationSheet
from sitectl.stations.dropins import AWAY_AFTER_S
from tests.unit.stations.test_onboarding import GOOD, configured, statuses_after
from tests.unit.stations.twins import (
    BOOT,
    CP,
    Yard,
    in_yard,
    meter_payload,
    start_payload,
    station_plan,
    stop_payload,
)

FREE = AuthorizationSettings(AuthorizationMode.FREE)
KNOWN = KnownStation(CP, StationIdentity("Acme", "One", "1.2"), boot=BOOT)


def sheets(**flags: Any) -> dict[str, Any]:
    """A yard in which the station of `BOOT` has these flags, and was here before."""
    stated = {name.replace("__", "."): value for name, value in flags.items()}
    return {"sheets": [StationSheet("acme", "Acme", stated, (Pattern("acme"),))], "known": [KNOWN]}


# --- how it is called --------------------------------------------------------------------------------------------


@in_yard(**sheets(transport__calls_before_boot=False))
async def test_one_that_must_boot_first_is_called_when_it_has_settled(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    ordered = asyncio.ensure_future(yard.stations.execute(CP, TriggerMessage(EvseId(CP, 1), "Heartbeat"), Urgency.CUT))
    await asyncio.sleep(20)
    assert not station.calls, "any other that was here before is told a cut at once"
    await station.call("BootNotification", BOOT)
    await ordered
    assert station.calls[0][0] >= 25.0


@in_yard(**sheets(transport__settle_s=30.0))
async def test_one_that_wants_to_be_left_alone_is(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(60)
    assert min(at for at, _, _ in station.calls) >= 30.0


@in_yard(**sheets(transport__call_timeout_s=75.0))
async def test_one_that_answers_late_is_waited_for_from_the_start(yard: Yard) -> None:
    station = await yard.connect()
    station.answers = lambda action, payload: None
    await station.call("BootNotification", BOOT)
    began = asyncio.get_running_loop().time()
    outcome = await yard.stations.execute(CP, TriggerMessage(EvseId(CP, 1), "Heartbeat"), Urgency.CUT)
    assert str(outcome) == "Unanswered(why='no answer within 75 s')"
    assert asyncio.get_running_loop().time() - began >= 75.0


async def _deaf(yard: Yard) -> Any:
    """A connection on which two calls stay open while frames arrive."""
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    station.answers = lambda action, payload: None
    for _ in range(2):
        asked = asyncio.ensure_future(
            yard.stations.execute(CP, TriggerMessage(EvseId(CP, 1), "Heartbeat"), Urgency.CUT)
        )
        await asyncio.sleep(1)
        await station.call("Heartbeat", {})
        await asked
    await asyncio.sleep(1)
    return station


@in_yard(known=[KNOWN])
async def test_a_deaf_connection_is_closed(yard: Yard) -> None:
    assert (await _deaf(yard)).served.done()


@in_yard(**sheets(transport__redials=False))
async def test_but_not_where_it_would_stay_away_for_long(yard: Yard) -> None:
    assert not (await _deaf(yard)).served.done()
    assert yard.stations.book.online(CP)
    outcome = await yard.stations.hang_up(CP, "healing", "healing")
    assert outcome == NotSent("its model stays away for long after a connection was ended")


@in_yard(**sheets(transport__pongs=False))
async def test_one_without_pongs_is_not_pinged_and_lost_after_silence(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    assert not yard.stations.book.records[CP].present.peer.pongs_seen  # type: ignore[union-attr]
    await asyncio.sleep(80)
    await station.call("Heartbeat", {})
    await asyncio.sleep(80)
    assert yard.stations.book.online(CP), "any frame shows that it lives"
    await asyncio.sleep(20)
    assert not yard.stations.book.online(CP)


@in_yard(**sheets(transport__connectionless=True, limit__steps=("none",)))
async def test_one_that_connects_for_each_message_is_there_in_between_and_is_never_called(yard: Yard) -> None:
    for _ in range(3):
        station = await yard.connect()
        await station.call("BootNotification", BOOT)
        station.far.abort()
        await station.served
        await asyncio.sleep(60)
        assert yard.stations.book.online(CP)
    assert len(yard.inbox.of(StationConnected)) == 1
    assert not yard.inbox.of(StationDisconnected)
    assert isinstance(await yard.stations.execute(CP, TriggerMessage(EvseId(CP, 1), "Heartbeat"), Urgency.CUT), NotSent)
    assert not station.calls
    await asyncio.sleep(AWAY_AFTER_S)
    assert not yard.stations.book.online(CP)
    assert len(yard.inbox.of(StationDisconnected)) == 1


# --- what it takes of commands and configuration ------------------------------------------------------------------


@in_yard(**sheets(config__keys_per_call=2))
async def test_few_keys_are_asked_for_at_once(yard: Yard) -> None:
    station = await yard.connect()
    held = dict(GOOD)
    configured(station, held)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(60)
    asked = station.called("GetConfiguration")
    assert max(len(call["key"]) for call in asked) == 2
    assert set(held) <= {key for call in asked for key in call["key"]}


@in_yard(**sheets(config__measurands=("Current.Import",), config__sample_interval_s=30))
async def test_only_what_it_may_be_asked_for_is_written(yard: Yard) -> None:
    station = await yard.connect()
    held = {**GOOD, "MeterValueSampleInterval": "900"}
    configured(station, held)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(100)
    written = [(call["key"], call["value"]) for call in station.called("ChangeConfiguration")]
    assert written == [("MeterValueSampleInterval", "30"), ("MeterValuesSampledData", "Current.Import")]


@in_yard(**sheets(config__writable=False))
async def test_nothing_is_written_where_that_does_harm(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, {**GOOD, "MeterValueSampleInterval": "900", "HeartbeatInterval": "900"})
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(100)
    assert station.called("GetConfiguration")
    assert not station.called("ChangeConfiguration")


@in_yard(**sheets(config__refused_triggers=("StatusNotification",)))
async def test_what_it_does_not_send_on_demand_is_not_asked_for(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(100)
    assert statuses_after(station) == []
    order = TriggerMessage(EvseId(CP, 1), "StatusNotification")
    outcome = await yard.stations.execute(CP, order, Urgency.CONTROL)
    assert outcome == NotSent("it does not send StatusNotification on demand")
    outcome = await yard.stations.execute(CP, TriggerMessage(EvseId(CP, 1), "Heartbeat"), Urgency.CONTROL)
    assert isinstance(outcome, Answered)


@in_yard(**sheets(config__hard_reset_only=True))
async def test_a_soft_reset_is_a_hard_one_where_only_that_is_done(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await yard.stations.execute(CP, ResetStation(CP, ResetKind.ON_IDLE), Urgency.CONTROL)
    assert station.called("Reset") == [{"type": "Hard"}]


@in_yard(replace(station_plan(evses=2)), **sheets(config__availability_by_evse=True))
async def test_availability_is_told_to_each_connector(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    station.answers = lambda action, payload: {"status": "Accepted" if payload["connectorId"] == 1 else "Rejected"}
    outcome = await yard.stations.execute(CP, ChangeAvailability(EvseId(CP, 0), operative=False), Urgency.CONTROL)
    assert outcome == Answered("Rejected", {"status": "Rejected"})
    assert station.called("ChangeAvailability") == [
        {"connectorId": 1, "type": "Inoperative"},
        {"connectorId": 2, "type": "Inoperative"},
    ]


# --- what it says -------------------------------------------------------------------------------------------------


@in_yard(authorization=FREE, **sheets(json__wrap=("meterValue",), json__error_codes={"Error": "OtherError"}))
async def test_its_form_is_mended_before_it_is_read_and_the_frame_is_kept(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    id = (await station.call("StartTransaction", start_payload()))["transactionId"]
    payload = meter_payload(id, "2026-01-01T12:00:10Z")
    alone = {**payload, "meterValue": payload["meterValue"][0]}
    await station.call("MeterValues", alone)
    ((_, _, register_wh, _, message, raw),) = yard.ledger.sampled
    assert register_wh == 500.0
    assert message.payload["meterValue"] == payload["meterValue"], "a central gets it as the standard has it"
    assert json.loads(raw)[3] == alone, "the ledger has it as it came"
    status = {"connectorId": 1, "status": "Faulted", "errorCode": "Error"}
    await station.call("StatusNotification", status)
    assert yard.inbox.of(EvseStatusChanged)[-1].status.error_code == "OtherError"
    seen = [entry[3]["rule"] for entry in yard.journal if entry[0] == "station.deviation"]
    assert seen == ["mended: meterValue came as an object", "mended: errorCode Error"]
    await station.call("MeterValues", alone)
    assert len([entry for entry in yard.journal if entry[0] == "station.deviation"]) == 2, "noted once"


@in_yard(authorization=FREE)
async def test_without_a_sheet_it_is_read_all_the_same(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    id = (await station.call("StartTransaction", start_payload()))["transactionId"]
    payload = meter_payload(id, "2026-01-01T12:00:10Z")
    await station.call("MeterValues", {**payload, "meterValue": payload["meterValue"][0]})
    assert yard.inbox.of(EvseMetered)[-1].reading.register_wh == 500.0
    assert yard.stations.book.records[CP].mends is None


@in_yard(authorization=FREE, **sheets(meter__register="transaction", tx__stale_ids=True))
async def test_its_readings_are_those_of_the_transaction_that_runs(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    id = (await station.call("StartTransaction", start_payload(meterStart=7000)))["transactionId"]
    await station.call("MeterValues", meter_payload(4, "2026-01-01T12:00:10Z"))
    ((evse, stored_id, register_wh, _, _, _),) = yard.ledger.sampled
    assert (evse, stored_id, register_wh) == (1, id, 7500.0)
    await station.call("StopTransaction", stop_payload(id))
    assert yard.ledger.stops


@in_yard(authorization=FREE, **sheets(status__available_while_charging=True, status__harmless_faults=("NoPP",)))
async def test_its_statuses_are_what_they_mean(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await station.call("StartTransaction", start_payload())
    await station.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
    assert yard.inbox.of(EvseStatusChanged)[-1].status.connector_status is ConnectorStatus.OCCUPIED
    assert yard.stations.book.statuses(CP)[1]["status"] == "Charging", "and so a central hears it"
    fault = {"connectorId": 0, "status": "Faulted", "errorCode": "OtherError", "vendorErrorCode": "NoPP"}
    await station.call("StatusNotification", fault)
    assert yard.inbox.of(EvseStatusChanged)[-1].status.connector_status is ConnectorStatus.AVAILABLE


@in_yard(authorization=FREE, **sheets(clock__zone="none"))
async def test_the_stamps_of_a_clock_that_is_never_set_say_nothing(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await station.call("StartTransaction", start_payload(timestamp="2025-06-01T00:00:00Z"))
    ((start, *_),) = yard.ledger.starts.values()
    assert start.started == datetime(2026, 1, 1, 12, tzinfo=UTC), "when it was received"


@in_yard(authorization=FREE, **sheets(meter__readings=False))
async def test_currents_that_never_come_are_told_as_a_trait_of_the_model(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    await station.call("StartTransaction", start_payload())
    for _ in range(7):
        await asyncio.sleep(30)
        await station.call("Heartbeat", {})
    (problem,) = yard.stations.problems()
    assert problem.what == "It charges on EVSE 1 and reports no currents, as its model does."
    assert problem.do.startswith("Give its circuit a meter")


# --- what the site hears ------------------------------------------------------------------------------------------


@in_yard(sheets=[StationSheet("acme", "", {"limit.unit": "W", "limit.zero": "ends"}, (Pattern("acme"),))])
async def test_the_site_hears_how_limits_are_taken_when_a_station_says_who_it_is(yard: Yard) -> None:
    station = await yard.connect()
    assert not yard.inbox.of(LimitTraitsLearned)
    await station.call("BootNotification", BOOT)
    assert [event.traits for event in yard.inbox.of(LimitTraitsLearned)] == [LimitTraits(watts=True, zero_ends=True)]
    await station.call("BootNotification", BOOT)
    assert len(yard.inbox.of(LimitTraitsLearned)) == 1, "it is no news"
    await station.call("BootNotification", {**BOOT, "chargePointVendor": "Other"})
    assert yard.inbox.of(LimitTraitsLearned)[-1].traits == LimitTraits()


@in_yard(**sheets(limit__steps=("start_stop",)))
async def test_a_station_that_was_here_before_is_known_from_the_start(yard: Yard) -> None:
    (heard,) = yard.inbox.of(LimitTraitsLearned)
    assert heard.traits.steps == (LadderStep.START_STOP,)
    found = yard.stations.book.knowledge(CP)
    assert found is not None
    assert [(flag.flag, flag.sheet) for flag in found.flags] == [("limit.steps", "acme")]


@in_yard(
    replace(station_plan(), sheet="bench"),
    sheets=[StationSheet("bench", "", {"transport.call_timeout_s": 60.0})],
)
async def test_the_sheet_that_the_configuration_names_needs_no_boot(yard: Yard) -> None:
    assert yard.stations.book.records[CP].queue.timeout_s == 60.0
