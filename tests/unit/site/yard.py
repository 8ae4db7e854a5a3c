"""A yard on virtual time: the real owner, a car that charges on A, its station, the meter; each may disobey."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from sitectl.allocator.rules import SharingRules
from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model import events
from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.electrical import UNKNOWN_ROTATION, Phase, PhaseRotation
from sitectl.model.ladder import LadderStep
from sitectl.model.limits import Offer
from sitectl.site.memory import MemoryJournal, MemoryLimits, MemoryOverlay
from sitectl.site.owner import Site
from sitectl.site.trial_runs import RUNS
from sitectl.site.trials import Trial, TrialKind, Trials
from tests.unit.state.small_site import A1, B1, MODEL, A, B, arrives, begins, draws, fresh, meter, plan, site

WALL = datetime(2026, 11, 29, 22, tzinfo=UTC)
T = TypeVar("T")


OF = {"vendor": "Acme", "serial": "1"}
"""What the tried EVSE is."""


class Yard:
    """`obeys`: the steps whose limits the car keeps, all of them by default; `refuses`: those that the station refuses.

    `own`: the part that each of the station's phases draws of the car's current; `wired`: where its L1 lies; `answers`:
    what the meter shows of each grid phase per ampere. `other_a`: what all else draws, on each phase.
    """

    def __init__(
        self,
        *,
        obeys: frozenset[LadderStep] = frozenset(LadderStep),
        refuses: frozenset[LadderStep] = frozenset(),
        own: tuple[float, float, float] = (1.0, 1.0, 1.0),
        wired: Phase = Phase.L1,
        answers: tuple[float, float, float] = (1.0, 1.0, 1.0),
        car_a: float = 16.0,
        rotation: PhaseRotation = UNKNOWN_ROTATION,
    ) -> None:
        self.obeys, self.refuses, self.own, self.wired, self.answers = obeys, refuses, own, wired, answers
        self.car_a, self.drawn_a, self.rotation = car_a, 0.0, rotation
        self.limit_a = 6.0 if LadderStep.TX_DEFAULT in obeys else car_a  # the fallback, where it is obeyed
        self.offers: list[Offer] = []
        self.other_a = 20.0
        self.clock, self.tasks, self.journal = LoopClock(WALL), Tasks(), MemoryJournal()
        self.overlay = MemoryOverlay(lambda: WALL)

    def open(self) -> None:
        """Make the site; inside the loop, which is its clock."""
        topology = site(plan(A, rotation=self.rotation), plan(B))
        self.site = Site(fresh(topology), SharingRules(), self.clock, self, MemoryLimits(), self.journal)
        self.trials = Trials(self.site, self.site.post, self.overlay, self.clock, self.tasks, self.journal, RUNS)

    # --- the station, as the site's hands ---

    def offer(self, command: OfferLimit) -> None:
        """Refused or accepted at once; the car follows if it obeys the form."""
        offer, step, now = command.offer, command.form.step, self.clock.monotonic()
        self.offers.append(offer)
        loop = asyncio.get_running_loop()
        if step in self.refuses:
            loop.call_later(0.2, self.site.post, self._refused(offer, now))
            return
        loop.call_later(0.2, self.site.post, events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, now + 0.2))
        if step in self.obeys and offer.evse == A1:
            loop.call_later(3.0, self._follow, offer.limit_a)

    def install_fallback(self, command: InstallFallback) -> None:
        """Accepted at once."""
        offer, now = command.offer, self.clock.monotonic()
        done = events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, now)
        asyncio.get_running_loop().call_later(0.2, self.site.post, done)

    def _refused(self, offer: Offer, now: float) -> events.Event:
        return events.LimitRefused(offer.evse, offer.seq, offer.kind, now + 0.2, "Rejected")

    def _follow(self, limit_a: float) -> None:
        self.limit_a = limit_a

    # --- time ---

    async def _seconds(self) -> None:
        second = 0
        while True:
            await asyncio.sleep(1.0)
            second += 1
            target_a = min(self.limit_a, self.car_a) if self.obeys else self.car_a
            self.drawn_a += max(-6.0, min(2.0, target_a - self.drawn_a))
            now = self.clock.monotonic()
            grid = [self.other_a] * 3
            for own in range(3):
                phase = (self.wired + own) % 3
                grid[phase] += self.drawn_a * self.own[own] * self.answers[phase]
            self.site.post(meter(now, *grid))
            if second % 10 == 0:
                self.site.post(draws(A1, now, *(self.drawn_a * part for part in self.own)))

    def live(self, what: Callable[[Yard], Awaitable[T]], settle_s: float = 150.0) -> T:
        """Let the car charge for a while, then do something."""

        async def run() -> T:
            self.open()
            try:
                for event in (*arrives(A, identity=MODEL), *arrives(B), begins(A1), begins(B1, "t2")):
                    self.site.post(event)
                self.tasks.spawn(self._seconds(), "seconds")
                self.tasks.spawn(self.site.run(), "site")
                await asyncio.sleep(settle_s)
                return await what(self)
            finally:
                await self.tasks.cancel_all()

        return run_virtual(run())

    async def tried(self, kind: TrialKind) -> Trial:
        """Begin a trial and wait for its end."""
        trial = self.trials.begin(kind, A1, "tester", OF)
        while trial.running:
            await asyncio.sleep(0.5)
        return trial
