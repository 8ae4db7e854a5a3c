"""One command of a central on its way through the station's one door, and back as an answer."""

from __future__ import annotations

from sitectl.model.commands import Command, Outcome, Urgency
from sitectl.ocpp.v16 import central_encode
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Reply


async def execute(rooms: Rooms, asker: Asker, action: str, command: Command, urgency: Urgency) -> Outcome:
    """Have the station do it; noted for people."""
    outcome = await rooms.door.execute(asker.station, command, urgency)
    note(rooms, asker, "uplink.command", action)
    return outcome


async def relay(rooms: Rooms, asker: Asker, action: str, command: Command, urgency: Urgency) -> Reply:
    """The station's own answer; where it gives none, the action's word for no."""
    return central_encode.outcome(action, await execute(rooms, asker, action, command, urgency)) or {}


def note(rooms: Rooms, asker: Asker, type: str, action: str) -> None:
    """Tell people what a central wanted."""
    rooms.journal.record(type, asker.station, data={"uplink": asker.uplink, "action": action})
