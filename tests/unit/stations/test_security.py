"""The security extension as stations speak it."""

import asyncio

from sitectl.model.transaction import OutboxKind
from tests.unit.stations.twins import CP, Yard, in_yard

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
