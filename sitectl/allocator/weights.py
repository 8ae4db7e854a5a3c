"""What is shared fairly: current, power, or what each car still needs. Each is the same filling with other weights.

* `current`: the same amperes for everybody; one on three phases gets three times the power for three times the copper.
* `power`: the same watts; a car on one phase gets three times the amperes of one on three.
* `need`: watts in proportion to the energy that is left of each wish, so that all would be ready together. Who said
  nothing is taken for the mean of the others; where nobody did, it is the current.

Minimums and maxima hold all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand
from sitectl.allocator.rules import SharingRules
from sitectl.model.snapshot import EvseSnapshot

UNIT = 600
"""The weight of an ampere of one phase: whole, also after it is divided by two or three."""

NEED_STEP_WH = 500.0
"""What is left is counted in such steps, so that shares move every few minutes and not with every reading."""


def weights(plan: CompiledSite, demand: Demand, rules: SharingRules) -> Sequence[int] | None:
    """Weights of the filling by EVSE number; None: all equal."""
    if rules.share == "current":
        return None
    per_ampere = [_phases(plan, key) for key in demand.key]
    if rules.share == "power":
        return [round(UNIT / phases) for phases in per_ampere]
    left = {n: steps for n in demand.taking if (steps := _steps_left(demand.evses[n])) is not None}
    if not left:
        return None
    mean = sum(left.values()) / len(left)
    return [max(1, round(UNIT * left.get(n, mean) / phases)) for n, phases in enumerate(per_ampere)]


def _phases(plan: CompiledSite, key: int) -> float:
    """The power of an ampere, in voltages between phase and neutral. What is on two lines of a triangle has √3."""
    count = (key & 7).bit_count()
    return sqrt(3.0) if count == 2 and plan.topology.wiring.is_triangle else float(max(1, count))


def _steps_left(evse: EvseSnapshot) -> int | None:
    """What is left of a wish; None where no energy was said. Who has it all has one step."""
    if evse.wish is None or evse.wish.energy_wh is None:
        return None
    return max(1, ceil((evse.wish.energy_wh - (evse.taken_wh or 0.0)) / NEED_STEP_WH))
