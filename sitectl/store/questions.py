"""Questions on the read-only connection. While the file is being replaced they wait for the other one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sitectl.store.errors import StoreDamaged, StoreUnavailable
from sitectl.store.executor import Executor
from sitectl.store.futures import resolve
from sitectl.store.reader import Reader
from sitectl.store.writer import Job, Outcome

T = TypeVar("T")
MOST_HELD = 1000
MOST_TRIES = 3


class _Question(NamedTuple):
    job: Job[Any]
    future: asyncio.Future[Any]
    tries: int


class Questions:
    """Belongs to the loop's thread. `on_damage` is told when an answer says that the file is damaged; the question is
    asked again afterwards."""

    def __init__(
        self,
        path: Path | None,
        thread: Executor,
        writers: Callable[[], sqlite3.Connection | None],
        on_damage: Callable[[str], None],
    ) -> None:
        self._reader = Reader(path, writers)
        self._thread = thread
        self._on_damage = on_damage
        self._holding = False
        self._held: deque[_Question] = deque()

    def nobody_writes(self, still: bool) -> None:
        """Whether the file is read as one that cannot change, for the disk takes nothing."""
        self._reader.still = still

    def ask(self, job: Job[T], *, once: bool = False) -> asyncio.Future[T]:
        """Run `job` on the read-only connection. `once`: damage is an answer, too."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Question(job, future, MOST_TRIES if once else 1))
        return future

    def let_go(self, then: Callable[[], None]) -> None:
        """Close the file, and hold what is asked from now on; `then` is called when it is closed."""
        self._holding = True
        self._thread.submit(self._reader.close, lambda _: then())

    def go_on(self, error: StoreUnavailable | None) -> None:
        """Ask what was held, or answer all of it with this error."""
        self._holding = False
        held, self._held = self._held, deque()
        for question in held:
            if error is None:
                self._put(question)
            else:
                resolve(question.future, None, error)

    def _put(self, question: _Question) -> None:
        if not self._holding:
            self._thread.submit(lambda: self._reader.read(question.job), lambda outcome: self._got(question, outcome))
        elif len(self._held) < MOST_HELD:
            self._held.append(question)
        else:
            resolve(question.future, None, StoreUnavailable("the ledger is being replaced"))

    def _got(self, question: _Question, outcome: Outcome) -> None:
        result, error = outcome
        if not isinstance(error, StoreDamaged) or question.tries == MOST_TRIES:
            resolve(question.future, result, error)
            return
        self._holding = True
        self._held.append(question._replace(tries=question.tries + 1))
        self._on_damage(str(error))
