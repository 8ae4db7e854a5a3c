"""One SQLite file with one writer: jobs are gathered, a batch is one transaction and one call into the writer's thread.

A commit with `synchronous=FULL` costs a sync of the disk, whatever it holds; a hundred stations that commit each by
itself wait for a hundred syncs, gathered they wait for one.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sitectl.base.clock import Clock
from sitectl.store.connection import read_only
from sitectl.store.errors import StoreUnavailable, is_machine_fault
from sitectl.store.executor import Executor
from sitectl.store.writer import Job, Outcome, Writer

T = TypeVar("T")
_Waiting = tuple[Job[Any], "asyncio.Future[Any]"]

MAX_BATCH = 1000  # bounds the answer time of those behind
MAX_WAITING = 20_000  # beyond it jobs are refused: the station's call stays unanswered and comes again
SLOW_COMMIT_S = 0.005  # from here on a sync is worth waiting for company
GATHER_S = 0.002
RETRY_S = 1.0

log = logging.getLogger(__name__)


class Database:
    """The file, its one read-write connection and one read-only one. `run` and `query` belong to the loop's thread."""

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
        self._writer = Writer(path)
        self._writing = writer
        self._reading = reader
        self._on_state = on_state
        self.usable = False
        self._why = "the store is not open"
        self._read_connection: sqlite3.Connection | None = None
        self._waiting: deque[_Waiting] = deque()
        self._flushing = False
        self._commit_s = 0.0
        self._retry: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None

    def on_undo(self, forget: Callable[[], None]) -> None:
        """Call `forget`, in the writer's thread, whenever something was rolled back.

        What jobs remember outside the database is then void.
        """
        self._writer.on_undo.append(forget)

    async def open(self, prepare: Job[T]) -> T:
        """Open the file and let `prepare` bring it up to date; raises what went wrong, with nothing left open."""
        opened: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._writing.submit(lambda: self._writer.open(prepare), lambda outcome: _resolve(opened, outcome, None))
        result, error = await opened
        if error is not None:
            self._writing.stop()
            self._reading.stop()
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
            self._reading.submit(lambda: self._read(job), lambda outcome: _resolve(future, *outcome))
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
        self._reading.stop()
        self._writing.stop()

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

        def done(outcomes: list[Outcome] | StoreUnavailable) -> None:
            self._commit_s += (self._clock.monotonic() - started_at - self._commit_s) / 8
            self._flushed(batch, outcomes)

        self._writing.submit(lambda: self._writer.commit([job for job, _ in batch]), done)

    def _flushed(self, batch: list[_Waiting], outcomes: list[Outcome] | StoreUnavailable) -> None:
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
        self._writing.submit(self._writer.reopen, self._reopened)

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

        self._reading.submit(self._close_reader, lambda _: self._writing.submit(self._writer.close, writer_closed))

    # --- in the reader's thread --------------------------------------------------------------------------------------

    def _read(self, job: Job[T]) -> Outcome:
        try:
            if self._path is None:
                connection = self._writer.connection
            else:
                connection = self._read_connection = self._read_connection or read_only(self._path)
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


def _resolve(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
