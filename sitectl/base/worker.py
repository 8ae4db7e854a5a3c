"""Blocking work beside the event loop: one thread that does one thing after the other, and its twin in the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Worker(Protocol):
    """Does jobs one after the other, in the order in which they were given."""

    async def do(self, job: Callable[[], T]) -> T:
        """Do one and give its result, or raise what it raised. Cancelling the wait does not stop a job that began."""

    def stop(self) -> None:
        """End after the job that runs; never waits."""


class ThreadWorker:
    """A thread of its own, started with the first job: a slow disk or a dear computation holds up nobody else."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None

    async def do(self, job: Callable[[], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None


class InlineWorker:
    """The twin for virtual time: does it at once, in the loop's thread."""

    async def do(self, job: Callable[[], T]) -> T:
        return job()

    def stop(self) -> None:
        """Nothing runs."""
