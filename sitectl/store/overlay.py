"""What the daemon learned or was told at run time, by kind and key: over the configuration, for as long as it holds.

It may add facts and lower limits, never raise one. Read from memory; what lapses is judged by the wall clock, which is
all that is left after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from sitectl.base.clock import Clock
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.writer import Job

log = logging.getLogger(__name__)

_PUT = "INSERT OR REPLACE INTO overlay (kind, key, value, source, set_us, expires_us) VALUES (?, ?, ?, ?, ?, ?)"
_LAPSED = "DELETE FROM overlay WHERE expires_us <= ?"


@dataclass(frozen=True, slots=True)
class OverlayEntry:
    """One fact: its JSON value, who said it (`source`), when, and until when it holds (None: until it is forgotten)."""

    value: Any
    source: str
    set_at: datetime
    expires: datetime | None = None


Entries = dict[tuple[str, str], OverlayEntry]


class Overlay:
    """What is read here has been committed: an entry changes in memory after it changed on disk."""

    def __init__(self, database: Database, clock: Clock, entries: Entries) -> None:
        self._database = database
        self._clock = clock
        self._entries = entries
        """Replaced as a whole with each change: the writer's thread may read it."""
        database.on_replaced(self._restore)

    def of(self, kind: str) -> Mapping[str, OverlayEntry]:
        """Everything of a kind that holds now, by key."""
        now = self._clock.wall()
        return {
            key: entry
            for (of_kind, key), entry in self._entries.items()
            if of_kind == kind and (entry.expires is None or entry.expires > now)
        }

    def keep(self, kind: str, key: str, value: Any, *, source: str, expires: datetime | None = None) -> Awaitable[None]:
        """Keep a value that JSON can say; the same key replaces. Resolves when it is on disk.

        Fails with `StoreUnavailable` where the disk takes nothing; nothing has changed then. What has lapsed meanwhile
        leaves the disk.
        """
        text, now = orjson.dumps(value).decode(), self._clock.wall()
        row = (kind, key, text, source, to_us(now), None if expires is None else to_us(expires))

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(_LAPSED, (to_us(now),))
            connection.execute(_PUT, row)

        def apply() -> None:
            kept = {k: e for k, e in self._entries.items() if e.expires is None or e.expires > now}
            kept[kind, key] = OverlayEntry(orjson.loads(text), source, now, expires)
            self._entries = kept

        return self._write(job, apply)

    def forget(self, kind: str, key: str) -> Awaitable[None]:
        """Forget one; what is not there is forgotten already. Fails as `keep` does."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM overlay WHERE kind = ? AND key = ?", (kind, key))

        def apply() -> None:
            self._entries = {k: entry for k, entry in self._entries.items() if k != (kind, key)}

        return self._write(job, apply)

    def time_was_set(self, began: datetime, ended: datetime, correction: timedelta) -> None:
        """Move in memory what was stamped by a wrong clock, as the rectifier has moved it on disk."""

        def moved(entry: OverlayEntry) -> OverlayEntry:
            if not began <= entry.set_at <= ended:
                return entry
            expires = None if entry.expires is None else entry.expires + correction
            return OverlayEntry(entry.value, entry.source, entry.set_at + correction, expires)

        self._entries = {key: moved(entry) for key, entry in self._entries.items()}

    def _restore(self, connection: sqlite3.Connection) -> None:
        """Into a file that came into the place of a damaged one: what memory holds is all there was."""
        connection.execute("DELETE FROM overlay")
        rows = [
            (
                *key,
                orjson.dumps(entry.value).decode(),
                entry.source,
                to_us(entry.set_at),
                None if entry.expires is None else to_us(entry.expires),
            )
            for key, entry in self._entries.items()
        ]
        connection.executemany(_PUT, rows)

    def _write(self, job: Job[None], apply: Callable[[], None]) -> Awaitable[None]:
        writing = self._database.run(job)

        def done(future: asyncio.Future[None]) -> None:
            if not future.cancelled() and future.exception() is None:
                apply()

        writing.add_done_callback(done)
        return asyncio.shield(writing)  # who stops waiting does not stop the write


def load_overlay(connection: sqlite3.Connection) -> Entries:
    """All of it, read once at start-up, lapsed entries too: whether the time is known yet is no matter here."""
    entries: Entries = {}
    for kind, key, text, source, set_us, expires_us in connection.execute(
        "SELECT kind, key, value, source, set_us, expires_us FROM overlay"
    ):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:  # from a damaged file; a site must start without it
            log.error("what was remembered of %s %s cannot be read, and is left out", kind, key)
            continue
        entries[kind, key] = OverlayEntry(
            value, source, from_us(set_us), None if expires_us is None else from_us(expires_us)
        )
    return entries
