"""One SQLite file with one writer: jobs are gathered, a batch is one transaction and one call into the writer's thread.

A commit with `synchronous=FULL` costs a sync of the disk, whatever it holds; a hundred stations that commit each by
itself wait for a hundred syncs, gathered they wait for one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sitectl.base.clock import Clock
from sitectl.model.storage import StoreHealth, StoreState
from sitectl.store.ballast import Ballast
from sitectl.store.care import Care, LetGo
from sitectl.store.company import Company
from sitectl.store.errors import StoreUnavailable
from sitectl.store.executor import Executor
from sitectl.store.futures import resolve
from sitectl.store.ledger_file import Fault
from sitectl.store.writer import Committed, Job, Work, no_room

T = TypeVar("T")

MAX_BATCH = 1000  # bounds the answer time of those behind
MAX_WAITING = 20_000  # beyond it jobs are refused: the station's call stays unanswered and comes again
SLOW_COMMIT_S = 0.005  # from here on a sync is worth waiting for company
GATHER_SHARE, GATHER_MOST_S = 0.6, 0.015
"""How long, as a share of what a commit takes: those who were just answered come back with their next. Else half of
them wait for the commit of the other half, for ever."""

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    work: Work
    future: asyncio.Future[Any]
    patient: bool


class Database:
    """The file, its one read-write connection and one read-only one. All of it belongs to the loop's thread.

    `on_state` is told of each change of `health().state`.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        executor: Callable[[str], Executor],
        ballast: Ballast | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self.care = Care(
            path,
            clock,
            executor,
            ballast or Ballast(path),
            on_fault=self._fail_waiting,
            busy_s=self._busy_s,
            write=self._write_remainder,
        )
        self.care.on_change = self._changed
        self.on_state: Callable[[StoreHealth], None] = lambda health: None
        self._left_out = 0
        self._was_well = True
        self._waiting: deque[_Waiting] = deque()
        self._flushing_since: float | None = None
        self._commit_s = 0.0
        self._gathering: asyncio.TimerHandle | None = None
        self._expected = 0
        self._recent_s: deque[float] = deque(maxlen=5)
        self.company = Company(self.hurry)
        self._idle: asyncio.Future[None] | None = None

    def on_undo(self, forget: Callable[[], None]) -> None:
        """Call `forget`, in the writer's thread, whenever something was rolled back.

        What jobs remember outside the database is then void.
        """
        self.care.writer.on_undo.append(forget)

    def also_open(self, let_go: LetGo) -> None:
        """Somebody else reads the file: `let_go(then)` has it closed, and calls `then` when it is."""
        self.care.others.append(let_go)

    def on_replaced(self, restore: Job[object]) -> None:
        """Run `restore` on a file that came into the place of a damaged one, before anything else is written."""
        self.care.file.on_replaced.append(restore)

    async def open(
        self, prepare: Job[T], glance: Job[T] | None = None, on_late: Callable[[T], None] = lambda result: None
    ) -> T:
        """Open the file and let `prepare` bring it up to date; raises what went wrong, with nothing left open.

        Where the disk takes nothing, `glance` reads what there is, and the store begins as one that cannot write;
        when it can, the file is opened after all and `on_late` gets what `prepare` has returned.
        """
        return await self.care.open(prepare, glance, on_late)

    async def watch(self) -> None:
        """Look after disk and file from now on."""
        await self.care.watch()

    @property
    def usable(self) -> bool:
        """Whether jobs are taken; a disk that is only slow still takes them."""
        return self.care.usable

    @property
    def ample(self) -> bool:
        """Whether there is room for what can be done without, too."""
        return self.care.state is StoreState.OK

    def health(self) -> StoreHealth:
        """How it stands."""
        recent_s = sorted(self._recent_s)
        return StoreHealth(
            state=self.care.state,
            why=self.care.why,
            directory="" if self._path is None else str(self._path.parent),
            disk=self.care.file.use,
            waiting=len(self._waiting),
            slow_s=max(recent_s[len(recent_s) // 2] if recent_s else 0.0, self._busy_s()),
            left_out=self._left_out,
            inspected=self.care.inspected_at,
            salvages=self.care.file.salvages,
        )

    def _busy_s(self) -> float:
        return 0.0 if self._flushing_since is None else self._clock.monotonic() - self._flushing_since

    def _changed(self) -> None:
        if self._was_well:
            self._left_out = 0
        self._was_well = self.ample
        self.on_state(self.health())

    def run(self, job: Job[T], *, expendable: bool = False, patient: bool = False) -> asyncio.Future[T]:
        """Run `job` in the next commit; resolves after it. An exception of the job undoes that job alone.

        A `patient` one may wait for company.
        Fails with `StoreUnavailable` when the commit did, and an `expendable` one already when space is short.
        Cancelling the future does not take the job back. A job must be repeatable from its start: it may be run again
        when a neighbour in its batch failed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not self.usable:
            future.set_exception(StoreUnavailable(self.care.why))
        elif expendable and self.care.state in (StoreState.TIGHT, StoreState.RESERVE):
            self._left_out += 1
            future.set_exception(no_room())
        elif len(self._waiting) >= MAX_WAITING:
            future.set_exception(StoreUnavailable(f"{MAX_WAITING} writes wait for the disk"))
        else:
            self._waiting.append(_Waiting(Work(job, expendable), future, patient))
            self._schedule()
        return future

    def post(self, job: Job[object], what: str) -> None:
        """Run `job` for nobody: it is expendable, and its failure is only logged."""

        def done(future: asyncio.Future[object]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                log.log(logging.WARNING if self.ample else logging.DEBUG, "%s was not stored: %s", what, error)

        self.run(job, expendable=True).add_done_callback(done)

    def query(self, job: Job[T]) -> asyncio.Future[T]:
        """Run `job` on the read-only connection, which sees everything that was committed before."""
        if self._idle is None:
            return self.care.questions.ask(job)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable(self.care.why))
        return future

    async def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, close the file, end the threads; a disk that hangs is left behind after `timeout_s`."""
        if self._idle is not None:
            return
        self._idle = asyncio.get_running_loop().create_future()
        waited = self._idle
        self.care.stop()
        if self._waiting:
            self.hurry()
        elif self._flushing_since is None:
            self._shut()
        try:
            async with asyncio.timeout(timeout_s):
                await waited
        except TimeoutError:
            log.error("the disk did not answer within %.0f s; leaving %d writes undone", timeout_s, len(self._waiting))
            self._fail_waiting(StoreUnavailable(self.care.why))
        self.care.end()

    def _shut(self) -> None:
        idle = self._idle

        def closed() -> None:
            if idle is not None and not idle.done():
                idle.set_result(None)

        self.care.close(closed)

    # --- batches -----------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._gathering is not None and len(self._waiting) >= self._expected:
            self._gathering.cancel()
            self._flush()
        if self._flushing_since is not None:
            return
        ends = self._idle is not None
        if ends or not self.company.is_awaited(self._waiting, (one.patient for one in self._waiting)):
            self.hurry()

    def hurry(self) -> None:
        """Commit what waits, without waiting for more than a moment."""
        self.company.has_come()
        if self._flushing_since is not None or not self._waiting:
            return
        self._flushing_since = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        if self._commit_s > SLOW_COMMIT_S and len(self._waiting) < self._expected:
            gather_s = min(GATHER_SHARE * self._commit_s, GATHER_MOST_S)
            self._gathering = loop.call_later(gather_s, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        waiting, self._gathering = self._waiting, None
        batch = [waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH))]
        started_at = self._flushing_since = self._clock.monotonic()

        def done(result: Committed | Fault) -> None:
            took_s = self._clock.monotonic() - started_at
            self._recent_s.append(took_s)
            self._commit_s += (took_s - self._commit_s) / 8
            self._flushed(batch, result)

        self.care.writing.submit(lambda: self.care.writer.commit([one.work for one in batch]), done)

    def _flushed(self, batch: list[_Waiting], result: Committed | Fault) -> None:
        self._flushing_since = None
        self._expected = len(batch) + len(self._waiting)
        if isinstance(result, Fault):
            for one in batch:
                resolve(one.future, None, StoreUnavailable(result.why))
            self.care.failed(result)
        else:
            for one, (value, error) in zip(batch, result.outcomes, strict=True):
                resolve(one.future, value, error)
            if self.usable:
                self.care.stands(result.state)
        if self._waiting:
            self._schedule()
        elif self._idle is not None:
            self._shut()

    def _fail_waiting(self, error: StoreUnavailable) -> None:
        while self._waiting:
            resolve(self._waiting.popleft().future, None, error)

    def _write_remainder(self, job: Job[None], done: Callable[[bool], None]) -> None:
        future = self.run(job, expendable=True)
        future.add_done_callback(lambda ended: done(not ended.cancelled() and ended.exception() is None))
