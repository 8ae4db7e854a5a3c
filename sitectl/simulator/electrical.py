"""Ground truth of the wires: which grid phase carries what, and for how long a fuse was over its rating.

Pure, and deliberately not the daemon's arithmetic: the judge must not share the mistakes of the judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Phases = tuple[float, float, float]

ZERO: Phases = (0.0, 0.0, 0.0)
METER_NOISE_A = 0.1  # below what a class 1 meter resolves at such currents; no overload


@dataclass(frozen=True)
class CircuitSpec:
    name: str
    rated_a: float
    parent: str | None = None


def add(*currents: Phases) -> Phases:
    return sum(c[0] for c in currents), sum(c[1] for c in currents), sum(c[2] for c in currents)


def rotate(drawn: Phases, wiring: str) -> Phases:
    """Currents on a station's own L1, L2, L3 as grid phases; `wiring` names the grid phase of each ("L2L3L1", "L3")."""
    grid = [0.0, 0.0, 0.0]
    for own, phase in enumerate(wiring.split("L")[1:]):
        grid[int(phase) - 1] += drawn[own]
    return grid[0], grid[1], grid[2]


def path(circuit: str, circuits: Mapping[str, CircuitSpec]) -> list[str]:
    """The circuits that carry what is drawn on `circuit`, itself first, the root last."""
    names = [circuit]
    while (parent := circuits[names[-1]].parent) is not None:
        names.append(parent)
    return names


@dataclass
class FuseRecord:
    """What one fuse went through."""

    rated_a: float
    peak_a: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    overload_as: float = 0.0
    longest_overload_s: float = 0.0
    _over_s: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def record(self, dt_s: float, currents: Phases) -> None:
        """Account for `currents` having flown for `dt_s`; ampere-seconds are those of the worst phase."""
        self.peak_a = [max(peak, a) for peak, a in zip(self.peak_a, currents, strict=True)]
        self.overload_as += max(0.0, max(currents) - self.rated_a) * dt_s
        limit_a = self.rated_a + METER_NOISE_A
        self._over_s = [over + dt_s if a > limit_a else 0.0 for over, a in zip(self._over_s, currents, strict=True)]
        self.longest_overload_s = max(self.longest_overload_s, *self._over_s)


@dataclass(frozen=True)
class Wish:
    """What one connector could take: ampere per phase, on the grid phases it uses, under the circuits of its path."""

    circuits: tuple[str, ...]
    uses: tuple[bool, bool, bool]
    a: float


def fill(wishes: Iterable[Wish], room: Mapping[str, Phases]) -> float:
    """Ampere-phases that max-min fair filling would take of `room` (what is left per circuit and phase).

    The yardstick of `used_share`; the minimum of 6 A is not in it.
    """
    left = {(circuit, phase): max(0.0, a) for circuit, phases in room.items() for phase, a in enumerate(phases)}
    growing = {n: wish for n, wish in enumerate(wishes) if wish.a > 0}
    rows = {n: [(c, p) for c in w.circuits for p in range(3) if w.uses[p]] for n, w in growing.items()}
    level, taken = 0.0, 0.0
    while growing:
        load: dict[tuple[str, int], int] = {}
        for n in growing:
            for row in rows[n]:
                load[row] = load.get(row, 0) + 1
        smallest_a = min(wish.a for wish in growing.values())
        step = min(smallest_a - level, *(left[row] / count for row, count in load.items()))
        level += step
        for row, count in load.items():
            left[row] -= step * count
        full = {row for row in load if left[row] <= 1e-9}
        for n in [n for n, w in growing.items() if w.a - level <= 1e-9 or full.intersection(rows[n])]:
            taken += level * sum(growing.pop(n).uses)
    return taken
