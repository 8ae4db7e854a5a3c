"""Long questions to the file, on a thread and a connection of their own: they hold up nobody who asks briefly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sitectl.store.executor import Executor
from sitectl.store.reader import Reader
from sitectl.store.writer import Job, Outcome

T = TypeVar("T")


class Background:
    """A read-only connection that sees everything committed."""

    def __init__(self, path: Path, executor: Executor) -> None:
        self._executor = executor
        self._reader = Reader(path, lambda: None)
        self._ended = False

    async def ask(self, job: Job[T]) -> T:
        """Run `job` behind those asked before. Raises `StoreUnavailable` where the file cannot be read."""
        asked: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def answered(outcome: Outcome) -> None:
            result, error = outcome
            if asked.done():
                return
            if error is not None:
                asked.set_exception(error)
            else:
                asked.set_result(result)

        self._executor.submit(lambda: self._reader.read(job), answered)
        return await asked

    def let_go(self, then: Callable[[], None]) -> None:
        """Close the file, which may be another one when it is asked next; what is being asked is broken off."""
        if self._ended:
            then()
            return
        self._reader.interrupt()
        self._executor.submit(self._reader.close, lambda _: then())

    def close(self) -> None:
        """Let go of the file and end the thread, after what it is at."""
        self._ended = True
        self._executor.submit(self._reader.close, lambda _: None)
        self._executor.stop()
