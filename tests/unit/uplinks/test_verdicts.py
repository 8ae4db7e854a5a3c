"""Verdicts of a central: who waits for one, what is remembered of it, and what follows one without an id."""

import asyncio
from dataclasses import replace

import pytest

from sitectl.model.transaction import AuthorizationStatus
from sitectl.model.uplink import ZeroId
from tests.unit.uplinks.central import CP, Nothing, Slow
from tests.unit.uplinks.test_refusals import started
from tests.unit.uplinks.twins import World, on_virtual_time


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
async def test_who_starts_while_a_central_is_greeted_is_judged_by_it():
    async with World() as world:
        world.central.answers |= {"StatusNotification": Slow(2.0, {}), "StartTransaction": started(5, "Blocked")}
        world.arrives()
        world.boots()
        world.reports(1, "Available")
        await asyncio.sleep(1.0)
        assert world.link().accepted
        stored = await world.starts(wait=False)
        info = await world.pool.verdict(CP, stored.transaction, 10.0)
        assert info is not None
        assert info.status is AuthorizationStatus.BLOCKED
        assert world.central.actions()[-1] == "StartTransaction"  # nothing overtakes a greeting


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


@pytest.mark.parametrize(
    ("policy", "told"), [(ZeroId.MINUS_ONE, [-1, -1]), (ZeroId.SEND_ZERO, [0, 0]), (ZeroId.SUPPRESS, [])]
)
def test_what_follows_a_refusal_without_an_id(policy: ZeroId, told: list[int]):
    @on_virtual_time
    async def test() -> None:
        world = World()
        world.settings = replace(world.settings, zero_id=policy)
        async with world:
            await world.settles()
            world.central.answers["StartTransaction"] = started(0, "Invalid")
            stored = await world.starts()
            await world.samples(stored, 200)
            await world.stops(stored)
            await world.starts(2)
            await asyncio.sleep(5)
            sent = [heard for heard in world.central.heard if "transactionId" in heard.payload]
            assert [heard.payload["transactionId"] for heard in sent] == told
            assert await world.outbox() == []
            assert len(world.central.of("StartTransaction")) == 2

    test()
