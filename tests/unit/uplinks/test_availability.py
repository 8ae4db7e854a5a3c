"""ChangeAvailability over a link on virtual time: wishes of several, stations that are away, forget, or refuse."""

import asyncio
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.model.commands import Answered, ChangeAvailability, Command, Outcome, Refused, RequestStart, Unanswered
from sitectl.model.ids import EvseId, UplinkId
from sitectl.uplinks.availability import RETRY_S, SETTLE_S, SITE
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.test_security_events import journal
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
SCHEDULED = {"status": "Scheduled"}
OTHER = UplinkId("other")


async def asks(world: World, connector: int, operative: bool):
    kind = "Operative" if operative else "Inoperative"
    return await world.central.ask("ChangeAvailability", {"connectorId": connector, "type": kind})


def told(world: World) -> list[tuple[int, bool]]:
    """What the station was told since this was last asked."""
    orders = [(command.evse.evse, command.operative) for command in world.door.of(ChangeAvailability)]
    world.door.commands.clear()
    return orders


def wishes(world: World):
    return world.pool._stations.availability


def shown(world: World, connector: int) -> str:
    statuses = [p["status"] for p in world.central.of("StatusNotification") if p["connectorId"] == connector]
    return statuses[-1]


@pytest.mark.parametrize("answer", ["Accepted", "Scheduled", "Rejected"])
def test_the_answer_is_the_stations_own(answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = lambda command: Answered(answer, {"status": answer})
            assert await asks(world, 1, False) == {"status": answer}
            assert told(world) == [(1, False)]
            assert wishes(world).is_out(EvseId(CP, 1)) == (answer != "Rejected")

    test()


@on_virtual_time
async def test_a_refusal_by_callerror_is_one_too_and_leaves_no_wish():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Refused("NotSupported")
        assert await asks(world, 2, False) == REJECTED
        assert world.store.documents.of("availability") == {}


@on_virtual_time
async def test_what_is_so_already_needs_no_telling():
    async with World() as world:
        await world.settles()
        assert await asks(world, 1, True) == ACCEPTED
        assert await asks(world, 0, True) == ACCEPTED
        assert told(world) == []
        assert await asks(world, 1, False) == ACCEPTED
        assert await asks(world, 1, False) == ACCEPTED
        assert told(world) == [(1, False)]


@on_virtual_time
async def test_a_connector_that_is_not_there_is_rejected():
    async with World() as world:
        await world.settles()
        assert await asks(world, 7, False) == REJECTED
        assert await asks(world, -1, True) == REJECTED
        assert told(world) == []


@on_virtual_time
async def test_it_is_back_only_when_nobody_keeps_it_out():
    async with World() as world:
        await world.settles()
        world.reports(1, "Available")
        assert await asks(world, 1, False) == ACCEPTED
        assert await wishes(world).wish(EvseId(CP, 1), False, OTHER) == "Accepted"
        assert await wishes(world).wish(EvseId(CP, 0), False, SITE, by="anna") == "Accepted"
        assert told(world) == [(1, False), (0, False)]
        assert await asks(world, 1, True) == SCHEDULED  # accepted, and others keep it out
        assert await wishes(world).wish(EvseId(CP, 0), True, SITE) == "Accepted"
        assert told(world) == [(0, True), (1, False)]
        await asyncio.sleep(1)
        assert shown(world, 1) == "Unavailable"
        assert await wishes(world).wish(EvseId(CP, 1), True, OTHER) == "Accepted"
        assert told(world) == [(1, True)]
        said = [(one["owner"], one.get("by")) for one in await journal(world, "evse.availability")]
        assert said.count(("site", "anna")) == 1
        assert ("other", None) in said
        await asyncio.sleep(1)
        assert shown(world, 1) == "Available"


@on_virtual_time
async def test_connector_0_is_the_station_and_all_of_its_connectors():
    async with World() as world:
        await world.settles()
        assert await asks(world, 2, False) == ACCEPTED
        assert await asks(world, 0, False) == ACCEPTED
        assert told(world) == [(2, False), (0, False)]
        assert await asks(world, 1, False) == ACCEPTED
        assert told(world) == []  # it is out with the station
        assert await asks(world, 0, True) == ACCEPTED
        assert told(world) == [(0, True), (2, True)]
        assert not any(wishes(world).is_out(EvseId(CP, n)) for n in (0, 1, 2))


@on_virtual_time
async def test_a_charging_connector_that_another_has_taken_out_is_scheduled():
    async with World() as world:
        await world.settles()
        await world.starts(1)
        world.door.outcome = lambda command: Answered("Scheduled", SCHEDULED)
        assert await wishes(world).wish(EvseId(CP, 1), False, OTHER) == "Scheduled"
        assert await asks(world, 1, False) == SCHEDULED
        assert told(world) == [(1, False)]


# --- what the central sees -------------------------------------------------------------------------------------------


@on_virtual_time
async def test_what_is_out_is_unavailable_whatever_the_station_says_unless_it_charges_or_is_broken():
    async with World() as world:
        await world.settles()
        for status in ("Available", "Preparing", "Charging", "Faulted", "Finishing"):
            world.reports(1, status)
        await asyncio.sleep(1)
        world.central.forget()
        await asks(world, 1, False)
        for status, seen in (("Available", "Unavailable"), ("Charging", "Charging"), ("Finishing", "Unavailable"),
                             ("Faulted", "Faulted"), ("Preparing", "Unavailable")):  # fmt: skip
            world.reports(1, status)
            await asyncio.sleep(1)
            assert shown(world, 1) == seen, status


@on_virtual_time
async def test_nothing_starts_where_it_is_out():
    async with World() as world:
        await world.settles()
        await asks(world, 1, False)
        start = {"idTag": "TAG12345", "connectorId": 1}
        assert await world.central.ask("RemoteStartTransaction", start) == REJECTED
        assert await world.central.ask("RemoteStartTransaction", {"idTag": "TAG12345"}) == ACCEPTED
        assert world.door.of(RequestStart) == [RequestStart(EvseId(CP, 2), "TAG12345")]


# --- away, rebooted, restarted ---------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_station_that_is_away_is_told_when_it_is_back():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        assert await asks(world, 1, False) == SCHEDULED
        assert told(world) == []
        await asyncio.sleep(10)
        world.arrives()
        await asyncio.sleep(SETTLE_S - 1)
        assert told(world) == []
        await asyncio.sleep(2)
        assert told(world) == [(1, False)]
        world.leaves()
        assert await asks(world, 1, True) == SCHEDULED
        world.arrives()
        await asyncio.sleep(SETTLE_S + 1)
        assert told(world) == [(1, True)]


@on_virtual_time
async def test_after_a_boot_it_is_told_again_and_one_that_was_never_out_is_told_nothing():
    async with World() as world:
        await world.settles()
        await asyncio.sleep(60)
        world.boots()
        await asyncio.sleep(60)
        assert told(world) == []
        await asks(world, 2, False)
        assert told(world) == [(2, False)]
        world.arrives()
        await asyncio.sleep(3)
        world.boots()
        await asyncio.sleep(SETTLE_S + 1)
        assert told(world) == [(2, False)]  # once, for the connection and its boot


def test_wishes_hold_over_a_restart_and_so_does_what_the_station_was_told(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            await asks(world, 1, False)
            await asks(world, 2, False)
            told(world)
            world.leaves()
            assert await asks(world, 2, True) == SCHEDULED
            await world.restart()
            await world.settles()
            await asyncio.sleep(SETTLE_S)
            assert told(world) == [(1, False), (2, True)]
            assert wishes(world).is_out(EvseId(CP, 1))

    run_virtual(test())


@on_virtual_time
async def test_a_central_that_is_no_longer_configured_keeps_nothing_out():
    async with World() as world:
        await world.settles()
        await asks(world, 1, False)
        await wishes(world).wish(EvseId(CP, 2), False, SITE)
        told(world)
        wishes(world).withdraw(CENTRAL)
        await asyncio.sleep(1)
        assert told(world) == [(1, True)]
        wishes(world).restore(CENTRAL)
        assert wishes(world).is_out(EvseId(CP, 1))


# --- stations that are odd -------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_station_that_refuses_connector_0_is_told_each_of_the_others():
    def no_zero(command: Command) -> Outcome:
        zero = isinstance(command, ChangeAvailability) and command.evse.evse == 0
        status = "Rejected" if zero else "Accepted"
        return Answered(status, {"status": status})

    async with World() as world:
        await world.settles()
        world.door.outcome = no_zero
        assert await asks(world, 0, False) == ACCEPTED
        assert told(world) == [(0, False), (1, False), (2, False)]
        assert wishes(world).is_out(EvseId(CP, 2))
        assert await asks(world, 0, True) == ACCEPTED
        assert told(world) == [(0, True), (1, True), (2, True)]


@on_virtual_time
async def test_a_station_that_does_not_answer_is_asked_again():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Unanswered("no answer within 30 s")
        assert await asks(world, 1, False) == SCHEDULED
        assert told(world) == [(1, False)]
        world.door.outcome = lambda command: Answered("Accepted", ACCEPTED)
        await asyncio.sleep(RETRY_S + 1)
        assert told(world) == [(1, False)]
        await asyncio.sleep(3 * RETRY_S)
        assert told(world) == []


@on_virtual_time
async def test_two_wishes_at_once_are_told_one_after_the_other():
    async with World() as world:
        await world.settles()
        answers = await asyncio.gather(
            wishes(world).wish(EvseId(CP, 1), False, OTHER), wishes(world).wish(EvseId(CP, 1), True, CENTRAL)
        )
        assert answers == ["Accepted", "Scheduled"]
        assert told(world) == [(1, False)]


@on_virtual_time
async def test_a_wish_that_cannot_be_kept_is_not_accepted():
    async with World() as world:
        await world.settles()
        freed = world.fill_disk()
        assert await asks(world, 1, False) == REJECTED
        assert told(world) == []
        freed()
        assert await asks(world, 1, False) == ACCEPTED
