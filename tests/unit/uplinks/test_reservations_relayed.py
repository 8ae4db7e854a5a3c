"""Reservations of centrals that the station holds, on virtual time: its own answers, its own id, and what it tells."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.model.commands import Answered, Outcome, Refused, RelayCall, Unanswered
from sitectl.model.ids import UplinkId
from sitectl.model.uplink import Right
from sitectl.ocpp.v16.central_reservations import CancelAsked, ReserveAsked
from sitectl.uplinks.asking import Asker
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.test_reservations import ACCEPTED, FIRST, REJECTED, SECOND, cancel, ended, reserve, told, up
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time

HOLDS = {"SupportedFeatureProfiles": ("Core, Reservation", True)}


def answers(**by_action: Outcome):
    def outcome(command: Any) -> Outcome:
        if isinstance(command, RelayCall):
            return by_action.get(command.action, Answered("Accepted", {"status": "Accepted"}))
        return Answered("Accepted", {"status": "Accepted"})

    return outcome


@on_virtual_time
async def test_a_station_that_can_holds_it_itself():
    async with World() as world:
        world.facts.keys = HOLDS
        await up(world)
        assert await reserve(world, parentIdTag="P") == ACCEPTED
        [order] = world.door.of(RelayCall)
        assert (order.action, order.payload["reservationId"], order.payload["parentIdTag"]) == ("ReserveNow", 7, "P")
        assert not world.pool.bars(FIRST, "OTHER123", None)  # the station sees to that
        world.reports(1, "Reserved")
        await asyncio.sleep(1)
        assert told(world)[-1] == "Reserved"
        await world.starts(1, "MINE1234", reservation=7)
        assert world.central.of("StartTransaction")[0]["reservationId"] == 7
        assert await cancel(world) == REJECTED


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Rejected", "Unavailable"])
def test_its_own_no_is_passed_on(word):
    @on_virtual_time
    async def test():
        async with World() as world:
            world.facts.keys = HOLDS
            await up(world)
            world.door.outcome = answers(ReserveNow=Answered(word, {"status": word}))
            assert await reserve(world) == word
            assert await cancel(world) == REJECTED

    test()


@on_virtual_time
async def test_a_station_that_only_says_that_it_can_is_helped_out():
    async with World() as world:
        world.facts.keys = HOLDS
        await up(world)
        world.door.outcome = answers(ReserveNow=Refused("NotImplemented"))
        assert await reserve(world) == ACCEPTED
        assert world.pool.bars(FIRST, "OTHER123", None)


@on_virtual_time
async def test_a_station_that_does_not_answer_shall_not_hold_it_by_accident():
    async with World() as world:
        world.facts.keys = HOLDS
        await up(world)
        world.door.outcome = answers(ReserveNow=Unanswered("too late"))
        assert await reserve(world) == REJECTED
        assert [order.action for order in world.door.of(RelayCall)] == ["ReserveNow", "CancelReservation"]


@on_virtual_time
async def test_it_is_cancelled_there_and_not_while_the_station_is_away():
    async with World() as world:
        world.facts.keys = HOLDS
        await up(world)
        await reserve(world)
        world.leaves()
        await asyncio.sleep(1)
        assert await cancel(world) == REJECTED
        world.arrives()
        assert await cancel(world) == ACCEPTED
        assert world.door.of(RelayCall)[-1] == RelayCall(CP, "CancelReservation", {"reservationId": 7})
        await reserve(world)
        world.door.outcome = answers(CancelReservation=Answered("Rejected", {"status": "Rejected"}))
        assert await cancel(world) == REJECTED
        assert (await ended(world))[-1] == "the station does not hold it"


@pytest.mark.parametrize(("key", "answer"), [("true", ACCEPTED), ("false", REJECTED), (None, REJECTED)])
def test_any_evse_only_where_the_station_can(key, answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            world.facts.keys = HOLDS | ({} if key is None else {"ReserveConnectorZeroSupported": (key, True)})
            await up(world)
            assert await reserve(world, 0) == answer
            read = await world.central.ask("GetConfiguration", {"key": ["ReserveConnectorZeroSupported"]})
            assert read["configurationKey"][0]["value"] == str(answer == ACCEPTED).lower()

    test()


def test_a_start_that_the_station_tells_days_later_is_still_mapped(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            world.facts.keys = HOLDS
            await up(world)
            await reserve(world, for_s=60)
            await asyncio.sleep(120)
            await world.restart()
            await up(world)
            await world.starts(1, "MINE1234", reservation=7)
            assert world.central.of("StartTransaction")[-1]["reservationId"] == 7
            await world.starts(2, "MINE1234", reservation=4711)
            assert "reservationId" not in world.central.of("StartTransaction")[-1]

    run_virtual(test())


@on_virtual_time
async def test_two_centrals_may_choose_the_same_id():
    async with World() as world:
        world.facts.keys = HOLDS
        await up(world)
        await reserve(world, 1)
        other = UplinkId("other")
        asker = Asker(other, CP, frozenset(Right), world.link(), lambda: 0)
        until = world.clock.wall() + timedelta(minutes=5)
        await world.pool._stations.reservations.ask(asker, ReserveAsked(7, 2, "YOURS123", None, until))
        ids = [order.payload["reservationId"] for order in world.door.of(RelayCall)]
        assert ids == [7, 2**30]
        now = world.clock.wall()
        assert world.pool.claimed(SECOND, "YOURS123", None, now, 2**30) == {other: 7}
        assert world.pool.claimed(FIRST, "MINE1234", None, now, 7) == {CENTRAL: 7}
        cancelled = await world.pool._stations.reservations.ask(asker, CancelAsked(7))
        assert cancelled == {"status": ACCEPTED}
        assert world.door.of(RelayCall)[-1].payload == {"reservationId": 2**30}
        assert await cancel(world) == ACCEPTED
