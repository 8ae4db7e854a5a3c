"""How the file stands: opened, looked at, replaced when it fails, let go. Belongs to the loop's thread.

A disk that refuses makes the store unusable, not dead: it is tried again until it takes a write. Before a connection is
replaced everybody else lets go of the file, so that what is read next is what lies on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.storage import StoreState
from sitectl.store.ballast import Ballast
from sitectl.store.errors import StoreUnavailable
from sitectl.store.executor import Executor
from sitectl.store.futures import resolve
from sitectl.store.inspection import Inspection
from sitectl.store.ledger_file import Fault, LedgerFile
from sitectl.store.questions import Questions
from sitectl.store.remainder import Remainder
from sitectl.store.writer import Job, Outcome, Writer

T = TypeVar("T")
LetGo = Callable[[Callable[[], None]], None]
"""Closes the file, then calls what it is given."""

LOOK_S = 10.0
IMPRESSION_S = 0.5
MENDED_S = 15.0
INSPECT_EVERY_S = 86_400.0
STUCK_S = 10.0  # a commit that takes longer than this: others are told that the disk does not answer
RETRY_S = 1.0
RETRY_CAP_S = 30.0
LATE_RETRY_S = 5.0
HEALTHY_S = 60.0  # a store that wrote this long was well: its next fault is a new one
DISK_REFUSES = (StoreState.FULL, StoreState.READ_ONLY, StoreState.FAILING)
NOT_THE_FILE = (StoreState.FULL, StoreState.BUSY)  # what these leave of the file is beyond doubt

log = logging.getLogger(__name__)


class Care:
    """Owns the file, its threads and its readers.

    `on_change` is called with each change of `state`, `on_fault` with what those who wait for a commit are told,
    `busy_s` tells how long a commit has been under way, `write` runs a job that can be done without and tells whether
    it was done.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        executor: Callable[[str], Executor],
        ballast: Ballast,
        on_fault: Callable[[StoreUnavailable], None],
        busy_s: Callable[[], float],
        write: Callable[[Job[None], Callable[[bool], None]], None],
    ) -> None:
        self._path = path
        self._clock = clock
        self._on_fault = on_fault
        self._busy_s = busy_s
        self.file = LedgerFile(path, ballast, clock)
        self.writer = Writer(self.file)
        self.writing, self._reading = executor("sitectl-store"), executor("sitectl-queries")
        self._inspecting = executor("sitectl-inspection")
        self.questions = Questions(path, self._reading, lambda: self.file.connection, self._called_damaged)
        self._inspection = None if path is None else Inspection(path, self._inspecting, self._inspected)
        self._remainder = None if path is None else Remainder(path, self._inspecting, write)
        self.others: list[LetGo] = []
        self.on_change: Callable[[], None] = lambda: None
        self.state = StoreState.FAILING
        self.why = "the store is not open"
        self.inspected_at: datetime | None = None
        self._impression, self._mended = asyncio.Event(), asyncio.Event()
        self._damage: str | None = None
        self._late: tuple[Job[Any], Callable[[Any], None]] | None = None
        self._looking = self._closing = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._retry_s = RETRY_S
        self._well_since = float("-inf")

    @property
    def usable(self) -> bool:
        """Whether jobs are taken; a disk that is only slow still takes them."""
        return self.state.writes or self.state is StoreState.SLOW

    # --- opening and closing -----------------------------------------------------------------------------------------

    async def open(self, prepare: Job[T], glance: Job[T] | None, on_late: Callable[[T], None]) -> T:
        """Open the file; see `Database.open`."""
        opened: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.writing.submit(lambda: self.writer.open(prepare), lambda outcome: resolve(opened, outcome, None))
        result, error = await opened
        if error is not None:
            seen = await self._only_read(error, glance)
            self._late = prepare, on_late
            self._later("retry", LATE_RETRY_S, self._try_again)
            return seen
        self.state, self.why = StoreState.OK, ""
        self.stands(self.file.state)
        return result  # type: ignore[no-any-return]

    async def _only_read(self, error: Exception, glance: Job[T] | None) -> T:
        disk_refuses = isinstance(error, StoreUnavailable) and error.state in DISK_REFUSES
        try:
            if glance is None or not disk_refuses or self._path is None or not self._path.exists():
                raise error
            self.questions.nobody_writes(True)
            found = await self.questions.ask(glance, once=True)
        except EnvironmentFault:
            self._end_threads()
            raise error from None
        assert isinstance(error, StoreUnavailable)
        self.stands(error.state or StoreState.FAILING, str(error))
        return found

    async def watch(self) -> None:
        """Look at disk and file from now on. Damage that is found quickly is mended before anybody is served; a large
        file is read to its end later."""
        if self._path is None:
            return
        self.look()
        self.inspect()
        with contextlib.suppress(TimeoutError):
            if self._late is None:
                await asyncio.wait_for(self._impression.wait(), IMPRESSION_S)
            if self.state is StoreState.CORRUPT:
                await asyncio.wait_for(self._mended.wait(), MENDED_S)

    def stop(self) -> None:
        """Nothing is taken any more, and nothing is tried again."""
        self._closing = True
        self.state, self.why = StoreState.FAILING, "the store is closed"
        for timer in self._timers.values():
            timer.cancel()

    def close(self, closed: Callable[[], None]) -> None:
        """Close all connections, the writer's last: the last one to close folds the log into the file."""
        self._with_file_closed(self.file.close, lambda _: closed())

    def end(self) -> None:
        """End the threads."""
        self.questions.go_on(StoreUnavailable(self.why))
        if self._remainder is not None:
            self._remainder.stop()
        self._end_threads()

    def _end_threads(self) -> None:
        for thread in (self._inspecting, self._reading, self.writing):
            thread.stop()

    # --- what was found ----------------------------------------------------------------------------------------------

    def stands(self, state: StoreState, why: str = "") -> None:
        """This is how it stands now."""
        before, self.state, self.why = self.state, state, why
        if state is before:
            return
        level = logging.ERROR if not state.writes else logging.WARNING
        log.log(level, "the store is %s%s", state.value, f": {why}" if why else "")
        self.on_change()

    def failed(self, fault: Fault, *, certain: bool = False) -> None:
        """Nothing is taken from now on, until the file was opened anew and took a write.

        `certain`: it was read and found damaged; so it is when it is called damaged again soon.
        """
        self._on_fault(StoreUnavailable(fault.why))
        if self._closing or not self.usable:
            return
        calm = self._clock.monotonic() - self._well_since >= HEALTHY_S
        self._retry_s = RETRY_S if calm else min(2 * self._retry_s, RETRY_CAP_S)
        damaged = fault.state is StoreState.CORRUPT
        self._damage = fault.why if damaged and (certain or not calm) else None
        self.stands(fault.state, fault.why)
        self._later("retry", 0.0 if damaged else self._retry_s, self._try_again)

    def _called_damaged(self, why: str) -> None:
        self.failed(Fault(StoreState.CORRUPT, why))

    # --- again and again ---------------------------------------------------------------------------------------------

    def _try_again(self) -> None:
        """Open the file anew, with nobody else at it: what the machine still has of it in memory is not the disk."""
        if self._late is not None:
            self.writing.submit(self.writer.refusal, self._try_late)
            return
        doubt, damage = self.state not in NOT_THE_FILE, self._damage
        self._with_file_closed(lambda: self.writer.reopen(doubt, damage), self._reopened)

    def _try_late(self, refusal: StoreState | None) -> None:
        """Open the file for the first time, now that the disk takes something."""
        if self._closing or self._late is None:
            return
        prepare, _ = self._late
        if refusal is None:
            self._with_file_closed(lambda: self.writer.open(prepare), self._opened_late)
        else:
            self._later("retry", LATE_RETRY_S, self._try_again)

    def _opened_late(self, outcome: Outcome) -> None:
        result, error = outcome
        if self._closing or self._late is None:
            return
        if error is None:
            (_, on_late), self._late = self._late, None
            on_late(result)
            self.questions.nobody_writes(False)
            self.stands(self.file.state)
            self.inspect()
        else:
            state = error.state if isinstance(error, StoreUnavailable) else None
            self.stands(state or StoreState.FAILING, str(error))
            self._later("retry", LATE_RETRY_S, self._try_again)
        self.questions.go_on(None)

    def _with_file_closed(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run `call` in the writer's thread when nobody else has the file open."""
        holders = [self.questions.let_go, *self.others]
        if self._inspection is not None and not self._closing:
            holders.append(self._inspection.stop)
        elif self._inspection is not None:
            self._inspection.stop()  # a page that it reads just now must not hold up the end

        def next_one() -> None:
            if holders:
                holders.pop()(next_one)
            else:
                self.writing.submit(call, done)

        next_one()

    def _reopened(self, result: Fault | StoreState) -> None:
        if self._closing:
            return
        if isinstance(result, Fault) and result.state is StoreState.CORRUPT and self._damage is None:
            self._damage = result.why
            self._try_again()
        elif isinstance(result, Fault):
            self.questions.go_on(StoreUnavailable(result.why))
            self.stands(result.state, result.why)
            self._later("retry", self._retry_s, self._try_again)
        else:
            self._damage = None
            self._mended.set()
            self._well_since = self._clock.monotonic()
            self.questions.go_on(None)
            doubted = self.state not in NOT_THE_FILE
            self.stands(result)
            if doubted:
                self.inspect()

    def look(self) -> None:
        """Keep house now and then."""
        self._later("look", LOOK_S if self.state is StoreState.OK else RETRY_S, self.look)
        if self._busy_s() > STUCK_S:
            self.stands(StoreState.SLOW, "the disk does not answer")
        elif self.usable and not self._looking:
            self._looking = True
            self.writing.submit(self.writer.look, self._looked)

    def inspect(self) -> None:
        """Read the whole file now and then: damage is cheaper the sooner it is found."""
        self._later("inspect", INSPECT_EVERY_S, self.inspect)
        if self.usable and self._inspection is not None:
            self._inspection.begin()

    def _inspected(self, found: str | None) -> None:
        if self._closing:
            return
        self._impression.set()
        if found is None:
            self.inspected_at = self._clock.wall()
        else:
            self.failed(Fault(StoreState.CORRUPT, f"{self._path}: {found}"), certain=True)

    def _looked(self, result: StoreState | Fault) -> None:
        self._looking = False
        if self._closing or not self.usable:
            return
        if isinstance(result, Fault):
            self.failed(result)
            return
        self.stands(result)
        if (
            self.state is StoreState.OK
            and self._remainder is not None
            and not all(one.complete for one in self.file.salvages)
        ):
            self._remainder.begin()

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        if (timer := self._timers.get(name)) is not None:
            timer.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, call)
