"""One virtual station on virtual time: when it connects, what it says first, and when it goes."""

import asyncio
from datetime import timedelta

import pytest

from sitectl.base.units import format_utc
from sitectl.model.uplink import UplinkState
from sitectl.uplinks.connecting import DialFailed
from tests.unit.uplinks.central import CP, Drop, Error, Nothing
from tests.unit.uplinks.twins import BOOT, World, on_virtual_time


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
        said = world.link().egress.central_said
        assert said is not None
        assert said[0] - world.clock.wall() > timedelta(seconds=100)
        world.central.answers["Heartbeat"] = {"currentTime": "1970-01-01T00:00:00Z"}
        await asyncio.sleep(10)
        assert world.link().egress.central_said is None
