"""Currents of lines 120 degrees apart between which stations are connected: they add up as vectors, not as sums.

On the line that two pairs share, x and y make √(x² + xy + y²). What loads all three lines may be balanced or between
any two of them, so its part in a line's current is known between two bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import sqrt

from sitectl.model.circuit import Wiring
from sitectl.model.electrical import Phase, PhaseCurrents
from sitectl.state import base_load
from sitectl.state.base_load import Amperes, Draws
from sitectl.state.evse import EvseState
from sitectl.state.station import StationState

PAIRS = {
    frozenset((Phase.L1, Phase.L2)): 0,
    frozenset((Phase.L2, Phase.L3)): 1,
    frozenset((Phase.L3, Phase.L1)): 2,
}
EVERY = 3
"""Place of what is on all three lines, after those of the pairs L1-L2, L2-L3 and L3-L1."""


def place_of(phases: Iterable[Phase]) -> int:
    """Under which place a station on these lines is summed up."""
    return PAIRS.get(frozenset(phases), EVERY)


def places(phases: Collection[Phase], wiring: Wiring) -> Collection[int]:
    """Where in `no_sums` a station on these lines is added."""
    return (place_of(phases),) if wiring.is_triangle else phases


def no_sums(wiring: Wiring) -> list[float]:
    """Nothing yet: by phase, or by pair of lines and what is on all of them."""
    return [0.0] * (EVERY + 1 if wiring.is_triangle else 3)


def on_lines(sums: Sequence[float], wiring: Wiring) -> PhaseCurrents:
    """What such sums make at most on each line."""
    if not wiring.is_triangle:
        return PhaseCurrents(*sums)
    return PhaseCurrents(*most_a(sums[:EVERY], (sums[EVERY],) * 3))


def least_a(pairs: Sequence[float], every: Sequence[float]) -> Amperes:
    """The least current of each line, if the pairs and what is on every line (per line) draw so much."""
    return _each_line(pairs, every, min)


def most_a(pairs: Sequence[float], every: Sequence[float]) -> Amperes:
    """The most."""
    return _each_line(pairs, every, max)


def at_least(plain_sum: PhaseCurrents) -> PhaseCurrents:
    """What currents of which only the plain sum is known make at least: they lie within 60 degrees."""
    return PhaseCurrents(*(sqrt(0.75) * a for a in plain_sum))


def _each_line(pairs: Sequence[float], every: Sequence[float], pick: Callable[[Sequence[float]], float]) -> Amperes:
    l1, l2, l3 = (pick(_currents(pairs[line], pairs[line - 1], every[line])) for line in range(3))
    return l1, l2, l3


def _currents(lead: float, lag: float, every: float) -> list[float]:
    """With what is on every line at 30, 0 and -30 degrees against the line's voltage."""
    in_phase, across = sqrt(0.75) * (lead + lag), 0.5 * (lead - lag)
    return [
        sqrt((in_phase + every * cosine) ** 2 + (across + every * sine) ** 2)
        for cosine, sine in ((sqrt(0.75), 0.5), (1.0, 0.0), (sqrt(0.75), -0.5))
    ]


def draws(below: Iterable[tuple[EvseState, StationState]], at: float, over: bool) -> Draws:
    """As `base_load.draws`, for a circuit without a neutral. What nobody heard of is summed up plainly."""
    groups: list[list[tuple[EvseState, StationState]]] = [[], [], [], []]
    for evse, station in below:
        groups[place_of(evse.phases())].append((evse, station))
    parts = [base_load.draws(group, at, over) for group in groups]
    every = parts[EVERY]

    def pairs(what: str) -> list[float]:
        """On either line of a pair flows the same."""
        return [getattr(parts[place], what)[place] for place in range(3)]

    return Draws(
        least=least_a(pairs("least"), every.least),
        most=most_a(pairs("most"), every.most),
        probable=least_a(pairs("probable"), every.probable),
        following=least_a(pairs("following"), every.following),
        unheard=_sum([part.unheard for part in parts]),
        silent=_sum([part.silent for part in parts]),
        likely_least=least_a(pairs("likely_least"), every.likely_least),
        likely_most=most_a(pairs("likely_most"), every.likely_most),
        vague=any(part.vague for part in parts),
        oldest_at=min(part.oldest_at for part in parts),
        unread=any(part.unread for part in parts),
    )


def _sum(parts: Sequence[Amperes]) -> Amperes:
    l1, l2, l3 = (sum(part[line] for part in parts) for line in range(3))
    return l1, l2, l3
