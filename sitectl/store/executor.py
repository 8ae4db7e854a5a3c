"""Where blocking calls run: a thread of their own, or, for virtual time, the loop's thread.

A thread of our own rather than aiosqlite's: its way to run a function is private, each statement would be a future of
its own, its thread is no daemon and so holds the process when a disk hangs, and it has no twin that runs in the
loop's thread. What is left to do is a queue and forty lines.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Executor(Protocol):
    """Runs calls one after the other, in the order of submission, always in the same thread."""

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run `call`, which must not raise, then hand its result to `done` in the thread of the running loop."""

    def stop(self) -> None:
        """End after the calls submitted so far; never waits."""


class InlineExecutor:
    """The twin for virtual time: runs at once, in the loop's thread."""

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        done(call())

    def stop(self) -> None:
        """Nothing runs."""


class ThreadExecutor:
    """A daemon thread: when a disk hangs for ever, the process can end nevertheless."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[asyncio.AbstractEventLoop, Callable[[], Any], Callable[[Any], None]] | None]
        self._calls = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        self._calls.put((asyncio.get_running_loop(), call, done))

    def stop(self) -> None:
        self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            loop, call, done = item
            try:
                loop.call_soon_threadsafe(done, call())
            except RuntimeError:
                log.debug("the loop was closed before the result of %r", call)
            except Exception:
                log.exception("a call in thread %s failed", threading.current_thread().name)
            del item, loop, call, done  # holds nothing while it waits
