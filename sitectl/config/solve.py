"""Fallbacks: what each EVSE may draw when nobody tells it anything, solved so that all fit on every circuit and phase.

`auto` is 6 A, the least that a vehicle can charge with (IEC 61851-1), for as many EVSEs as fit beside the worst base
load: first as many of the highest priority as can be, then of the next; of equally many those with the smaller ids. The
others get 0 and charge only under sitectl. Explicit values are taken as they are and come first. Pure arithmetic, in
whole micro-amperes.

As many as can be: the EVSEs on one phase come first, for each of them takes from others less than any it stands in the
way of; what they leave is then filled, and that is the most there is (with circuits in a tree the sets that fit are
laminar matroids, one a phase). Where EVSEs on two phases stand among others it may be one fewer than the most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sitectl.base.units import MICRO
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents

AUTO_A = 6.0
_AUTO = round(AUTO_A * MICRO)

Key = tuple[str, int]
"""Station and EVSE."""


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

    @property
    def key(self) -> Key:
        """Its name."""
        return self.station, self.evse

    @property
    def cells(self) -> Iterable[tuple[str, Phase]]:
        """Every row and phase that its current passes."""
        return ((row, phase) for row in self.rows for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Solution:
    """Fallbacks by (station, EVSE), what they sum up to on each row, and what they were solved from."""

    fallback_a: Mapping[Key, float]
    sum_a: Mapping[str, PhaseCurrents]
    wishes: Sequence[Wish] = ()
    free_a: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Sums:
    """What is used of each row and phase, in micro-amperes."""

    free: Mapping[str, int]
    used: dict[tuple[str, Phase], int] = field(default_factory=dict)

    def left(self, row: str, phase: Phase) -> int:
        """What is left there; negative: too much is used."""
        return self.free[row] - self.used.get((row, phase), 0)

    def fits(self, wish: Wish, micro: int) -> bool:
        """Whether so much more fits on every row of an EVSE."""
        return all(micro <= self.left(*cell) for cell in wish.cells)

    def add(self, wish: Wish, micro: int) -> None:
        """Use so much of every row of an EVSE."""
        for cell in wish.cells:
            self.used[cell] = self.used.get(cell, 0) + micro


def sums_of(free_a: Mapping[str, float]) -> Sums:
    """Nothing used yet."""
    return Sums({row: round(amperes * MICRO) for row, amperes in free_a.items()})


def solve(wishes: Iterable[Wish], free_a: Mapping[str, float]) -> Solution:
    """Give every EVSE its fallback. `free_a`: by row, what fallbacks may use on each phase (rating less base load).

    Sums may exceed `free_a` only by explicit values: whoever asks compares.
    """
    wishes, sums = tuple(sorted(wishes, key=lambda wish: wish.key)), sums_of(free_a)
    fallbacks: dict[Key, float] = {}
    levels: dict[int, list[Wish]] = {}
    for wish in wishes:
        if wish.fallback_a is not None:
            fallbacks[wish.key] = wish.fallback_a
            sums.add(wish, round(wish.fallback_a * MICRO))
        else:
            fallbacks[wish.key] = 0.0
            if wish.min_a <= AUTO_A <= wish.max_a:
                levels.setdefault(wish.priority, []).append(wish)
    for priority in sorted(levels, reverse=True):
        for wish in _granted(levels[priority], sums):
            fallbacks[wish.key] = AUTO_A
    totals = {row: PhaseCurrents(*(sums.used.get((row, phase), 0) / MICRO for phase in ALL_PHASES)) for row in free_a}
    return Solution(fallbacks, totals, wishes, free_a)


_Kind = tuple[tuple[str, ...], tuple[Phase, ...]]
"""EVSEs that are alike here: the rows that may bind them, and their phases."""


def _granted(wishes: Sequence[Wish], sums: Sums) -> list[Wish]:
    """As many as fit of one priority, of equally many those that come first; they are added to `sums`."""
    kinds = _kinds(wishes, sums)
    left = Counter(kinds.values())
    mixed = len({len(wish.phases) for wish in wishes}) > 1
    most = _most(left, sums) if mixed else 0
    granted: list[Wish] = []
    for wish in wishes:
        kind = kinds[wish.key]
        left[kind] -= 1
        if not sums.fits(wish, _AUTO):
            continue
        sums.add(wish, _AUTO)
        if mixed and len(granted) + 1 + _most(left, sums) < most:
            sums.add(wish, -_AUTO)
            continue
        granted.append(wish)
    return granted


def _kinds(wishes: Sequence[Wish], sums: Sums) -> Mapping[Key, _Kind]:
    wanted: Counter[tuple[str, Phase]] = Counter()
    for wish in wishes:
        wanted.update(wish.cells)
    binding = {row for (row, phase), count in wanted.items() if count * _AUTO > sums.left(row, phase)}
    return {wish.key: (tuple(row for row in wish.rows if row in binding), wish.phases) for wish in wishes}


def _most(kinds: Mapping[_Kind, int], sums: Sums) -> int:
    """How many of these fit at the most, those on the fewest phases first."""
    used: dict[tuple[str, Phase], int] = {}
    total = 0
    for (rows, phases), count in sorted(kinds.items(), key=lambda item: len(item[0][1])):
        cells = [(row, phase) for row in rows for phase in phases]
        room = min(((sums.left(*cell) - used.get(cell, 0)) // _AUTO for cell in cells), default=count)
        fitting = max(0, min(count, room))
        for cell in cells:
            used[cell] = used.get(cell, 0) + fitting * _AUTO
        total += fitting
    return total
