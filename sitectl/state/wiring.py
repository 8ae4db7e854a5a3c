"""What steps of a car say of where its EVSE's L1 is wired: summed up, and when they leave no doubt.

A car on one phase that moves by some amperes moves one phase of the grid meter, and only that. One such step may be
chance; so every clean step is weighed, and nothing is believed before all of this holds:

* three steps or more, of 8 A on the average or more of them;
* per ampere of the station, one grid phase differs from the mean of the other two by 1 (within 0.25), and each of the
  others by -0.5 (within 0.3): what other loads do to all phases alike cancels out;
* the best is better than the next by ten times its own uncertainty.

Three later steps that say otherwise, six times as clearly as they are uncertain, are a contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from sitectl.model.electrical import Phase, PhaseCurrents

STEPS_LEAST = 3
SQUARES_LEAST = 3 * 64.0
OWN_WITHIN, OTHERS_WITHIN = 0.25, 0.3
MARGIN = 10.0
NOISE_LEAST_A = 0.3
"""No meter and no few steps are surer than this."""

DOUBT_STEPS, DOUBT_BELOW, DOUBT_MARGIN = 3, 0.3, 6.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Clean steps, summed up: their number, the squares of the station's, and per grid phase the products with the
    contrast (that phase less the mean of the others) and the squares of that."""

    steps: int = 0
    squares: float = 0.0
    products: tuple[float, float, float] = (0.0, 0.0, 0.0)
    answers: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def gains(self) -> tuple[float, float, float]:
        """By how much the contrast of each phase answers per ampere."""
        if not self.squares:
            return 0.0, 0.0, 0.0
        a, b, c = (product / self.squares for product in self.products)
        return a, b, c

    def uncertainty(self) -> float:
        """The standard error of the least sure gain."""
        if self.steps < 2:
            return float("inf")
        gains = self.gains()
        left = [max(0.0, self.answers[p] - gains[p] * self.products[p]) / (self.steps - 1) for p in range(3)]
        return sqrt(max(*left, NOISE_LEAST_A**2) / self.squares)


NO_EVIDENCE = Evidence()


def with_step(evidence: Evidence, own_a: float, grid: PhaseCurrents) -> Evidence:
    """Weigh one clean step of a car on its first phase (signed ampere)."""
    contrast = [grid[p] - (sum(grid) - grid[p]) / 2.0 for p in range(3)]
    products = [evidence.products[p] + own_a * contrast[p] for p in range(3)]
    answers = [evidence.answers[p] + contrast[p] ** 2 for p in range(3)]
    return Evidence(
        evidence.steps + 1,
        evidence.squares + own_a * own_a,
        (products[0], products[1], products[2]),
        (answers[0], answers[1], answers[2]),
    )


def sure_of(evidence: Evidence) -> Phase | None:
    """The phase that the evidence leaves no reasonable doubt of."""
    if evidence.steps < STEPS_LEAST or evidence.squares < SQUARES_LEAST:
        return None
    gains = evidence.gains()
    best, second, third = sorted(range(3), key=lambda phase: -gains[phase])
    fits = abs(gains[best] - 1.0) <= OWN_WITHIN and all(abs(gains[p] + 0.5) <= OTHERS_WITHIN for p in (second, third))
    clear = gains[best] - gains[second] >= MARGIN * evidence.uncertainty()
    return Phase(best) if fits and clear else None


def contradicts(evidence: Evidence, learned: Phase) -> bool:
    """Whether later steps say that it is another phase, or none."""
    if evidence.steps < DOUBT_STEPS:
        return False
    gains = evidence.gains()
    clear = 1.0 - gains[learned] >= DOUBT_MARGIN * evidence.uncertainty()
    return gains[learned] < DOUBT_BELOW and clear
