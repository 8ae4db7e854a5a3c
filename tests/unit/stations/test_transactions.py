import asyncio

import pytest

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.commands import OfferLimit
from sitectl.model.events import Event, EvseMetered, StartExpected, TransactionEnded, TransactionStarted
from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from tests.unit.stations.twins import (
    BOOT,
    CP,
    START,
    Yard,
    in_yard,
    meter_payload,
    start_payload,
    station_plan,
    stop_payload,
)

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
FREE = AuthorizationSettings(AuthorizationMode.FREE)
TX = TransactionId("tx1000")


@in_yard()
async def test_a_start_is_stored_then_the_verdict_then_answered_with_our_own_id(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = ACCEPTED
    answer = await station.call("StartTransaction", start_payload())
    assert answer == {"transactionId": 1000, "idTagInfo": {"status": "Accepted"}}
    assert yard.ledger.writes == ["start", "verdict"]
    assert ("outbox", CP) in yard.centrals.heard
    await asyncio.sleep(0)
    (started,) = yard.inbox.of(TransactionStarted)
    assert (started.evse, started.transaction, started.station_transaction_id) == (EvseId(CP, 1), TX, 1000)
    assert yard.stations.book.running(EvseId(CP, 1))


@in_yard()
async def test_current_is_reserved_before_anything_is_answered(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.delay_s = 5.0
    asked = station.send("StartTransaction", start_payload())
    await asyncio.sleep(1)
    assert [event.evse for event in yard.inbox.of(StartExpected)] == [EvseId(CP, 1)]
    await station.frame(asked)


@in_yard()
async def test_the_answer_leaves_before_a_limit_can_name_the_transaction(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(40)
    station.received.clear()

    def offer_at_once(event: Event) -> None:
        if isinstance(event, TransactionStarted):
            offer = Offer(event.evse, 1, 16.0, OfferKind.DYNAMIC, 0.0)
            yard.stations.limits.offer(OfferLimit(offer, event.station_transaction_id, START, 300, cut=True))

    yard.inbox.hook = offer_at_once
    await station.call("StartTransaction", start_payload())
    await asyncio.sleep(1)
    assert [frame[0] for frame in station.received] == [3, 2]
    assert station.received[1][3]["csChargingProfiles"]["transactionId"] == station.received[0][2]["transactionId"]


@in_yard()
async def test_a_start_told_again_is_the_same_transaction(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = ACCEPTED
    first = await station.call("StartTransaction", start_payload())
    yard.centrals.info = IdTokenInfo(AuthorizationStatus.BLOCKED)
    second = await station.call("StartTransaction", start_payload())
    assert second == first
    assert len(yard.ledger.starts) == 1
    assert yard.journal.types().count("transaction.started") == 1


@in_yard()
async def test_an_old_start_told_again_after_its_stop_does_not_run_again(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    await station.call("StopTransaction", stop_payload(1000))
    await station.call("StartTransaction", start_payload())
    await asyncio.sleep(0)
    assert len(yard.inbox.of(TransactionStarted)) == 1
    assert not yard.stations.book.running(EvseId(CP, 1))


@in_yard()
async def test_a_refused_token_gets_an_id_all_the_same(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = IdTokenInfo(AuthorizationStatus.INVALID)
    answer = await station.call("StartTransaction", start_payload())
    assert answer == {"transactionId": 1000, "idTagInfo": {"status": "Invalid"}}


@in_yard(authorization=FREE)
async def test_without_a_deciding_central_nobody_waits_for_one(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.delay_s = 9.0
    before = asyncio.get_running_loop().time()
    answer = await station.call("StartTransaction", start_payload())
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert asyncio.get_running_loop().time() - before < 1.0


@in_yard(authorization=FREE)
async def test_a_start_that_lost_its_stop_ends_the_one_before(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    await station.call("StartTransaction", start_payload(meterStart=900))
    await asyncio.sleep(0)
    kinds = [type(e).__name__ for e in yard.inbox if isinstance(e, TransactionStarted | TransactionEnded)]
    assert kinds == ["TransactionStarted", "TransactionEnded", "TransactionStarted"]


@in_yard(authorization=FREE)
async def test_what_cannot_be_stored_is_not_answered_and_everything_else_is(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    yard.ledger.full = True
    assert await station.silent("StartTransaction", start_payload(connectorId=2))
    assert await station.silent("StopTransaction", stop_payload(1000))
    assert "currentTime" in await station.call("Heartbeat", {})
    assert not yard.inbox.of(TransactionEnded)
    yard.ledger.full = False
    assert await station.call("StopTransaction", stop_payload(1000)) == {}
    assert yard.inbox.of(TransactionEnded)


@in_yard(authorization=FREE)
async def test_garbled_transaction_messages_are_kept_and_never_refused(yard: Yard) -> None:
    station = await yard.connect()
    assert (await station.call("StartTransaction", {}))["transactionId"] == 1000
    odd = {"connectorId": "1", "idTag": 7, "meterStart": "12.5", "timestamp": "yesterday", "x": None}
    assert (await station.call("StartTransaction", odd))["transactionId"] == 1001
    for payload in ({}, {"transactionId": -1}, {"transactionId": "1001", "meterStop": None}):
        assert await station.call("StopTransaction", payload) == {}
    start, _, _, message = list(yard.ledger.starts.values())[1]
    assert start.started == START
    assert not start.clock.trusted
    assert message.payload["timestamp"] == "2026-01-01T12:00:00Z", "an impossible time does not go up"


@in_yard(station_plan(), authorization=FREE)
async def test_rubbish_neither_starts_nor_ends_what_runs(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    answer = await station.call("StartTransaction", {})
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert await station.call("StopTransaction", {}) == {}
    assert yard.stations.book.running(EvseId(CP, 1))
    assert [event.evse for event in yard.inbox.of(TransactionEnded)] == []


@in_yard(station_plan(), authorization=FREE)
async def test_a_stop_without_a_meter_value_ends_at_the_newest_register(yard: Yard) -> None:
    station = await yard.connect()
    started = await station.call("StartTransaction", start_payload())
    await station.call("MeterValues", meter_payload(started["transactionId"], "2026-11-20T06:20:00Z"))
    (register_wh,) = {event.reading.register_wh for event in yard.inbox.of(EvseMetered)}
    stop = stop_payload(started["transactionId"])
    del stop["meterStop"]
    await station.call("StopTransaction", stop)
    ((told, message),) = yard.ledger.stops
    assert told.meter_stop_wh == message.payload["meterStop"] == register_wh


@pytest.mark.parametrize("id", [-1, 0, None])
def test_a_stop_without_an_id_takes_with_it_what_is_known_of_the_only_one_that_runs(id: int | None) -> None:
    @in_yard(station_plan(), authorization=FREE)
    async def told(yard: Yard) -> None:
        station = await yard.connect()
        await station.call("StartTransaction", start_payload())
        await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:00:00Z"))
        await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:00:10Z"))
        stop = {key: value for key, value in stop_payload(1000).items() if key != "meterStop"} | {"transactionId": id}
        await station.call("StopTransaction", stop)
        assert yard.ledger.writes[-2:] == ["samples", "stop"]
        ((stopped, message),) = yard.ledger.stops
        assert stopped.meter_stop_wh == message.payload["meterStop"] > 0

    told()


@in_yard(authorization=FREE)
async def test_times_that_cannot_be_become_that_of_receipt(yard: Yard) -> None:
    station = await yard.connect()
    for n, told in enumerate(("1970-01-01T00:00:10Z", "2026-01-01T12:06:00Z", "2026-01-01T09:00:00Z")):
        await station.call("StartTransaction", start_payload(timestamp=told, connectorId=1, meterStart=n))
    starts = [entry[0] for entry in yard.ledger.starts.values()]
    assert [(s.started.hour, s.clock.trusted) for s in starts] == [(12, False), (12, False), (9, True)]
    assert starts[0].started_raw == "1970-01-01T00:00:10Z", "the raw text is what names a start"


@in_yard(authorization=FREE)
async def test_a_stop_is_stored_and_ends_the_transaction(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    assert await station.call("StopTransaction", stop_payload(1000, reason="EVDisconnected")) == {}
    (stop, message) = yard.ledger.stops[0]
    assert (stop.station_transaction_id, stop.reason) == (1000, "EVDisconnected")
    assert "transactionId" not in message.payload
    assert [event.transaction for event in yard.inbox.of(TransactionEnded)] == [TX]
    assert not yard.stations.book.running(EvseId(CP, 1))


@in_yard(authorization=FREE)
async def test_the_last_sample_is_stored_before_the_stop(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:00:00Z"))
    await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:00:10Z"))
    assert len(yard.ledger.sampled) == 1
    await station.call("StopTransaction", stop_payload(1000))
    assert yard.ledger.writes[-2:] == ["samples", "stop"]
    assert yard.ledger.sampled[-1][3].second == 10


@in_yard(authorization=FREE)
async def test_in_quarantine_transactions_are_ledgered_and_go_to_nobody(yard: Yard) -> None:
    stranger = await yard.connect("STRANGE", quarantined=True)
    answer = await stranger.call("StartTransaction", start_payload())
    assert answer == {"transactionId": 1000, "idTagInfo": {"status": "Invalid"}}
    ((_, _, uplinks, _),) = yard.ledger.starts.values()
    assert uplinks == ()
    assert await stranger.call("StopTransaction", stop_payload(1000)) == {}
    assert not yard.centrals.heard


@in_yard(station_plan(), authorization=FREE)
async def test_a_post_with_one_evse_may_call_it_zero(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload(connectorId=0))
    (start, *_) = next(iter(yard.ledger.starts.values()))
    assert start.evse == EvseId(CP, 1)


@in_yard(authorization=FREE)
async def test_what_ran_before_a_restart_is_running_again(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    again = Yard()
    await again.stations.book.load(yard.ledger, quarantine=True)
    (resumed,) = again.inbox.of(TransactionStarted)
    assert resumed.resumed
    assert again.stations.book.running(EvseId(CP, 1))
