"""Which samples are for which central, each at its own interval, while the disk keeps what it always keeps."""

import asyncio
import math

import pytest

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.ids import UplinkId
from tests.unit.stations.test_metering import charging
from tests.unit.stations.twins import Wired, Yard, in_yard, meter_payload, start_payload, stop_payload

FREE = AuthorizationSettings(AuthorizationMode.FREE)
ONE, TWO = UplinkId("one"), UplinkId("two")


async def samples(station: Wired, first_s: int, last_s: int, every_s: int = 10, wait: bool = True, **more) -> None:
    """From second to second of the transaction."""
    for second in range(first_s, last_s + 1, every_s):
        if wait:
            await asyncio.sleep(every_s)
        stamp = f"2026-01-01T{12 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
        await station.call("MeterValues", meter_payload(1000, stamp, amps=second / 1000, **more))


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
    await samples(station, 10, 50)
    yard.ledger.full = True
    station.send("MeterValues", meter_payload(1000, "2026-01-01T12:01:00Z"))
    await asyncio.sleep(1)
    yard.ledger.full = False
    await samples(station, 70, 70)
    assert told(yard, ONE) == [70]
