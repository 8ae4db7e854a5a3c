"""Security events on their way to a central: in order, without loss, and never in the way of money."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import security
from sitectl.uplinks.link import DialFailed
from tests.unit.uplinks.central import CP, Drop, Error, Nothing, Said
from tests.unit.uplinks.twins import START, World, on_virtual_time

EVENT = "SecurityEventNotification"
INVALID = SecurityEventType.INVALID_MESSAGES


async def journal(world: World, type: str) -> list[Payload]:
    await world.store.journal.drain()
    return [dict(entry.data) for entry in await world.store.queries.events() if entry.type == type]


def told(world: World) -> list[str]:
    return [payload["techInfo"] for payload in world.central.of(EVENT)]


@on_virtual_time
async def test_events_of_a_station_go_up_in_order_with_its_transactions():
    async with World() as world:
        await world.settles()
        stored = await world.starts(wait=False)
        await world.pool.deliver(CP, security.event_copy("One", START, "1"))
        await world.stops(stored)
        await world.pool.deliver(CP, security.event_copy("Two", START, "2"))
        await asyncio.sleep(5.0)
        assert world.central.actions()[-4:] == ["StartTransaction", EVENT, "StopTransaction", EVENT]
        assert world.central.of(EVENT)[0] == {"type": "One", "timestamp": "2026-11-20T12:00:00Z", "techInfo": "1"}
        assert await world.outbox() == []


def test_what_a_central_missed_it_hears_after_a_restart(tmp_path: Path):
    @on_virtual_time
    async def test():
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            world.leaves()
            world.central.unreachable = DialFailed("no route")
            await asyncio.sleep(90.0)
            await world.pool.deliver(CP, security.event_copy("One", START, "1"))
            await asyncio.sleep(10.0)
            assert told(world) == []
            await world.restart()
            world.central.unreachable = None
            await asyncio.sleep(60.0)
            assert told(world) == ["1"]

    test()


@on_virtual_time
async def test_our_own_events_are_journaled_and_told_once_a_minute():
    async with World() as world:
        await world.settles()
        for _ in range(3):
            world.pool.security_event(CP, INVALID, "from the central")
            await asyncio.sleep(35.0)
        assert told(world) == ["from the central"] * 2
        assert await journal(world, "security.event") == [{"event": "InvalidMessages", "info": "from the central"}] * 2


@on_virtual_time
async def test_no_central_sees_a_station_for_the_first_time_because_of_an_event():
    async with World() as world:
        world.pool.security_event(CP, SecurityEventType.FAILED_TO_AUTHENTICATE, "at the site's door")
        await asyncio.sleep(10.0)
        assert world.central.dials == []
        assert len(await journal(world, "security.event")) == 1


def answering(*codes: str) -> Callable[[Payload], Said]:
    left = list(codes)
    return lambda payload: Error(left.pop(0)) if left else {}


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
def test_a_central_that_does_not_know_events_hears_one_a_connection(code):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.central.answers[EVENT] = Error(code)
            for number in range(3):
                await world.pool.deliver(CP, security.event_copy("One", START, str(number)))
            stored = await world.starts(wait=False)
            await world.stops(stored)
            await asyncio.sleep(3.0)
            assert told(world) == ["0"]
            assert world.central.of("StopTransaction"), "money did not wait"
            assert await world.outbox() == []
            assert [entry["payload"]["techInfo"] for entry in await journal(world, "outbox.dropped")] == ["0"]
            world.pool.security_event(CP, INVALID, "ours")
            await asyncio.sleep(3.0)
            assert told(world) == ["0"]

    test()


@on_virtual_time
async def test_an_event_that_is_refused_holds_money_up_for_seconds_only():
    async with World() as world:
        await world.settles()
        world.central.answers[EVENT] = Error("InternalError")
        await world.pool.deliver(CP, security.event_copy("One", START, "1"))
        stored = await world.starts(wait=False)
        await world.stops(stored)
        await asyncio.sleep(12.0)
        assert told(world) == ["1"] * 3
        assert world.central.of("StopTransaction")
        assert await world.outbox() == []
        world.central.answers[EVENT] = answering("InternalError")
        await world.pool.deliver(CP, security.event_copy("Two", START, "2"))
        await world.pool.deliver(CP, security.event_copy("Three", START, "3"))
        await asyncio.sleep(2.0)
        assert told(world)[3:] == ["2", "3"], "one chance each while events are refused"


@pytest.mark.parametrize("said", [Nothing(), Drop()])
def test_an_event_that_is_never_answered_or_ends_the_connection_is_given_up(said):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.central.answers[EVENT] = said
            await world.pool.deliver(CP, security.event_copy("One", START, "1"))
            stored = await world.starts(wait=False)
            await world.stops(stored)
            await asyncio.sleep(150.0)
            assert len(told(world)) <= 3
            assert world.central.of("StopTransaction")
            assert await world.outbox() == []
            assert len(await journal(world, "outbox.dropped")) == 1

    test()


# --- what we see ourselves -------------------------------------------------------------------------------------------


def started(world: World) -> list[Payload]:
    return [heard.payload for heard in world.central.heard if heard.payload.get("type") == "StartupOfTheDevice"]


def test_each_central_hears_once_that_we_have_started_and_when(tmp_path: Path):
    @on_virtual_time
    async def test():
        async with World(tmp_path / "ledger.db") as world:
            await asyncio.sleep(100)
            assert world.central.dials == [], "no station is shown for that"
            await world.settles()
            startup = {
                "type": "StartupOfTheDevice",
                "timestamp": "2026-11-20T12:00:00Z",
                "techInfo": "the site controller started",
            }
            assert started(world) == [startup]
            world.leaves()
            await asyncio.sleep(120)
            await world.settles()
            assert len(started(world)) == 1
            await world.restart()
            await world.settles()
            assert len(started(world)) == 2
            assert await journal(world, "security.event") == [], "that stands there as the site's start"

    test()


@on_virtual_time
async def test_a_clock_that_was_set_is_told_for_every_station():
    async with World() as world:
        await world.settles()
        world.pool.time_was_set(-86400.0)
        await asyncio.sleep(2)
        [event] = world.central.of(EVENT)
        assert (event["type"], event["techInfo"]) == ("SettingSystemTime", "by -86400.0 s")


@on_virtual_time
async def test_rubbish_of_a_central_is_told_to_it():
    async with World() as world:
        await world.settles()
        world.central.transports[CP].send_raw('[2,"1"')
        await asyncio.sleep(3)
        assert await world.central.ask("InstallCertificate", {}) == "FormationViolation"
        await asyncio.sleep(3)
        world.central.transports[CP].send_raw('[2,"1"')
        await asyncio.sleep(3)
        infos = [event["techInfo"] for event in world.central.of(EVENT) if event["type"] == "InvalidMessages"]
        assert infos[0] == "1 frames of the central could not be read"
        assert infos[1].startswith("InstallCertificate of the central: ")
        assert len(infos) == 2, "once a connection"


@on_virtual_time
async def test_who_provokes_events_cannot_fill_the_disk():
    async with World() as world:
        await world.settles()
        for number in range(200):
            assert await world.central.ask(f"Nonsense{number}") == "NotImplemented"
        await asyncio.sleep(5)
        assert len(world.central.of(EVENT)) == 59, "with that of our start an hour's worth"
        await asyncio.sleep(3600)
        await world.central.ask("Nonsense")
        await asyncio.sleep(5)
        assert len(world.central.of(EVENT)) == 60
