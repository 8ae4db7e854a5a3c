"""The times in which what a newcomer shows is believed, and pinned: the site's first hour, when somebody has opened the
window, and right after an adoption.

They pass by the monotonic clock: nobody can stretch them by setting the wall clock back. What was begun before this
start is as old as the wall clock says, and as the newest moment in the ledger; what seems to begin in the future is
over, because the clock was set back since. Over is over: `sitectl commission window` begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from sitectl.base.clock import Clock
from sitectl.model.ids import StationId
from sitectl.site.ports import Kept, OverlayStore
from sitectl.store.queries import Queries

ADOPTED, OPENED, WINDOW = "adopted", "commissioning", "window"
"""Kinds of the overlay, and the one key of the second."""

PIN_WITHIN_S = 600.0
"""A person has just said that the station is the right one: what it shows next is pinned."""

BACKWARDS_S = 60.0
"""So far clocks may differ between two starts without one having been set back."""


class Window:
    """Whether it is open. `first_start`, `newest`: the first and the newest moment of the ledger at this start."""

    def __init__(
        self,
        overlay: OverlayStore,
        clock: Clock,
        first_start: datetime,
        newest: datetime,
        commissioning_s: Callable[[], float],
    ) -> None:
        self._overlay = overlay
        self._clock = clock
        self._commissioning_s = commissioning_s
        self._seen: dict[tuple[str, str], tuple[datetime, float]] = {}
        """By kind and key: the entry's moment, and its beginning by the monotonic clock."""
        latest = max(clock.wall(), newest)
        self._began = self._beginning(first_start, latest)
        self._look(latest)

    def __call__(self, station: StationId) -> bool:
        """Whether it is open to this station."""
        if self._clock.monotonic() - self._began < self._commissioning_s() or self.until() is not None:
            return True
        adopted = self._overlay.of(ADOPTED).get(station)
        return adopted is not None and self._left_s(ADOPTED, station, adopted, PIN_WITHIN_S) > 0

    def look(self) -> None:
        """Take note of what was just opened or adopted: its time begins."""
        self._look(self._clock.wall())

    def until(self) -> datetime | None:
        """Until when somebody has opened it; None: it is not."""
        entry = self._overlay.of(OPENED).get(WINDOW)
        if entry is None or entry.expires is None:
            return None
        left_s = self._left_s(OPENED, WINDOW, entry, (entry.expires - entry.set_at).total_seconds())
        return min(entry.expires, self._clock.wall() + timedelta(seconds=left_s)) if left_s > 0 else None

    def _look(self, now: datetime) -> None:
        for kind in (ADOPTED, OPENED):
            for key, entry in self._overlay.of(kind).items():
                self._begun(kind, key, entry, now)

    def _begun(self, kind: str, key: str, entry: Kept, now: datetime) -> float:
        seen = self._seen.get((kind, key))
        if seen is None or seen[0] != entry.set_at:
            seen = self._seen[kind, key] = (entry.set_at, self._beginning(entry.set_at, now))
        return seen[1]

    def _left_s(self, kind: str, key: str, entry: Kept, for_s: float) -> float:
        return for_s - (self._clock.monotonic() - self._begun(kind, key, entry, self._clock.wall()))

    def _beginning(self, moment: datetime, now: datetime) -> float:
        """When that was by the monotonic clock; what is said to begin later than it is, long ago."""
        ahead_s = (moment - self._clock.wall()).total_seconds()
        age_s = math.inf if ahead_s > BACKWARDS_S else max(0.0, (now - moment).total_seconds())
        return self._clock.monotonic() - age_s


async def window_of(
    ledger: Queries, overlay: OverlayStore, clock: Clock, commissioning_s: Callable[[], float]
) -> Window:
    """The window of a site whose ledger was just opened."""
    return Window(overlay, clock, await ledger.first_opened(), await ledger.newest_moment(), commissioning_s)
