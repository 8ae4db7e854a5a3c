"""What other rooms ask of the pool, what it notes for people, and how it ends."""

import asyncio
import math
from dataclasses import replace

from sitectl.model.commands import TransferData
from sitectl.model.events import CeilingCleared, CeilingSet
from sitectl.routing.route import Route
from sitectl.uplinks.connecting import DialFailed
from sitectl.wire.ports import TransportClosed
from tests.unit.uplinks.central import CP, Error, Nothing
from tests.unit.uplinks.test_profiles import profile
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time


@on_virtual_time
async def test_authorize_asks_the_central_and_keeps_its_deadline():
    async with World() as world:
        assert await world.pool.authorize(CP, "TAG", 10.0) is None  # not connected
        await world.settles()
        info = await world.pool.authorize(CP, "TAG", 10.0)
        assert info is not None
        assert info.status == "Accepted"
        world.central.answers["Heartbeat"] = Nothing()
        world.link().boot_now()
        await world.central.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
        await asyncio.sleep(0.5)
        began = world.clock.monotonic()
        assert await world.pool.authorize(CP, "TAG", 10.0) is None  # an unanswered call stands before it
        assert math.isclose(world.clock.monotonic() - began, 10.0)


@on_virtual_time
async def test_no_verdict_is_made_up_for_a_central_that_gave_none():
    async with World() as world:
        await world.settles()
        for answer in ({"what": 1}, {"idTagInfo": {"status": "Perhaps"}}, Error("InternalError")):
            world.central.answers["Authorize"] = answer
            assert await world.pool.authorize(CP, "TAG12345", 10.0) is None
        assert world.pool.remembered(CP, "TAG12345").cached is None


@on_virtual_time
async def test_data_transfer_is_relayed_and_its_answer_made_readable():
    async with World() as world:
        assert await world.pool.transfer(CP, {"vendorId": "v"}, 10.0) is None
        await world.settles()
        assert await world.pool.transfer(CP, {"vendorId": "v", "data": None}, 10.0) == {
            "status": "Accepted",
            "data": "pong",
        }
        assert world.central.of("DataTransfer") == [{"vendorId": "v"}]
        world.central.answers["DataTransfer"] = {"status": 7, "extra": 1}
        assert await world.pool.transfer(CP, {"vendorId": "v"}, 10.0) == {"status": "Rejected"}


@on_virtual_time
async def test_private_messages_are_passed_on_for_the_vendors_that_are_named():
    world = World()
    world.settings = replace(world.settings, data_transfer=frozenset({"acme"}))
    async with world:
        await world.settles()
        for vendor in ("Other", None, 7, ""):
            assert await world.pool.transfer(CP, {"vendorId": vendor}, 10.0) is None
        assert await world.central.ask("DataTransfer", {"vendorId": "Other"}) == {"status": "UnknownVendorId"}
        assert (world.central.of("DataTransfer"), world.door.commands) == ([], [])
        assert await world.pool.transfer(CP, {"vendorId": "ACME"}, 10.0) == {"status": "Accepted", "data": "pong"}
        assert await world.central.ask("DataTransfer", {"vendorId": "Acme"}) == {"status": "Accepted"}
        ((command, _),) = world.door.commands
        assert isinstance(command, TransferData)


@on_virtual_time
async def test_how_an_uplink_stands_is_noted_once_when_it_begins():
    async with World() as world:
        await world.settles()
        world.central.unreachable = DialFailed("no route")
        world.central.transports[CP].abort()
        await asyncio.sleep(120)
        world.central.unreachable = None
        await asyncio.sleep(60)
        await world.store.journal.drain()
        noted = [type for (type,) in await world.rows("SELECT type FROM events WHERE type LIKE 'uplink.%'")]
        assert [type for type in noted if type != "uplink.connecting"] == [
            "uplink.online",
            "uplink.offline",
            "uplink.online",
        ]


@on_virtual_time
async def test_the_end_closes_every_connection_politely():
    async with World() as world:
        await world.settles()
        far = world.central.transports[CP]
        await world.close()
        code = None
        while code is None:
            try:
                await far.recv()
            except TransportClosed as closed:
                code = closed.code
        assert code == 1000
        await world.open()


@on_virtual_time
async def test_an_uplink_that_changes_is_dialled_anew_and_one_that_stays_is_not():
    async with World() as world:
        await world.settles()
        first = world.link()
        await world.pool.reconfigure({CENTRAL: world.settings}, Route(CENTRAL), [CP], 230.0)
        assert world.link() is first
        faster = replace(world.settings, replay_per_s=77.0)
        await world.pool.reconfigure({CENTRAL: faster}, Route(CENTRAL), [CP], 230.0)
        assert world.link() is not first
        await world.settles()
        assert world.link().accepted
        assert len(world.central.of("BootNotification")) == 2


@on_virtual_time
async def test_an_uplink_that_is_dropped_bounds_nothing_any_more():
    async with World() as world:
        await world.settles()
        wish = {"connectorId": 1, "csChargingProfiles": profile(10.0)}
        assert await world.central.ask("SetChargingProfile", wish) == {"status": "Accepted"}
        (told,) = world.inbox.of(CeilingSet)
        await world.pool.reconfigure({}, Route(None), [CP], 230.0)
        assert [cleared.key for cleared in world.inbox.of(CeilingCleared)] == [told.ceiling.key]
        assert world.pool.views() == {}
        assert await world.pool.authorize(CP, "TAG", 1.0) is None
        await world.pool.reconfigure({CENTRAL: world.settings}, Route(CENTRAL), [CP], 230.0)
        await world.settles()
        assert len(world.inbox.of(CeilingSet)) == 2, "what it set is still kept"


@on_virtual_time
async def test_paused_by_two_it_goes_on_when_both_have_said_so():
    async with World() as world:
        await world.settles()
        assert world.link().accepted
        world.pool.pause(CENTRAL, "person", "paused by ada")
        world.pool.pause(CENTRAL, "drill", "paused by a drill")
        await asyncio.sleep(5)
        assert not world.link().accepted
        assert world.link().why == "paused by ada"
        world.pool.resume(CENTRAL, "drill")
        await asyncio.sleep(60)
        assert not world.link().accepted, "a person's pause outlives the drill"
        world.pool.resume(CENTRAL, "person")
        await asyncio.sleep(5)
        assert world.link().accepted
