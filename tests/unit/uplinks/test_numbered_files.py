"""GetLog over a link on virtual time: numbers, answers, and the words of a station."""

import asyncio

import pytest

from sitectl.model.commands import Answered, NotSent, Refused, Unanswered
from sitectl.model.uplink import Right
from sitectl.uplinks import pool
from sitectl.uplinks.files import FIRST_NUMBER
from tests.unit.uplinks.numbered import (
    ACCEPTED,
    FIRMWARE,
    HOUR,
    LOG,
    REJECTED,
    Station,
    get_log,
    says,
    told,
    update,
)
from tests.unit.uplinks.twins import World, on_virtual_time


@pytest.fixture(autouse=True)
def _days_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "REFRESH_S", 600.0)


# --- logs ------------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_log_is_ordered_under_our_number_and_told_under_the_centrals():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        station.says = [Answered("Accepted", {"status": "Accepted", "filename": "log.gz"})]
        ask = get_log(7, retries=1, retryInterval=10, junk=1)
        ask["log"]["oldestTimestamp"] = "2026-11-20T11:00:00.5+01:00"
        assert await world.central.ask("GetLog", ask) == {"status": "Accepted", "filename": "log.gz"}
        [order] = station.orders
        number = order.payload["requestId"]
        assert number >= FIRST_NUMBER
        assert order.payload == {
            "requestId": number,
            "logType": "DiagnosticsLog",
            "retries": 1,
            "retryInterval": 10,
            "log": {"remoteLocation": "https://host/in", "oldestTimestamp": "2026-11-20T10:00:00Z"},
        }
        await says(world, LOG, number, "Uploading", "Uploading")
        await says(world, LOG, None, "Idle")
        await says(world, LOG, 7, "PermissionDenied")  # nobody's number
        await says(world, LOG, number, "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == [("Uploading", 7), ("Uploaded", 7)]
        await asyncio.sleep(3 * HOUR)
        assert len(told(world, LOG)) == 2


@on_virtual_time
async def test_a_word_without_a_number_is_of_the_order_that_runs():
    async with World() as world:
        await world.settles()
        world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        await says(world, LOG, None, "Uploading", "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == [("Uploading", 7), ("Uploaded", 7)]


@on_virtual_time
async def test_a_log_of_which_nothing_is_heard_has_failed():
    async with World() as world:
        await world.settles()
        world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        await asyncio.sleep(HOUR)
        assert told(world, LOG) == [("UploadFailure", 7)]


@on_virtual_time
async def test_another_order_cancels_the_one_before_as_the_station_says():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        station.says = [Answered("AcceptedCanceled", {"status": "AcceptedCanceled"})]
        await says(world, LOG, station.number(0), "Uploading")
        assert await world.central.ask("GetLog", get_log(8)) == {"status": "AcceptedCanceled"}
        assert station.number(1) > station.number(0)
        await says(world, LOG, station.number(0), "UploadFailure")
        await says(world, LOG, station.number(1), "Uploading", "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == [("Uploading", 7), ("UploadFailure", 7), ("Uploading", 8), ("Uploaded", 8)]


@on_virtual_time
async def test_an_order_that_is_rejected_leaves_the_one_before_alone():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        station.says = [Answered("Rejected", REJECTED)]
        assert await world.central.ask("GetLog", get_log(8)) == REJECTED
        await says(world, LOG, station.number(0), "Uploading", "Uploaded")
        await asyncio.sleep(3 * HOUR)
        assert told(world, LOG) == [("Uploading", 7), ("Uploaded", 7)]


@on_virtual_time
async def test_the_first_order_that_is_rejected_leaves_nothing():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        station.says = [Answered("Rejected", REJECTED)]
        assert await world.central.ask("GetLog", get_log(8)) == REJECTED
        await asyncio.sleep(3 * HOUR)
        assert told(world, LOG) == []
        assert world.store.documents.of("log") == {}


@pytest.mark.parametrize(
    ("outcome", "kind", "answer", "words"),
    [
        (Refused("NotImplemented"), "DiagnosticsLog", "NotSupported", []),
        (Refused("NotImplemented"), "SecurityLog", ACCEPTED, [("NotSupportedOperation", 7)]),
        (Refused("InternalError"), "SecurityLog", REJECTED, []),
        (NotSent("the station is offline"), "SecurityLog", REJECTED, []),
        (Unanswered("late"), "DiagnosticsLog", ACCEPTED, [("UploadFailure", 7)]),
    ],
)
def test_what_the_station_cannot_or_does_not_answer(outcome, kind, answer, words):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            station = world.door.outcome = Station()
            station.says = [outcome]
            assert await world.central.ask("GetLog", get_log(7, kind)) == answer
            await asyncio.sleep(HOUR)
            assert told(world, LOG) == words

    test()


@pytest.mark.parametrize("location", ["file:///etc/passwd", "javascript:x", "https://", "ftp://host/" + "x" * 2000])
def test_a_place_that_nobody_should_follow_is_rejected_without_a_word_to_the_station(location: str):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = Station()
            assert await world.central.ask("GetLog", get_log(7, location=location)) == REJECTED
            assert not world.door.commands

    test()


@on_virtual_time
async def test_a_station_that_is_away_takes_no_orders():
    async with World() as world:
        await world.settles()
        world.leaves()
        assert await world.central.ask("GetLog", get_log(7)) == REJECTED
        assert await world.central.ask("SignedUpdateFirmware", update(7)) == REJECTED
        assert not world.door.commands


@on_virtual_time
async def test_how_an_order_stands_is_told_when_asked():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        trigger = {"requestedMessage": LOG}
        assert await world.central.ask("ExtendedTriggerMessage", trigger) == ACCEPTED
        await asyncio.sleep(1)
        await world.central.ask("GetLog", get_log(7))
        await says(world, LOG, station.number(), "Uploading")
        await asyncio.sleep(1)
        assert await world.central.ask("ExtendedTriggerMessage", trigger) == ACCEPTED
        assert await world.central.ask("ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
        await asyncio.sleep(1)
        assert told(world, LOG) == [("Idle", None), ("Uploading", 7), ("Uploading", 7)]
        assert told(world, FIRMWARE) == [("Idle", None)]


# --- rights ----------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_logs_take_the_right_to_read_and_firmware_its_own():
    async with World(rights=frozenset({Right.READ})) as world:
        await world.settles()
        world.door.outcome = Station()
        assert await world.central.ask("GetLog", get_log(7)) == ACCEPTED
        assert await world.central.ask("SignedUpdateFirmware", update(3)) == REJECTED
    async with World(rights=frozenset({Right.FIRMWARE})) as world:
        await world.settles()
        world.door.outcome = Station()
        assert await world.central.ask("GetLog", get_log(7)) == REJECTED
        assert await world.central.ask("SignedUpdateFirmware", update(3)) == ACCEPTED
