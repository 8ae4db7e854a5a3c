"""The phase test: a charging car is stepped down, and the grid meter decides where the station's phases are wired.

Of each step the station tells its own change on L1, L2, L3, the meter the change of the grid's. By how much a grid
phase answers, per ampere of the station, says three things: where a phase lies, whether its current transformer is
turned round (it falls when the load rises), and whether its ratio is right (the answer is 1).

A car that draws the same on three phases shows all three transformers and no rotation: for that it takes a car, or a
load, on one phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sitectl.model.electrical import Phase, PhaseCurrents

STEP_LEAST_A = 3.0
"""Of a phase that takes part."""

ANSWERS = 0.3
"""A grid phase answers from this gain on; below it is the noise of other loads."""

CLEAR = 3.0
"""The phase that answers must do so by so many times as much as the next that should not."""

RATIO_RIGHT = 0.15
"""How far a gain may be from 1: class 1 meters, transformers and a car's last ampere of ramp."""

SPREAD_MOST = 0.25
"""How far the answers to single steps may lie apart: more is another load that moved meanwhile."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a car: the change of the station's own phases, and of the grid's, both signed (ampere)."""

    own: PhaseCurrents
    grid: PhaseCurrents


class Transformer(StrEnum):
    """What the test says of the current transformer on a grid phase."""

    RIGHT = "right"
    REVERSED = "reversed"
    RATIO = "wrong ratio"
    UNSEEN = "not tested"


@dataclass(frozen=True, slots=True)
class PhaseVerdict:
    """What the test found.

    * `first`: the grid phase of the station's L1, None where that cannot be told; `wired`: all grid phases that answer.
    * `gains`: by how much each grid phase answers per ampere; `transformers`: what that says of them.
    * `unclear`: why nothing can be said; "" if something can.
    """

    used: tuple[int, ...]
    first: Phase | None
    wired: tuple[Phase, ...]
    gains: tuple[float, float, float]
    transformers: tuple[Transformer, Transformer, Transformer]
    unclear: str = ""

    @property
    def well(self) -> bool:
        """Whether it was clear, and no transformer is wrong."""
        bad = (Transformer.REVERSED, Transformer.RATIO)
        return not self.unclear and not any(one in bad for one in self.transformers)


_UNSEEN = (Transformer.UNSEEN,) * 3


def judge(steps: Sequence[Step]) -> PhaseVerdict:
    """Judge a test by all its steps. Never raises; what is not clear says why."""
    used = tuple(own for own in range(3) if steps and all(abs(step.own[own]) >= STEP_LEAST_A for step in steps))
    if not used:
        return PhaseVerdict((), None, (), (0.0, 0.0, 0.0), _UNSEEN, f"the car was not moved by {STEP_LEAST_A:g} A")
    gains = tuple(_gain(steps, used, phase) for phase in range(3))
    three = (gains[0], gains[1], gains[2])
    strongest = sorted(range(3), key=lambda phase: -abs(gains[phase]))
    answer, others = strongest[: len(used)], strongest[len(used) :]
    weakest = min(abs(gains[phase]) for phase in answer)
    if weakest < ANSWERS:
        silent = f"only {sum(abs(g) >= ANSWERS for g in gains)} of {len(used)} phases answer on the meter"
        return PhaseVerdict(used, None, (), three, _UNSEEN, f"{silent}: does this meter carry the station?")
    if others and abs(gains[others[0]]) * CLEAR > weakest:
        return PhaseVerdict(used, None, (), three, _UNSEEN, "another load moved at the same time; try again")
    for phase in answer:
        if _spread(steps, used, phase) > SPREAD_MOST * max(1.0, abs(gains[phase])):
            return PhaseVerdict(used, None, (), three, _UNSEEN, "the steps do not agree; try again when it is calmer")
    found = [_transformer(gains[phase]) if phase in answer else Transformer.UNSEEN for phase in range(3)]
    first = Phase(answer[0]) if used == (0,) else None
    wired = tuple(Phase(phase) for phase in sorted(answer))
    return PhaseVerdict(used, first, wired, three, (found[0], found[1], found[2]))


def _own(step: Step, used: Sequence[int]) -> float:
    """The step of the phases in use: a car moves them together."""
    return sum(step.own[phase] for phase in used) / len(used)


def _gain(steps: Sequence[Step], used: Sequence[int], phase: int) -> float:
    """Ampere of a grid phase per ampere of the station, by least squares through zero."""
    squares = sum(_own(step, used) ** 2 for step in steps)
    return sum(_own(step, used) * step.grid[phase] for step in steps) / squares


def _spread(steps: Sequence[Step], used: Sequence[int], phase: int) -> float:
    answers = [step.grid[phase] / _own(step, used) for step in steps]
    return max(answers) - min(answers)


def _transformer(gain: float) -> Transformer:
    if gain < 0:
        return Transformer.REVERSED
    return Transformer.RIGHT if abs(gain - 1.0) <= RATIO_RIGHT else Transformer.RATIO
