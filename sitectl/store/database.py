"""One SQLite file with one writer: jobs are gathered, a batch is one transaction and one call into the writer's thread.

A commit with `synchronous=FULL` costs a sync of the disk, whatever it holds; a hundred stations that commit each by
itself wait for a hundred syncs, gathered they wait for one. Jobs are functions that run whole inside the transaction,
because an `await` between two statements would let another task commit half of it.
"""

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sitectl.base.clock import Clock
from sitectl.store.errors import StoreUnavailable, is_machine_fault
from sitectl.store.executor import Executor

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
_Waiting = tuple[Job[Any], "asyncio.Future[Any]"]
_Outcome = tuple[Any, Exception | None]

MAX_BATCH = 1000  # bounds the answer time of those behind
MAX_WAITING = 20_000  # beyond it jobs are refused: the station's call stays unanswered and comes again
SLOW_COMMIT_S = 0.005  # from here on a sync is worth waiting for company
GATHER_S = 0.002
RETRY_S = 1.0
PAGE_SIZE = 2048  # a lone commit writes each page it touched: 4096 costs 1.8 times the bytes, 1024 a third more CPU

log = logging.getLogger(__name__)


class Database:
    """The file, its one read-write connection and one read-only one.

    `run` and `query` belong to the loop's thread. `forget` is called in the writer's thread whenever something was
    rolled back: what jobs remember outside the database is then void.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        writer: Executor,
        reader: Executor,
        on_state: Callable[[bool, str], None] = lambda usable, why: None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._writer = writer
        self._reader = reader
        self._on_state = on_state
        self.forget: Callable[[], None] = lambda: None
        self.usable = False
        self._why = "the store is not open"
        self._connection: sqlite3.Connection | None = None
        self._read_connection: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._waiting: deque[_Waiting] = deque()
        self._flushing = False
        self._commit_s = 0.0
        self._retry: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None

    async def open(self, prepare: Job[T]) -> T:
        """Open the file and let `prepare` bring it up to date; raises what went wrong, with nothing left open."""
        opened: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._writer.submit(lambda: self._open(prepare), lambda outcome: _resolve(opened, outcome, None))
        result, error = await opened
        if error is not None:
            self._writer.stop()
            self._reader.stop()
            raise error
        self.usable = True
        return result  # type: ignore[no-any-return]

    def run(self, job: Job[T]) -> "asyncio.Future[T]":
        """Run `job` in the next commit; resolves after it. An exception of the job undoes that job alone.

        Fails with `StoreUnavailable` when the commit did. Cancelling the future does not take the job back.
        A job must be repeatable from its start: it may be run again when a neighbour in its batch failed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not self.usable:
            future.set_exception(StoreUnavailable(self._why))
        elif len(self._waiting) >= MAX_WAITING:
            future.set_exception(StoreUnavailable(f"{MAX_WAITING} writes wait for the disk"))
        else:
            self._waiting.append((job, future))
            self._schedule()
        return future

    def post(self, job: Job[object], what: str) -> None:
        """Run `job` for nobody: its failure is only logged."""

        def done(future: asyncio.Future[object]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                log.warning("%s was not stored: %s", what, error)

        self.run(job).add_done_callback(done)

    def query(self, job: Job[T]) -> "asyncio.Future[T]":
        """Run `job` on the read-only connection, which sees everything that was committed before."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._idle is not None:
            future.set_exception(StoreUnavailable(self._why))
        else:
            self._reader.submit(lambda: self._read(job), lambda outcome: _resolve(future, *outcome))
        return future

    async def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, close the file, end the threads; a disk that hangs is left behind after `timeout_s`."""
        if self._idle is not None:
            return
        if self._retry is not None:
            self._retry.cancel()
        self._idle = asyncio.get_running_loop().create_future()
        waited = self._idle
        self.usable, self._why = False, "the store is closed"
        if not self._flushing:
            self._shut()
        try:
            async with asyncio.timeout(timeout_s):
                await waited
        except TimeoutError:
            log.error("the disk did not answer within %.0f s; leaving %d writes undone", timeout_s, len(self._waiting))
            self._fail_waiting(StoreUnavailable(self._why))
        self._reader.stop()
        self._writer.stop()

    # --- in the loop's thread ----------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._flushing:
            return
        self._flushing = True
        loop = asyncio.get_running_loop()
        if self._commit_s > SLOW_COMMIT_S:
            loop.call_later(GATHER_S, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        waiting = self._waiting
        batch = [waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH))]
        started_at = self._clock.monotonic()

        def done(outcomes: list[_Outcome] | StoreUnavailable) -> None:
            self._commit_s += (self._clock.monotonic() - started_at - self._commit_s) / 8
            self._flushed(batch, outcomes)

        self._writer.submit(lambda: self._commit([job for job, _ in batch]), done)

    def _flushed(self, batch: list[_Waiting], outcomes: list[_Outcome] | StoreUnavailable) -> None:
        self._flushing = False
        if isinstance(outcomes, StoreUnavailable):
            for _, future in batch:
                _resolve(future, None, outcomes)
            self._fail_waiting(outcomes)
            if self.usable:
                self._became_unusable(str(outcomes))
        else:
            for (_, future), (result, error) in zip(batch, outcomes, strict=True):
                _resolve(future, result, error)
        if self._waiting:
            self._schedule()
        elif self._idle is not None:
            self._shut()

    def _fail_waiting(self, error: StoreUnavailable) -> None:
        while self._waiting:
            _resolve(self._waiting.popleft()[1], None, error)

    def _became_unusable(self, why: str) -> None:
        self.usable, self._why = False, why
        log.error("the store cannot write: %s", why)
        self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._try_again)
        self._on_state(False, why)

    def _try_again(self) -> None:
        self._writer.submit(self._reopen, self._reopened)

    def _reopened(self, error: str | None) -> None:
        if self._idle is not None:
            return
        if error is None:
            self.usable = True
            log.warning("the store can write again")
            self._on_state(True, "")
        else:
            self._why = error
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._try_again)

    def _shut(self) -> None:
        """Close both connections, the reader first: the last one to close folds the log into the file."""
        idle = self._idle

        def writer_closed(_: None) -> None:
            if idle is not None and not idle.done():
                idle.set_result(None)

        self._reader.submit(self._close_reader, lambda _: self._writer.submit(self._close_writer, writer_closed))

    # --- in the writer's thread --------------------------------------------------------------------------------------

    def _open(self, prepare: Job[T]) -> _Outcome:
        try:
            self._connection = self._connect("rwc")
            return prepare(self._connection), None
        except Exception as error:
            self._close_writer()
            if isinstance(error, OSError) or is_machine_fault(error):
                return None, StoreUnavailable(f"{self._path}: {error}")
            return None, error

    def _connect(self, mode: str) -> sqlite3.Connection:
        if self._path is not None and self._lock is None:
            self._lock = _lock(self._path)
        connection = _sqlite(self._path, mode)
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        return connection

    def _commit(self, jobs: list[Job[Any]]) -> list[_Outcome] | StoreUnavailable:
        """One transaction. Tried first without savepoints, since jobs hardly ever fail."""
        connection = self._connection
        if connection is None:
            return StoreUnavailable(self._why)
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
        jobs: list[Job[Any]],
        attempt: Callable[[sqlite3.Connection, Job[Any]], _Outcome],
    ) -> list[_Outcome]:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [attempt(connection, job) for job in jobs]
        connection.execute("COMMIT")
        return outcomes

    def _guarded(self, connection: sqlite3.Connection, job: Job[Any]) -> _Outcome:
        connection.execute("SAVEPOINT job")
        outcome: _Outcome
        try:
            outcome = job(connection), None
        except Exception as error:
            if is_machine_fault(error):
                raise
            connection.execute("ROLLBACK TO job")
            self.forget()
            outcome = None, error
        connection.execute("RELEASE job")
        return outcome

    def _undo(self, connection: sqlite3.Connection) -> None:
        self.forget()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("a rollback failed: %s", error)  # the connection is replaced before it is used again

    def _reopen(self) -> str | None:
        """Replace the connection and prove that it writes; what is wrong, or None."""
        self.forget()
        if self._path is not None:
            self._close_connection()
        try:
            connection = self._connection = self._connection or self._connect("rw")
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', hex(randomblob(8)))")
        except (sqlite3.Error, OSError) as error:
            return f"{self._path}: {error}"
        return None

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        except sqlite3.Error as error:
            log.warning("closing %s: %s", self._path, error)

    def _close_writer(self) -> None:
        self._close_connection()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- in the reader's thread --------------------------------------------------------------------------------------

    def _read(self, job: Job[T]) -> _Outcome:
        try:
            if self._path is None:
                connection = self._connection
            else:
                connection = self._read_connection = self._read_connection or _sqlite(self._path, "ro")
            if connection is None:
                raise StoreUnavailable("the store is closed")
            return job(connection), None
        except Exception as error:
            if not is_machine_fault(error):
                return None, error
            self._close_reader()
            return None, StoreUnavailable(f"{self._path}: {error}")

    def _close_reader(self) -> None:
        connection, self._read_connection = self._read_connection, None
        if connection is not None:
            connection.close()


def _plain(connection: sqlite3.Connection, job: Job[Any]) -> _Outcome:
    return job(connection), None


def _resolve(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _sqlite(path: Path | None, mode: str) -> sqlite3.Connection:
    name = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(name, uri=True, isolation_level=None, cached_statements=256)


def _lock(path: Path) -> int:
    """Hold the file for this process: two that write would not know of each other's memory."""
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreUnavailable(f"{path} is in use by another process") from error
    return handle
