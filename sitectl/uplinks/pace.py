"""How fast backlogs are replayed to one uplink, over all its stations. Live messages do not ask."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from sitectl.base.clock import Clock

BURST_S = 1.0


class Pace:
    """At most `per_s` messages a second, after a burst of one second's worth; in the order of asking.

    Who asks with `later` comes after all who do not: stations with nothing running go first, because a token whose stop
    still waits here looks to the central as if it were in use twice.
    """

    def __init__(self, per_s: float, clock: Clock) -> None:
        self._interval_s = 1.0 / max(per_s, 0.1)
        self._clock = clock
        self._next_at = 0.0
        self._asking: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    def turn(self, later: bool = False) -> asyncio.Future[None]:
        """A future that is done when one message may go. Cancel it to give the turn up."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asking, (later, next(self._order), turn))
        if self._timer is None:
            self._grant()
        return turn

    def _grant(self) -> None:
        """Let go whose time has come, and come back for the next."""
        self._timer = None
        now = self._clock.monotonic()
        self._next_at = max(self._next_at, now - BURST_S)
        while self._asking and (self._asking[0][2].done() or self._next_at <= now):
            turn = heapq.heappop(self._asking)[2]
            if not turn.done():
                self._next_at += self._interval_s
                turn.set_result(None)
        if self._asking:
            self._timer = asyncio.get_running_loop().call_later(max(0.001, self._next_at - now), self._grant)
