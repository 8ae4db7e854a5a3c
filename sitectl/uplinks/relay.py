"""One command of a central on its way through the station's one door, and back as an answer."""

from __future__ import annotations

import asyncio

from sitectl.model.commands import Answered, Command, Outcome, Refused, Unanswered, Urgency
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.versions import ErrorCode, error_code
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Refuse, Reply

WITHIN_S = 30.0
"""A central waits no longer for an answer, whatever time a station needs for one, or for those before it."""

_UNKNOWN = (ErrorCode.NOT_SUPPORTED, ErrorCode.NOT_IMPLEMENTED)


async def execute(rooms: Rooms, asker: Asker, action: str, command: Command, urgency: Urgency) -> Outcome:
    """Have the station do it while a central waits; noted for people. What has not left in that time is dropped."""
    outcome: Outcome
    try:
        async with asyncio.timeout(WITHIN_S):
            outcome = await rooms.door.execute(asker.station, command, urgency, by=by_central(asker))
    except TimeoutError:
        outcome = Unanswered(f"not done within {WITHIN_S:.0f} s")
    note(rooms, asker, "uplink.command", action)
    return outcome


def by_central(asker: Asker) -> str:
    """Who orders this, as it is told to people."""
    return f"central {asker.uplink}"


async def relay(rooms: Rooms, asker: Asker, action: str, command: Command, urgency: Urgency) -> Reply:
    """The station's own answer; where it gives none, the action's word for no."""
    return central_encode.outcome(action, await execute(rooms, asker, action, command, urgency)) or {}


def extension_answer(action: str, outcome: Outcome) -> Reply:
    """The station's own answer to a call of the security extension; NotSupported where it lacks that."""
    match outcome:
        case Answered(status) if status:
            return central_encode.outcome(action, outcome) or {}
        case Refused() if is_unknown(outcome):
            return Refuse(ErrorCode.NOT_SUPPORTED, f"the station does not know {action}")
        case _:
            return central_encode.negative(action) or {}


def is_unknown(outcome: Outcome) -> bool:
    """Whether the station said that it does not know the call."""
    return isinstance(outcome, Refused) and error_code(outcome.code) in _UNKNOWN


def note(rooms: Rooms, asker: Asker, type: str, action: str) -> None:
    """Tell people what a central wanted."""
    rooms.journal.record(type, asker.station, data={"uplink": asker.uplink, "action": action})
