"""Clock-aligned meter values, as a central wants them: of each EVSE the newest reading, at its moments of the day.

Best effort and of no transaction's record (OCPP 1.6, 3.16.2): what the central does not hear in time is not kept.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sitectl.base.clock import Clock
from sitectl.model.ids import EvseId, StationId
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_encode
from sitectl.uplinks.ports import StationFacts

NEWEST_S = 60.0
"""An older reading says nothing of this moment."""


class Aligned:
    """The moments of one virtual station. Intervals count from midnight in UTC."""

    __slots__ = ("_clock", "_due_at", "_every_s", "_facts", "_station")

    def __init__(self, station: StationId, facts: StationFacts, clock: Clock) -> None:
        self._station = station
        self._facts = facts
        self._clock = clock
        self._every_s = 0
        self._due_at: float | None = None

    def set(self, every_s: int) -> None:
        """Another interval; 0: none."""
        if every_s != self._every_s:
            self._every_s = every_s
            self._next()

    def due_at(self) -> float | None:
        """The next moment (monotonic s)."""
        return self._due_at

    def take(self, measurands: Collection[str]) -> list[tuple[str, Payload]]:
        """What is due now, if anything is."""
        now = self._clock.monotonic()
        if self._due_at is None or now < self._due_at:
            return []
        late_s = now - self._due_at
        moment = self._clock.wall() - timedelta(seconds=late_s)
        self._next()
        if late_s > NEWEST_S or not self._facts.online(self._station):
            return []  # the central was away then, or the station is now
        readings = (self._facts.reading(EvseId(self._station, evse)) for evse in self._facts.evses(self._station))
        fresh = [reading for reading in readings if reading is not None and now - reading.at <= NEWEST_S]
        told = (central_encode.clock_reading(reading, moment, measurands) for reading in fresh)
        return [message for message in told if message is not None]

    def _next(self) -> None:
        if self._every_s <= 0:
            self._due_at = None
            return
        wall = self._clock.wall()
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        left_s = self._every_s - (wall - midnight).total_seconds() % self._every_s
        tomorrow_s = (midnight + timedelta(days=1) - wall).total_seconds()
        self._due_at = self._clock.monotonic() + min(left_s, tomorrow_s)
