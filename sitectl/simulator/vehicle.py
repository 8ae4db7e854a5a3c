"""Electric vehicles as a site feels them: how the current follows the offer.

Reaction within 5 s is the duty of IEC 61851-1 A.5.3; the spread of reaction times, ramps and shortfalls is what was
observed at real charge points. Everything random is drawn once, from a seeded generator, into the frozen
`VehicleSpec`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

NOMINAL_V = 230.0
TAPER_FROM = 0.8
TAPER_END_A = 2.0


@dataclass(frozen=True)
class VehicleSpec:
    """The facts of one car. Currents in ampere per phase, energies in watt-hours, `soc` between 0 and 1."""

    phases: int
    max_a: float
    capacity_wh: float = 60_000.0
    soc: float = 0.4
    wish_wh: float = 40_000.0
    min_a: float = 6.0
    reaction_s: float = 2.0
    ramp_up_a_per_s: float = 2.0
    ramp_down_a_per_s: float = 10.0
    shortfall_a: float = 0.5

    def __post_init__(self) -> None:
        if self.phases not in (1, 2, 3):
            raise ValueError(f"a car charges on 1, 2 or 3 phases, not {self.phases}")


def draw_vehicle(rng: Random) -> VehicleSpec:
    """One car of a European mix: 35 % one-phase, 8 % two-phase, the rest three-phase."""
    phases = rng.choices((1, 2, 3), weights=(35, 8, 57))[0]
    capacity_wh = rng.uniform(30_000, 90_000)
    soc = rng.uniform(0.1, 0.9)
    return VehicleSpec(
        phases=phases,
        max_a=rng.choice((16.0, 32.0, 32.0) if phases < 3 else (16.0, 16.0, 32.0)),
        capacity_wh=capacity_wh,
        soc=soc,
        wish_wh=(1 - soc) * capacity_wh,
        reaction_s=rng.uniform(1.0, 5.0),
        ramp_up_a_per_s=rng.uniform(0.5, 5.0),
        ramp_down_a_per_s=rng.uniform(5.0, 20.0),
        shortfall_a=rng.uniform(0.0, 1.0),
    )


class Vehicle:
    """One car at a connector; `step` advances it."""

    def __init__(self, spec: VehicleSpec) -> None:
        self.spec = spec
        self.energy_wh = 0.0
        self._current_a = 0.0
        self._elapsed_s = 0.0
        self._seen_a = 0.0
        self._obeyed_a = 0.0
        self._pending: deque[tuple[float, float]] = deque()

    @property
    def soc(self) -> float:
        return min(1.0, self.spec.soc + self.energy_wh / self.spec.capacity_wh)

    @property
    def wants_energy(self) -> bool:
        return self.energy_wh < self.spec.wish_wh and self.soc < 1.0

    def wish_a(self) -> float:
        """What the car would draw per phase if nobody limited it."""
        if not self.wants_energy:
            return 0.0
        taper = max(0.0, (1.0 - self.soc) / (1.0 - TAPER_FROM))
        return self.spec.max_a if taper >= 1.0 else max(TAPER_END_A, self.spec.max_a * taper)

    def disconnect(self) -> None:
        """The contactor opened: the current ends at once."""
        self._current_a = self._seen_a = self._obeyed_a = 0.0
        self._pending.clear()

    def step(self, dt_s: float, limit_a: float, wired: int = 3) -> tuple[float, float, float]:
        """Advance by `dt_s` under an offer of `limit_a`; return the current on the connector's L1, L2, L3.

        Of its phases the car uses those that are wired.
        """
        self._elapsed_s += dt_s
        if limit_a != self._seen_a:
            self._seen_a = limit_a
            self._pending.append((self._elapsed_s + self.spec.reaction_s, limit_a))
        while self._pending and self._pending[0][0] <= self._elapsed_s:
            self._obeyed_a = self._pending.popleft()[1]
        self._ramp(dt_s, self._target_a())
        used = min(self.spec.phases, wired)
        self.energy_wh += self._current_a * used * NOMINAL_V * dt_s / 3600
        drawn = [self._current_a if phase < used else 0.0 for phase in range(3)]
        return drawn[0], drawn[1], drawn[2]

    def _target_a(self) -> float:
        if self._obeyed_a < self.spec.min_a:
            return 0.0
        return min(self.wish_a(), self._obeyed_a - self.spec.shortfall_a)

    def _ramp(self, dt_s: float, target_a: float) -> None:
        if target_a >= self._current_a:
            self._current_a = min(target_a, self._current_a + self.spec.ramp_up_a_per_s * dt_s)
        else:
            self._current_a = max(target_a, self._current_a - self.spec.ramp_down_a_per_s * dt_s)
