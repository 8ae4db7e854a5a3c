"""Verdicts of a central, in time and too late: who is told, what is remembered, what is stopped."""

import asyncio
from pathlib import Path

from sitectl.base.virtual import run_virtual
from sitectl.model.commands import Answered, RequestStop
from sitectl.model.events import CeilingCleared, CeilingSet
from sitectl.model.transaction import AuthorizationStatus
from tests.unit.uplinks.central import CP, Nothing
from tests.unit.uplinks.twins import World, on_virtual_time


def started(id: object, status: str = "Accepted") -> dict:
    return {"transactionId": id, "idTagInfo": {"status": status}}


@on_virtual_time
async def test_who_waits_gets_the_verdict():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(5, "Blocked")
        stored = await world.starts(wait=False)
        info = await world.pool.verdict(CP, stored.transaction, 10.0)
        assert info is not None
        assert info.status is AuthorizationStatus.BLOCKED
        await asyncio.sleep(100)
        assert world.door.commands == []  # the station was told in time


@on_virtual_time
async def test_nobody_waits_behind_a_backlog_or_for_a_central_that_is_away():
    async with World(replay_per_s=0.1) as world:
        stored = await world.starts()
        assert await world.pool.verdict(CP, stored.transaction, 10.0) is None
        await world.samples(stored, 1)
        await world.settles()
        second = await world.starts(2, wait=False)
        began = world.clock.monotonic()
        assert await world.pool.verdict(CP, second.transaction, 10.0) is None
        assert world.clock.monotonic() == began


@on_virtual_time
async def test_who_waits_is_told_at_once_that_the_connection_ended_and_by_two_at_a_time():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Nothing()
        stored = await world.starts(wait=False)
        both = asyncio.gather(*(world.pool.verdict(CP, stored.transaction, 10.0) for _ in range(2)))
        await asyncio.sleep(3)
        world.central.transports[CP].abort()
        began = world.clock.monotonic()
        assert await both == [None, None]
        assert world.clock.monotonic() - began < 1


@on_virtual_time
async def test_a_late_refusal_stops_the_transaction_and_its_stop_says_why():
    async with World() as world:
        await world.settles()
        world.leaves()
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        world.facts.of(CP).is_online = False
        stored = await world.starts()
        await asyncio.sleep(30)
        assert world.door.commands == []  # nobody there to be stopped, and it is not forgotten
        world.arrives()
        world.boots()
        await asyncio.sleep(100)
        assert world.door.of(RequestStop)[:1] == [RequestStop(CP, stored.station_transaction_id)]
        await world.stops(stored, reason="Remote")
        await asyncio.sleep(120)
        assert world.central.of("StopTransaction")[0]["reason"] == "DeAuthorized"
        count = len(world.door.commands)
        await asyncio.sleep(300)
        assert len(world.door.commands) == count
        cached = world.cached("TAG12345")
        assert cached is not None
        assert cached.status is AuthorizationStatus.INVALID


def test_a_late_refusal_is_not_forgotten_over_a_restart(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            world.door.outcome = lambda command: Answered("Rejected", {"status": "Rejected"})
            world.central.answers["StartTransaction"] = started(5, "Expired")
            stored = await world.starts()
            await asyncio.sleep(5)
            await world.restart()
            world.door.commands.clear()
            world.arrives()
            await asyncio.sleep(70)
            assert world.door.of(RequestStop)[0] == RequestStop(CP, stored.station_transaction_id)

    run_virtual(test())


@on_virtual_time
async def test_a_late_refusal_may_also_only_take_the_energy():
    async with World() as world:
        await world.settles()
        await world.central.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "false"})
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        stored = await world.starts()
        await asyncio.sleep(30)
        assert world.door.commands == []
        [ceiling] = [event.ceiling for event in world.inbox.of(CeilingSet)]
        assert (ceiling.evse, ceiling.ceiling_a) == (stored.evse, 0.0)
        await world.stops(stored)
        assert [event.key for event in world.inbox.of(CeilingCleared)] == [ceiling.key]


@on_virtual_time
async def test_concurrent_is_put_down_to_the_backlog_while_there_is_one_and_never_remembered():
    async with World() as world:
        world.central.answers["StartTransaction"] = started(5, "ConcurrentTx")
        first = await world.starts(1)
        await world.stops(first)
        await world.starts(2, "TAG12345")
        await world.samples(first, 5)
        await world.settles()
        await asyncio.sleep(10)
        assert world.door.of(RequestStop) == []
        assert world.cached("TAG12345") is None


@on_virtual_time
async def test_concurrent_without_a_backlog_is_a_refusal():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(5, "ConcurrentTx")
        stored = await world.starts()
        await asyncio.sleep(5)
        assert world.door.of(RequestStop) == [RequestStop(CP, stored.station_transaction_id)]


@on_virtual_time
async def test_verdicts_on_stops_are_remembered_and_those_on_placeholders_are_not():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(5, "Blocked")
        await world.starts(1, "ABC")
        await asyncio.sleep(1)
        assert world.cached("ABC") is None
        await world.starts(2, "ABCD")
        await asyncio.sleep(1)
        assert world.cached("ABCD") is not None
