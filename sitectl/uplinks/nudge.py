"""One sleeper whom others wake: an event and a timer in one, without a task and without a lost wake-up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Nudge:
    """`wait` sleeps until somebody calls `set`, or for as long as it is told. One sleeper at a time."""

    __slots__ = ("_hurry", "_sleeper", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._hurry: Callable[[], None] | None = None
        self._sleeper: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake the sleeper, or whoever lies down next."""
        self.is_set = True
        _end(self._sleeper)
        if self._hurry is not None:
            self._hurry()

    async def or_hurry(self, work: Awaitable[T], hurry: Callable[[], None]) -> T:
        """The result of `work`, which takes its time; `hurry` is called where somebody calls `set` meanwhile."""
        self._hurry = hurry
        try:
            return await work
        finally:
            self._hurry = None

    async def wait(self, seconds: float | None) -> None:
        """Sleep; None: until woken."""
        if not self.is_set and (seconds is None or seconds > 0.0):
            loop = asyncio.get_running_loop()
            sleeper = self._sleeper = loop.create_future()
            timer = None if seconds is None else loop.call_later(seconds, _end, sleeper)
            try:
                await sleeper
            finally:
                self._sleeper = None
                if timer is not None:
                    timer.cancel()
        self.is_set = False


def _end(sleeper: asyncio.Future[None] | None) -> None:
    if sleeper is not None and not sleeper.done():
        sleeper.set_result(None)
