"""How fast a backlog is replayed to one uplink, over all its stations. Live messages do not ask."""

from __future__ import annotations

import asyncio

from sitectl.base.clock import Clock


class Pace:
    """At most `per_s` messages a second, with a burst of one second's worth."""

    def __init__(self, per_s: float, clock: Clock) -> None:
        self._per_s = max(per_s, 0.1)
        self._clock = clock
        self._next_at = 0.0

    async def take(self) -> None:
        """Wait for one's turn."""
        now = self._clock.monotonic()
        self._next_at = max(self._next_at, now - 1.0) + 1.0 / self._per_s
        if self._next_at > now:
            await asyncio.sleep(self._next_at - now)
