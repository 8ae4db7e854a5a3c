"""Drills: under supervision something is taken away, and the site is watched until it has it back.

A drill only takes away what fails by itself one day (a central, a meter, a station); nothing of the sharing is changed
for it. It is broken off, and what was taken is given back, as soon as more flows than a rating for longer than
`abort_s`, by the meter's own readings even while the site does not get them; when a person says so; and in any case at
its end. One at a time. Each ends as a dated report: what was seen, and whether it is what this site promises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.base.units import format_utc
from sitectl.model.uplink import UplinkView
from sitectl.site.cycle import Decision
from sitectl.site.ports import Journal, OverlayStore

log = logging.getLogger(__name__)

KIND = "drill"
LOOK_S = 0.2
SHORTEST_S, LONGEST_S = 3.0, 900.0
ABORT_S = 5.0
BACK_WITHIN_S = 180.0
"""So long a station may take to come back by itself; a central and a meter are given the same."""


class DrillKind(StrEnum):
    """What is taken away."""

    UPLINK = "uplink"
    METER = "meter"
    STATION = "station"
    DAEMON = "daemon"
    """Done from outside: what dies cannot watch itself."""


class DrillFailed(Exception):
    """Why a drill cannot be done, and what to do."""


@dataclass(frozen=True, slots=True)
class Look:
    """The site at one moment. `currents_a`: by circuit, what its meter really measures, on its highest phase."""

    at: float
    decision: Decision
    uplinks: Mapping[str, UplinkView]
    currents_a: Mapping[str, float]
    rated_a: Mapping[str, float]

    @property
    def over(self) -> tuple[str, ...]:
        """The circuits above their rating."""
        return tuple(id for id, amperes in self.currents_a.items() if amperes > self.rated_a[id])


class Cut(Protocol):
    """What takes one thing away, and gives it back."""

    def names(self) -> list[str]:
        """What there is to take away."""

    def begin(self, target: str) -> None:
        """Take it away."""

    def end(self, target: str) -> None:
        """Give it back; at the second time nothing happens."""

    def gone(self, target: str, look: Look) -> bool:
        """Whether the site has noticed."""

    def back(self, target: str, look: Look) -> bool:
        """Whether all is as before, what piled up included."""

    def seen(self, target: str, before: Look, looks: list[Look], after: Look) -> list[tuple[bool, str]]:
        """What else was promised: whether it was kept, and the evidence."""


@dataclass(slots=True)
class Drill:
    """One drill, while it runs and after. `verdict`: passed, failed or aborted; "" while it runs."""

    kind: DrillKind
    target: str
    by: str
    began: datetime
    for_s: float
    said: list[str] = field(default_factory=list)
    evidence: list[tuple[bool, str]] = field(default_factory=list)
    verdict: str = ""
    ended: datetime | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def running(self) -> bool:
        """Whether it is not over."""
        return not self.verdict

    def report(self) -> dict[str, Any]:
        """What JSON can say of it."""
        return {
            "kind": self.kind.value,
            "target": self.target,
            "by": self.by,
            "began": format_utc(self.began),
            "ended": None if self.ended is None else format_utc(self.ended),
            "for_s": self.for_s,
            "verdict": self.verdict or None,
            "said": list(self.said),
            "evidence": [{"kept": kept, "text": text} for kept, text in self.evidence],
        }


class Drills:
    """The door to all drills. `look` sees the site; `cuts` take things away."""

    def __init__(
        self,
        look: Callable[[], Look],
        cuts: Mapping[DrillKind, Cut],
        overlay: OverlayStore,
        clock: Clock,
        tasks: Tasks,
        journal: Journal,
    ) -> None:
        self._look = look
        self._cuts = cuts
        self._overlay = overlay
        self._clock = clock
        self._tasks = tasks
        self._journal = journal
        self._task: asyncio.Task[None] | None = None
        self.newest: Drill | None = None

    def begin(self, kind: DrillKind, target: str, for_s: float, by: str) -> Drill:
        """Begin one; raises DrillFailed where it cannot be done now."""
        if self.newest is not None and self.newest.running:
            raise DrillFailed(
                f"a drill with {self.newest.kind} {self.newest.target} runs; wait, or `sitectl drill stop`"
            )
        if kind not in self._cuts:
            raise DrillFailed(f"a drill with the {kind} is done by the command line: `sitectl drill {kind}`")
        names = self._cuts[kind].names()
        if target not in names:
            raise DrillFailed(f"no {kind} {target!r} here; there is {', '.join(names) or 'none'}")
        if not SHORTEST_S <= for_s <= LONGEST_S:
            raise DrillFailed(f"a drill takes {SHORTEST_S:g} to {LONGEST_S:g} s")
        if (look := self._look()).over:
            raise DrillFailed(f"circuit {look.over[0]} is above its rating now; bring that in order first")
        if self._cuts[kind].gone(target, look):
            raise DrillFailed(f"{kind} {target} is away already; `sitectl status` says why")
        drill = self.newest = Drill(kind, target, by, self._clock.wall(), for_s)
        self._journal.record("drill.began", data={"kind": kind.value, "target": target, "for_s": for_s, "by": by})
        self._task = self._tasks.spawn(self._run(drill), f"drill {kind} {target}")
        return drill

    def stop(self) -> bool:
        """Break off what runs; whether anything did."""
        if self.newest is None or not self.newest.running:
            return False
        self.newest.stop.set()
        return True

    async def keep(self, verdict: str, began: datetime, evidence: list[tuple[bool, str]], by: str) -> Drill:
        """The report of a drill with the daemon itself, done from outside. Raises EnvironmentFault."""
        drill = Drill(DrillKind.DAEMON, "sitectl", by, began, 0.0, evidence=evidence, verdict=verdict)
        drill.ended = self._clock.wall()
        report = drill.report()
        await self._overlay.keep(KIND, f"{drill.kind}/{drill.target}", report, source=by)
        self._journal.record("drill.ended", data=report)
        return drill

    def reports(self) -> list[dict[str, Any]]:
        """The newest report of each thing that was ever taken away, the newest first."""
        found = [dict(entry.value) for entry in self._overlay.of(KIND).values()]
        return sorted(found, key=lambda report: str(report.get("began")), reverse=True)

    async def _run(self, drill: Drill) -> None:
        cut = self._cuts[drill.kind]
        try:
            drill.verdict = await self._drill(drill, cut)
        except Exception as error:  # a mistake of ours ends the drill and nothing else
            log.exception("the drill with %s %s failed", drill.kind, drill.target)
            drill.said.append(f"it failed inside: {error!r}")
            drill.verdict = "failed"
        finally:
            cut.end(drill.target)
            drill.verdict = drill.verdict or "aborted"
            drill.ended = self._clock.wall()
        report = drill.report()
        self._journal.record("drill.ended", data=report)
        try:
            await self._overlay.keep(KIND, f"{drill.kind}/{drill.target}", report, source=drill.by)
        except EnvironmentFault as fault:
            drill.said.append(f"the report is not on disk, and is lost in a restart: {fault}")

    async def _drill(self, drill: Drill, cut: Cut) -> str:
        before, began = self._look(), self._clock.monotonic()
        cut.begin(drill.target)
        drill.said.append(f"{drill.kind} {drill.target} is taken away for {drill.for_s:g} s")
        looks: list[Look] = []
        noticed_s: float | None = None
        over_since: float | None = None
        while (passed := self._clock.monotonic() - began) < drill.for_s:
            await asyncio.sleep(LOOK_S)
            looks.append(look := self._look())
            if noticed_s is None and cut.gone(drill.target, look):
                noticed_s = passed
                drill.said.append(f"noticed after {passed:.1f} s")
            over_since = None if not look.over else over_since if over_since is not None else look.at
            if over_since is not None and look.at - over_since > ABORT_S:
                drill.said.append(f"broken off: circuit {look.over[0]} is above its rating for more than {ABORT_S:g} s")
                drill.evidence.append((False, f"circuit {look.over[0]} went above its rating"))
                return "aborted"
            if drill.stop.is_set():
                drill.said.append("broken off, as somebody asked")
                return "aborted"
        cut.end(drill.target)
        drill.said.append("given back")
        back_s, after = await self._back(drill, cut)
        if back_s is None and drill.stop.is_set():
            drill.said.append("broken off before it was seen to be back, as somebody asked")
            return "aborted"
        drill.evidence += self._judged(drill, cut, before, looks, after, noticed_s, back_s)
        return "passed" if all(kept for kept, _ in drill.evidence) else "failed"

    async def _back(self, drill: Drill, cut: Cut) -> tuple[float | None, Look]:
        """How long until all is as before; None: not in time."""
        began = self._clock.monotonic()
        while (passed := self._clock.monotonic() - began) < BACK_WITHIN_S and not drill.stop.is_set():
            look = self._look()
            if cut.back(drill.target, look):
                drill.said.append(f"as before after {passed:.1f} s")
                return passed, look
            await asyncio.sleep(LOOK_S)
        return None, self._look()

    def _judged(
        self, drill: Drill, cut: Cut, before: Look, looks: list[Look], after: Look,
        noticed_s: float | None, back_s: float | None,
    ) -> list[tuple[bool, str]]:  # fmt: skip
        what = f"{drill.kind} {drill.target}"
        noticed = "was not noticed" if noticed_s is None else f"was noticed after {noticed_s:.1f} s"
        back = f"did not come back within {BACK_WITHIN_S:g} s" if back_s is None else f"was back after {back_s:.1f} s"
        found = [(noticed_s is not None, f"that {what} was away {noticed}"), (back_s is not None, f"{what} {back}")]
        for circuit, peak_a in _peaks(looks).items():
            rated_a = before.rated_a[circuit]
            over_s = _longest_over_s(looks, circuit)
            kept = over_s <= ABORT_S
            told = f"circuit {circuit}: at most {peak_a:.1f} A of {rated_a:g} A"
            found.append((kept, told + (f", above it for {over_s:.1f} s" if over_s else "")))
        return found + cut.seen(drill.target, before, looks, after)


def _peaks(looks: list[Look]) -> dict[str, float]:
    peaks: dict[str, float] = {}
    for look in looks:
        for circuit, amperes in look.currents_a.items():
            peaks[circuit] = max(peaks.get(circuit, 0.0), amperes)
    return peaks


def _longest_over_s(looks: list[Look], circuit: str) -> float:
    longest, since = 0.0, None
    for look in looks:
        if circuit not in look.over:
            since = None
            continue
        since = look.at if since is None else since
        longest = max(longest, look.at - since)
    return longest
