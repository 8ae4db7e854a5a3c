"""Reset over a link on virtual time: expected reboots, soft ones that do nothing, storms."""

import asyncio

import pytest

from sitectl.model.commands import Answered, NotSent, ResetKind, ResetStation, Unanswered
from sitectl.model.events import RebootExpected
from sitectl.model.hands import HEALING
from sitectl.uplinks.resets import MOST_RESETS, PER_S, REBOOT_WITHIN_S, SOFT_WITHIN_S, Resets
from sitectl.wire.ports import TransportClosed
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
HARD, SOFT = ResetKind.IMMEDIATE, ResetKind.ON_IDLE


async def resets(world: World, kind: str = "Hard"):
    return await world.central.ask("Reset", {"type": kind})


def asked(world: World) -> list[ResetKind]:
    return [command.kind for command in world.door.of(ResetStation)]


def expected_s(world: World) -> list[float]:
    return [event.until - event.at for event in world.inbox.of(RebootExpected)]


@on_virtual_time
async def test_the_reboot_is_expected_before_it_comes_and_no_longer_when_it_is_refused():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Answered("Rejected", REJECTED)
        assert await resets(world) == REJECTED
        first, last = world.inbox.of(RebootExpected)
        assert first.until - first.at == REBOOT_WITHIN_S
        assert last.until < last.at
        world.inbox.clear()
        world.door.outcome = lambda command: Answered("Accepted", ACCEPTED)
        assert await resets(world) == ACCEPTED
        assert expected_s(world) == [REBOOT_WITHIN_S]


@on_virtual_time
async def test_the_connection_to_the_central_stays_open_while_the_station_reboots():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        await resets(world)
        world.leaves()
        await asyncio.sleep(REBOOT_WITHIN_S - 60)
        world.arrives()
        world.boots()
        await asyncio.sleep(30)
        assert len(world.central.dials) == 1
        assert len(world.central.of("BootNotification")) == 2
        world.leaves()
        await asyncio.sleep(120)
        world.arrives()
        await asyncio.sleep(5)
        assert len(world.central.dials) == 2  # nobody expected this one


@on_virtual_time
async def test_a_station_that_does_not_come_back_is_let_go_in_the_end():
    async with World() as world:
        await world.settles()
        await resets(world)
        world.leaves()
        await asyncio.sleep(REBOOT_WITHIN_S + 70)
        assert world.view.stations == 0
        with pytest.raises(TransportClosed):
            await world.central.transports[CP].recv()


@on_virtual_time
async def test_a_soft_reset_that_does_nothing_becomes_a_hard_one():
    async with World() as world:
        await world.settles()
        assert await resets(world, "Soft") == ACCEPTED
        await asyncio.sleep(SOFT_WITHIN_S - 1)
        assert asked(world) == [SOFT]
        await asyncio.sleep(2)
        assert asked(world) == [SOFT, HARD]
        await asyncio.sleep(3 * SOFT_WITHIN_S)
        assert asked(world) == [SOFT, HARD]
        await world.store.journal.drain()
        assert len(await world.rows("SELECT 1 FROM events WHERE type = 'station.reset_escalated'")) == 1


@on_virtual_time
async def test_a_soft_reset_that_does_nothing_becomes_no_hard_one_under_a_car_that_came_since():
    async with World() as world:
        await world.settles()
        assert await resets(world, "Soft") == ACCEPTED
        await asyncio.sleep(SOFT_WITHIN_S / 2)
        await world.starts()
        await asyncio.sleep(SOFT_WITHIN_S)
        assert asked(world) == [SOFT]


@on_virtual_time
async def test_two_soft_resets_that_do_nothing_become_one_hard_one():
    async with World() as world:
        await world.settles()
        for _ in range(2):
            assert await resets(world, "Soft") == ACCEPTED
            await asyncio.sleep(10)
        await asyncio.sleep(3 * SOFT_WITHIN_S)
        assert asked(world) == [SOFT, SOFT, HARD]


@on_virtual_time
async def test_one_that_cannot_be_sent_does_not_take_back_what_is_expected():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        assert await resets(world) == ACCEPTED
        world.leaves()
        began_at = world.clock.monotonic()
        assert await resets(world) == REJECTED
        assert world.inbox.of(RebootExpected)[-1].until - began_at > REBOOT_WITHIN_S - 10.0


@pytest.mark.parametrize("how", ["went", "booted", "refused", "unanswered", "hard"])
def test_only_one_that_was_accepted_and_did_nothing(how):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            if how == "refused":
                world.door.outcome = lambda command: Answered("Rejected", REJECTED)
            if how == "unanswered":
                world.door.outcome = lambda command: Unanswered("no answer")
            await resets(world, "Hard" if how == "hard" else "Soft")
            if how == "went":
                world.leaves()
                await asyncio.sleep(30)
                world.arrives()
            if how == "booted":
                world.boots()
            await asyncio.sleep(2 * SOFT_WITHIN_S)
            assert len(asked(world)) == 1

    test()


@on_virtual_time
async def test_a_storm_of_resets_is_refused_and_noted_once():
    async with World() as world:
        await world.settles()
        answers = [await resets(world) for _ in range(30)]
        assert answers == [ACCEPTED] * MOST_RESETS + [REJECTED] * (30 - MOST_RESETS)
        assert asked(world) == [HARD] * MOST_RESETS
        await world.store.journal.drain()
        assert len(await world.rows("SELECT 1 FROM events WHERE type = 'uplink.too_many_resets'")) == 1
        await asyncio.sleep(PER_S)
        assert await resets(world) == ACCEPTED


@on_virtual_time
async def test_what_a_station_that_is_away_was_not_asked_is_not_counted():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        for _ in range(10):
            assert await resets(world) == REJECTED
        world.arrives()
        assert await resets(world) == ACCEPTED


# --- two hands on one station ---


def orders(world: World) -> Resets:
    return world.pool.resets


@on_virtual_time
async def test_a_central_that_asks_while_healing_resets_gets_what_comes_of_that_one():
    async with World() as world:
        await world.settles()
        world.door.delay_s = 2.0
        ours = asyncio.create_task(orders(world).order(CP, SOFT, HEALING))
        await asyncio.sleep(0.5)
        assert await resets(world, "Soft") == ACCEPTED
        assert (await ours) == Answered("Accepted", ACCEPTED)
        assert asked(world) == [SOFT]
        assert await resets(world, "Soft") == ACCEPTED, "accepted, and nothing has come of it yet"
        assert asked(world) == [SOFT]
        await world.store.journal.drain()
        assert len(await world.rows("SELECT 1 FROM events WHERE type = 'station.reset_joined'")) == 2


@on_virtual_time
async def test_what_is_joined_is_refused_with_it_and_a_harder_one_is_sent():
    async with World() as world:
        await world.settles()
        world.door.delay_s = 2.0
        world.door.outcome = lambda command: Answered("Rejected", REJECTED)
        ours = asyncio.create_task(orders(world).order(CP, SOFT, HEALING))
        await asyncio.sleep(0.5)
        assert await resets(world, "Soft") == REJECTED
        await ours
        world.door.outcome = lambda command: Answered("Accepted", ACCEPTED)
        await orders(world).order(CP, SOFT, HEALING)
        assert await resets(world, "Hard") == ACCEPTED
        assert asked(world) == [SOFT, SOFT, HARD]


@on_virtual_time
async def test_healing_begins_none_beside_that_of_a_central_until_it_has_come_to_something():
    async with World() as world:
        await world.settles()
        await resets(world)
        refused = await orders(world).order(CP, HARD, HEALING)
        assert refused == NotSent("a reset that central central ordered is under way")
        assert orders(world).under_way(CP) == "central central"
        world.boots()
        assert orders(world).under_way(CP) is None
        assert isinstance(await orders(world).order(CP, HARD, HEALING), Answered)
        assert asked(world) == [HARD, HARD]


@on_virtual_time
async def test_one_that_nothing_came_of_is_no_longer_in_the_way_after_a_while():
    async with World() as world:
        await world.settles()
        await orders(world).order(CP, HARD, "anna")
        await asyncio.sleep(SOFT_WITHIN_S + 1)
        assert orders(world).under_way(CP) is None
        assert isinstance(await orders(world).order(CP, HARD, HEALING), Answered)


@on_virtual_time
async def test_a_soft_one_that_a_central_joined_becomes_a_hard_one_for_it():
    async with World() as world:
        await world.settles()
        await orders(world).order(CP, SOFT, HEALING)
        assert await resets(world, "Soft") == ACCEPTED
        await asyncio.sleep(SOFT_WITHIN_S + 2)
        assert asked(world) == [SOFT, HARD]
        assert world.door.by[-1] == "central central"


@on_virtual_time
async def test_the_budget_of_centrals_counts_what_others_have_ordered():
    async with World() as world:
        await world.settles()
        for _ in range(MOST_RESETS):
            await orders(world).order(CP, HARD, "anna")
            world.boots()
        assert await resets(world) == REJECTED
        assert isinstance(await orders(world).order(CP, HARD, "anna"), Answered), "a person knows why"
