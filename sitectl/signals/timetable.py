"""The hours of the day as a source of ceilings. Nothing of it is stored: after a restart the clock says what holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import tzinfo

from sitectl.base.clock import Clock
from sitectl.model.health import Finding
from sitectl.model.limits import Ceiling
from sitectl.model.signals import Hours
from sitectl.planner.timetable import SOURCE, ceilings
from sitectl.signals.ports import CeilingDoor

LOOK_EVERY_S = 1.0


class TimetableSource:
    """All `schedules` of the site, in its time zone. Meets `CeilingSource`."""

    name = SOURCE

    def __init__(self, timetable: Sequence[Hours], zone: tzinfo, clock: Clock) -> None:
        self._timetable = timetable
        self._zone = zone
        self._clock = clock

    @property
    def worst(self) -> Sequence[Ceiling]:
        """What holds now: the clock is never lost."""
        return ceilings(self._timetable, self._clock.wall(), self._zone)

    def findings(self) -> Sequence[Finding]:
        """Nothing can be wrong with it."""
        return ()

    def resume(self, door: CeilingDoor) -> None:
        """Ask for what the clock says now."""
        door.ask(self.name, self.worst, "by the time of day")

    async def run(self, door: CeilingDoor) -> None:
        """Look at the clock once a second, so that a clock that jumps is followed at once."""
        while True:
            self.resume(door)
            await asyncio.sleep(LOOK_EVERY_S)
