"""Phases, currents per phase, and how the phases of a station lie on those of the grid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Phase(IntEnum):
    """A phase conductor of the grid; the value is its index in a `PhaseCurrents`."""

    L1 = 0
    L2 = 1
    L3 = 2


ALL_PHASES = (Phase.L1, Phase.L2, Phase.L3)


class PhaseCurrents(NamedTuple):
    """Ampere on three conductors. Signed where it is a grid reading: import is positive."""

    l1: float
    l2: float
    l3: float

    def plus(self, other: PhaseCurrents) -> PhaseCurrents:
        """The sum, phase by phase."""
        return PhaseCurrents(self.l1 + other.l1, self.l2 + other.l2, self.l3 + other.l3)

    def minus(self, other: PhaseCurrents) -> PhaseCurrents:
        """The difference, phase by phase."""
        return PhaseCurrents(self.l1 - other.l1, self.l2 - other.l2, self.l3 - other.l3)

    def highest(self, other: PhaseCurrents) -> PhaseCurrents:
        """The larger value of each phase."""
        return PhaseCurrents(max(self.l1, other.l1), max(self.l2, other.l2), max(self.l3, other.l3))

    def rounded(self, digits: int = 1) -> PhaseCurrents:
        """The same, rounded for showing."""
        return PhaseCurrents(round(self.l1, digits), round(self.l2, digits), round(self.l3, digits))


NO_CURRENT = PhaseCurrents(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PhaseRotation:
    """Where an EVSE's own L1, L2, L3 are wired on the grid, in that order; one to three entries, all different.

    `known` is False when nobody knows: then the EVSE is counted on all three phases. `line_to_line`: it has no neutral,
    so what flows in on one of its lines comes back by another.
    """

    phases: tuple[Phase, ...] = ALL_PHASES
    known: bool = True
    line_to_line: bool = False

    def to_grid(self, own: PhaseCurrents) -> PhaseCurrents:
        """Currents as the station names its phases -> currents as the grid names them."""
        grid = [0.0, 0.0, 0.0]
        if self.line_to_line and len(self.phases) == 2:
            own = PhaseCurrents(*(max(own),) * 3)
        if len(self.phases) == 1:  # most stations, and all of them are turned once a second
            grid[self.phases[0]] += own[0]
        else:
            for mine, theirs in zip(own, self.phases, strict=False):
                grid[theirs] += mine
        return PhaseCurrents(*grid)


UNKNOWN_ROTATION = PhaseRotation(ALL_PHASES, known=False)
