"""The largest fallbacks that a site would bear, what binds each, and what explicit ones must come down to.

For people who ask `check`: `auto` never gives more than 6 A by itself. EVSEs of the highest priority rise first, those
of one priority together, each until a circuit on one phase (or its own cable) stops it. Pure, in whole micro-amperes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from sitectl.base.units import MICRO
from sitectl.config.solve import AUTO_A, Key, Solution, Sums, Wish, sums_of
from sitectl.model.electrical import Phase

STEP = MICRO // 10
"""A tenth of an ampere: finer values are no use to a station."""


@dataclass(frozen=True, slots=True)
class Largest:
    """What one EVSE could have, and the row and phase that stop it; None: its own maximum does."""

    fallback_a: float
    row: str | None
    phase: Phase | None


def tightest(solution: Solution) -> tuple[str, Phase, float] | None:
    """The row and phase on which the least is left beside all fallbacks (A); None where no EVSE is."""
    cells = {cell for wish in solution.wishes for cell in wish.cells}
    left = [(solution.free_a[row] - solution.sum_a[row][phase], row, phase) for row, phase in cells]
    if not left:
        return None
    left_a, row, phase = min(left, key=lambda one: (round(one[0], 6), one[1], one[2]))
    return row, phase, left_a


def largest(solution: Solution) -> Mapping[Key, Largest]:
    """Each EVSE's largest fallback with everybody at theirs. Who has 0 keeps 0, with what leaves no room for 6 A."""
    sums = sums_of(solution.free_a)
    now = {wish.key: round(solution.fallback_a[wish.key] * MICRO) for wish in solution.wishes}
    for wish in solution.wishes:
        sums.add(wish, now[wish.key])
    found = {wish.key: _stopped(wish, sums) for wish in solution.wishes if now[wish.key] == 0}
    for priority in sorted({wish.priority for wish in solution.wishes}, reverse=True):
        rising = [wish for wish in solution.wishes if wish.priority == priority and now[wish.key] > 0]
        while rising:
            step = min(_room(rising, sums), *(round(w.max_a * MICRO) - now[w.key] for w in rising))
            for wish in rising:
                now[wish.key] += max(0, step)
                sums.add(wish, max(0, step))
            stopped = {wish.key: stop for wish in rising if (stop := _stop(wish, now[wish.key], len(rising), sums))}
            for key, (row, phase) in stopped.items():
                found[key] = Largest(floor(now[key] / STEP) / 10, row, phase)
            rising = [wish for wish in rising if wish.key not in stopped]
    return found


def _room(rising: Sequence[Wish], sums: Sums) -> int:
    """By how much all of these may rise at once."""
    crossing: dict[tuple[str, Phase], int] = {}
    for wish in rising:
        for cell in wish.cells:
            crossing[cell] = crossing.get(cell, 0) + 1
    return min(sums.left(*cell) // count for cell, count in crossing.items())


def _stop(wish: Wish, micro: int, rising: int, sums: Sums) -> tuple[str | None, Phase | None] | None:
    """What stops an EVSE from rising further; None: nothing yet."""
    for row, phase in wish.cells:
        if sums.left(row, phase) < rising:  # less than one micro-ampere for each
            return row, phase
    return (None, None) if micro >= round(wish.max_a * MICRO) else None


def _stopped(wish: Wish, sums: Sums) -> Largest:
    """Why an EVSE has nothing: where the least is left, if that is less than 6 A."""
    row, phase = min(wish.cells, key=lambda cell: sums.left(*cell))
    short = sums.left(row, phase) < round(AUTO_A * MICRO)
    return Largest(0.0, row if short else None, phase if short else None)


def cured(solution: Solution) -> Mapping[Key, tuple[float, float]]:
    """Explicit fallbacks that must come down so that all fit: from what to what (A), 0 or at least 6.

    Who has the higher priority keeps more; of the same priority, who comes first.
    """
    sums = sums_of(solution.free_a)
    lowered: dict[Key, tuple[float, float]] = {}
    explicit = (wish for wish in solution.wishes if wish.fallback_a)
    for wish in sorted(explicit, key=lambda wish: (-wish.priority, wish.key)):
        asked = round(solution.fallback_a[wish.key] * MICRO)
        room = min(sums.left(*cell) for cell in wish.cells)
        given = asked if asked <= room else max(0, room // STEP * STEP)
        if given < asked and given < round(max(AUTO_A, wish.min_a) * MICRO):
            given = 0
        sums.add(wish, given)
        if given < asked:
            lowered[wish.key] = asked / MICRO, given / MICRO
    return lowered
