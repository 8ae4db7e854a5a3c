"""What happened, for people. Recording never waits; entries gather while a commit runs and go with the next.

Where space is short they wait for better times, but for those that tell of the store itself: these are few, and they
say what the others wait for.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Mapping
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.logging import EVENTS
from sitectl.model.ids import StationId
from sitectl.store.database import Database
from sitectl.store.moments import to_us
from sitectl.store.rows import Stamp, insert_event

told = logging.getLogger(EVENTS)
"""The same for the system journal, where there is one: `journalctl STATION=CP01`, `SITECTL_EVENT=station.booted`."""

MAX_UNSAVED = 2000
RETRY_S = 1.0
GATHER_S = 0.25
"""How long an entry waits for others: what happens at once is told at once, and a lone entry writes as much as ten."""
OF_THE_STORE = "store."

_Entry = tuple[int, str, StationId | None, int | None, Mapping[str, Any]]


class Journal:
    """The journal's writing end. At most `MAX_UNSAVED` entries wait for a disk; the oldest unsaved is dropped."""

    def __init__(self, database: Database, stamp: Stamp, clock: Clock) -> None:
        self._database = database
        self._stamp = stamp
        self._clock = clock
        self._unsaved: deque[_Entry] = deque(maxlen=MAX_UNSAVED)
        self._saving: asyncio.Future[None] | None = None
        self.gather_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one event, e.g. `station.booted`."""
        if told.isEnabledFor(logging.INFO):
            words = (type, *(f"{key}={value}" for key, value in (data or {}).items()))
            told.info("%s", " ".join(words), extra={"event": type, "station": station, "evse": evse})
        self._unsaved.append((to_us(self._clock.wall()), type, station, evse, dict(data or {})))
        if self.gather_s <= 0.0 or type.startswith(OF_THE_STORE):
            self.save()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.gather_s, self.save)

    def save(self) -> None:
        """Write what waits, if the disk takes it; otherwise it waits on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._saving is not None or not self._database.usable:
            return
        ample = self._database.ample
        entries = [entry for entry in self._unsaved if ample or entry[1].startswith(OF_THE_STORE)]
        if not entries:
            return
        left = [] if ample else [entry for entry in self._unsaved if not entry[1].startswith(OF_THE_STORE)]
        self._unsaved.clear()
        self._unsaved.extend(left)

        def job(connection: sqlite3.Connection) -> None:
            for entry in entries:
                insert_event(connection, self._stamp, *entry)

        def done(saving: asyncio.Future[None]) -> None:
            self._saving = None
            if saving.exception() is None:
                self.save()
                return
            room = MAX_UNSAVED - len(self._unsaved)
            self._unsaved.extendleft(reversed(entries[-room:] if room else []))
            asyncio.get_running_loop().call_later(RETRY_S, self.save)  # too many writes may wait for a while

        self._saving = self._database.run(job, expendable=ample)
        self._saving.add_done_callback(done)

    async def drain(self) -> None:
        """Wait until everything is on the disk, or the disk takes nothing."""
        self.save()
        while self._saving is not None:
            await asyncio.wait([self._saving])
