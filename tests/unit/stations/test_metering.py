import asyncio

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import EvseMetered
from sitectl.model.ids import EvseId
from tests.unit.stations.twins import CP, Wired, Yard, in_yard, meter_payload, start_payload

FREE = AuthorizationSettings(AuthorizationMode.FREE)


async def charging(yard: Yard) -> Wired:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload())
    return station


@in_yard(authorization=FREE)
async def test_every_reading_goes_to_the_site_but_few_to_the_disk(yard: Yard) -> None:
    station = await charging(yard)
    for second in range(0, 180, 10):
        stamp = f"2026-01-01T12:{second // 60:02}:{second % 60:02}Z"
        assert await station.call("MeterValues", meter_payload(1000, stamp, amps=second)) == {}
        await asyncio.sleep(10)
    assert len(yard.inbox.of(EvseMetered)) == 18
    assert [entry[3].minute for entry in yard.ledger.sampled] == [0, 1, 2]
    newest = yard.stations.book.reading(EvseId(CP, 1))
    assert newest is not None
    assert newest.current_a == PhaseCurrents(170.0, 170.0, 170.0)
    assert newest.register_wh == 500.0


@in_yard(authorization=FREE, store_samples_every_s=lambda station: 0.0)
async def test_at_interval_zero_every_sample_is_stored(yard: Yard) -> None:
    station = await charging(yard)
    for _ in range(5):
        await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:00:00Z"))
    assert len(yard.ledger.sampled) == 5


@in_yard(authorization=FREE)
async def test_begin_end_and_signed_samples_are_always_stored(yard: Yard) -> None:
    station = await charging(yard)
    stamp = "2026-01-01T12:00:00Z"
    await station.call("MeterValues", meter_payload(1000, stamp))
    for more in ({"context": "Transaction.End"}, {"format": "SignedData"}, {"context": "Sample.Clock"}):
        await station.call("MeterValues", meter_payload(1000, stamp, **more))
    assert len(yard.ledger.sampled) == 3


@in_yard(authorization=FREE)
async def test_what_waited_in_the_station_is_stored_by_its_own_time_and_is_not_news(yard: Yard) -> None:
    station = await charging(yard)
    await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:00:00Z", amps=7))
    for minute in range(10, 20):
        await station.call("MeterValues", meter_payload(1000, f"2026-01-01T09:{minute}:00Z"))
    assert len(yard.ledger.sampled) == 11
    assert [event.reading.current_a for event in yard.inbox.of(EvseMetered)] == [PhaseCurrents(7.0, 7.0, 7.0)]


@in_yard(authorization=FREE)
async def test_a_standing_clock_does_not_end_the_storing(yard: Yard) -> None:
    station = await charging(yard)
    for _ in range(4):
        await station.call("MeterValues", meter_payload(1000, "1970-01-01T00:00:00Z"))
        await asyncio.sleep(60)
    assert len(yard.ledger.sampled) == 4
    message = yard.ledger.sampled[-1][4]
    assert message.payload["meterValue"][0]["timestamp"] == "2026-01-01T12:03:00Z"


@in_yard(authorization=FREE)
async def test_what_could_not_be_stored_comes_again_and_counts_as_new(yard: Yard) -> None:
    station = await charging(yard)
    yard.ledger.full = True
    payload = meter_payload(1000, "2026-01-01T12:00:00Z")
    assert await station.silent("MeterValues", payload)
    yard.ledger.full = False
    assert await station.call("MeterValues", payload) == {}
    assert len(yard.ledger.sampled) == 1


@in_yard(authorization=FREE)
async def test_the_frame_is_kept_to_the_byte(yard: Yard) -> None:
    station = await charging(yard)
    frame = '[2,"m1", "MeterValues",{"connectorId":1,"transactionId":1000,"meterValue":[{"timestamp":'
    frame += '"2026-01-01T12:00:00Z","sampledValue":[{"value" : "1.50"}]}]}]'
    station.far.send(frame)
    await station.frame("m1")
    assert yard.ledger.sampled[0][5] == frame.encode()
    assert "transactionId" not in yard.ledger.sampled[0][4].payload


@in_yard(authorization=FREE)
async def test_the_transaction_is_found_by_its_id_else_by_its_place(yard: Yard) -> None:
    station = await charging(yard)
    for told, connector in ((1000, 9), (0, 1), (-1, 0), (None, 1)):
        payload = {**meter_payload(told, "2026-01-01T12:00:00Z", context="Transaction.End"), "connectorId": connector}
        await station.call("MeterValues", payload)
    assert {(entry[0], entry[1]) for entry in yard.ledger.sampled} == {(1, 1000)}
    assert len(yard.ledger.sampled) == 4


@in_yard(authorization=FREE)
async def test_an_id_that_nobody_knows_is_left_to_the_ledger(yard: Yard) -> None:
    station = await yard.connect()
    for named in (77, -1):  # -1: its start was never answered (errata of 1.6, 3.18)
        assert await station.call("MeterValues", meter_payload(named, "2026-01-01T12:00:00Z")) == {}
    assert [entry[1] for entry in yard.ledger.sampled] == [77, -1]


@in_yard(authorization=FREE)
async def test_values_of_no_transaction_are_readings_and_nothing_more(yard: Yard) -> None:
    station = await yard.connect()
    for named in (None, 0):
        assert await station.call("MeterValues", meter_payload(named, "2026-01-01T12:00:00Z", amps=3)) == {}
    assert not yard.ledger.sampled
    assert yard.inbox.of(EvseMetered)


@in_yard(authorization=FREE)
async def test_garbled_values_are_answered(yard: Yard) -> None:
    station = await charging(yard)
    for payload in ({}, {"meterValue": {}}, {"connectorId": "x", "meterValue": [7], "transactionId": 1000}):
        assert await station.call("MeterValues", payload) == {}
    object_for_list = meter_payload(1000, "2026-01-01T12:00:00Z")
    object_for_list["meterValue"] = object_for_list["meterValue"][0]
    assert await station.call("MeterValues", object_for_list) == {}
    assert len(yard.ledger.sampled) == 1
