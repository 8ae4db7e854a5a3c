"""A new password for a station: made here, pushed to it, and from then on what it must show.

A station applies AuthorizationKey when it likes (at once with a new connection, after a reboot, never, though it said
yes), and sends it as text or as the bytes behind its hexadecimal digits (OCPP 1.6 security white paper, edition 3). So
the new password, in both forms, is on disk beside what the station showed before, before it is sent; whichever the
station shows next is taken, and once it is a new one, all others are forgotten. Nothing here can lock a station out.
"""

from __future__ import annotations

import logging
import secrets
from typing import Protocol

from sitectl.model.commands import Answered, Command, Outcome, SetVariable, Unanswered, Urgency, in_words
from sitectl.model.ids import StationId
from sitectl.security.credentials import PASSWORD_PIN, join_pins, pins_of
from sitectl.stations.book import Book
from sitectl.stations.orders import NotOrdered
from sitectl.stations.ports import Journal
from sitectl.stations.record import StationRecord

log = logging.getLogger(__name__)

KEY = "AuthorizationKey"
KEY_BYTES = 20
"""40 hexadecimal digits, the most that the key may have."""


class Door(Protocol):
    """The way to the stations."""

    async def execute(self, station: StationId, command: Command, urgency: Urgency, by: str = "") -> Outcome:
        """Queue a command and wait for its outcome."""


class Pins(Protocol):
    """Makes pins, off the event loop."""

    async def pin(self, password: bytes) -> str:
        """A pin that tells nobody the password."""


class Passwords:
    """The door for people. Each station has one renewal at a time, for the book keeps one set of pins of it."""

    def __init__(self, book: Book, door: Door, pins: Pins, journal: Journal) -> None:
        self._book = book
        self._door = door
        self._pins = pins
        self._journal = journal
        self._renewing: set[StationId] = set()

    async def renew(self, station: StationId, by: str) -> str | NotOrdered:
        """Give a station a new password; the password, or why not.

        Raises EnvironmentFault where the disk does not take it; nothing was sent then.
        """
        record = self._book.records.get(station)
        if record is None or record.plan is None:
            return NotOrdered(f"no station {station!r} here", unknown=True)
        if record.plan.password_file is not None:
            why = f"its password stands in {record.plan.password_file}: change it there, and in the station"
            return NotOrdered(why, invalid=True)
        if not 1 <= record.plan.security_profile <= 2:
            return NotOrdered("by its security profile it shows no password", invalid=True)
        if not self._book.online(station):
            return NotOrdered("it is offline, and must be told its password")
        if station in self._renewing:  # what the other puts back when it fails would forget this one
            return NotOrdered("it is being given a new password now; ask again when that is done")
        self._renewing.add(station)
        try:
            return await self._renew(station, record, by)
        finally:
            self._renewing.discard(station)

    async def _renew(self, station: StationId, record: StationRecord, by: str) -> str | NotOrdered:
        before = record.known.credential if record.known is not None else None
        key = secrets.token_hex(KEY_BYTES)
        new = [await self._pins.pin(key.encode()), await self._pins.pin(bytes.fromhex(key))]
        old = pins_of(before)
        await self._book.keep_credential(record, join_pins([*new, *old[:2], *old[-1:]]))
        outcome = await self._door.execute(station, SetVariable(station, KEY, key), Urgency.CONTROL, by=by)
        if isinstance(outcome, Answered) and outcome.accepted:
            self._journal.record("station.password_pushed", station, None, {"by": by, "status": outcome.status})
            return key
        if not isinstance(outcome, Unanswered):  # else it may have been done: all of them stay
            await self._book.keep_credential(record, before)
        return NotOrdered(f"the station did not take it: {in_words(outcome)}")


def settled(credential: str | None, fitting: str) -> str | None:
    """What is kept of several pins when a station has shown one of them; None: nothing changes.

    The newest stand first. One that was there before proves nothing yet: the station may apply the new one later. It
    goes to the end, which no renewal forgets.
    """
    pins = pins_of(credential)
    if len(pins) < 2 or not fitting.startswith(PASSWORD_PIN) or fitting not in pins:
        return None
    if fitting in pins[:2]:
        return fitting
    return None if fitting == pins[-1] else join_pins([*(pin for pin in pins if pin != fitting), fitting])
