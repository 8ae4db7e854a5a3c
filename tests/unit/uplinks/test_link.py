"""One virtual station on virtual time: when it connects, what it says first, and when it goes."""

import asyncio
import math
from datetime import timedelta

import pytest

from sitectl.base.units import format_utc
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import EvseMetered
from sitectl.model.ids import EvseId
from sitectl.model.metering import EvseReading
from sitectl.model.uplink import UplinkState
from sitectl.uplinks.link import DialFailed
from sitectl.wire.ports import TransportClosed
from tests.unit.uplinks.twins import BOOT, CP, Drop, Error, Nothing, World, on_virtual_time


@on_virtual_time
async def test_boot_goes_first_and_once_then_statuses_then_the_rest():
    async with World() as world:
        world.arrives()
        await asyncio.sleep(30)
        assert world.central.dials == []  # never seen before: it is not shown
        world.reports(0, "Available")
        world.reports(1, "Preparing")
        world.boots()
        await asyncio.sleep(5)
        assert world.central.actions() == ["BootNotification", "StatusNotification", "StatusNotification"]
        assert world.central.of("BootNotification") == [BOOT]
        assert [p["status"] for p in world.central.of("StatusNotification")] == ["Available", "Preparing"]
        assert world.view.state is UplinkState.ONLINE
        assert world.view.stations == 1


@on_virtual_time
async def test_a_known_station_boots_once_although_it_arrives_and_boots():
    async with World() as world:
        world.facts.of(CP).boot = BOOT
        world.arrives()
        await asyncio.sleep(3)
        assert world.central.of("BootNotification") == [BOOT]
        world.boots()
        await asyncio.sleep(3)
        assert world.central.of("BootNotification") == [BOOT]


@on_virtual_time
async def test_a_boot_that_says_something_new_goes_up_again_even_while_the_first_is_under_way():
    async with World() as world:
        world.facts.of(CP).boot = BOOT
        world.arrives()
        await asyncio.sleep(0.055)  # dialled, and the remembered boot is on its way
        updated = {**BOOT, "firmwareVersion": "2.0"}
        world.boots(updated)
        await asyncio.sleep(3)
        assert world.central.of("BootNotification") == [BOOT, updated]


@on_virtual_time
async def test_a_reboot_goes_up_on_the_same_connection():
    async with World() as world:
        await world.settles()
        world.leaves()
        await asyncio.sleep(20)
        world.arrives()
        await asyncio.sleep(1)
        assert len(world.central.of("BootNotification")) == 1  # so far it has only come back
        world.boots()
        await asyncio.sleep(1)
        assert len(world.central.of("BootNotification")) == 2
        assert len(world.central.dials) == 1


@on_virtual_time
async def test_a_station_without_a_boot_is_shown_after_a_minute():
    async with World() as world:
        world.arrives()
        await asyncio.sleep(59)
        assert world.central.dials == []
        await asyncio.sleep(2)
        unknown = {"chargePointVendor": "unknown", "chargePointModel": "unknown"}
        assert world.central.of("BootNotification") == [unknown]


@on_virtual_time
async def test_the_connection_stays_sixty_seconds_after_the_station_was_lost():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.central.forget()
        world.leaves()
        await asyncio.sleep(58)
        statuses = world.central.of("StatusNotification")
        assert {p["connectorId"]: p["status"] for p in statuses} == dict.fromkeys((0, 1, 2), "Unavailable")
        assert world.link().accepted
        await asyncio.sleep(3)
        assert not world.link().accepted
        assert world.view.state is UplinkState.ONLINE  # nothing is wanted, so nothing is amiss
        await asyncio.sleep(600)
        assert len(world.central.dials) == 1


@on_virtual_time
async def test_the_connection_outlives_the_station_while_messages_wait():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Nothing()
        world.central.answers["Heartbeat"] = Nothing()
        await world.starts()
        world.leaves()
        await asyncio.sleep(300)
        assert world.link().wanted()
        world.central.answers.clear()
        await asyncio.sleep(100)
        assert await world.outbox() == []
        await asyncio.sleep(2)
        assert not world.link().accepted


@on_virtual_time
async def test_a_station_that_came_back_is_told_as_it_was_unless_it_reports():
    async with World() as world:
        world.reports(1, "Charging")
        world.reports(2, "Available")
        await world.settles()
        world.leaves()
        await asyncio.sleep(2)
        world.central.forget()
        world.arrives()
        await asyncio.sleep(2)
        world.reports(2, "Faulted")
        await asyncio.sleep(2)
        told = [(p["connectorId"], p["status"]) for p in world.central.of("StatusNotification")]
        assert told == [(2, "Faulted")]
        await asyncio.sleep(10)
        told = [(p["connectorId"], p["status"]) for p in world.central.of("StatusNotification")]
        assert told == [(2, "Faulted"), (1, "Charging")]


# --- the boot gate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_a_boot_that_is_not_accepted_waits_for_the_interval(status):
    @on_virtual_time
    async def test():
        async with World() as world:
            now = format_utc(world.clock.wall())
            world.central.answers["BootNotification"] = {"status": status, "currentTime": now, "interval": 120}
            world.reports(1, "Available")
            await world.settles()
            await world.starts()
            await asyncio.sleep(100)
            assert world.central.actions() == ["BootNotification"]
            expected = UplinkState.REFUSED if status == "Rejected" else UplinkState.CONNECTING
            assert world.view.state is expected
            assert status in world.view.text
            del world.central.answers["BootNotification"]
            await asyncio.sleep(30)
            assert world.central.actions()[:2] == ["BootNotification"] * 2
            assert world.central.actions()[2:] == ["StatusNotification", "StartTransaction"]
            assert world.view.state is UplinkState.ONLINE

    test()


@on_virtual_time
async def test_a_rejection_holds_over_the_end_of_the_connection():
    async with World() as world:
        now = format_utc(world.clock.wall())
        world.central.answers["BootNotification"] = {"status": "Rejected", "currentTime": now, "interval": 600}
        await world.settles()
        world.central.transports[CP].abort()
        await asyncio.sleep(500)
        assert len(world.central.dials) == 1
        await asyncio.sleep(120)
        assert len(world.central.dials) == 2


@on_virtual_time
async def test_pending_serves_reading_and_triggers_but_no_start():
    async with World() as world:
        now = format_utc(world.clock.wall())
        world.central.answers["BootNotification"] = {"status": "Pending", "currentTime": now, "interval": 600}
        world.reports(1, "Available")
        await world.settles()
        ask = world.central.ask
        assert (await ask("GetConfiguration", {"key": ["HeartbeatInterval"]}))["configurationKey"]
        assert await ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}) == {"status": "Accepted"}
        assert await ask("RemoteStartTransaction", {"idTag": "TAG12345", "connectorId": 1}) == {"status": "Rejected"}
        assert await ask("RemoteStopTransaction", {"transactionId": 1}) == {"status": "Rejected"}
        await ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1})
        await asyncio.sleep(1)
        assert world.central.actions() == ["BootNotification", "StatusNotification"]
        del world.central.answers["BootNotification"]
        assert await ask("TriggerMessage", {"requestedMessage": "BootNotification"}) == {"status": "Accepted"}
        await asyncio.sleep(1)
        assert world.link().accepted  # not ten minutes later


@on_virtual_time
async def test_a_rejected_station_answers_nothing():
    async with World() as world:
        now = format_utc(world.clock.wall())
        world.central.answers["BootNotification"] = {"status": "Rejected", "currentTime": now, "interval": 600}
        await world.settles()
        assert await world.central.ask("GetConfiguration") == "nothing"


@pytest.mark.parametrize("said", [Error("InternalError"), {"status": "Perhaps"}, {}, {"interval": "soon"}])
def test_a_boot_answered_with_garbage_is_not_accepted_and_is_tried_again(said):
    @on_virtual_time
    async def test():
        async with World() as world:
            world.central.answers["BootNotification"] = said
            await world.settles()
            assert world.view.state is UplinkState.REFUSED
            del world.central.answers["BootNotification"]
            await asyncio.sleep(70)
            assert world.link().accepted

    test()


@on_virtual_time
async def test_a_central_that_wants_a_boot_again_gets_it_before_anything_else():
    async with World() as world:
        await world.settles()
        world.central.forget()
        answers = iter([Error("SecurityError")])
        accepted = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
        world.central.answers["StartTransaction"] = lambda payload: next(answers, accepted)
        await world.starts()
        assert world.central.actions() == ["StartTransaction", "BootNotification", "StartTransaction"]
        assert await world.rows("SELECT uplink_transaction_id FROM transaction_uplinks") == [("5",)]
        assert len(world.central.dials) == 1


@on_virtual_time
async def test_a_central_that_answers_only_security_errors_counts_as_refusing():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Error("SecurityError")
        await world.starts()
        await asyncio.sleep(400)
        assert await world.outbox() == [("StartTransaction", "dead")]
        assert len(world.central.of("StartTransaction")) == 4  # booted again for it once, then three attempts


# --- heartbeats, liveness, reconnecting ------------------------------------------------------------------------------


@on_virtual_time
async def test_heartbeats_keep_the_interval_of_the_central():
    async with World() as world:
        world.central.interval_s = 60
        await world.settles()
        await asyncio.sleep(600)
        assert len(world.central.of("Heartbeat")) == 10
        assert await world.central.ask("ChangeConfiguration", {"key": "heartbeatinterval", "value": "20"}) == {
            "status": "Accepted"
        }
        world.central.forget()
        await asyncio.sleep(601)
        assert len(world.central.of("Heartbeat")) == 30


@on_virtual_time
async def test_a_central_that_answers_nothing_any_more_is_left_and_dialled_again():
    async with World() as world:
        world.central.interval_s = 10
        await world.settles()
        world.central.answers = dict.fromkeys(("Heartbeat", "StatusNotification"), Nothing())
        await asyncio.sleep(200)
        assert len(world.central.dials) > 1


@on_virtual_time
async def test_a_central_that_never_answers_statuses_still_gets_the_transactions():
    async with World() as world:
        world.central.answers["StatusNotification"] = Nothing()
        world.reports(1, "Available")
        world.reports(2, "Available")
        stored = await world.starts()
        await world.stops(stored)
        await world.settles()
        await asyncio.sleep(120)
        assert await world.outbox() == []
        assert len(world.central.dials) == 1


@on_virtual_time
async def test_dials_back_off_with_jitter_up_to_half_a_minute():
    async with World() as world:
        world.central.unreachable = DialFailed("no route")
        await world.settles()
        await asyncio.sleep(3600)
        gaps = [after - before for before, after in zip(world.central.dials, world.central.dials[1:], strict=False)]
        assert max(gaps) <= 30.1
        assert 150 < len(gaps) < 400  # about 15 s each
        assert len({round(gap, 3) for gap in gaps}) > 100
        assert world.view.state is UplinkState.OFFLINE
        assert world.view.text == "no route"
        world.central.unreachable = DialFailed("the central answered HTTP 401", refused=True)
        await asyncio.sleep(60)
        assert world.view.state is UplinkState.REFUSED
        world.central.unreachable = None
        await asyncio.sleep(40)
        assert world.view.state is UplinkState.ONLINE


@on_virtual_time
async def test_a_central_that_accepts_and_drops_is_not_hammered():
    async with World() as world:
        world.reports(1, "Available")
        world.central.answers["StatusNotification"] = Drop()
        await world.settles()
        await asyncio.sleep(3600)
        assert len(world.central.dials) < 400


@on_virtual_time
async def test_a_connection_that_held_is_dialled_again_within_a_second():
    async with World() as world:
        await world.settles()
        await asyncio.sleep(60)
        world.central.transports[CP].abort()
        await asyncio.sleep(1.2)
        assert world.link().accepted


@on_virtual_time
async def test_a_central_clock_is_learned_but_not_a_wrong_one():
    async with World() as world:
        world.central.interval_s = 10
        ahead = format_utc(world.clock.wall() + timedelta(minutes=2))
        world.central.answers["Heartbeat"] = {"currentTime": ahead}
        await world.settles()
        await asyncio.sleep(10)
        assert world.link().egress.central_ahead > timedelta(seconds=100)
        world.central.answers["Heartbeat"] = {"currentTime": "1970-01-01T00:00:00Z"}
        await asyncio.sleep(10)
        assert world.link().egress.central_ahead == timedelta()


# --- calls for a station that waits ----------------------------------------------------------------------------------


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
async def test_an_unreadable_verdict_is_invalid_and_a_refused_call_is_none():
    async with World() as world:
        await world.settles()
        world.central.answers["Authorize"] = {"what": 1}
        info = await world.pool.authorize(CP, "TAG", 10.0)
        assert info is not None
        assert info.status == "Invalid"
        world.central.answers["Authorize"] = Error("InternalError")
        assert await world.pool.authorize(CP, "TAG", 10.0) is None


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


# --- statuses and notifications --------------------------------------------------------------------------------------


@on_virtual_time
async def test_only_changed_statuses_go_up_and_of_many_the_newest():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.central.forget()
        world.reports(1, "Available")
        await asyncio.sleep(1)
        assert world.central.actions() == []
        world.reports(1, "Preparing")
        world.reports(1, "Charging")
        await asyncio.sleep(1)
        assert [p["status"] for p in world.central.of("StatusNotification")] == ["Charging"]
        world.reports(1, "Charging", info="hot")
        await asyncio.sleep(1)
        assert len(world.central.of("StatusNotification")) == 2


@on_virtual_time
async def test_notifications_keep_their_order_and_wait_for_the_central():
    async with World() as world:
        world.central.unreachable = DialFailed("away")
        await world.settles()
        for status in ("Downloading", "Downloaded", "Installing"):
            world.pool.notify(CP, "FirmwareStatusNotification", {"status": status})
        world.central.unreachable = None
        await asyncio.sleep(40)
        told = [p["status"] for p in world.central.of("FirmwareStatusNotification")]
        assert told == ["Downloading", "Downloaded", "Installing"]


@on_virtual_time
async def test_statuses_are_not_starved_by_a_backlog():
    async with World(replay_per_s=1.0) as world:
        for _ in range(30):
            await world.stops(await world.starts(wait=False))
        await world.settles()
        world.reports(1, "Charging")
        reported_at = world.clock.monotonic()
        await asyncio.sleep(10)
        told = [h for h in world.central.heard if h.action == "StatusNotification"]
        assert told
        assert told[0].at - reported_at < 1.0
        assert await world.outbox() != []


@on_virtual_time
async def test_a_reading_that_was_asked_for_goes_up_when_it_comes():
    async with World() as world:
        await world.settles()
        world.central.forget()
        evse = EvseId(CP, 1)
        assert await world.central.ask("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}) == {
            "status": "Accepted"
        }
        assert len(world.door.commands) == 1
        assert world.central.actions() == []
        world.hears(EvseMetered(EvseReading(evse, world.clock.monotonic(), PhaseCurrents(6, 0, 0), 1)))
        world.hears(EvseMetered(EvseReading(evse, world.clock.monotonic(), PhaseCurrents(7, 0, 0), 1)))
        await asyncio.sleep(1)
        [values] = world.central.of("MeterValues")
        assert values["connectorId"] == 1
        assert [v["value"] for v in values["meterValue"][0]["sampledValue"]] == ["6"]


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
