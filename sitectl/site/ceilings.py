"""Ceilings that people and programs set from outside, with an expiry: in force at once, and again after a restart.

To lower is never refused for want of a disk: the ceiling holds from the moment it comes, and whoever set it is told
when it could not be stored. To withdraw one is a raise: first on disk, then in force.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.circuit import Topology
from sitectl.model.events import CeilingCleared, CeilingSet, Event
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.limits import Ceiling
from sitectl.site.ports import Journal, OverlayStore

log = logging.getLogger(__name__)

KIND = "ceiling"
MOST_A = 10_000.0
LONGEST_S = 366 * 86_400.0
WRITE_S = 4.0
"""A disk that takes longer has not taken it."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """What a ceiling bounds: a circuit, or an EVSE (0: a whole station)."""

    circuit: CircuitId | None = None
    evse: EvseId | None = None

    @property
    def key(self) -> str:
        """Its name in the overlay."""
        return f"circuit/{self.circuit}" if self.evse is None else f"evse/{self.evse.station}/{self.evse.evse}"

    @property
    def ceiling_key(self) -> str:
        """The key of its ceiling among those of all sources."""
        return f"told/{self.key}"

    def __str__(self) -> str:
        if self.evse is None:
            return f"circuit {self.circuit}"
        return f"station {self.evse.station}" if self.evse.evse == 0 else str(self.evse)


@dataclass(frozen=True, slots=True)
class Stands:
    """A ceiling that holds now. `kept` False: it is lost in a restart. `notes`: what the one who set it should know."""

    ceiling: Ceiling
    expires: datetime | None
    kept: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why a ceiling was refused. `unknown`: it is on nothing that is installed here."""

    why: str
    unknown: bool = False


def configured_a(topology: Topology, bounded: Bounded) -> float | None:
    """What the configuration allows there (ampere per phase); None: no such thing is installed."""
    if bounded.evse is None:
        circuit = topology.circuits.get(bounded.circuit) if bounded.circuit is not None else None
        return None if circuit is None else circuit.rated_a
    station = topology.stations.get(bounded.evse.station)
    if station is None or not station.installed:
        return None
    if bounded.evse.evse == 0:
        return station.max_a
    return next((evse.max_a for evse in station.evses if evse.id == bounded.evse), None)


class ToldCeilings:
    """One ceiling of ours a circuit, station and EVSE. `topology` and `post` are the site's."""

    def __init__(
        self,
        topology: Callable[[], Topology],
        post: Callable[[Event], None],
        overlay: OverlayStore,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._topology = topology
        self._post = post
        self._overlay = overlay
        self._clock = clock
        self._journal = journal
        self._times_set: Counter[Bounded] = Counter()

    def resume(self) -> None:
        """Say again what is kept: at the start, and when the configuration has changed."""
        wall, now = self._clock.wall(), self._clock.monotonic()
        for key, entry in self._overlay.of(KIND).items():
            bounded, ceiling_a = _bounded(key), _amperes(entry.value)
            if bounded is None or configured_a(self._topology(), bounded) is None:
                log.warning("a ceiling is kept for %s, which is not installed here", key)
                continue
            left_s = None if entry.expires is None else (entry.expires - wall).total_seconds()
            expires_at = None if left_s is None else now + left_s
            self._post(CeilingSet(_ceiling(bounded, entry.source, ceiling_a, expires_at), now))

    async def set(self, bounded: Bounded, asked_a: float, valid_s: float | None, source: str) -> Stands | NotTaken:
        """Set the ceiling of something to so many ampere per phase; `valid_s` None: until it is withdrawn.

        `source` is the owner that status and why name.
        """
        most_a = configured_a(self._topology(), bounded)
        if most_a is None:
            return NotTaken(f"no {bounded} is installed here", unknown=True)
        if why := _refusal(asked_a, valid_s):
            return NotTaken(why)
        wall, now = self._clock.wall(), self._clock.monotonic()
        expires = None if valid_s is None else wall + timedelta(seconds=valid_s)
        ceiling = _ceiling(bounded, source, min(asked_a, most_a), None if valid_s is None else now + valid_s)
        self._post(CeilingSet(ceiling, now))
        self._times_set[bounded] += 1
        kept, notes = True, _notes(self._topology(), bounded, asked_a, most_a)
        try:
            async with asyncio.timeout(WRITE_S):
                await self._overlay.keep(KIND, bounded.key, {"a": ceiling.ceiling_a}, source=source, expires=expires)
        except (EnvironmentFault, TimeoutError) as fault:
            why = str(fault) or f"no answer within {WRITE_S:g} s"
            kept, notes = False, (*notes, f"it holds now but is lost in a restart, the disk did not take it: {why}")
        data = {"what": str(bounded), "a": ceiling.ceiling_a, "valid_s": valid_s, "source": source, "kept": kept}
        self._note("ceiling.set", bounded, data)
        return Stands(ceiling, expires, kept, notes)

    async def clear(self, bounded: Bounded, source: str) -> bool:
        """Withdraw it; whether there was one. Raises EnvironmentFault where the disk does not take it: it holds on."""
        there, times_set = bounded.key in self._overlay.of(KIND), self._times_set[bounded]
        await self._overlay.forget(KIND, bounded.key)
        if self._times_set[bounded] != times_set:
            return there  # somebody has set another one meanwhile
        self._post(CeilingCleared(bounded.ceiling_key, self._clock.monotonic()))
        if there:
            self._note("ceiling.cleared", bounded, {"what": str(bounded), "source": source})
        return there

    def _note(self, type: str, bounded: Bounded, data: dict[str, Any]) -> None:
        station, evse = (None, None) if bounded.evse is None else bounded.evse
        self._journal.record(type, station, evse, data)


def _ceiling(bounded: Bounded, source: str, ceiling_a: float, expires_at: float | None) -> Ceiling:
    return Ceiling(bounded.ceiling_key, source, ceiling_a, bounded.evse, bounded.circuit, expires_at)


def _refusal(asked_a: float, valid_s: float | None) -> str:
    if not isfinite(asked_a) or not 0.0 <= asked_a <= MOST_A:
        return f"value={asked_a:g}: a ceiling is a number of ampere per phase from 0 (nothing may charge) to {MOST_A:g}"
    if valid_s is None:
        return ""
    if valid_s <= 0.0:
        return f"valid_s={valid_s:g}: it has expired before it came; nothing was changed"
    if not valid_s <= LONGEST_S:
        return f"valid_s={valid_s:g}: name at most a year ({LONGEST_S:g}), or nothing for until it is withdrawn"
    return ""


def _notes(topology: Topology, bounded: Bounded, asked_a: float, most_a: float) -> tuple[str, ...]:
    if asked_a > most_a:
        return (f"the configuration allows {bounded} {most_a:g} A, which nothing raises: taken as {most_a:g} A",)
    if bounded.evse is None:
        return ()
    evses = topology.stations[bounded.evse.station].evses
    least_a = min(evse.min_a for evse in evses if bounded.evse.evse in (0, evse.id.evse))
    return (f"below the {least_a:g} A that a vehicle needs at least: charging pauses",) if asked_a < least_a else ()


def _bounded(key: str) -> Bounded | None:
    match key.split("/"):
        case ["circuit", *name]:
            return Bounded(circuit=CircuitId("/".join(name)))
        case ["evse", station, evse] if evse.isascii() and evse.isdigit():
            return Bounded(evse=EvseId(StationId(station), int(evse)))
    return None


def _amperes(value: Any) -> float:
    """What was kept; what is no number of ampere allows nothing."""
    ampere: Any = value.get("a") if isinstance(value, dict) else None
    return float(ampere) if type(ampere) in (int, float) and ampere > 0 else 0.0
