"""Statuses, notifications, and what a central asked for: what goes up, and when."""

import asyncio

from sitectl.model.commands import (
    TriggerMessage,
)
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import EvseMetered
from sitectl.model.ids import EvseId
from sitectl.model.metering import EvseReading
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


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


# --- triggers --------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_triggers_of_our_own_messages_do_not_bother_the_station():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.central.forget()
        for message in (
            "Heartbeat",
            "StatusNotification",
            "BootNotification",
            "FirmwareStatusNotification",
            "DiagnosticsStatusNotification",
        ):
            assert await world.central.ask("TriggerMessage", {"requestedMessage": message}) == ACCEPTED
        await asyncio.sleep(1)
        assert sorted(world.central.actions()) == [
            "BootNotification",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "StatusNotification",
        ]
        assert world.central.of("FirmwareStatusNotification") == [{"status": "Idle"}]
        assert world.door.commands == []


@on_virtual_time
async def test_a_status_that_the_station_never_told_is_fetched():
    async with World() as world:
        await world.settles()
        asked = {"requestedMessage": "StatusNotification", "connectorId": 2}
        assert await world.central.ask("TriggerMessage", asked) == ACCEPTED
        assert world.door.of(TriggerMessage) == [TriggerMessage(EvseId(CP, 2), "StatusNotification")]
        world.reports(2, "Available")
        await asyncio.sleep(1)
        assert [p["status"] for p in world.central.of("StatusNotification")] == ["Available"]
        assert await world.central.ask("TriggerMessage", asked) == ACCEPTED
        assert len(world.door.of(TriggerMessage)) == 1


@on_virtual_time
async def test_triggers_of_what_nobody_sends():
    async with World() as world:
        await world.settles()
        ask = world.central.ask
        assert await ask("TriggerMessage", {"requestedMessage": "Coffee"}) == {"status": "NotImplemented"}
        status = {"requestedMessage": "StatusNotification", "connectorId": 9}
        assert await ask("TriggerMessage", status) == REJECTED


@on_virtual_time
async def test_fresh_readings_are_told_and_stale_ones_fetched():
    async with World() as world:
        await world.settles()
        evse = EvseId(CP, 1)
        asked = {"requestedMessage": "MeterValues", "connectorId": 1}
        now = world.clock.monotonic()
        world.facts.readings[evse] = EvseReading(evse, now, PhaseCurrents(6.04, 6, 6), register_wh=1200.0, power_w=4140)
        assert await world.central.ask("TriggerMessage", asked) == ACCEPTED
        await asyncio.sleep(1)
        [told] = world.central.of("MeterValues")
        assert "transactionId" not in told
        values = told["meterValue"][0]["sampledValue"]
        assert [v["value"] for v in values] == ["6", "6", "6", "4140", "1200"]
        assert {v["context"] for v in values} == {"Trigger"}
        await asyncio.sleep(5)
        assert await world.central.ask("TriggerMessage", asked) == ACCEPTED
        assert world.door.of(TriggerMessage) == [TriggerMessage(evse, "MeterValues")]
