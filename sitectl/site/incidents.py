"""Sees when something went wrong that somebody will want to look at, and has the last quarter of an hour written down.

Incidents: a breaker that is overloaded for longer than it should be, a meter that is lost, a station that does not
obey, the safe plan instead of a sharing. What follows within a minute is in the same recording.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitectl.base.clock import Clock
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import SiteSnapshot
from sitectl.model.station import Obeys
from sitectl.site import recordings, replay
from sitectl.site.cycle import Decision
from sitectl.site.ports import Journal
from sitectl.site.recorder import KEPT_S, Part, Recorder

log = logging.getLogger(__name__)

OVERLOAD_S = 15.0
"""Sharing brings a base-load step back within this; what lasts longer is an incident."""

TRIP = 0.1
"""So is a breaker that has used up this part of its trip time."""

AFTERMATH_S = 60.0
PAUSE_S = 300.0
"""Between two recordings; what happens meanwhile is in the next one."""

LOOK_EVERY_S = 1.0
OLDEST_S = 5.0
"""Cycles come once a second: of a moment without one in this time nothing is known."""


NAMED = 5
ASKED = "asked for"


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Nothing is known of a moment; `why` says of which something is."""

    why: str


class Incidents:
    """Looks at every decision and keeps it. `ample`: whether the disk has room for what can be done without."""

    def __init__(
        self, recorder: Recorder, folder: Path, clock: Clock, journal: Journal, ample: Callable[[], bool] = lambda: True
    ) -> None:
        self.recorder = recorder
        self._folder = folder
        self._clock = clock
        self._journal = journal
        self._ample = ample
        self._standing: frozenset[str] = frozenset()
        self._metered: set[CircuitId] = set()
        self._ignoring: frozenset[EvseId] | None = None
        self._works = True
        self._pending: list[str] = []
        self._due_at = float("inf")
        self._written_at = float("-inf")

    def see(self, decision: Decision) -> None:
        """Keep a cycle, and see whether something has begun to be wrong in it. Never raises: nothing hangs on it."""
        try:
            self.recorder.record(decision, self._clock.wall().timestamp())
            self._look(decision)
            self._works = True
        except Exception:
            if self._works:
                log.exception("cycles cannot be recorded")
            self._works = False
            self.recorder.begin_anew()

    def _look(self, decision: Decision) -> None:
        standing = frozenset(self._found(decision))
        began, self._standing = sorted(standing - self._standing), standing
        if began:
            self._pending += [one for one in began if one not in self._pending]
            self._due_at = min(self._due_at, self._clock.monotonic() + AFTERMATH_S)

    def _found(self, decision: Decision) -> Iterator[str]:
        seen = decision.snapshot
        if decision.violations:
            yield "safe plan: the sharing was refused"
        for id, circuit in seen.circuits.items():
            if circuit.meter is not Freshness.LOST and circuit.measured_a is not None:
                self._metered.add(id)
            elif circuit.meter is Freshness.LOST and id in self._metered:
                yield f"meter lost: circuit {id}"
            too_long = any(since is not None and seen.at - since >= OVERLOAD_S for since in circuit.over_since)
            if too_long or circuit.trip >= TRIP:
                yield f"overload: circuit {id}"
        yield from self._disobedient(seen)

    def _disobedient(self, seen: SiteSnapshot) -> Iterator[str]:
        """Those that were so when we began are no news."""
        ignoring = frozenset(id for id, evse in seen.evses.items() if evse.obeys is Obeys.IGNORES)
        if self._ignoring is None:
            self._ignoring = ignoring
        for id in ignoring - self._ignoring:
            yield f"disobedience: {id}"

    async def run(self) -> None:
        """Write down what is due, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = self._clock.monotonic()
            if now >= self._due_at and now - self._written_at >= PAUSE_S:
                await self.write()

    async def write(self) -> None:
        """Write down what is kept, now."""
        why, self._pending, self._due_at = self._pending or [ASKED], [], float("inf")
        self._written_at = self._clock.monotonic()
        parts = self.recorder.parts()
        if not parts or not self._ample():
            log.warning("not recorded for want of room on the disk: %s", "; ".join(why))
            return
        try:
            path = await asyncio.to_thread(recordings.write, self._folder, parts, why)
        except OSError as error:
            log.warning("not recorded: %s: %s", "; ".join(why), error)
            return
        log.info("recorded in %s: %s", path, "; ".join(why))
        self._journal.record("incident.recorded", data={"why": why, "file": path.name})

    async def at(self, wall: float) -> replay.Replayed | NotCovered:
        """The cycle of a moment (s since 1970), from memory or from a recording.

        Raises EnvironmentFault where the recording that has it cannot be read.
        """
        parts = self.recorder.parts()
        return await asyncio.to_thread(_find, self._folder, parts, wall)


def _find(folder: Path, parts: Sequence[Part], wall: float) -> replay.Replayed | NotCovered:
    if (found := replay.at(parts, wall, OLDEST_S)) is not None:
        return found
    kept = recordings.listed(folder)
    for one in kept:
        if one.began <= wall <= one.ended + OLDEST_S:
            found = replay.at(recordings.read(one), wall, OLDEST_S)
            if found is not None:
                return found
    return NotCovered(_covered(parts, kept))


def _covered(parts: Sequence[Part], kept: Sequence[recordings.Recording]) -> str:
    spans = [f"memory has {_span(parts[0].began, parts[-1].ended)}" if parts else "memory has nothing yet"]
    spans += [f"{one.path.name} has {_span(one.began, one.ended)}" for one in kept[:NAMED]]
    spans += [f"and {len(kept) - NAMED} older recordings"] if len(kept) > NAMED else []
    minutes = f"the last {KEPT_S / 60:.0f} minutes are kept, and longer only what an incident recorded"
    return f"nothing is known of that moment: {'; '.join(spans)}; {minutes}"


def _span(began: float, ended: float) -> str:
    return f"{recordings.moment(began)} to {recordings.moment(ended)}"
