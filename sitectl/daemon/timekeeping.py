"""Keeps the gateway's time: sees when it becomes known or jumps, and has put right what was stamped before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from sitectl.base.errors import EnvironmentFault
from sitectl.base.gateway_clock import GatewayClock, Mistake, Stepped
from sitectl.base.units import format_utc
from sitectl.daemon.wiring import Wired
from sitectl.model.health import Problem
from sitectl.store.opening import Store

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
DISK_RETRY_S = 5.0
DO = "Give this gateway a time server it can reach, or a battery for its clock; the times are then put right."


class Timekeeper:
    """Meets `Time` of the uplinks. Until what was stamped by mistake is put right on disk, the time is not known."""

    def __init__(self, clock: GatewayClock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._since = clock.wall()
        self._mistake: Mistake | None = None
        self._found = asyncio.Event()

    @property
    def known(self) -> bool:
        """Whether the time is known, and what was stamped before is put right."""
        return self._clock.known and self._mistake is None

    def heard(self, moment: datetime) -> None:
        """A central says that it is `moment`."""
        if not self._clock.known:
            self._take(self._clock.heard(moment))

    async def run(self, rooms: Wired, woken: Callable[[], None]) -> None:
        """Look at the clock for ever. `woken`: the time has become known or has jumped."""
        if not self._clock.known:
            log.warning("the clock of this gateway is not set; it goes on from %s", format_utc(self._since))
            self._store.journal.record("clock.unknown", data={"estimated": format_utc(self._since)})
        while True:
            seen = self._clock.look()
            self._take(seen)
            if isinstance(seen, Stepped):
                rooms.stations.clock_moved(seen.by)
                rooms.pool.time_was_set(seen.by.total_seconds())
            if self._mistake is not None:
                await self._put_right(self._mistake, rooms)
                woken()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._found.wait()
            self._found.clear()

    def problems(self) -> Sequence[Problem]:
        """That the time is not known."""
        if self._clock.known:
            return []
        what = f"The clock of this gateway is not set: times are estimated, from {format_utc(self._since)} on."
        return [Problem(what, "clock", self._since, DO)]

    def _take(self, seen: Mistake | Stepped | None) -> None:
        if isinstance(seen, Mistake):
            self._mistake = seen
            self._found.set()
        elif isinstance(seen, Stepped):
            by_s = round(seen.by.total_seconds(), 1)
            log.warning("the clock of this machine jumped by %s s", by_s)
            self._store.journal.record("clock.jumped", data={"by_s": by_s})

    async def _put_right(self, mistake: Mistake, rooms: Wired) -> None:
        """On disk first: nothing is sent before. The stations' clocks follow when they are told."""
        told = rooms.stations.clock_set(mistake)
        await self._store.journal.drain()
        while True:
            try:
                await self._store.rectifier.put_right(mistake, told)
                break
            except EnvironmentFault as fault:
                log.warning("times are not put right yet: %s", fault)
                await asyncio.sleep(DISK_RETRY_S)
        self._mistake = None
        self._store.overlay.time_was_set(mistake.began, mistake.ended, mistake.correction)
        by_s = round(mistake.correction.total_seconds(), 1)
        log.info("the time is known: what was stamped since the start is moved by %s s", by_s)
        self._store.journal.record("clock.known", data={"moved_s": by_s, "stations": len(told)})
        rooms.pool.time_was_set(by_s)
