"""Reset: the reboot that follows is expected, a soft one that does nothing becomes a hard one, and storms are refused.

The connection to the central stays open meanwhile, and the loss of the station is no alarm.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from sitectl.base.clock import Clock
from sitectl.model.commands import Answered, NotSent, ResetKind, ResetStation, Urgency
from sitectl.model.ids import StationId
from sitectl.ocpp.v16 import central_encode
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import execute, note
from sitectl.wire.outcomes import Reply

ACTION = "Reset"

REBOOT_WITHIN_S = 300.0
"""A station is back from a reset within this; a firmware update may have waited for it."""

SOFT_WITHIN_S = 120.0
"""A station that accepted a soft reset and neither went nor booted within this does nothing about it."""

MOST_RESETS = 4
PER_S = 3600.0
"""Resets of one station an hour, whoever asks: each costs its transactions and wears its contactors."""


class _Station:
    """The resets of one station: when, until when one is expected to take; `went` is set when it has gone or booted."""

    __slots__ = ("at", "noted_at", "until", "watching", "went")

    def __init__(self) -> None:
        self.at: deque[float] = deque(maxlen=MOST_RESETS)
        self.noted_at = -math.inf
        self.until = -math.inf
        self.watching = False
        self.went = asyncio.Event()


class Resets:
    """The resets of all stations. `expect` is told until when (monotonic s) a station may be away without alarm."""

    def __init__(self, rooms: Rooms, clock: Clock, expect: Callable[[StationId, float], None]) -> None:
        self._rooms = rooms
        self._clock = clock
        self._expect = expect
        self._stations: dict[StationId, _Station] = {}

    def station_moved(self, station: StationId) -> None:
        """It went, came or booted."""
        if (held := self._stations.get(station)) is not None:
            held.went.set()

    async def ask(self, asker: Asker, asked: ResetStation) -> Reply:
        """A central wants a station reset."""
        held = self._stations.setdefault(asker.station, _Station())
        now = self._clock.monotonic()
        if len(held.at) == MOST_RESETS and now - held.at[0] < PER_S:
            if now - held.noted_at >= PER_S:
                held.noted_at = now
                note(self._rooms, asker, "uplink.too_many_resets", ACTION)
            return central_encode.negative(ACTION) or {}
        held.went.clear()
        expected, held.until = held.until, now + REBOOT_WITHIN_S
        self._expect(asker.station, held.until)  # before: it may be gone before its answer is looked at
        outcome = await execute(self._rooms, asker, ACTION, asked, Urgency.CONTROL)
        if not isinstance(outcome, NotSent):
            held.at.append(now)
        if not (isinstance(outcome, Answered) and outcome.accepted):
            held.until = expected  # an earlier one may be under way
            self._expect(asker.station, expected)
        elif asked.kind is ResetKind.ON_IDLE and not held.watching:
            held.watching = True
            self._rooms.spawn(self._see_to_it(asker, held), f"reset of {asker.station}")
        return central_encode.outcome(ACTION, outcome) or {}

    async def _see_to_it(self, asker: Asker, held: _Station) -> None:
        """A soft reset that was accepted and does nothing: the central wanted one, so it gets one."""
        try:
            async with asyncio.timeout(SOFT_WITHIN_S):
                await held.went.wait()
        except TimeoutError:
            station = asker.station
            if self._rooms.facts.online(station):
                note(self._rooms, asker, "station.reset_escalated", ACTION)
                held.until = self._clock.monotonic() + REBOOT_WITHIN_S
                self._expect(station, held.until)
                hard = ResetStation(station, ResetKind.IMMEDIATE)
                await self._rooms.door.execute(station, hard, Urgency.CONTROL)
        finally:
            held.watching = False
