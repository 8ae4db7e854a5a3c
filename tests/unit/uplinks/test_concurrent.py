"""ConcurrentTx: by our own backlog, by a start that was sent twice, or with a reason of the central's own."""

import asyncio
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.model.commands import RequestStop
from sitectl.model.ids import StationId
from sitectl.model.transaction import StartedTransaction
from tests.unit.uplinks.central import CP, Drop, Slow
from tests.unit.uplinks.test_refusals import started
from tests.unit.uplinks.twins import World, on_virtual_time


async def concurrent(world: World) -> StartedTransaction:
    """A token's first transaction is over here, but its stop takes its time; the second one is called concurrent."""
    other = StationId("CP02")
    await world.settles(other)
    await world.settles()
    first = await world.starts(1, "TAG12345", station=other)
    world.central.answers["StopTransaction"] = Slow(25.0, {})
    world.central.answers["StartTransaction"] = started(5, "ConcurrentTx")
    await world.stops(first)
    return await world.starts(1, "tag12345")


@pytest.mark.parametrize(("asked", "goes_on"), [("Accepted", True), ("Blocked", False), ("ConcurrentTx", False)])
def test_concurrent_by_our_own_backlog_is_asked_about_again_once_that_is_gone(asked: str, goes_on: bool):
    @on_virtual_time
    async def test() -> None:
        async with World() as world:
            world.central.answers["Authorize"] = {"idTagInfo": {"status": asked}}
            stored = await concurrent(world)
            await asyncio.sleep(10)
            assert world.central.of("Authorize") == []
            assert world.door.of(RequestStop) == []
            await asyncio.sleep(40)
            assert world.central.of("Authorize") == [{"idTag": "tag12345"}]
            expected = [] if goes_on else [RequestStop(CP, stored.station_transaction_id)]
            assert world.door.of(RequestStop)[:1] == expected
            assert await world.outbox() == []

    test()


@on_virtual_time
async def test_concurrent_by_a_start_that_was_sent_twice_is_our_doing():
    async with World() as world:
        await world.settles()
        said = iter([Drop()])
        world.central.answers["StartTransaction"] = lambda payload: next(said, started(6, "ConcurrentTx"))
        await world.starts()
        await asyncio.sleep(60)
        assert len(world.central.of("StartTransaction")) == 2
        assert world.central.of("Authorize") == [{"idTag": "TAG12345"}]
        assert world.door.of(RequestStop) == []


@on_virtual_time
async def test_concurrent_without_a_reason_of_ours_is_a_refusal():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(5, "ConcurrentTx")
        stored = await world.starts()
        await asyncio.sleep(5)
        assert world.door.of(RequestStop) == [RequestStop(CP, stored.station_transaction_id)]
        assert world.cached("TAG12345") is None
        await world.stops(stored, reason="Remote")
        await asyncio.sleep(5)
        assert world.central.of("StopTransaction")[0]["reason"] == "DeAuthorized"


def test_waiting_for_the_backlog_goes_on_over_a_restart(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await concurrent(world)
            await asyncio.sleep(5)
            await world.restart()
            await world.settles()
            await asyncio.sleep(100)
            assert world.central.of("Authorize") == [{"idTag": "tag12345"}]
            await world.restart()
            await world.settles()
            await asyncio.sleep(60)
            assert len(world.central.of("Authorize")) == 1  # settled for good
            assert world.door.of(RequestStop) == []

    run_virtual(test())
