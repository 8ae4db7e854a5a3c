"""Reservations of centrals that we hold ourselves, on virtual time: told, used, ended, over restarts."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.units import format_utc
from sitectl.base.virtual import run_virtual
from sitectl.config.settings import AuthorizationSettings, ListedToken
from sitectl.model.commands import RequestStart
from sitectl.model.ids import EvseId
from sitectl.model.uplink import Right
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time

ACCEPTED, REJECTED = "Accepted", "Rejected"
FIRST, SECOND = EvseId(CP, 1), EvseId(CP, 2)


async def reserve(
    world: World, evse: int = 1, id: int = 7, token: str = "MINE1234", for_s: float = 600.0, **more: Any
) -> str:
    expires = format_utc(world.clock.wall() + timedelta(seconds=for_s))
    payload = {"connectorId": evse, "expiryDate": expires, "idTag": token, "reservationId": id, **more}
    answer = await world.central.ask("ReserveNow", payload)
    return answer["status"] if isinstance(answer, dict) else answer


async def cancel(world: World, id: int = 7) -> str:
    answer = await world.central.ask("CancelReservation", {"reservationId": id})
    status: str = answer["status"]
    return status


async def up(world: World) -> None:
    await world.settles()
    for connector in (0, 1, 2):
        world.reports(connector, "Available")
    await asyncio.sleep(1)


def told(world: World, connector: int = 1) -> list[str]:
    return [p["status"] for p in world.central.of("StatusNotification") if p["connectorId"] == connector]


async def ended(world: World) -> list[str]:
    await world.store.journal.drain()
    rows = await world.rows("SELECT json_extract(data, '$.why') FROM events WHERE type = 'reservation.ended'")
    return [why for (why,) in rows]


# --- held by us ------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_reserved_evse_is_for_its_token_alone_and_shows_as_reserved():
    async with World() as world:
        await up(world)
        assert await reserve(world) == ACCEPTED
        await asyncio.sleep(1)
        assert told(world)[-1] == "Reserved"
        assert told(world, 2)[-1] == "Available"
        assert world.pool.bars(FIRST, "OTHER123", None)
        assert not world.pool.bars(FIRST, "mine1234", None)
        assert not world.pool.bars(SECOND, "OTHER123", None)
        assert not world.pool.bars(EvseId(CP, 0), "OTHER123", None)
        assert world.door.commands == []


@on_virtual_time
async def test_its_start_ends_it_and_tells_its_id():
    async with World() as world:
        await up(world)
        await reserve(world)
        await world.starts(1, "MINE1234")
        await asyncio.sleep(1)
        assert world.central.of("StartTransaction")[0]["reservationId"] == 7
        assert await ended(world) == ["used"]
        assert not world.pool.bars(FIRST, "OTHER123", None)
        assert await cancel(world) == REJECTED


@on_virtual_time
async def test_another_start_does_not_end_it_and_tells_no_id():
    async with World() as world:
        await up(world)
        await reserve(world)
        await world.starts(1, "OTHER123")
        assert "reservationId" not in world.central.of("StartTransaction")[0]
        assert world.pool.bars(FIRST, "OTHER123", None)


@on_virtual_time
async def test_its_parent_opens_it_wherever_that_is_known_from():
    tokens = {"FILED": ListedToken("FILED", parent="FLEET")}
    async with World(authorization=AuthorizationSettings(tokens=tokens)) as world:
        await up(world)
        world.central.answers["Authorize"] = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}
        await world.pool.authorize(CP, "CACHED12", 5.0)
        entry = {"idTag": "LISTED12", "idTagInfo": {"status": "Accepted", "parentIdTag": "fleet"}}
        update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
        await world.central.ask("SendLocalList", update)
        await reserve(world, parentIdTag="FLEET")
        for token in ("FILED", "CACHED12", "LISTED12"):
            assert not world.pool.bars(FIRST, token, None)
        assert world.pool.bars(FIRST, "OTHER123", "ANOTHER")
        assert not world.pool.bars(FIRST, "OTHER123", "FLEET")  # as the central has just said
        await world.starts(1, "CACHED12")
        assert world.central.of("StartTransaction")[0]["reservationId"] == 7
        assert await ended(world) == ["used"]


@on_virtual_time
async def test_it_expires_by_our_clock():
    async with World() as world:
        await up(world)
        await reserve(world, for_s=100)
        await asyncio.sleep(98)
        assert world.pool.bars(FIRST, "OTHER123", None)
        await asyncio.sleep(2)
        assert not world.pool.bars(FIRST, "OTHER123", None)
        await asyncio.sleep(3)
        assert told(world)[-2:] == ["Reserved", "Available"]
        assert await ended(world) == ["expired"]


@on_virtual_time
async def test_it_is_cancelled_also_while_the_station_is_away():
    async with World() as world:
        await up(world)
        await reserve(world)
        assert await cancel(world, 8) == REJECTED
        world.leaves()
        await asyncio.sleep(1)
        assert await cancel(world) == ACCEPTED
        assert await cancel(world) == REJECTED


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("Available", ACCEPTED),
        ("Preparing", "Occupied"),
        ("Charging", "Occupied"),
        ("Finishing", "Occupied"),
        ("Reserved", "Occupied"),
        ("Unavailable", "Unavailable"),
        ("Faulted", "Faulted"),
    ],
)
def test_the_answer_says_how_it_stands(status, answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            await up(world)
            world.reports(1, status)
            assert await reserve(world) == answer
            world.reports(1, "Available")
            world.reports(0, status)
            whole = answer if status in ("Unavailable", "Faulted") else ACCEPTED
            assert await reserve(world) == whole

    test()


@on_virtual_time
async def test_what_cannot_be_reserved():
    async with World() as world:
        await up(world)
        assert await reserve(world, 9) == REJECTED
        assert await reserve(world, for_s=-1) == REJECTED
        assert await reserve(world, token="") == "FormationViolation"
        await world.starts(1, "OTHER123")
        assert await reserve(world, 1) == "Occupied"
        await world.central.ask("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"})
        assert await reserve(world, 2) == "Unavailable"
        world.leaves()
        assert await reserve(world, 1) == "Unavailable"
        assert told(world)[-1] != "Reserved"


@on_virtual_time
async def test_a_known_id_replaces_and_another_one_waits():
    async with World() as world:
        await up(world)
        await reserve(world, 1, id=7)
        assert await reserve(world, 1, id=8, token="OTHER123") == "Occupied"
        assert await reserve(world, 1, id=7, token="OTHER123") == ACCEPTED
        assert world.pool.bars(FIRST, "MINE1234", None)
        assert await reserve(world, 2, id=7) == ACCEPTED
        await asyncio.sleep(1)
        assert (told(world, 1)[-1], told(world, 2)[-1]) == ("Available", "Reserved")
        assert await reserve(world, 1, id=8) == ACCEPTED


@on_virtual_time
async def test_a_fault_takes_it_away():
    async with World() as world:
        await up(world)
        await reserve(world)
        world.reports(1, "Faulted")
        world.reports(1, "Available")
        await asyncio.sleep(1)
        assert await ended(world) == ["out of service"]
        assert not world.pool.bars(FIRST, "OTHER123", None)


@on_virtual_time
async def test_any_evse_of_the_station_is_kept_free_for_whom_it_is():
    async with World() as world:
        await up(world)
        read = await world.central.ask("GetConfiguration", {"key": ["ReserveConnectorZeroSupported"]})
        assert read["configurationKey"][0]["value"] == "true"
        assert await reserve(world, 0) == ACCEPTED
        assert not world.pool.bars(FIRST, "OTHER123", None)
        await world.starts(2, "OTHER123")
        assert world.pool.bars(FIRST, "OTHER456", None)
        assert not world.pool.bars(FIRST, "MINE1234", None)
        assert told(world)[-1] == "Available"  # no single one is reserved
        await world.starts(1, "MINE1234")
        assert world.central.of("StartTransaction")[1]["reservationId"] == 7


@on_virtual_time
async def test_where_everything_is_reserved_nobody_else_is_let_in_but_whoever_charges_may_stop():
    async with World() as world:
        await up(world)
        await reserve(world, 1, id=1)
        await reserve(world, 2, id=2)
        whole = EvseId(CP, 0)
        assert world.pool.bars(whole, "OTHER123", None)
        assert not world.pool.bars(whole, "MINE1234", None)
        await world.starts(1, "MINE1234")
        assert not world.pool.bars(whole, "OTHER123", None)


@on_virtual_time
async def test_a_remote_start_keeps_to_it():
    async with World() as world:
        await up(world)
        await reserve(world)
        ask = world.central.ask
        wish = {"idTag": "OTHER123", "connectorId": 1}
        assert await ask("RemoteStartTransaction", wish) == {"status": REJECTED}
        assert await ask("RemoteStartTransaction", {"idTag": "OTHER123"}) == {"status": ACCEPTED}
        assert await ask("RemoteStartTransaction", {**wish, "idTag": "MINE1234"}) == {"status": ACCEPTED}
        assert world.door.of(RequestStart) == [RequestStart(SECOND, "OTHER123"), RequestStart(FIRST, "MINE1234")]


def test_it_survives_a_restart_with_what_is_left_of_its_time(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await up(world)
            await reserve(world, for_s=300)
            await world.restart()
            await up(world)
            assert told(world)[-1] == "Reserved"
            assert world.pool.bars(FIRST, "OTHER123", None)
            await asyncio.sleep(310)
            assert not world.pool.bars(FIRST, "OTHER123", None)
            assert told(world)[-1] == "Available"
            await world.restart()
            await up(world)
            assert await ended(world) == ["expired"]  # once

    run_virtual(test())


def test_a_start_that_waits_over_a_restart_still_tells_its_reservation(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await up(world)
            await reserve(world)
            world.central.transports[CP].abort()
            stored = await world.starts(1, "MINE1234", wait=False)
            await world.restart()
            world.hears_again(stored, "MINE1234")
            await up(world)
            assert world.central.of("StartTransaction")[-1]["reservationId"] == 7
            assert await cancel(world) == REJECTED  # used, whether or not that was written down before the crash

    run_virtual(test())


@on_virtual_time
async def test_a_disk_that_takes_nothing_takes_no_reservation():
    async with World() as world:
        await up(world)
        freed = world.fill_disk()
        assert await reserve(world) == REJECTED
        assert not world.pool.bars(FIRST, "OTHER123", None)
        freed()
        assert await reserve(world) == ACCEPTED
        freed = world.fill_disk()
        assert await cancel(world) == REJECTED
        assert world.pool.bars(FIRST, "OTHER123", None)
        freed()
        assert await cancel(world) == ACCEPTED


# --- what is offered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rights", [frozenset(Right), frozenset({Right.READ, Right.LISTS})])
def test_reservations_are_offered_to_who_may_start_and_stop(rights):
    @on_virtual_time
    async def test():
        async with World(rights=rights) as world:
            await up(world)
            read = await world.central.ask("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
            offered = "Reservation" in read["configurationKey"][0]["value"].split(",")
            assert offered is (Right.START_STOP in rights)
            assert await reserve(world) == (ACCEPTED if offered else REJECTED)

    test()


@on_virtual_time
async def test_a_central_that_is_no_longer_configured_reserves_nothing():
    async with World() as world:
        await up(world)
        await reserve(world)
        world.pool._stations.reservations.withdraw(CENTRAL)
        assert not world.pool.bars(FIRST, "OTHER123", None)
        world.pool._stations.reservations.restore(CENTRAL)
        assert world.pool.bars(FIRST, "OTHER123", None)
