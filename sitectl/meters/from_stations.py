"""A meter made of what stations say: for circuits that carry nothing but stations.

A station that reported just now counts with what it reported; one that did not, with all that it may draw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from sitectl.base.clock import Clock
from sitectl.meters.ports import SiteInbox
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import MeterFailed, MeterRead
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.metering import MeterReading
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

RECENT_S = 15.0
"""Readings are asked for every 10 s."""

EVERY_S = 1.0

Look = Callable[[], SiteSnapshot | None]
"""The newest picture of the site, None before there is one."""


class StationsMeter:
    """Adds up the stations below a circuit, once a second. `below`: that circuit and all under it."""

    def __init__(self, id: MeterId, below: Iterable[CircuitId], look: Look, inbox: SiteInbox, clock: Clock) -> None:
        self._id = id
        self._below = frozenset(below)
        self._look = look
        self._inbox = inbox
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.poll()
            await asyncio.sleep(EVERY_S)

    def poll(self) -> None:
        """Post what the stations draw now."""
        seen, now = self._look(), self._clock.monotonic()
        if seen is None:
            self._inbox.post(MeterFailed(self._id, now, "the site has not been seen yet"))
            return
        drawn_a = drawn([evse for evse in seen.evses.values() if evse.plan.circuit in self._below], now)
        self._inbox.post(MeterRead(MeterReading(self._id, now, drawn_a)))


def drawn(evses: Iterable[EvseSnapshot], now: float) -> PhaseCurrents:
    """What these draw at most, by phase; pure."""
    summed = [0.0, 0.0, 0.0]
    for evse in evses:
        recent = evse.measured_at is not None and now - evse.measured_at <= RECENT_S
        if recent and evse.measured_a is not None:
            for phase in (0, 1, 2):
                summed[phase] += evse.measured_a[phase]
        else:
            for phase in evse.phases:
                summed[phase] += evse.counts_a
    return PhaseCurrents(*summed)
