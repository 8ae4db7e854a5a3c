"""Everything on a site that is no station, second by second, per phase, in ampere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Protocol

Amperes = list[float]


class Load(Protocol):
    """What a circuit draws by itself."""

    def at(self, second: int) -> Amperes:
        """The current of this second on L1, L2, L3; asked for each second once, in order."""


class SteadyLoad:
    """Always the same, and `noise_a` around it."""

    def __init__(self, a: Sequence[float], random: Random, noise_a: float = 0.0) -> None:
        self.a, self.random, self.noise_a = list(a), random, noise_a

    def at(self, second: int) -> Amperes:
        return [max(0.0, a + self.random.uniform(-self.noise_a, self.noise_a)) for a in self.a]


class SteppedLoad:
    """The stress of the allocator's closed-loop figures: on each phase a step of 9 to 25 A every 90 s on average,
    between `least_a` and `most_a`, with noise."""

    def __init__(
        self,
        random: Random,
        least_a: float = 15.0,
        most_a: float = 90.0,
        every_s: float = 90.0,
        step_a: tuple[float, float] = (9.0, 25.0),
        noise_a: float = 1.0,
    ) -> None:
        self.random, self.least_a, self.most_a, self.noise_a = random, least_a, most_a, noise_a
        self.every_s, self.step_a = every_s, step_a
        self.a = [random.uniform(least_a, most_a) for _ in range(3)]

    def at(self, second: int) -> Amperes:
        for phase in range(3):
            if self.random.random() < 1.0 / self.every_s:
                self._step(phase)
        return [max(0.0, a + self.random.uniform(-self.noise_a, self.noise_a)) for a in self.a]

    def _step(self, phase: int) -> None:
        step = self.random.uniform(*self.step_a) * self.random.choice((-1.0, 1.0))
        if not self.least_a <= self.a[phase] + step <= self.most_a:
            step = -step
        self.a[phase] = min(self.most_a, max(self.least_a, self.a[phase] + step))


class DayLoad:
    """A day known by the minute (or coarser), made into seconds: machines that switch between two values, inrush of 2
    to 6 s at 25 to 60 A now and then, and noise.

    `known`: for each phase, the ampere at every `every_s` seconds from midnight on. `inrush_every_s` 0: none.
    """

    def __init__(
        self,
        known: Sequence[Sequence[float]],
        random: Random,
        every_s: float = 60.0,
        begins_s: int = 0,
        inrush_every_s: float = 1800.0,
        noise_a: float = 0.3,
    ) -> None:
        self.known, self.random, self.every_s, self.begins_s = known, random, every_s, begins_s
        self.inrush_every_s, self.noise_a = inrush_every_s, noise_a
        self.a = [values[min(len(values) - 1, int(begins_s // every_s))] for values in known]
        self.switches = [0] * len(known)
        self.inrush = [(0, 0.0)] * 3

    def at(self, second: int) -> Amperes:
        now = second + self.begins_s
        found = []
        for phase, values in enumerate(self.known):
            place = min(len(values) - 1, int(now // self.every_s))
            if now % self.every_s < 1.0:
                self.switches[phase] = now + self.random.randrange(max(1, int(self.every_s)))
            if now >= self.switches[phase]:
                self.a[phase] = values[place]
            extra = self._inrush(phase, now)
            found.append(max(0.0, self.a[phase] + extra + self.random.uniform(-self.noise_a, self.noise_a)))
        return found

    def _inrush(self, phase: int, now: int) -> float:
        until, extra_a = self.inrush[phase]
        if now < until:
            return extra_a
        if self.inrush_every_s and self.random.random() < 1.0 / self.inrush_every_s:
            self.inrush[phase] = (now + self.random.randint(2, 6), self.random.uniform(25.0, 60.0))
        return 0.0


def office_shape(hours: Sequence[float], most_a: float, split: Sequence[float] = (1.0, 0.9, 0.8)) -> list[list[float]]:
    """Hourly powers of a building as currents by the minute: its highest hour becomes `most_a` on the fullest phase."""
    highest = max(hours)
    found: list[list[float]] = []
    for part in split:
        values = []
        for minute in range(len(hours) * 60):
            place, between = divmod(minute / 60.0, 1.0)
            here, after = hours[int(place)], hours[min(len(hours) - 1, int(place) + 1)]
            values.append((here + (after - here) * between) / highest * most_a * part)
        found.append(values)
    return found


def generated_day(random: Random, most_a: float, steps_a: float = 12.0) -> list[list[float]]:
    """A working day by the minute that needs no data: quiet nights, a plateau with a dip at noon, machines that run for
    a quarter of an hour."""
    found = []
    for _ in range(3):
        values, machine_until, machine_a = [], 0, 0.0
        part = random.uniform(0.7, 1.0)
        for minute in range(24 * 60):
            hour = minute / 60.0
            awake = 1.0 / (1.0 + math.exp(-(hour - 7.5) * 3.0)) * (1.0 - 1.0 / (1.0 + math.exp(-(hour - 18.5) * 2.0)))
            dip = 0.15 * math.exp(-(((hour - 12.7) / 0.7) ** 2))
            if minute >= machine_until and random.random() < awake / 20.0:
                machine_until, machine_a = minute + random.randint(3, 20), random.uniform(3.0, steps_a)
            running_a = machine_a if minute < machine_until else 0.0
            values.append(min(most_a, (0.2 + 0.8 * (awake - dip)) * part * (most_a - steps_a) + running_a))
        found.append(values)
    return found
