"""One SQLite file with one writer: jobs are gathered, a batch is one transaction and one call into the writer's thread.

A commit with `synchronous=FULL` costs a sync of the disk, whatever it holds; a hundred stations that commit each by
itself wait for a hundred syncs, gathered they wait for one.

A disk that refuses makes the store unusable, not dead: jobs fail at once, and it is tried again until it takes them.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sitectl.base.clock import Clock
from sitectl.model.storage import StoreHealth, StoreState
from sitectl.store.ballast import Ballast
from sitectl.store.errors import StoreUnavailable
from sitectl.store.executor import Executor
from sitectl.store.futures import resolve
from sitectl.store.inspection import Inspection
from sitectl.store.ledger_file import Fault, LedgerFile
from sitectl.store.questions import Questions
from sitectl.store.remainder import Remainder
from sitectl.store.writer import Committed, Job, Outcome, Work, Writer, no_room

T = TypeVar("T")

MAX_BATCH = 1000  # bounds the answer time of those behind
MAX_WAITING = 20_000  # beyond it jobs are refused: the station's call stays unanswered and comes again
SLOW_COMMIT_S = 0.005  # from here on a sync is worth waiting for company
GATHER_S = 0.002
LOOK_S = 10.0
IMPRESSION_S = 0.5
INSPECT_EVERY_S = 86_400.0
STUCK_S = 10.0  # a commit that takes longer than this: others are told that the disk does not answer
RETRY_S = 1.0
RETRY_CAP_S = 30.0
NOT_THE_FILE = (StoreState.FULL, StoreState.BUSY)  # what these leave of the file is beyond doubt
HEALTHY_S = 60.0  # a store that wrote this long was well: its next fault is a new one

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    work: Work
    future: "asyncio.Future[Any]"


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
        self._file = LedgerFile(path, ballast or Ballast(path), clock)
        self._writer = Writer(self._file)
        self._writing, self._reading = executor("sitectl-store"), executor("sitectl-queries")
        self._questions = Questions(path, self._reading, lambda: self._file.connection, self._called_damaged)
        self._inspecting = executor("sitectl-inspection")
        self._inspection = None if path is None else Inspection(path, self._inspecting, self._inspected)
        self._remainder = None if path is None else Remainder(path, self._inspecting, self._write_remainder)
        self._inspected_at: datetime | None = None
        self._impression = asyncio.Event()
        self.on_state: Callable[[StoreHealth], None] = lambda health: None
        self._state = StoreState.FAILING
        self._why = "the store is not open"
        self._left_out = 0
        self._waiting: deque[_Waiting] = deque()
        self._flushing_since: float | None = None
        self._commit_s = 0.0
        self._recent_s: deque[float] = deque(maxlen=5)
        self._damage: str | None = None
        self._looking = False
        self._others: list[Callable[[Callable[[], None]], None]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._retry_s = RETRY_S
        self._well_since = float("-inf")
        self._idle: asyncio.Future[None] | None = None

    def on_undo(self, forget: Callable[[], None]) -> None:
        """Call `forget`, in the writer's thread, whenever something was rolled back.

        What jobs remember outside the database is then void.
        """
        self._writer.on_undo.append(forget)

    def also_open(self, let_go: Callable[[Callable[[], None]], None]) -> None:
        """Somebody else reads the file: `let_go(then)` has it closed, and calls `then` when it is."""
        self._others.append(let_go)

    def on_replaced(self, restore: Job[object]) -> None:
        """Run `restore` on a file that came into the place of a damaged one, before anything else is written."""
        self._file.on_replaced.append(restore)

    async def open(self, prepare: Job[T]) -> T:
        """Open the file and let `prepare` bring it up to date; raises what went wrong, with nothing left open."""
        opened: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._writing.submit(lambda: self._writer.open(prepare), lambda outcome: resolve(opened, outcome, None))
        result, error = await opened
        if error is not None:
            self._end_threads()
            raise error
        self._state, self._why = StoreState.OK, ""
        self._stands(self._file.state)
        return result  # type: ignore[no-any-return]

    async def watch(self) -> None:
        """Look at disk and file from now on. Damage that is found quickly is mended before anybody is served; a large
        file is read to its end later."""
        if self._path is not None:
            self._look()
            self._inspect()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._impression.wait(), IMPRESSION_S)

    @property
    def usable(self) -> bool:
        """Whether jobs are taken; a disk that is only slow still takes them."""
        return self._state.writes or self._state is StoreState.SLOW

    @property
    def ample(self) -> bool:
        """Whether there is room for what can be done without, too."""
        return self._state is StoreState.OK

    def health(self) -> StoreHealth:
        """How it stands."""
        stuck_s = 0.0 if self._flushing_since is None else self._clock.monotonic() - self._flushing_since
        return StoreHealth(
            state=self._state,
            why=self._why,
            directory="" if self._path is None else str(self._path.parent),
            disk=self._file.use,
            waiting=len(self._waiting),
            slow_s=max(sorted(self._recent_s)[len(self._recent_s) // 2] if self._recent_s else 0.0, stuck_s),
            left_out=self._left_out,
            inspected=self._inspected_at,
            salvages=self._file.salvages,
        )

    def run(self, job: Job[T], *, expendable: bool = False) -> "asyncio.Future[T]":
        """Run `job` in the next commit; resolves after it. An exception of the job undoes that job alone.

        Fails with `StoreUnavailable` when the commit did, and an `expendable` one already when space is short.
        Cancelling the future does not take the job back. A job must be repeatable from its start: it may be run again
        when a neighbour in its batch failed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not self.usable:
            future.set_exception(StoreUnavailable(self._why))
        elif expendable and self._state in (StoreState.TIGHT, StoreState.RESERVE):
            self._left_out += 1
            future.set_exception(no_room())
        elif len(self._waiting) >= MAX_WAITING:
            future.set_exception(StoreUnavailable(f"{MAX_WAITING} writes wait for the disk"))
        else:
            self._waiting.append(_Waiting(Work(job, expendable), future))
            self._schedule()
        return future

    def post(self, job: Job[object], what: str) -> None:
        """Run `job` for nobody: it is expendable, and its failure is only logged."""

        def done(future: asyncio.Future[object]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                log.log(logging.WARNING if self.ample else logging.DEBUG, "%s was not stored: %s", what, error)

        self.run(job, expendable=True).add_done_callback(done)

    def query(self, job: Job[T]) -> "asyncio.Future[T]":
        """Run `job` on the read-only connection, which sees everything that was committed before."""
        if self._idle is None:
            return self._questions.ask(job)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable(self._why))
        return future

    async def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, close the file, end the threads; a disk that hangs is left behind after `timeout_s`."""
        if self._idle is not None:
            return
        for timer in self._timers.values():
            timer.cancel()
        self._idle = asyncio.get_running_loop().create_future()
        waited = self._idle
        self._state, self._why = StoreState.FAILING, "the store is closed"
        if self._flushing_since is None:
            self._shut()
        try:
            async with asyncio.timeout(timeout_s):
                await waited
        except TimeoutError:
            log.error("the disk did not answer within %.0f s; leaving %d writes undone", timeout_s, len(self._waiting))
            self._fail_waiting(StoreUnavailable(self._why))
        self._questions.go_on(StoreUnavailable(self._why))
        if self._remainder is not None:
            self._remainder.stop()
        self._end_threads()

    def _end_threads(self) -> None:
        for thread in (self._inspecting, self._reading, self._writing):
            thread.stop()

    # --- batches -----------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._flushing_since is not None:
            return
        self._flushing_since = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        if self._commit_s > SLOW_COMMIT_S:
            loop.call_later(GATHER_S, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        waiting = self._waiting
        batch = [waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH))]
        started_at = self._flushing_since = self._clock.monotonic()

        def done(result: Committed | Fault) -> None:
            took_s = self._clock.monotonic() - started_at
            self._recent_s.append(took_s)
            self._commit_s += (took_s - self._commit_s) / 8
            self._flushed(batch, result)

        self._writing.submit(lambda: self._writer.commit([one.work for one in batch]), done)

    def _flushed(self, batch: list[_Waiting], result: Committed | Fault) -> None:
        self._flushing_since = None
        if isinstance(result, Fault):
            for one in batch:
                resolve(one.future, None, StoreUnavailable(result.why))
            self._failed(result)
        else:
            for one, (value, error) in zip(batch, result.outcomes, strict=True):
                resolve(one.future, value, error)
            if self.usable:
                self._stands(result.state)
        if self._waiting:
            self._schedule()
        elif self._idle is not None:
            self._shut()

    def _fail_waiting(self, error: StoreUnavailable) -> None:
        while self._waiting:
            resolve(self._waiting.popleft().future, None, error)

    # --- how the disk stands -----------------------------------------------------------------------------------------

    def _stands(self, state: StoreState, why: str = "") -> None:
        before, self._state, self._why = self._state, state, why
        if state is before:
            return
        if before is StoreState.OK:
            self._left_out = 0
        level = logging.ERROR if not state.writes else logging.WARNING
        log.log(level, "the store is %s%s", state.value, f": {why}" if why else "")
        self.on_state(self.health())

    def _failed(self, fault: Fault, *, certain: bool = False) -> None:
        """Nothing is taken from now on, until the file was opened anew and took a write.

        `certain`: it was read and found damaged; so it is when it is called damaged again soon.
        """
        self._fail_waiting(StoreUnavailable(fault.why))
        if self._idle is not None or not self.usable:
            return
        now = self._clock.monotonic()
        calm = now - self._well_since >= HEALTHY_S
        self._retry_s = RETRY_S if calm else min(2 * self._retry_s, RETRY_CAP_S)
        damaged = fault.state is StoreState.CORRUPT
        self._damage = fault.why if damaged and (certain or not calm) else None
        self._stands(fault.state, fault.why)
        self._later("retry", 0.0 if damaged else self._retry_s, self._try_again)

    def _called_damaged(self, why: str) -> None:
        self._failed(Fault(StoreState.CORRUPT, why))

    def _try_again(self) -> None:
        """Open the file anew, with nobody else at it: what the machine still has of it in memory is not the disk."""
        doubt, damage = self._state not in NOT_THE_FILE, self._damage
        self._with_file_closed(lambda: self._writer.reopen(doubt, damage), self._reopened)

    def _with_file_closed(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run `call` in the writer's thread when nobody else has the file open."""
        holders = [self._questions.let_go, *self._others]
        if self._inspection is not None and self._idle is None:
            holders.append(self._inspection.stop)
        elif self._inspection is not None:
            self._inspection.stop()  # a page that it reads just now must not hold up the end

        def next_one() -> None:
            if holders:
                holders.pop()(next_one)
            else:
                self._writing.submit(call, done)

        next_one()

    def _reopened(self, result: Fault | StoreState) -> None:
        if self._idle is not None:
            return
        if isinstance(result, Fault) and result.state is StoreState.CORRUPT and self._damage is None:
            self._damage = result.why
            self._try_again()
        elif isinstance(result, Fault):
            self._questions.go_on(StoreUnavailable(result.why))
            self._stands(result.state, result.why)
            self._later("retry", self._retry_s, self._try_again)
        else:
            self._damage = None
            self._well_since = self._clock.monotonic()
            self._questions.go_on(None)
            doubted = self._state not in NOT_THE_FILE
            self._stands(result)
            if doubted:
                self._inspect()

    def _look(self) -> None:
        """Keep house now and then."""
        self._later("look", LOOK_S if self.ample else RETRY_S, self._look)
        if self._flushing_since is not None and self._clock.monotonic() - self._flushing_since > STUCK_S:
            self._stands(StoreState.SLOW, "the disk does not answer")
        elif self.usable and not self._looking:
            self._looking = True
            self._writing.submit(self._writer.look, self._looked)

    def _inspect(self) -> None:
        """Read the whole file now and then: damage is cheaper the sooner it is found."""
        if "inspect" in self._timers:
            self._timers["inspect"].cancel()
        self._later("inspect", INSPECT_EVERY_S, self._inspect)
        if self.usable and self._inspection is not None:
            self._inspection.begin()

    def _inspected(self, found: str | None) -> None:
        if self._idle is not None:
            return
        self._impression.set()
        if found is None:
            self._inspected_at = self._clock.wall()
        else:
            self._failed(Fault(StoreState.CORRUPT, f"{self._path}: {found}"), certain=True)

    def _looked(self, result: StoreState | Fault) -> None:
        self._looking = False
        if self._idle is not None or not self.usable:
            return
        if isinstance(result, Fault):
            self._failed(result)
            return
        self._stands(result)
        if self.ample and self._remainder is not None and not all(one.complete for one in self._file.salvages):
            self._remainder.begin()

    def _write_remainder(self, job: Job[None], done: Callable[[bool], None]) -> None:
        future = self.run(job, expendable=True)
        future.add_done_callback(lambda ended: done(not ended.cancelled() and ended.exception() is None))

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, call)

    def _shut(self) -> None:
        """Close all connections, the writer's last: the last one to close folds the log into the file."""
        idle = self._idle

        def writer_closed(_: None) -> None:
            if idle is not None and not idle.done():
                idle.set_result(None)

        self._with_file_closed(self._file.close, writer_closed)
