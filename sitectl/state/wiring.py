"""What steps of a car say of where its EVSE's L1 is wired: summed up, and when they leave no doubt.

A car on one phase that moves by some amperes moves one phase of the grid meter, and only that. A step speaks for a
phase when, per ampere of the station, that phase differs from the mean of the other two by 1 (within 0.25), and each
of the others by -0.5 (within 0.3): what other loads do to all phases alike cancels out, and a step beside which a load
of the house jumped speaks for none. Nothing is believed before all of this holds:

* three steps or more speak for one phase, of 8 A on the average or more of them;
* none speaks for another one;
* they are two of five steps or more.

That a load of the house moves three times by the same amperes as the car, in the same half minute, on one phase, while
another one hides the car's own step, is the doubt that is left. Three steps that speak for other phases since the last
for the learned one, or six of which none speaks for it, are a contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.model.electrical import Phase, PhaseCurrents

OWN_WITHIN, OTHERS_WITHIN = 0.25, 0.3
NOISE_A = 0.75
"""A meter and two readings are not surer than this."""

STEPS_LEAST = 3
SQUARES_LEAST = 3 * 64.0
PART_LEAST = 0.4
DOUBT_STEPS = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """Clean steps: how many, how many of them speak for each grid phase, and the squares of those (A²)."""

    steps: int = 0
    votes: tuple[int, int, int] = (0, 0, 0)
    squares: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def others(self, phase: int) -> int:
        """How many speak for other phases than this."""
        return sum(self.votes) - self.votes[phase]


NO_EVIDENCE = Evidence()


def with_step(evidence: Evidence, own_a: float, grid: PhaseCurrents) -> Evidence:
    """Weigh one clean step of a car on its first phase (signed ampere)."""
    votes, squares = list(evidence.votes), list(evidence.squares)
    phase = speaks_for(own_a, grid)
    if phase is not None:
        votes[phase] += 1
        squares[phase] += own_a * own_a
    return Evidence(evidence.steps + 1, (votes[0], votes[1], votes[2]), (squares[0], squares[1], squares[2]))


def speaks_for(own_a: float, grid: PhaseCurrents) -> Phase | None:
    """The one grid phase that a step can have been on; None where it fits none."""
    contrast = [grid[p] - (sum(grid) - grid[p]) / 2.0 for p in range(3)]
    own_within, others_within = (max(NOISE_A, part * abs(own_a)) for part in (OWN_WITHIN, OTHERS_WITHIN))
    for phase in Phase:
        others = (contrast[p] for p in range(3) if p != phase)
        if abs(contrast[phase] - own_a) <= own_within and all(abs(c + own_a / 2.0) <= others_within for c in others):
            return phase
    return None


def sure_of(evidence: Evidence) -> Phase | None:
    """The phase that the evidence leaves no reasonable doubt of."""
    best = max(Phase, key=lambda phase: evidence.votes[phase])
    enough = evidence.votes[best] >= STEPS_LEAST and evidence.squares[best] >= SQUARES_LEAST
    clear = evidence.others(best) == 0 and evidence.votes[best] >= PART_LEAST * evidence.steps
    return best if enough and clear else None


def contradicts(evidence: Evidence, learned: Phase) -> bool:
    """Whether later steps say that it is another phase, or none."""
    if evidence.votes[learned]:
        return False
    return evidence.others(learned) >= STEPS_LEAST or evidence.steps >= DOUBT_STEPS
