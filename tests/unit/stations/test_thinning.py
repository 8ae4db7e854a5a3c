"""Which samples are for which central, each at its own interval, while the disk keeps what it always keeps."""

import asyncio
import math
from datetime import timedelta

import pytest

from sitectl.base.gateway_clock import Mistake
from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.ids import UplinkId
from tests.unit.stations.test_metering import charging
from tests.unit.stations.twins import START, Wired, Yard, in_yard, meter_payload, start_payload, stop_payload

FREE = AuthorizationSettings(AuthorizationMode.FREE)
ONE, TWO = UplinkId("one"), UplinkId("two")


async def samples(station: Wired, first_s: int, last_s: int, every_s: int = 10, wait: bool = True, **more) -> None:
    """From second to second of the transaction, and until a full minute at the end is over."""
    for second in range(first_s, last_s + 1, every_s):
        if wait:
            await asyncio.sleep(every_s - asyncio.get_running_loop().time() % every_s)
        stamp = f"2026-01-01T{12 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
        await station.call("MeterValues", meter_payload(1000, stamp, amps=second / 1000, **more))
    await asyncio.sleep(1 if wait else 0)


def told(yard: Yard, uplink: UplinkId) -> list[int]:
    """Seconds of the transaction of the samples that are for this central."""
    kept = zip(yard.ledger.sampled, yard.ledger.spared, strict=True)
    moments = [entry[3] for entry, without in kept if uplink not in without]
    return [moment.hour * 3600 + moment.minute * 60 + moment.second - 12 * 3600 for moment in moments]


@in_yard(authorization=FREE)
async def test_a_central_that_wants_one_in_fifteen_minutes_gets_that_and_nothing_else(yard: Yard) -> None:
    yard.centrals.every_s = {ONE: 900.0}
    station = await charging(yard)
    await samples(station, 10, 2700)
    await station.call("StopTransaction", stop_payload(1000, timestamp="2026-01-01T12:45:05Z"))
    assert told(yard, ONE) == [900, 1800, 2700]
    assert len(yard.ledger.sampled) >= 45  # the disk has one a minute, the first and the last


@in_yard(authorization=FREE)
async def test_each_central_has_its_own_interval_and_who_has_said_nothing_gets_what_is_stored(yard: Yard) -> None:
    yard.centrals.every_s = {ONE: 300.0, TWO: math.inf}
    station = await charging(yard)
    await samples(station, 10, 900)
    assert told(yard, ONE) == [300, 600, 900]
    assert told(yard, TWO) == []
    assert told(yard, UplinkId("three")) == [entry[3].minute * 60 + entry[3].second for entry in yard.ledger.sampled]


@in_yard(authorization=FREE, store_samples_every_s=lambda station: 900.0)
async def test_an_interval_shorter_than_that_of_the_disk_is_stored_too(yard: Yard) -> None:
    yard.centrals.every_s = {ONE: 60.0}
    station = await charging(yard)
    await samples(station, 10, 300)
    assert told(yard, ONE) == [60, 120, 180, 240, 300]


@pytest.mark.parametrize("more", [{"context": "Transaction.Begin"}, {"format": "SignedData"}])
def test_what_is_more_than_a_sample_goes_to_everybody(more):
    @in_yard(authorization=FREE)
    async def test(yard: Yard) -> None:
        yard.centrals.every_s = {ONE: 900.0, TWO: math.inf}
        station = await charging(yard)
        await samples(station, 10, 30, **more)
        assert told(yard, ONE) == told(yard, TWO) == [10, 20, 30]

    test()


@in_yard(authorization=FREE)
async def test_what_waited_in_the_station_is_thinned_by_its_own_time(yard: Yard) -> None:
    yard.centrals.every_s = {ONE: 900.0}
    station = await yard.connect()
    await station.call("StartTransaction", start_payload(timestamp="2026-01-01T10:00:00Z"))
    await samples(station, 60 - 7200, 3600 - 7200, every_s=60, wait=False)
    assert [second + 7200 for second in told(yard, ONE)] == [900, 1800, 2700, 3600]


@in_yard(authorization=FREE)
async def test_what_could_not_be_stored_counts_for_nobody(yard: Yard) -> None:
    yard.centrals.every_s = {ONE: 60.0}
    station = await charging(yard)
    await samples(station, 50, 50, every_s=50)
    yard.ledger.full = True
    await asyncio.sleep(50)
    assert await station.silent("MeterValues", meter_payload(1000, "2026-01-01T12:01:40Z"))
    yard.ledger.full = False
    await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:01:40Z"))
    assert told(yard, ONE) == [100]


@in_yard(authorization=FREE)
async def test_of_many_samples_the_newest_is_taken_at_the_full_minute(yard: Yard) -> None:
    stations = [await yard.connect(f"CP0{n}") for n in (1, 2, 3)]
    await asyncio.sleep(7)
    for station in stations:
        await station.call("StartTransaction", start_payload(timestamp="2026-01-01T12:00:07Z"))
    for second in range(10, 130, 5):
        await asyncio.sleep(second - asyncio.get_running_loop().time())
        stamp = f"2026-01-01T12:0{second // 60}:{second % 60:02}Z"
        for n, station in enumerate(stations):
            await station.call("MeterValues", meter_payload(1000 + n, stamp))
    taken = [(entry[3].minute * 60 + entry[3].second) for entry in yard.ledger.sampled]
    assert taken == [10] * 3 + [60] * 3 + [120] * 3


@in_yard(authorization=FREE)
async def test_what_a_full_minute_could_not_store_is_stored_at_the_next(yard: Yard) -> None:
    station = await charging(yard)
    await samples(station, 10, 50)
    yard.ledger.full = True
    await samples(station, 60, 60)
    yard.ledger.full = False
    await samples(station, 70, 120)
    assert [entry[3].minute for entry in yard.ledger.sampled] == [0, 2]


@in_yard(authorization=FREE)
async def test_while_nothing_can_be_stored_a_station_is_not_answered_for_ever(yard: Yard) -> None:
    station = await charging(yard)
    await samples(station, 10, 50)
    yard.ledger.full = True
    await samples(station, 60, 180)
    await asyncio.sleep(10)
    assert await station.silent("MeterValues", meter_payload(1000, "2026-01-01T12:03:10Z"))


@in_yard(authorization=FREE)
async def test_a_short_queue_of_frequent_samples_is_stored_by_its_own_time(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("StartTransaction", start_payload(timestamp="2026-01-01T10:00:00Z"))
    await samples(station, 10 - 7200, 300 - 7200, wait=False)
    assert [second + 7200 for second in told(yard, ONE)] == [10, 70, 130, 190, 250]


@in_yard(authorization=FREE)
async def test_the_last_sample_goes_to_those_whose_interval_is_over(yard: Yard) -> None:
    yard.centrals.every_s = {ONE: 60.0, TWO: 900.0}
    station = await charging(yard)
    await samples(station, 10, 110)
    await asyncio.sleep(119 - asyncio.get_running_loop().time())
    await station.call("MeterValues", meter_payload(1000, "2026-01-01T12:01:59Z"))
    await station.call("StopTransaction", stop_payload(1000, timestamp="2026-01-01T12:02:00Z"))
    assert told(yard, ONE) == [60, 119]
    assert told(yard, TWO) == []


@in_yard(authorization=FREE)
async def test_a_sample_stamped_by_a_clock_that_was_wrong_is_not_kept_for_later(yard: Yard) -> None:
    station = await charging(yard)
    await samples(station, 10, 50)
    yard.stations.clock_set(Mistake(START, START + timedelta(minutes=1), timedelta(hours=1)))
    await asyncio.sleep(20)
    assert len(yard.ledger.sampled) == 1


@in_yard(authorization=FREE)
async def test_who_samples_once_a_minute_waits_for_company_but_not_with_the_first_nor_with_what_is_more(
    yard: Yard,
) -> None:
    station = await charging(yard)
    await samples(station, 60, 240, every_s=60)
    await samples(station, 300, 300, every_s=60, context="Transaction.End")
    assert yard.ledger.patient == [False, True, True, True, False]
    await station.call("StopTransaction", stop_payload(1000, timestamp="2026-01-01T12:45:05Z"))
    assert len(yard.ledger.sampled) == 5


@in_yard(authorization=FREE)
async def test_who_tells_a_queue_does_not_wait(yard: Yard) -> None:
    station = await charging(yard)
    await samples(station, 60, 300, every_s=60, wait=False)
    assert yard.ledger.patient == [False] * 5


@in_yard(authorization=FREE)
async def test_the_last_of_many_does_not_wait_with_the_stop(yard: Yard) -> None:
    station = await charging(yard)
    await samples(station, 10, 90)
    await station.call("StopTransaction", stop_payload(1000, timestamp="2026-01-01T12:01:35Z"))
    assert (yard.ledger.patient[0], yard.ledger.patient[-1]) == (False, False)
    assert told(yard, ONE)[-1] == 90
