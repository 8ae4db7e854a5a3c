"""The one door to background tasks.

A task that nobody holds can be collected while it runs, and one that nobody awaits hides its exception. Here every
task has a name, an owner that keeps it, and an exception that surfaces: through its task group, or in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.base.errors import ConfigurationError

T = TypeVar("T")

log = logging.getLogger(__name__)

HEALTHY_S = 60.0  # a room that ran this long had started well: its next failure is a new one


def spawn(group: asyncio.TaskGroup, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Start a task whose failure ends its group."""
    return group.create_task(coro, name=name)


class Tasks:
    """Background tasks whose failure is logged and ends nothing else; their owner ends them with `cancel_all`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task and hold it until it ends."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel_all(self) -> None:
        """Cancel every task and wait until all have ended, those included that were started meanwhile."""
        current = asyncio.current_task()
        while others := self._running - {current}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)


async def supervise(name: str, factory: Callable[[], Awaitable[None]], backoff: Backoff, clock: Clock) -> None:
    """Run an optional room and restart it with back-off when it fails, so that its failure is never the site's.

    Returns when the room returns, or gives up on a `ConfigurationError`, which only an edit cures. A room that held
    out for `HEALTHY_S` starts with the smallest delay again.
    """
    while True:
        started_at = clock.monotonic()
        try:
            await factory()
            return
        except ConfigurationError:
            log.exception("%s cannot run as configured and stays off", name)
            return
        except Exception:
            if clock.monotonic() - started_at >= HEALTHY_S:
                backoff.reset()
            delay_s = backoff.next()
            log.exception("%s failed, next start in %.1f s", name, delay_s)
            await asyncio.sleep(delay_s)
