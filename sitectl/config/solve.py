"""Fallbacks: what each EVSE may draw when nobody tells it anything, solved so that all fit on every circuit and phase.

`auto` is 6 A, the least that a vehicle can charge with (IEC 61851-1), for as many EVSEs as fit beside the worst base
load, by priority (larger first) and then by id; the others get 0 and charge only under sitectl. Explicit values are
taken as they are and come first. Pure arithmetic, in whole micro-amperes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sitectl.base.units import MICRO
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents

AUTO_A = 6.0


@dataclass(frozen=True, slots=True)
class Wish:
    """One EVSE. `fallback_a` None is auto; `rows`: every row its current passes; `phases`: those of the grid."""

    station: str
    evse: int
    rows: tuple[str, ...]
    phases: tuple[Phase, ...]
    min_a: float
    max_a: float
    priority: int = 1
    fallback_a: float | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """Fallbacks by (station, EVSE), and what they sum up to on each row."""

    fallback_a: Mapping[tuple[str, int], float]
    sum_a: Mapping[str, PhaseCurrents]


@dataclass(slots=True)
class _Sums:
    free: Mapping[str, int]
    used: dict[tuple[str, Phase], int] = field(default_factory=dict)

    def fits(self, wish: Wish, micro: int) -> bool:
        return all(
            self.used.get((row, phase), 0) + micro <= self.free[row] for row in wish.rows for phase in wish.phases
        )

    def add(self, wish: Wish, micro: int) -> None:
        for row in wish.rows:
            for phase in wish.phases:
                self.used[row, phase] = self.used.get((row, phase), 0) + micro


def solve(wishes: Iterable[Wish], free_a: Mapping[str, float]) -> Solution:
    """Give every EVSE its fallback. `free_a`: by row, what fallbacks may use on each phase (rating less base load).

    Sums may exceed `free_a` only by explicit values: whoever asks compares.
    """
    sums = _Sums({row: round(amperes * MICRO) for row, amperes in free_a.items()})
    fallbacks: dict[tuple[str, int], float] = {}
    undecided: list[Wish] = []
    for wish in wishes:
        if wish.fallback_a is None:
            undecided.append(wish)
        else:
            fallbacks[wish.station, wish.evse] = wish.fallback_a
            sums.add(wish, round(wish.fallback_a * MICRO))
    for wish in sorted(undecided, key=lambda wish: (-wish.priority, wish.station, wish.evse)):
        can_use = wish.min_a <= AUTO_A <= wish.max_a
        granted = AUTO_A if can_use and sums.fits(wish, round(AUTO_A * MICRO)) else 0.0
        fallbacks[wish.station, wish.evse] = granted
        sums.add(wish, round(granted * MICRO))
    totals = {row: PhaseCurrents(*(sums.used.get((row, phase), 0) / MICRO for phase in ALL_PHASES)) for row in free_a}
    return Solution(fallbacks, totals)
