"""Look for damage: table by table, money first, so that a look that is cut short has seen what matters most."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from sitectl.store.connection import read_only
from sitectl.store.executor import Executor

MONEY = ("transactions", "transaction_uplinks", "outbox")
FIRST = (*MONEY, "limits", "overlay", "meta", "epochs", "station_counters", "stations")
IDLE_PRIORITY = 19


def tables(connection: sqlite3.Connection) -> list[str]:
    """All of them, in the order of what they are worth; frames and events are many and come last."""
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    late = ("events", "raw_frames")
    rank = {name: place for place, name in enumerate(FIRST)} | {name: 1000 + late.index(name) for name in late}
    names = (row[0] for row in rows if row[0].isidentifier())
    return sorted(names, key=lambda name: (rank.get(name, 100), name))


def damage(connection: sqlite3.Connection, table: str) -> str | None:
    """What is wrong with a table and its indexes, None when nothing is. Reads every page of them."""
    try:
        found: str = connection.execute(f'PRAGMA quick_check("{table}")').fetchone()[0]
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return f"{table}: {error}"
    return None if found == "ok" else f"{table}: {_one_line(found)}"


def _one_line(found: str) -> str:
    told = [line for line in found.splitlines() if not line.startswith("***")]
    return "; ".join(told)[:200]


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite means that the file is not what it should be, or that a part of it cannot be read."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)


def damage_within(connection: sqlite3.Connection, seconds: float, monotonic: Callable[[], float]) -> str | None:
    """What is wrong with the file, as far as it could be read in this time."""
    until = monotonic() + seconds
    connection.set_progress_handler(lambda: monotonic() > until, 100_000)
    try:
        for table in tables(connection):
            if monotonic() > until:
                break
            if (found := damage(connection, table)) is not None:
                return found
    except sqlite3.Error as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        connection.set_progress_handler(None, 0)
    return None


class Inspection:
    """Reads the whole file in a thread of its own, on a connection of its own and at the lowest priority.

    A table at a time, so that the log can be folded in between. `done` is told what is wrong, None when nothing is.
    """

    def __init__(self, path: Path, thread: Executor, done: Callable[[str | None], None]) -> None:
        self._path = path
        self._thread = thread
        self._done = done
        self._connection: sqlite3.Connection | None = None
        self._round = 0
        self.running = False

    def begin(self) -> None:
        """Look at everything, unless that is under way."""
        if not self.running:
            self.running = True
            self._round += 1
            self._thread.submit(self._open, self._next(self._round, []))

    def stop(self, then: Callable[[], None] = lambda: None) -> None:
        """Let go of the file; `then` is called when that is so."""
        self._round += 1
        self.running = False
        if (connection := self._connection) is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):  # it was just closed
                connection.interrupt()
        self._thread.submit(self._close, lambda _: then())

    def _next(self, round: int, seen: list[str]) -> Callable[[str | list[str] | None], None]:
        def looked(found: str | list[str] | None) -> None:
            if round != self._round:
                return
            left = found if isinstance(found, list) else seen
            if isinstance(found, str) or not left:
                self.running = False
                self._thread.submit(self._close, lambda _: self._done(found if isinstance(found, str) else None))
            else:
                table, *rest = left
                self._thread.submit(lambda: self._look(table), self._next(round, rest))

        return looked

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _open(self) -> str | list[str]:
        if threading.current_thread() is not threading.main_thread():
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), IDLE_PRIORITY)
        try:
            self._connection = read_only(self._path)
            return tables(self._connection)
        except sqlite3.Error as error:
            return str(error) if is_damage(error) else []

    def _look(self, table: str) -> str | None:
        try:
            return None if self._connection is None else damage(self._connection, table)
        except sqlite3.Error:
            return None  # interrupted, or nothing that the file is to blame for

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
