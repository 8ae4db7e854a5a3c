"""When cars leave and what they need, as people say it: heard at once, kept over a restart, over with the transaction.

A departure moves a car in the order of who charges (`planner.laxity`), and bounds nothing: where the disk does not take
it, it holds all the same until the next restart.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import isfinite
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import parse_timestamp
from sitectl.model.events import Event, WishCleared, WishSet
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.limits import Wish
from sitectl.site.ports import Journal, OverlayStore
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

KIND = "departure"
LONGEST_S = 7 * 86_400.0
MOST_WH = 1_000_000.0
WRITE_S = 4.0
"""A disk that takes longer has not taken it."""
SWEEP_EVERY_S = 60.0
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Said:
    """A wish that holds now. `kept` False: it is lost in a restart."""

    wish: Wish
    departs: datetime
    kept: bool


@dataclass(frozen=True, slots=True)
class NotSaid:
    """Why a wish was refused. `unknown`: it is for nothing that is installed here."""

    why: str
    unknown: bool = False


class Departures:
    """One wish an EVSE. `state` and `post` are the site's, `zone` is where its clocks hang."""

    def __init__(
        self,
        state: Callable[[], SiteState],
        post: Callable[[Event], None],
        overlay: OverlayStore,
        clock: Clock,
        journal: Journal,
        zone: Callable[[], tzinfo],
    ) -> None:
        self._state = state
        self._post = post
        self._overlay = overlay
        self._clock = clock
        self._journal = journal
        self._zone = zone

    def resume(self) -> None:
        """Say again what is kept, at the start, when it is known which transactions run."""
        wall, now = self._clock.wall(), self._clock.monotonic()
        for key, entry in self._overlay.of(KIND).items():
            evse, found = _evse(key), entry.value
            if evse is None or not isinstance(found, dict) or entry.expires is None or evse not in self._state().evses:
                log.warning("a departure is kept for %s, which is not installed here", key)
                continue
            left_s, transaction = (entry.expires - wall).total_seconds(), found.get("transaction")
            if left_s <= 0.0:
                continue
            wish = Wish(
                evse,
                now + left_s,
                _number(found.get("energy_wh")),
                entry.source,
                TransactionId(transaction) if isinstance(transaction, str) else None,
            )
            self._post(WishSet(wish, now))

    async def run(self) -> None:
        """Forget on disk what is over, for ever."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Forget on disk what is over."""
        for key in self._overlay.of(KIND):
            evse = _evse(key)
            held = None if evse is None else self._state().evses.get(evse)
            if held is not None and held.wish is not None:
                continue
            try:
                await self._overlay.forget(KIND, key)
            except EnvironmentFault as fault:
                log.debug("the departure of %s was not forgotten: %s", key, fault)
                return

    async def set(
        self, evse: EvseId, at: str | None, in_s: float | None, energy_kwh: float | None, source: str
    ) -> Said | NotSaid:
        """Say when the car at an EVSE leaves: `at` a time of day of the site, or a moment with its zone; or `in_s`.

        `energy_kwh`: what it needs from the start of its transaction on. `source` is who says so.
        """
        held = self._state().evses.get(evse)
        if held is None:
            return NotSaid(f"no EVSE {evse} is installed here", unknown=True)
        wall, now = self._clock.wall(), self._clock.monotonic()
        left_s = self._left_s(at, in_s, wall)
        if isinstance(left_s, NotSaid):
            return left_s
        if energy_kwh is not None and not 0.0 < energy_kwh * 1000.0 <= MOST_WH:
            return NotSaid(
                f"energy_kwh={energy_kwh:g}: name what the car needs, above 0 and up to {MOST_WH / 1000:g} kWh"
            )
        transaction = None if held.transaction is None else held.transaction.id
        energy_wh = None if energy_kwh is None else energy_kwh * 1000.0
        wish = Wish(evse, now + left_s, energy_wh, source, transaction)
        self._post(WishSet(wish, now))
        departs = wall + timedelta(seconds=left_s)
        value: dict[str, Any] = {"energy_wh": energy_wh, "transaction": transaction}
        kept = True
        try:
            async with asyncio.timeout(WRITE_S):
                await self._overlay.keep(KIND, _key(evse), value, source=source, expires=departs)
        except (EnvironmentFault, TimeoutError):
            kept = False
        said = {"departs": departs.isoformat(), "energy_kwh": energy_kwh, "source": source, "kept": kept}
        self._journal.record("departure.set", evse.station, evse.evse, said)
        return Said(wish, departs, kept)

    async def clear(self, evse: EvseId, source: str) -> bool | NotSaid:
        """Withdraw it; whether there was one."""
        held = self._state().evses.get(evse)
        if held is None:
            return NotSaid(f"no EVSE {evse} is installed here", unknown=True)
        self._post(WishCleared(evse, self._clock.monotonic()))
        await self._overlay.forget(KIND, _key(evse))
        if held.wish is not None:
            self._journal.record("departure.cleared", evse.station, evse.evse, {"source": source})
        return held.wish is not None

    def _left_s(self, at: str | None, in_s: float | None, wall: datetime) -> float | NotSaid:
        """How long it is until then."""
        if (at is None) is (in_s is None):
            return NotSaid("say either at which time it leaves (at), or in how many seconds (in_s)")
        if at is not None:
            departs = self._moment(at, wall)
            if departs is None:
                return NotSaid(f"at={at!r}: write a time of day like 17:30, or a moment like 2026-11-30T17:30:00Z")
            in_s = (departs - wall).total_seconds()
        if in_s is None or not isfinite(in_s) or in_s <= 0.0:
            return NotSaid("it has left by then: name a time to come")
        if in_s > LONGEST_S:
            return NotSaid(f"that is more than {LONGEST_S / 86_400.0:g} days from now: say it when it is nearer")
        return in_s

    def _moment(self, at: str, wall: datetime) -> datetime | None:
        """The next such time of day of the site, or the moment itself."""
        here = wall.astimezone(self._zone())
        if (day := _CLOCK.fullmatch(at.strip())) is not None:
            then = here.replace(hour=int(day[1]), minute=int(day[2]), second=0, microsecond=0)
            return (then if then > here else then + timedelta(days=1)).astimezone(wall.tzinfo)
        found = parse_timestamp(at)
        if found is None:
            return None
        moment, zoned = found
        return moment if zoned else moment.replace(tzinfo=self._zone()).astimezone(wall.tzinfo)


def _key(evse: EvseId) -> str:
    return f"{evse.station}/{evse.evse}"


def _evse(key: str) -> EvseId | None:
    station, _, number = key.rpartition("/")
    return EvseId(StationId(station), int(number)) if number.isascii() and number.isdigit() else None


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and isfinite(value) and value > 0 else None
