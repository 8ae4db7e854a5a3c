"""What is done for many stations in one go, once a minute: a commit for each would write ten times as much."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

from sitectl.base.clock import Clock
from sitectl.model.ids import StationId

ROUND_S = 60.0
AFTER_S = 0.5
"""Behind the full minute: many stations sample there, and what they tell is to be the newest."""

AT_ONCE = 50
"""Looks in a row; then others have their turn."""

Look = Callable[[float], bool]
"""Told the time (monotonic s), does what is due by then; False: nothing is yet, it is asked again."""


class Rounds:
    """One look for each EVSE that has something to wait for, at the full minute by the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: dict[tuple[StationId, int], Look] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def put(self, station: StationId, evse: int, look: Look) -> None:
        """Ask `look` at the next round, instead of who waited for this EVSE before."""
        self._looks[station, evse] = look
        if self._timer is None and not self._stopped:
            self._wait()

    def stop(self) -> None:
        """Nobody is asked any more."""
        self._stopped = True
        self._looks.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        after_s = ROUND_S - (self._clock.monotonic() - AFTER_S) % ROUND_S
        self._timer = asyncio.get_running_loop().call_later(after_s, self._go)

    def _go(self) -> None:
        looks, self._looks, self._timer = self._looks, {}, None
        self._look(self._clock.monotonic(), looks)

    def _look(self, now: float, looks: dict[tuple[StationId, int], Look]) -> None:
        some = dict(islice(looks.items(), AT_ONCE))
        for where, look in some.items():
            del looks[where]
            if not look(now):
                self._looks.setdefault(where, look)
        if looks and not self._stopped:
            asyncio.get_running_loop().call_soon(self._look, now, looks)
        elif self._looks and self._timer is None:
            self._wait()
