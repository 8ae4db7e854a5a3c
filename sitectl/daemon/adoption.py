"""Stations that are taken in while the site runs, and the window in which newcomers are believed.

What is said here lies in the store's overlay: the files stay as their owner wrote them. Adopted is judged with the
whole configuration and taken up as a changed file is, so that nobody is let go of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sitectl.base.clock import Clock
from sitectl.config.adopted import Adopted, refused
from sitectl.daemon.window import ADOPTED, OPENED, WINDOW, Window
from sitectl.model.ids import StationId
from sitectl.site.ports import Journal, OverlayStore

LONGEST_WINDOW_S = 86_400.0


@dataclass(frozen=True, slots=True)
class NotAdopted:
    """Nothing has changed, and why: a sentence, and what is wrong with the configuration that it would give."""

    why: str
    faults: tuple[str, ...] = ()
    known: bool = True
    """False: there is no such station."""


def adopted_of(overlay: OverlayStore) -> Adopted:
    """What has been adopted so far."""
    return {station: dict(entry.value) for station, entry in overlay.of(ADOPTED).items()}


class Adoption:
    """The door for adoptions. `take_up` reads the configuration again and says why not, or nothing; `listed` are the
    stations that a file or an adoption lists."""

    def __init__(
        self,
        config: Path,
        overlay: OverlayStore,
        window: Window,
        clock: Clock,
        journal: Journal,
        take_up: Callable[[], Awaitable[str]],
        listed: Callable[[], Mapping[StationId, Any]],
    ) -> None:
        self._config = config
        self._overlay = overlay
        self._window = window
        self._clock = clock
        self._journal = journal
        self._take_up = take_up
        self._listed = listed
        self._one_at_a_time = asyncio.Lock()

    async def adopt(self, station: StationId, section: Mapping[str, object], source: str) -> NotAdopted | None:
        """Take a station in; None: it is listed now. Raises EnvironmentFault where the disk takes nothing."""
        async with self._one_at_a_time:
            before = adopted_of(self._overlay)
            if station in self._listed() and station not in before:
                return NotAdopted(f"{station} is listed in the configuration already")
            others = {id: facts for id, facts in before.items() if id != station}
            faults = await asyncio.to_thread(refused, self._config, others, station, section)
            if faults:
                return NotAdopted(f"{station} cannot be adopted like this", tuple(map(str, faults)))
            await self._overlay.keep(ADOPTED, station, dict(section), source=source)
            self._window.look()
            self._journal.record("station.adopted", station, data={"by": source, "as": dict(section)})
            why = await self._take_up()
            return NotAdopted(f"it is kept, and not taken up before this is mended: {why}") if why else None

    async def forget(self, station: StationId, source: str) -> NotAdopted | None:
        """Let it be a stranger again."""
        async with self._one_at_a_time:
            if station not in adopted_of(self._overlay):
                where = "the configuration lists it: remove it there" if station in self._listed() else "it is none"
                return NotAdopted(f"{station} was not adopted; {where}", known=station in self._listed())
            await self._overlay.forget(ADOPTED, station)
            self._journal.record("station.forgotten", station, data={"by": source})
            why = await self._take_up()
            return NotAdopted(f"it is forgotten, and that holds when this is mended: {why}") if why else None

    async def open_window(self, for_s: float, source: str) -> datetime:
        """Let listed stations in that have no credential yet, and pin what they show, for so long; until when."""
        expires = self._clock.wall() + timedelta(seconds=min(for_s, LONGEST_WINDOW_S))
        await self._overlay.keep(OPENED, WINDOW, True, source=source, expires=expires)
        self._window.look()
        self._journal.record("commissioning.opened", data={"by": source, "for_s": for_s})
        return expires

    async def close_window(self, source: str) -> None:
        """End it now."""
        await self._overlay.forget(OPENED, WINDOW)
        self._journal.record("commissioning.closed", data={"by": source})

    def window(self) -> datetime | None:
        """Until when it is open; None: it is not."""
        return self._window.until()
