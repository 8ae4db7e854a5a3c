"""What a technician tries with a car that charges: which rung of the ladder is obeyed, how fast, and on which phases.

Every trial only lowers: it sets ceilings, each with an end of its own, and withdraws them when it is over or is broken
off. The allocator goes on as ever; a fuse that needs more than a trial takes gets it. One trial at a time on a site,
for the steps of one car must not be mixed with those of another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import floor
from typing import Any, Protocol

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import CeilingCleared, CeilingSet, Event
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Ceiling
from sitectl.model.station import Obeys
from sitectl.site.ports import Journal, OverlayStore
from sitectl.site.rungs import key_of
from sitectl.state.evse import EvseState
from sitectl.state.ledger import tolerance_a
from sitectl.state.obedience import STUCK_ABOVE_A, STUCK_WITHIN_A
from sitectl.state.phase_test import STEP_LEAST_A
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

LOOK_S = 0.2
LONGEST_S = 900.0
FRESH_S = 30.0
"""A reading that is older tells nothing of a car that is to be stepped."""

STEP_A = 10.0
FOLLOW_S = 60.0
RISE_S = 150.0
"""After a cut a raise waits for a minute, and for a reading of the station."""

MARGIN_A = 2.0
"""A car must draw so much more than the least that it can be offered, or no cut would be seen."""


class TrialKind(StrEnum):
    """What is tried, as it is called in the overlay and in the paths of the API."""

    PROBE = "probe"
    LIMIT_TEST = "limit_test"
    PHASE_TEST = "phase_test"

    @property
    def words(self) -> str:
        """As people call it."""
        return self.value.replace("_", " ")

    @property
    def margin_a(self) -> float:
        """How much more than the least that it can be offered the car must draw."""
        return MARGIN_A + (STEP_LEAST_A if self is TrialKind.PHASE_TEST else 0.0)


class TrialFailed(Exception):
    """Why it could not be done, and what to do."""


@dataclass(slots=True)
class Trial:
    """One trial, while it runs and after. `of`: what is tried, and how it is configured; `said`: its steps in words, in
    order; `failed`: why it has no outcome."""

    kind: TrialKind
    evse: EvseId
    began: datetime
    of: Mapping[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    outcome: dict[str, Any] | None = None
    failed: str = ""

    @property
    def running(self) -> bool:
        """Whether it is not over."""
        return self.outcome is None and not self.failed


class SiteView(Protocol):
    """The site, as far as a trial looks at it."""

    @property
    def state(self) -> SiteState:
        """The state now."""


class Bench:
    """What a trial works with: one EVSE, the site it looks at, and the ceilings that it may set."""

    def __init__(self, trial: Trial, site: SiteView, post: Callable[[Event], None], clock: Clock) -> None:
        self.trial = trial
        self.evse = trial.evse
        self._site = site
        self.post = post
        self._clock = clock
        self._ceilings: set[str] = set()
        self.on_look: Callable[[], None] | None = None

    @property
    def state(self) -> SiteState:
        """The site's state now."""
        return self._site.state

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def say(self, text: str) -> None:
        """Tell the person who waits."""
        self.trial.said.append(text)

    def held(self) -> EvseState:
        """The EVSE now; fails when there is no transaction that could be stepped."""
        evse = self.state.evses.get(self.evse)
        if evse is None:
            raise TrialFailed(f"{self.evse} is not installed here any more")
        station = self.state.stations[self.evse.station]
        if not (station.online and station.booted):
            raise TrialFailed(f"{self.evse.station} is not connected; check its power and network")
        if evse.transaction is None:
            raise TrialFailed(f"nothing charges on {self.evse}: plug in a car, start it, and try again")
        return evse

    def drawn_a(self) -> float:
        """What it draws on its highest phase, by a fresh reading."""
        reading = self.held().reading
        if reading is None or reading.current_a is None or self.now - reading.at > FRESH_S:
            raise TrialFailed(
                f"{self.evse} reports no currents; `sitectl timeline {self.evse.station}` shows what it says"
            )
        return max(reading.current_a)

    def least_a(self) -> float:
        """What a car must draw for this trial."""
        return self.held().plan.min_a + self.trial.kind.margin_a

    def movable_a(self) -> float:
        """What it draws, where that is enough."""
        drawn_a, least_a = self.drawn_a(), self.least_a()
        if drawn_a < least_a:
            raise TrialFailed(
                f"the car draws {drawn_a:.1f} A; it takes one that draws {least_a:g} A or more"
                " (`sitectl why` shows what holds it back)"
            )
        return drawn_a

    def own(self) -> PhaseCurrents:
        """What it draws by its newest reading; nothing where that tells no currents."""
        reading = self.held().reading
        known = None if reading is None else reading.current_a
        return PhaseCurrents(0.0, 0.0, 0.0) if known is None else known

    def drawn_since(self, since: float) -> float:
        """What it draws by a reading newer than this; more than anything without one."""
        reading = self.held().reading
        fresh = reading is not None and reading.current_a is not None and reading.at > since
        return max(self.own()) if fresh else float("inf")

    def below(self, drawn_a: float, step_a: float) -> float:
        """A limit so much lower, in whole ampere, that the car can still charge by."""
        return float(max(self.held().plan.min_a, floor(drawn_a - step_a)))

    def stays_at_fallback(self) -> bool:
        """Whether it draws what its fallback allows, and was told that it may draw more."""
        evse, drawn_a = self.held(), self.drawn_a()
        fallback_a, told = evse.entry.fallback_a, evse.newest_offer
        return (
            fallback_a is not None
            and told is not None
            and told.limit_a >= fallback_a + STUCK_ABOVE_A
            and -STUCK_WITHIN_A <= drawn_a - fallback_a <= tolerance_a(fallback_a)
        )

    def lower(self, limit_a: float, of: EvseId | None = None) -> None:
        """Let an EVSE draw no more than this, for as long as the longest trial may take."""
        evse = of or self.evse
        key = f"trial/{evse}"
        self._ceilings.add(key)
        ends_at = self.now + LONGEST_S
        self.post(CeilingSet(Ceiling(key, self.trial.kind.words, limit_a, evse, expires_at=ends_at), self.now))

    def release(self, of: EvseId | None = None) -> None:
        """Withdraw such a ceiling; None: that of the tried EVSE."""
        key = f"trial/{of or self.evse}"
        self._ceilings.discard(key)
        self.post(CeilingCleared(key, self.now))

    def release_all(self) -> None:
        """Leave everything as it was."""
        for key in sorted(self._ceilings):
            self.post(CeilingCleared(key, self.now))
        self._ceilings.clear()

    async def until(self, true: Callable[[], bool], within_s: float) -> bool:
        """Wait for something to become true; whether it did."""
        ends_at = self.now + within_s
        while True:
            if self.on_look is not None:
                self.on_look()
            if true():
                return True
            if self.now >= ends_at:
                return False
            await asyncio.sleep(LOOK_S)


Run = Callable[[Bench], Any]


class Trials:
    """The door to all trials. `runs` says how each kind is done: it returns its outcome, which JSON can say, or raises
    `TrialFailed`."""

    def __init__(
        self,
        site: SiteView,
        post: Callable[[Event], None],
        overlay: OverlayStore,
        clock: Clock,
        tasks: Tasks,
        journal: Journal,
        runs: Mapping[TrialKind, Run],
    ) -> None:
        self._site = site
        self._post = post
        self._overlay = overlay
        self._clock = clock
        self._tasks = tasks
        self._journal = journal
        self._runs = runs
        self._newest: dict[EvseId, Trial] = {}
        self._ended_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, kind: TrialKind, evse: EvseId, source: str, of: Mapping[str, str]) -> Trial:
        """Begin one; raises TrialFailed where it cannot be done now, with what to do.

        `source`: who wants it; `of`: what the EVSE is now, which is kept with the outcome.
        """
        running = next((trial for trial in self._newest.values() if trial.running), None)
        if running is not None:
            raise TrialFailed(f"a {running.kind.words} runs on {running.evse}; wait for its end")
        trial = Trial(kind, evse, self._clock.wall(), of)
        bench = Bench(trial, self._site, self._post, self._clock)
        if not (kind is TrialKind.PROBE and bench.stays_at_fallback()) and not self._gives_back():
            bench.movable_a()
        bench.drawn_a()
        if kind is not TrialKind.PROBE and bench.held().obeys in (Obeys.IGNORES, Obeys.UNCONTROLLED):
            raise TrialFailed(f"{evse} does not follow its limits; `sitectl station probe {evse.station}` comes first")
        self._newest[evse] = trial
        self._journal.record(f"{kind.value}.began", evse.station, evse.evse, {"by": source})
        self._task = self._tasks.spawn(self._run(trial, bench), f"{kind.words} of {evse}")
        return trial

    def newest(self, evse: EvseId) -> Trial | None:
        """The last trial of an EVSE since the start."""
        return self._newest.get(evse)

    def at_work(self) -> dict[StationId, str]:
        """The station with whose car something is tried now, and what."""
        return {evse.station: f"a {trial.kind.words}" for evse, trial in self._newest.items() if trial.running}

    def kept(self, evse: EvseId) -> dict[str, Any]:
        """The outcomes that are remembered, by kind, each with what it is `of`."""
        found = {kind.value: self._overlay.of(kind.value).get(key_of(evse)) for kind in TrialKind}
        return {kind: entry.value for kind, entry in found.items() if entry is not None}

    async def _run(self, trial: Trial, bench: Bench) -> None:
        outcome: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._given_back(bench)
                outcome = await self._runs[trial.kind](bench)
        except TrialFailed as failure:
            trial.failed = str(failure)
        except TimeoutError:
            trial.failed = f"it took longer than {LONGEST_S:g} s"
        except Exception as error:  # a mistake of ours ends the trial and nothing else
            log.exception("the %s of %s failed", trial.kind.words, trial.evse)
            trial.failed = f"it failed inside: {error!r}"
        finally:
            bench.release_all()
            self._ended_at = bench.now
            trial.failed = trial.failed or ("" if outcome is not None else "it was broken off")
        if outcome is not None:
            await self._keep(trial, outcome)
        trial.outcome = outcome
        data = {"outcome": outcome} if outcome is not None else {"failed": trial.failed}
        self._journal.record(f"{trial.kind.value}.ended", trial.evse.station, trial.evse.evse, data)

    def _gives_back(self) -> bool:
        """Whether cars may still draw less because of the trial before."""
        return self._ended_at is not None and self._clock.monotonic() - self._ended_at < RISE_S

    async def _given_back(self, bench: Bench) -> None:
        """Wait until the car draws again what the trial before took."""
        least_a = bench.least_a()
        if self._gives_back() and bench.drawn_a() < least_a:
            bench.say(f"the car draws {bench.drawn_a():.1f} A after the trial before; waits until it is {least_a:g} A")
            await bench.until(lambda: bench.drawn_a() >= least_a or not self._gives_back(), RISE_S)

    async def _keep(self, trial: Trial, outcome: dict[str, Any]) -> None:
        """Remember it; what the probe has found is remembered by who watches the ladder."""
        if trial.kind is TrialKind.PROBE:
            return
        try:
            kept = {**outcome, "of": dict(trial.of)}
            await self._overlay.keep(trial.kind.value, key_of(trial.evse), kept, source=trial.kind.words)
        except EnvironmentFault as fault:
            trial.said.append(f"it is not on disk, and is lost in a restart: {fault}")
