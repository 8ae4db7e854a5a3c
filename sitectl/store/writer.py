"""Batches of jobs, each one transaction. Everything here runs in the writer's thread.

Jobs run whole inside the transaction, because an `await` between two statements would let another task commit half of
it.

What the disk refuses is answered in this order: a full disk first costs what can be done without, then the ballast, and
only then is the batch refused. Every other fault refuses the batch at once, and the connection is replaced before it is
used again: after a failed sync the machine forgets what it did not write, so that a second sync that goes well says
nothing.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from sitectl.model.storage import StoreState
from sitectl.store import disk
from sitectl.store.errors import StoreUnavailable, is_machine_fault
from sitectl.store.ledger_file import ROOM_TO_GO_ON, Fault, LedgerFile

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
Outcome = tuple[Any, Exception | None]

log = logging.getLogger(__name__)


class Work(NamedTuple):
    """A job, and whether it is left out where space is short."""

    job: Job[Any]
    expendable: bool = False


class Committed(NamedTuple):
    """The outcome of each job, in order; `state` is ok, tight or reserve."""

    outcomes: list[Outcome]
    state: StoreState


class Writer:
    """Runs jobs on the file. Each of `on_undo` is called whenever something was rolled back, or another file took the
    place of this one: what jobs remember outside the file is then void."""

    def __init__(self, file: LedgerFile) -> None:
        self.file = file
        self.on_undo: list[Callable[[], None]] = []

    def open(self, prepare: Job[T]) -> Outcome:
        """Open the file; on failure nothing is left open."""
        try:
            return self.file.open(prepare), None
        except Exception as error:
            self.file.close()
            if isinstance(error, OSError) or is_machine_fault(error):
                return None, StoreUnavailable(f"{self.file.path}: {error}", self.file.state_of(error))
            return None, error

    def refusal(self) -> StoreState | None:
        """What the disk says to a write beside the file; None: it would take one."""
        refused = None if self.file.path is None else disk.refusal(self.file.path, ROOM_TO_GO_ON)
        return None if refused is None else self.file.state_of(refused)

    def look(self) -> StoreState | Fault:
        """Keep house; how the store stands then."""
        try:
            self.file.look()
        except (sqlite3.Error, OSError) as error:
            fault = self.file.fault(error)
            if fault.state is not StoreState.FULL or not self.file.ballast.give_up():
                return fault
            self.file.short(StoreState.RESERVE)
        return self.file.state

    def reopen(self, doubt: bool, damage: str | None) -> StoreState | Fault:
        """Replace the connection, and the file where it is damaged; how the store stands then."""
        self._forget()
        try:
            self.file.reopen(doubt=doubt, damage=damage)
        except Exception as error:
            return self.file.fault(error)
        return self.file.state

    # --- a batch -----------------------------------------------------------------------------------------------------

    def commit(self, works: Sequence[Work]) -> Committed | Fault:
        """One transaction, or none of it."""
        file, connection = self.file, self.file.connection
        if connection is None:
            return Fault(StoreState.FAILING, f"{file.path} is not open")
        left_out = False
        while True:
            try:
                return Committed(self._attempt(connection, works, left_out), file.state)
            except BaseException as error:
                self._undo(connection)
                if not isinstance(error, Exception):
                    raise
                fault = file.fault(error)
                if fault.state is not StoreState.FULL:
                    return fault
            if not left_out and any(work.expendable for work in works):
                left_out = True
            elif not file.ballast.give_up():
                return fault
            file.short(StoreState.TIGHT if file.ballast.there else StoreState.RESERVE)

    def _attempt(self, connection: sqlite3.Connection, works: Sequence[Work], left_out: bool) -> list[Outcome]:
        """Tried first without savepoints, since jobs hardly ever fail."""
        try:
            return self._transact(connection, works, left_out, _plain)
        except Exception as error:
            self._undo(connection)
            if is_machine_fault(error):
                raise
        return self._transact(connection, works, left_out, self._guarded)

    def _transact(
        self,
        connection: sqlite3.Connection,
        works: Sequence[Work],
        left_out: bool,
        attempt: Callable[[sqlite3.Connection, Job[Any]], Outcome],
    ) -> list[Outcome]:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [
            (None, no_room()) if left_out and work.expendable else attempt(connection, work.job) for work in works
        ]
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


def no_room() -> StoreUnavailable:
    """Why a job was left out."""
    return StoreUnavailable("the disk is nearly full: only transactions and limits are written")


def _plain(connection: sqlite3.Connection, job: Job[Any]) -> Outcome:
    return job(connection), None
