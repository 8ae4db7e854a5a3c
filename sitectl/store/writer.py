"""The one connection that writes. Everything here runs in the writer's thread.

A batch of jobs is one transaction. Jobs run whole inside it, because an `await` between two statements would let
another task commit half of it.

What the disk refuses is answered in this order: a full disk first costs what can be done without, then the ballast, and
only then is the batch refused. Every other fault refuses the batch at once, and the connection is replaced before it is
used again: after a failed sync the machine forgets what it did not write, so that a second sync that goes well says
nothing.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sitectl.model.storage import DiskUse, StoreState
from sitectl.store import disk
from sitectl.store.ballast import SHED_BELOW, Ballast
from sitectl.store.connection import CHECKPOINT_PAGES, WAL_LIMIT, hold, hold_log, read_write
from sitectl.store.errors import StoreUnavailable, is_machine_fault
from sitectl.store.inspection import damage_within

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
Outcome = tuple[Any, Exception | None]

DOUBT_S = 5.0  # how long a file is read before it is believed again; the rest is read later
ROOM_TO_GO_ON = 256 * 1024  # with less a full disk would be full again with the next commit
WAL_EXPECTED = WAL_LIMIT * 3 // 2  # a log above this was not folded into the file when its time had come
SHORT_LOG = (500, 2**20)  # pages and bytes, where room is short

log = logging.getLogger(__name__)


class Work(NamedTuple):
    """A job, and whether it is left out where space is short."""

    job: Job[Any]
    expendable: bool = False


class Committed(NamedTuple):
    """The outcome of each job, in order; `state` is ok, tight or reserve."""

    outcomes: list[Outcome]
    state: StoreState


class Fault(NamedTuple):
    """Nothing was stored."""

    state: StoreState
    why: str


class Writer:
    """Owns the connection, the hold on the file and the ballast.

    `state` (ok, tight or reserve) and `use` tell of the room that there was when it was last looked at. Each of
    `on_undo` is called whenever something was rolled back: what jobs remember outside the file is then void.
    """

    def __init__(self, path: Path | None, ballast: Ballast, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._ballast = ballast
        self._monotonic = monotonic
        self.on_undo: list[Callable[[], None]] = []
        self.connection: sqlite3.Connection | None = None
        self._held: int | None = None
        self.state = StoreState.OK
        self.use: DiskUse | None = None

    def open(self, prepare: Job[T]) -> Outcome:
        """Open or create the file and let `prepare` bring it up to date; on failure nothing is left open."""
        try:
            if self._path is not None and self._held is None:
                self._held = hold(self._path)
            try:
                return self._opened(prepare), None
            except sqlite3.Error as error:
                if self._state_of(error) is not StoreState.FULL or not self._ballast.give_up():
                    raise
                self._close_connection()
                return self._opened(prepare), None
        except Exception as error:
            self.close()
            if isinstance(error, OSError) or is_machine_fault(error):
                return None, StoreUnavailable(f"{self._path}: {error}")
            return None, error

    def _opened(self, prepare: Job[T]) -> T:
        self.connection = read_write(self._path, create=True)
        prepared = prepare(self.connection)
        self._measure()
        return prepared

    # --- a batch -----------------------------------------------------------------------------------------------------

    def commit(self, works: Sequence[Work]) -> Committed | Fault:
        """One transaction, or none of it."""
        connection = self.connection
        if connection is None:
            return Fault(StoreState.FAILING, f"{self._path} is not open")
        left_out = False
        while True:
            try:
                return Committed(self._attempt(connection, works, left_out), self.state)
            except BaseException as error:
                self._undo(connection)
                if not isinstance(error, Exception):
                    raise
                fault = self._fault(error)
                if fault.state is not StoreState.FULL:
                    return fault
            if not left_out and any(work.expendable for work in works):
                left_out = True
            elif not self._ballast.give_up():
                return fault
            self._short(StoreState.TIGHT if self._ballast.there else StoreState.RESERVE)

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

    # --- between batches ---------------------------------------------------------------------------------------------

    def look(self) -> StoreState | Fault:
        """Keep house: how much room is left, the ballast made again, the log folded in."""
        try:
            self._measure()
            if self.connection is not None and self._path is not None:
                self._fold_log(self.connection)
        except (sqlite3.Error, OSError) as error:
            fault = self._fault(error)
            if fault.state is not StoreState.FULL or not self._ballast.give_up():
                return fault
            self._short(StoreState.RESERVE)
        return self.state

    def _fold_log(self, connection: sqlite3.Connection) -> None:
        """Where SQLite did not do it in its time, and where its room is wanted; then never at the cost of waiting."""
        if self.state is not StoreState.OK and disk.size(self._wal) > SHORT_LOG[1]:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute("PRAGMA busy_timeout = 5000")
        elif disk.size(self._wal) > WAL_EXPECTED:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def reopen(self, suspicious: bool) -> Fault | StoreState:
        """Replace the connection and prove that it writes; how the store stands then. All others have let go of the
        file. `suspicious`: what is on the disk may not be what was written, so that it is read before it is believed.
        """
        self._forget()
        if self._path is not None:
            self._close_connection()
            if (refusal := disk.refusal(self._path, ROOM_TO_GO_ON)) is not None:
                return self._fault(refusal)
        try:
            if self._path is not None and suspicious:
                disk.drop_cache(self._path, self._wal)
            connection = self.connection = self.connection or read_write(self._path, create=False)
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', hex(randomblob(8)))")
            if suspicious and (found := self._doubt(connection)) is not None:
                return Fault(StoreState.CORRUPT, f"{self._path}: {found}")
            self.state = StoreState.OK
            self._measure()
        except (sqlite3.Error, OSError) as error:
            return self._fault(error)
        return self.state

    def _doubt(self, connection: sqlite3.Connection) -> str | None:
        """Move all that was committed into the file, whose sync covers what it wrote, and read that."""
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return damage_within(connection, DOUBT_S, self._monotonic)

    def _measure(self) -> None:
        """See how much room there is, and take the ballast back when there is enough. Raises OSError."""
        if self._path is None:
            return
        free, total = disk.space(self._path.parent)
        if not self._ballast.there and self._ballast.make(free):
            free, total = disk.space(self._path.parent)
        reserve = self._ballast.there
        enough = SHED_BELOW if self.state is StoreState.OK else SHED_BELOW * 5 // 4
        if not reserve:
            self._short(StoreState.RESERVE)
        elif free < enough:
            self._short(StoreState.TIGHT)
        elif self.state is not StoreState.OK:
            self.state = StoreState.OK
            if self.connection is not None:
                hold_log(self.connection, CHECKPOINT_PAGES, WAL_LIMIT)
        self.use = DiskUse(free, total, disk.size(self._path), disk.size(self._wal), reserve)

    def _short(self, state: StoreState) -> None:
        """Room is short: the log must not take any more of it."""
        before, self.state = self.state, state
        if before is StoreState.OK and self.connection is not None:
            hold_log(self.connection, *SHORT_LOG)

    @property
    def _wal(self) -> Path:
        return Path(f"{self._path}-wal")

    def _fault(self, error: Exception) -> Fault:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Fault(self._state_of(error), f"{self._path}: {said}")

    def _state_of(self, error: Exception) -> StoreState:
        return StoreState.FULL if self._path is None else disk.state_of(error, self._path)

    # --- letting go --------------------------------------------------------------------------------------------------

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


def no_room() -> StoreUnavailable:
    """Why a job was left out."""
    return StoreUnavailable("the disk is nearly full: only transactions and limits are written")


def _plain(connection: sqlite3.Connection, job: Job[Any]) -> Outcome:
    return job(connection), None
