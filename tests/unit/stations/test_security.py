"""The security extension as stations speak it."""

import asyncio

from sitectl.model.commands import ResetKind, ResetStation, Urgency
from sitectl.model.transaction import OutboxKind
from tests.unit.stations.twins import BOOT, CP, Yard, in_yard

EVENT = {"type": "TamperDetectionActivated", "timestamp": "2026-01-01T11:59:00Z", "techInfo": "door"}


@in_yard()
async def test_a_security_event_is_stored_then_answered(yard: Yard) -> None:
    station = await yard.connect()
    assert await station.call("SecurityEventNotification", EVENT) == {}
    [(who, message)] = yard.centrals.delivered
    assert (who, message.action, message.payload, message.kind) == (
        CP,
        "SecurityEventNotification",
        EVENT,
        OutboxKind.EVENT,
    )
    assert ("station.security_event", CP, None, {"event": EVENT["type"], "info": "door"}) in yard.journal


@in_yard()
async def test_without_a_time_it_happened_when_it_came(yard: Yard) -> None:
    station = await yard.connect()
    await asyncio.sleep(60)
    assert await station.call("SecurityEventNotification", {"type": "X"}) == {}
    assert yard.centrals.delivered[0][1].payload == {"type": "X", "timestamp": "2026-01-01T12:01:00Z"}


@in_yard()
async def test_what_cannot_be_stored_is_not_answered(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.full = True
    assert await station.silent("SecurityEventNotification", EVENT)
    yard.centrals.full = False
    assert await station.call("SecurityEventNotification", EVENT) == {}


@in_yard()
async def test_a_strangers_events_go_no_further(yard: Yard) -> None:
    stranger = await yard.connect("STRANGE", quarantined=True)
    assert await stranger.call("SecurityEventNotification", EVENT) == {}
    assert not yard.centrals.delivered


@in_yard()
async def test_a_flood_is_answered_and_told_once(yard: Yard) -> None:
    station = await yard.connect()
    for _ in range(520):
        assert await station.call("SecurityEventNotification", EVENT) == {}
    assert len(yard.centrals.delivered) == 500
    assert yard.journal.types().count("station.too_many_security_events") == 1
    await asyncio.sleep(3600)
    assert await station.call("SecurityEventNotification", EVENT) == {}
    assert len(yard.centrals.delivered) == 501


# --- what we see ourselves -------------------------------------------------------------------------------------------


def seen(yard: Yard) -> list[tuple[str, str]]:
    return [(event.value, info) for station, event, info in yard.centrals.security if station == CP]


@in_yard()
async def test_other_firmware_than_the_last_time_is_told_unless_the_station_does_so_itself(yard: Yard) -> None:
    station = await yard.connect()
    for firmware in ("1.2", "1.2", "1.3"):
        await station.call("BootNotification", {**BOOT, "firmwareVersion": firmware})
    assert seen(yard) == [("FirmwareUpdated", "from 1.2 to 1.3")]
    await station.call("SecurityEventNotification", EVENT)
    await station.call("BootNotification", {**BOOT, "firmwareVersion": "1.4"})
    assert len(seen(yard)) == 1


@in_yard()
async def test_a_reset_that_was_accepted_is_told(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    hard = ResetStation(CP, ResetKind.IMMEDIATE)
    await yard.stations.execute(CP, hard, Urgency.CONTROL)
    station.answers = lambda action, payload: {"status": "Rejected"}
    await yard.stations.execute(CP, hard, Urgency.CONTROL)
    assert seen(yard) == [("ResetOrReboot", "Immediate reset was ordered")]


@in_yard()
async def test_rubbish_of_a_station_is_told_once_a_connection(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    for _ in range(3):
        station.far.send("[2,")
    for _ in range(20):
        await asyncio.sleep(30)
        await station.call("Heartbeat", {})
        station.far.send("[2,")
    [(event, info)] = seen(yard)
    assert event == "InvalidMessages"
    assert info.endswith("frames of the station could not be read")
