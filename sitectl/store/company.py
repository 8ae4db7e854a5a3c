"""Patience of writes that can wait: a commit of one writes nearly as many pages as one of ten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

ENOUGH = 64
"""So many patient jobs are company enough for one another."""


class Company:
    """Lets patient jobs wait for others; `begin` is called when their patience is over."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._timer: asyncio.TimerHandle | None = None
        self.patience_s = 0.0

    def is_awaited(self, waiting: Collection[object], patient: Iterable[bool]) -> bool:
        """Whether these jobs wait on: there are few, and each is `patient`."""
        if self.patience_s <= 0.0 or len(waiting) >= ENOUGH or not all(patient):
            return False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.patience_s, self._begin)
        return True

    def has_come(self) -> None:
        """Nobody waits any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
