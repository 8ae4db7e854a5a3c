"""Deletes what is older than it is to be kept: in small commits with pauses, nothing that anybody still has to hear.

A transaction goes when it is over and every central has taken all of it; with unsent or dead messages it stays, however
old. Its frames go earlier, by days of their own, under the same condition. What is to go is found in the background.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.store import aging
from sitectl.store.aging import Found, Old
from sitectl.store.background import Background
from sitectl.store.database import Database
from sitectl.store.energy import old_quarters
from sitectl.store.moments import to_us
from sitectl.store.recordings import HOUR_US, segments

FIRST_S = 3600.0
"""A gateway that has just started may not know the time yet, and has better things to do."""

EVERY_S = 3600.0
JUMP_S = 3600.0
DOUBT_S = 86_400.0
"""After the clock has jumped nothing is deleted for a day: a wrong time must not cost a record."""

AT_ONCE = 200
PAUSE_S = 0.05

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ages:
    """How long things are kept (days)."""

    raw_days: int
    transactions_days: int
    energy_days: int = 730


class Retention:
    """Belongs to one ledger and the recordings in `directory`. `ages` may be changed at any time."""

    def __init__(
        self,
        database: Database,
        background: Background,
        directory: Path,
        clock: Clock,
        ages: Ages,
        time_known: Callable[[], bool] = lambda: True,
    ) -> None:
        self.ages = ages
        self._database = database
        self._background = background
        self._directory = directory
        self._clock = clock
        self._time_known = time_known
        self._seen = (clock.wall(), clock.monotonic())
        self._not_before = clock.monotonic()

    async def run(self) -> None:
        """Delete now and then, for ever."""
        await asyncio.sleep(FIRST_S)
        while True:
            if self._time_is_sure():
                try:
                    await self.sweep()
                except EnvironmentFault as fault:
                    log.debug("nothing old was deleted: %s", fault)  # the store says itself what it lacks
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> dict[str, int]:
        """Delete all that is too old now; how many, by what they are."""
        now = self._clock.wall()
        raw_us = to_us(now - timedelta(days=self.ages.raw_days))
        long_us = to_us(now - timedelta(days=self.ages.transactions_days))
        gone = {
            "frames": await self._delete(aging.frames(raw_us)),
            "transactions": await self._delete(aging.transactions(long_us)),
            "events": await self._delete(aging.events(raw_us, long_us)),
            "archived messages": await self._delete(aging.archived(raw_us)),
            "attempts": await self._delete(aging.attempts(long_us)),
            "energy": await self._delete(old_quarters(now - timedelta(days=self.ages.energy_days))),
            "anomalies": await self._delete(aging.anomalies(long_us)),
            "recordings": await self._background.ask(lambda _: _old_recordings(self._directory, raw_us)),
        }
        if any(gone.values()):
            log.info("deleted what was old: %s", ", ".join(f"{count} {name}" for name, count in gone.items() if count))
        return gone

    def _time_is_sure(self) -> bool:
        wall, at = self._clock.wall(), self._clock.monotonic()
        before, self._seen = self._seen, (wall, at)
        jumped_s = (wall - before[0]).total_seconds() - (at - before[1])
        if abs(jumped_s) > JUMP_S:
            log.warning("the clock jumped by %.0f s: nothing is deleted for a day", jumped_s)
            self._not_before = at + DOUBT_S
        return self._time_known() and at >= self._not_before

    async def _delete(self, old: Old) -> int:
        """Look at a table from its beginning, a little at a time, and delete what may go."""
        count, cursor = 0, 0
        while True:
            found = await self._background.ask(_finding(old, cursor))
            for begin in range(0, len(found.keys), AT_ONCE):
                count += await self._database.run(_deleting(old, found.keys[begin : begin + AT_ONCE]))
                await asyncio.sleep(PAUSE_S)
            if found.cursor is None:
                return count
            cursor = found.cursor


def _finding(old: Old, cursor: int) -> Callable[[sqlite3.Connection], Found]:
    return lambda connection: old.find(connection, cursor)


def _deleting(old: Old, keys: Sequence[Any]) -> Callable[[sqlite3.Connection], int]:
    return lambda connection: sum(old.delete(connection, key) for key in keys)


def _old_recordings(directory: Path, before_us: int) -> int:
    """Delete the files whose hour is over for so long; how many."""
    old = [segment.path for segment in segments(directory) if segment.hour_us + HOUR_US < before_us]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
