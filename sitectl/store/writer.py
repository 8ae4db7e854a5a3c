"""The one connection that writes. Everything here runs in the writer's thread.

A batch of jobs is one transaction. Jobs run whole inside it, because an `await` between two statements would let
another task commit half of it.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sitectl.store.connection import hold, read_write
from sitectl.store.errors import StoreUnavailable, is_machine_fault

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
Outcome = tuple[Any, Exception | None]

log = logging.getLogger(__name__)


class Writer:
    """Owns the connection and the hold on the file.

    Each of `on_undo` is called whenever something was rolled back: what jobs remember outside the file is then void.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.on_undo: list[Callable[[], None]] = []
        self.connection: sqlite3.Connection | None = None
        self._held: int | None = None

    def open(self, prepare: Job[T]) -> Outcome:
        """Open or create the file and let `prepare` bring it up to date; on failure nothing is left open."""
        try:
            if self._path is not None and self._held is None:
                self._held = hold(self._path)
            self.connection = read_write(self._path, create=True)
            return prepare(self.connection), None
        except Exception as error:
            self.close()
            if isinstance(error, OSError) or is_machine_fault(error):
                return None, StoreUnavailable(f"{self._path}: {error}")
            return None, error

    def commit(self, jobs: Sequence[Job[Any]]) -> list[Outcome] | StoreUnavailable:
        """One transaction. Tried first without savepoints, since jobs hardly ever fail."""
        connection = self.connection
        if connection is None:
            return StoreUnavailable(f"{self._path} is not open")
        try:
            try:
                return self._transact(connection, jobs, _plain)
            except Exception as error:
                self._undo(connection)
                if is_machine_fault(error):
                    raise
            return self._transact(connection, jobs, self._guarded)
        except BaseException as error:
            self._undo(connection)
            if not isinstance(error, Exception):
                raise
            return StoreUnavailable(f"{self._path}: {error}")

    def _transact(
        self,
        connection: sqlite3.Connection,
        jobs: Sequence[Job[Any]],
        attempt: Callable[[sqlite3.Connection, Job[Any]], Outcome],
    ) -> list[Outcome]:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [attempt(connection, job) for job in jobs]
        connection.execute("COMMIT")
        return outcomes

    def _guarded(self, connection: sqlite3.Connection, job: Job[Any]) -> Outcome:
        connection.execute("SAVEPOINT job")
        outcome: Outcome
        try:
            outcome = job(connection), None
        except Exception as error:
            if is_machine_fault(error):
                raise
            connection.execute("ROLLBACK TO job")
            self._forget()
            outcome = None, error
        connection.execute("RELEASE job")
        return outcome

    def _forget(self) -> None:
        for forget in self.on_undo:
            forget()

    def _undo(self, connection: sqlite3.Connection) -> None:
        self._forget()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("a rollback failed: %s", error)  # the connection is replaced before it is used again

    def reopen(self) -> str | None:
        """Replace the connection and prove that it writes; what is wrong, or None."""
        self._forget()
        if self._path is not None:
            self._close_connection()
        try:
            connection = self.connection = self.connection or read_write(self._path, create=False)
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', hex(randomblob(8)))")
        except (sqlite3.Error, OSError) as error:
            return f"{self._path}: {error}"
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._close_connection()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _close_connection(self) -> None:
        connection, self.connection = self.connection, None
        try:
            if connection is not None:
                connection.close()
        except sqlite3.Error as error:
            log.warning("closing %s: %s", self._path, error)


def _plain(connection: sqlite3.Connection, job: Job[Any]) -> Outcome:
    return job(connection), None
