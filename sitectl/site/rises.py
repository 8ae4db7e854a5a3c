"""Keeps over a restart how the base load of each circuit has risen: weeks of learning are not lost with the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.events import BaseRiseRemembered, Event
from sitectl.model.ids import CircuitId
from sitectl.model.metering import RiseDay
from sitectl.site.ports import OverlayStore
from sitectl.state.rise import DAY_S, DAYS, SPANS_S, BaseRise
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

KIND = "base_rise"
SOURCE = "learned"
LOOK_EVERY_S = 60.0
KEEP_EVERY_S = 3600.0
MUCH_A = 0.5
"""A rise that is so much larger than what is kept is written down at the next look."""


class RiseKeeper:
    """`state` and `post` are the site's."""

    def __init__(
        self, state: Callable[[], SiteState], post: Callable[[Event], None], overlay: OverlayStore, clock: Clock
    ) -> None:
        self._state = state
        self._post = post
        self._overlay = overlay
        self._clock = clock
        self._kept: dict[CircuitId, tuple[float, BaseRise]] = {}

    def resume(self) -> None:
        """Tell the site what is kept of circuits that have the same meter still."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for key, entry in self._overlay.of(KIND).items():
            circuit = self._state().topology.circuits.get(CircuitId(key))
            found = _read(entry.value)
            if circuit is None or found is None or circuit.meter != found[0]:
                continue
            days_ago = max(0, int((wall - found[1]).total_seconds() // DAY_S))
            self._post(BaseRiseRemembered(circuit.id, now, found[2], days_ago))

    async def run(self) -> None:
        """Write down what was learned, for ever: once an hour, and soon where a rise was larger than any before."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.keep()

    async def keep(self) -> None:
        """Write down what is due."""
        now = self._clock.monotonic()
        for id, rise in self._state().rises.items():
            at, kept = self._kept.get(id, (float("-inf"), BaseRise()))
            if rise.days == kept.days or (now - at < KEEP_EVERY_S and not _much(rise, kept)):
                continue
            try:
                await self._overlay.keep(KIND, id, self._text(id, rise), source=SOURCE)
            except EnvironmentFault as fault:
                log.debug("what was learned of %s was not stored: %s", id, fault)
                return
            self._kept[id] = now, rise

    def _text(self, id: CircuitId, rise: BaseRise) -> Mapping[str, Any]:
        days = [[round(day.seen_s), [[round(a, 1) for a in amperes] for amperes in day.rises_a]] for day in rise.days]
        meter = self._state().topology.circuits[id].meter
        return {"meter": meter, "at": self._clock.wall().isoformat(), "spans_s": list(SPANS_S), "days": days}


def _much(rise: BaseRise, kept: BaseRise) -> bool:
    pairs = zip(rise.largest_a, kept.largest_a, strict=True)
    return any(a - b >= MUCH_A for span, before in pairs for a, b in zip(span, before, strict=True))


def _read(value: Any) -> tuple[str, datetime, tuple[RiseDay, ...]] | None:
    """Meter, when it was written, and the days; None where it is none of ours, or of other spans of time."""
    try:
        if value["spans_s"] != list(SPANS_S):
            return None
        days = tuple(
            RiseDay(min(DAY_S, float(seen_s)), tuple((float(a), float(b), float(c)) for a, b, c in rises_a))
            for seen_s, rises_a in value["days"][:DAYS]
        )
        if any(len(day.rises_a) != len(SPANS_S) for day in days):
            return None
        return str(value["meter"]), datetime.fromisoformat(value["at"]), days
    except (KeyError, TypeError, ValueError):
        return None
