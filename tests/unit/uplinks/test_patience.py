"""What goes up may wait for company, while nothing else is to be said and nobody looks."""

import asyncio

from tests.unit.uplinks.twins import World, on_virtual_time

PATIENCE_S = 3.0


def samples_heard(world: World) -> int:
    return len(world.central.of("MeterValues"))


@on_virtual_time
async def test_a_sample_right_after_a_start_goes_at_once_and_one_much_later_waits():
    async with World() as world:
        world.store.database.company.patience_s = PATIENCE_S
        await world.settles()
        stored = await world.starts()
        await asyncio.sleep(1.0)
        await world.samples(stored, 10)
        await asyncio.sleep(0.5)
        assert samples_heard(world) == 1
        await asyncio.sleep(60.0)
        await world.samples(stored, 20)
        await asyncio.sleep(PATIENCE_S - 0.5)
        assert samples_heard(world) == 1
        await asyncio.sleep(0.6)
        assert samples_heard(world) == 2
        assert len(await world.outbox()) == 1, "that it was answered waits, too"
        await asyncio.sleep(PATIENCE_S)
        assert await world.outbox() == []


@on_virtual_time
async def test_what_else_is_to_be_said_ends_the_patience():
    async with World() as world:
        world.store.database.company.patience_s = PATIENCE_S
        await world.settles()
        stored = await world.starts()
        await asyncio.sleep(60.0)
        await world.samples(stored, 10)
        await asyncio.sleep(0.5)
        assert samples_heard(world) == 0
        world.link().dial_now()
        await asyncio.sleep(0.5)
        assert samples_heard(world) == 1
        await world.samples(stored, 20)
        await asyncio.sleep(0.5)
        assert samples_heard(world) == 2, "what stands behind another is not held up"
