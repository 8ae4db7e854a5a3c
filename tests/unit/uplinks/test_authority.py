"""Which central is asked about a token, and that a question is asked once at a time."""

import asyncio

from sitectl.model.authorization import Remembered
from sitectl.routing.route import Route
from tests.unit.uplinks.central import CP, Slow
from tests.unit.uplinks.twins import World, on_virtual_time

YES = {"idTagInfo": {"status": "Accepted"}}


@on_virtual_time
async def test_a_station_that_no_central_sees_has_no_authority():
    async with World() as world:
        await world.settles()
        world.pool._route = Route(None)
        assert await world.pool.authorize(CP, "TAG12345", 5.0) is None
        assert world.pool.remembered(CP, "TAG12345") == Remembered()
        assert world.central.of("Authorize") == []


@on_virtual_time
async def test_what_is_asked_behind_is_asked_once_at_a_time():
    async with World() as world:
        await world.settles()
        world.central.answers["Authorize"] = Slow(2.0, YES)
        for token in ("TAG12345", "TAG12345", "OTHER123"):
            world.pool.verify(CP, token)
        await asyncio.sleep(10)
        assert world.central.of("Authorize") == [{"idTag": "TAG12345"}, {"idTag": "OTHER123"}]
        world.pool.verify(CP, "TAG12345")
        await asyncio.sleep(10)
        assert len(world.central.of("Authorize")) == 3
