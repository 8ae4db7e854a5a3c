"""Cars, drawn from a seed: what one makes of the current that it is offered.

Reactions of 1 to 5 s (IEC 61851-1) and sometimes 8, ramps, a shortfall, a minimum of its own, taper near full, spells
in which it takes less and suddenly all again, sleep after a pause, stand-by current and heating after it is full.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

NOMINAL_V = 230.0
TAPER_FROM = 0.8


@dataclass(frozen=True)
class CarSpec:
    """The facts of one car. Currents per phase in ampere.

    * `slow_reactions`: the part of its reactions that take 5 to 8 s instead of 1 to 5.
    * `sleeps_after_s`: a pause as long as this puts it to sleep; `wakes`: whether a new offer wakes it (after a while).
    * `spell_every_s`: mean time between two spells of taking less, 0 for never; each lasts `spell_s` on average.
    * `wish_wh` None: it never gets full, and does not taper.
    """

    phases: int
    max_a: float
    min_a: float = 6.0
    slow_reactions: float = 0.05
    ramp_up: float = 2.0
    ramp_down: float = 10.0
    shortfall_a: float = 0.5
    wish_wh: float | None = None
    capacity_wh: float = 60_000.0
    soc: float = 0.3
    taper_end_a: float = 2.0
    spell_every_s: float = 0.0
    spell_s: float = 240.0
    sleeps_after_s: float | None = None
    wakes: bool = True
    standby_a: float = 0.0
    heats: bool = False


def draw_car(random: Random, wired: int = 3) -> CarSpec:
    """One car of a European mix: 38 % one-phase, 7 % two-phase, the rest three-phase."""
    phases = min(wired, random.choices((1, 2, 3), (38, 7, 55))[0])
    capacity_wh, soc = random.uniform(30_000.0, 90_000.0), random.uniform(0.15, 0.8)
    return CarSpec(
        phases=phases,
        max_a=random.choice((16.0, 32.0)) if phases == 3 else 32.0 if phases == 1 else 16.0,
        min_a=random.choices((6.0, 8.0, 10.0, 13.0), (85, 8, 5, 2))[0],
        ramp_up=random.uniform(0.5, 5.0),
        ramp_down=random.choice((random.uniform(5.0, 20.0), 100.0)),
        shortfall_a=random.uniform(0.0, 1.0),
        wish_wh=(1.0 - soc) * capacity_wh * random.uniform(0.6, 1.0),
        capacity_wh=capacity_wh,
        soc=soc,
        taper_end_a=random.uniform(1.0, 3.0),
        spell_every_s=random.choices((0.0, 900.0), (65, 35))[0],
        sleeps_after_s=random.uniform(60.0, 3600.0) if random.random() < 0.15 else None,
        wakes=random.random() >= 0.02,
        standby_a=random.uniform(0.1, 2.0) if random.random() < 0.3 else 0.0,
        heats=random.random() < 0.1,
    )


class Car:
    """One car at a connector."""

    def __init__(self, spec: CarSpec, random: Random) -> None:
        self.spec, self.random = spec, random
        self.current_a = 0.0
        self.energy_wh = 0.0
        self.starts = 0
        self._at = 0.0
        self._seen_a: float | None = None
        self._obeyed_a = 0.0
        self._coming: deque[tuple[float, float]] = deque()
        self._paused_since: float | None = 0.0
        self._asleep = False
        self._takes_part = 1.0
        self._spell_ends = 0.0
        self._next_spell = random.expovariate(1.0 / spec.spell_every_s) if spec.spell_every_s else float("inf")

    @property
    def soc(self) -> float:
        return min(1.0, self.spec.soc + self.energy_wh / self.spec.capacity_wh)

    @property
    def full(self) -> bool:
        return self.spec.wish_wh is not None and (self.energy_wh >= self.spec.wish_wh or self.soc >= 1.0)

    def wish_a(self) -> float:
        """What it would draw if nobody limited it."""
        spec = self.spec
        if self.full:
            return spec.min_a if spec.heats and int(self._at / 900.0) % 3 == 0 else 0.0
        wish_a = spec.max_a
        if spec.wish_wh is not None and self.soc > TAPER_FROM:
            taper = (1.0 - self.soc) / (1.0 - TAPER_FROM)
            wish_a = max(spec.taper_end_a, spec.max_a * taper)
        return wish_a * self._takes_part

    def step(self, dt_s: float, offer_a: float) -> float:
        """Let time pass under this offer; the current on each of its phases."""
        self._at += dt_s
        if offer_a != self._seen_a:
            self._seen_a = offer_a
            slow = self.random.random() < self.spec.slow_reactions
            reaction_s = self.random.uniform(5.0, 8.0) if slow else self.random.uniform(1.0, 5.0)
            self._coming.append((self._at + reaction_s, offer_a))
        while self._coming and self._coming[0][0] <= self._at:
            self._obey(self._coming.popleft()[1])
        self._spells()
        self._ramp(self._target_a(), dt_s)
        self.energy_wh += self.current_a * self.spec.phases * NOMINAL_V * dt_s / 3600.0
        return self.current_a

    def _obey(self, offer_a: float) -> None:
        allowed = offer_a >= self.spec.min_a
        if allowed and self._paused_since is not None:
            lasted_s, sleeps_s = self._at - self._paused_since, self.spec.sleeps_after_s
            if self.starts and sleeps_s is not None and lasted_s >= sleeps_s and not self._asleep:
                self._asleep = True
                if self.spec.wakes:
                    self._coming.append((self._at + self.random.uniform(5.0, 60.0), offer_a))
                self._obeyed_a = 0.0
                return
            self._asleep = self._asleep and not self.spec.wakes
            self._paused_since = None
            self.starts += not self._asleep
        elif not allowed and self._paused_since is None:
            self._paused_since = self._at
        self._obeyed_a = offer_a

    def _spells(self) -> None:
        if self._at >= self._next_spell:
            self._takes_part = self.random.uniform(0.2, 0.7)
            self._spell_ends = self._at + self.random.expovariate(1.0 / self.spec.spell_s)
            self._next_spell = self._spell_ends + self.random.expovariate(1.0 / self.spec.spell_every_s)
        elif self._takes_part < 1.0 and self._at >= self._spell_ends:
            self._takes_part = 1.0

    def _target_a(self) -> float:
        if self._asleep or self._obeyed_a < self.spec.min_a:
            return self.spec.standby_a if self._obeyed_a > 0.0 else 0.0
        return max(self.spec.standby_a, min(self.wish_a(), self._obeyed_a - self.spec.shortfall_a))

    def _ramp(self, target_a: float, dt_s: float) -> None:
        if target_a >= self.current_a:
            self.current_a = min(target_a, self.current_a + self.spec.ramp_up * dt_s)
        else:
            self.current_a = max(target_a, self.current_a - self.spec.ramp_down * dt_s)
