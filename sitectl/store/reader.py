"""A read-only connection. Everything here but `interrupt` runs in the reader's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sitectl.store.connection import read_only, read_still
from sitectl.store.errors import StoreDamaged, StoreUnavailable, is_machine_fault
from sitectl.store.inspection import is_damage
from sitectl.store.writer import Job, Outcome, T


class Reader:
    """Opens when it is first asked, and again after a fault. A store in memory is read on the writer's connection."""

    def __init__(self, path: Path | None, writers: Callable[[], sqlite3.Connection | None]) -> None:
        self._path = path
        self._writers = writers
        self._connection: sqlite3.Connection | None = None
        self.still = False
        """Whether nobody writes the file, because the disk takes nothing."""

    def read(self, job: Job[T]) -> Outcome:
        """Ask; a fault of the machine comes back as `StoreUnavailable`."""
        try:
            connection = self._writers() if self._path is None else self._opened(self._path)
            if connection is None:
                raise StoreUnavailable("the store is closed")
            return job(connection), None
        except Exception as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                return None, StoreUnavailable(f"{self._path}: the question was broken off")
            if not is_machine_fault(error):
                return None, error
            self.close()
            damaged = isinstance(error, sqlite3.Error) and is_damage(error)
            return None, (StoreDamaged if damaged else StoreUnavailable)(f"{self._path}: {error}")

    def interrupt(self) -> None:
        """Break off what is being asked, from any thread: it fails as `StoreUnavailable`."""
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # it was just closed
                connection.interrupt()

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self, path: Path) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = read_still(path) if self.still else read_only(path)
        return self._connection
