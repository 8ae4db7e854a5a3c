"""An event loop whose time is virtual: when nothing is ready it jumps to the next timer.

`asyncio.sleep`, `asyncio.timeout` and `loop.call_later` run as usual, in one thread, without waiting. Sockets and
threads are not supported: time would run past them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sitectl.base.errors import InternalError

T = TypeVar("T")


class DeadlockError(InternalError):
    """Every task waits and no timer is set, so that no event can ever happen again."""


class _JumpingSelector(selectors.SelectSelector):
    """Reports what is ready now; where the loop would have waited, its time is moved instead."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise DeadlockError("every task waits and no timer is set")
            self._jump(max(timeout, 0.0))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector event loop on virtual time, which begins at `start` seconds."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        super().__init__(_JumpingSelector(self._advance))

    def time(self) -> float:
        return self._now

    def _advance(self, seconds: float) -> None:
        self._now += seconds


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a fresh virtual loop and return its result; raises `DeadlockError` rather than hang."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
