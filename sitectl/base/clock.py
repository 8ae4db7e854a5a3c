"""The one door to time.

Inside the process time is monotonic seconds (float, an origin without meaning); wall time is an aware UTC `datetime`
and serves only records and the wire, because it may jump.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a moving room needs of time; still rooms are handed plain values instead."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...

    def wall(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return datetime.now(UTC)


class LoopClock:
    """The running loop's time; on a virtual loop, which begins at 0, the wall shows `start` plus what has elapsed."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be an aware datetime")
        self._start = start.astimezone(UTC)

    def monotonic(self) -> float:
        from asyncio import get_running_loop  # commands that only want to know the time do without it

        return get_running_loop().time()

    def wall(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())
