"""TriggerMessage of one central: our own messages from what is known, readings of the station where they are old."""

from __future__ import annotations

from collections.abc import Awaitable

from sitectl.model.commands import TriggerMessage, Urgency
from sitectl.model.ids import EvseId
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.central_files import KINDS
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.files import Files
from sitectl.uplinks.news import STATUS, Message
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import relay
from sitectl.wire.outcomes import Reply

TRIGGER = "TriggerMessage"
EXTENDED = {"FirmwareStatusNotification": "SignedFirmwareStatusNotification"}
"""What an ExtendedTriggerMessage means by the name of a message of the core."""


def triggered(rooms: Rooms, files: Files, asker: Asker, asked: TriggerMessage) -> Reply | Awaitable[Reply]:
    """Answered with Accepted when the message will come, Rejected for a connector that is not there."""
    link, station, connector = asker.link, asker.station, asked.evse.evse
    if asked.message == "BootNotification":
        link.boot_now()
        return central_encode.accepted()
    known = rooms.facts.evses(station)
    if connector not in (0, *known):
        return central_encode.negative(TRIGGER) or {}
    if asked.message == "MeterValues":
        return _readings(rooms, asker, [connector] if connector else [*known])
    if asked.message in KINDS:
        link.news.say(Message(asked.message, files.last(asker, asked.message)))
        return central_encode.accepted()
    if asked.message == STATUS and connector and _is_silent(rooms, asked.evse):
        return relay(rooms, asker, TRIGGER, asked, Urgency.CONTROL)  # what it says goes up as news
    if link.news.ask(asked.message, connector):
        return central_encode.accepted()
    return central_encode.not_supported(TRIGGER)


def _is_silent(rooms: Rooms, evse: EvseId) -> bool:
    """Whether a station that is there has not said yet how this EVSE stands."""
    return rooms.facts.online(evse.station) and evse.evse not in rooms.facts.statuses(evse.station)


async def _readings(rooms: Rooms, asker: Asker, evses: list[int]) -> Reply:
    """Fresh readings go up at once; for others the station is asked, and what it says goes up."""
    news = asker.link.news
    if news.ask_readings(evses):
        return central_encode.accepted()
    news.await_readings(evses)
    evse = EvseId(asker.station, evses[0] if len(evses) == 1 else 0)
    reply = await relay(rooms, asker, TRIGGER, TriggerMessage(evse, "MeterValues"), Urgency.CONTROL)
    if reply != central_encode.accepted():
        news.await_readings(evses, wanted=False)
    return reply
