"""What the breakers have borne decides how careful the sharing is, and how patient.

By the fraction of its trip time that a breaker has used up on a phase (`CircuitSnapshot.trips`): above 2 % some of the
rating is kept free; above 5 % everybody behind it gets the minimum; above 10 %, while it is still above its rating, the
lowest class is paused, and one more for each further 5 %.

And the other way round: a breaker bears 20 % too much for half an hour, a car bears a pause badly. So an inrush of
three seconds pauses nobody: whoever charges at its minimum keeps it for `patience_s` while the meter shows an overload,
and for half a minute while only the base load estimate does, which remembers the inrush for 20 s. Whoever has more than
the minimum is cut at once all the same, and a ceiling is obeyed at once; and for a minute nothing rises there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand
from sitectl.allocator.headroom import Headroom
from sitectl.allocator.rules import SharingRules
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.snapshot import SiteSnapshot

NORMAL = 0.02
WARM = 0.05
HOT = 0.10
NEXT_CLASS = 0.05
MARGIN = 0.05
"""Of the rating, kept free above `NORMAL`."""

BEARABLE = 0.2
"""Of the rating, more than it: a breaker holds that for half an hour."""

ESTIMATE_S = 30.0
"""So long the estimate of the base load may say that minimums do not fit while the meter shows no overload."""

FORGOTTEN_S = 60.0

Shortages = Mapping[int, tuple[float, float]]
"""By row: since when minimums of running vehicles did not fit, and when that was so last."""


def spare_breakers(plan: CompiledSite, snapshot: SiteSnapshot, room: Headroom, demand: Demand) -> tuple[str, ...]:
    """Lower room and caps where a breaker is warm; returns alarms."""
    warm: dict[int, float] = {}
    still_over: set[int] = set()
    for name, circuit in snapshot.circuits.items():
        if max(circuit.trips) <= NORMAL:
            continue
        for phase in ALL_PHASES:
            used = circuit.trips[phase]
            for row in plan.rows_of(plan.circuit_node[name], phase):
                if used > NORMAL:
                    room.room[row] -= round(plan.rated[row] * MARGIN)
                if used > WARM:
                    warm[row] = used
                    if used > HOT and circuit.over_since[phase] is not None:
                        still_over.add(row)
    return _rest(plan, demand, warm, still_over) if warm else ()


def _rest(plan: CompiledSite, demand: Demand, warm: Mapping[int, float], still_over: set[int]) -> tuple[str, ...]:
    """Minimums behind warm breakers, and pauses behind hot ones."""
    behind: dict[int, list[int]] = {row: [] for row in warm}
    for number in demand.taking:
        for row in plan.path_rows[demand.key[number]]:
            if row in warm:
                behind[row].append(number)
                less = f"{plan.row_name[row]} must rest, its breaker has used {warm[row]:.0%} of its trip time"
                demand.lower(number, demand.minimum[number], less)
    alarms = []
    for row in sorted(still_over):
        classes = sorted({plan.rank[number] for number in behind[row]}, reverse=True)
        paused = classes[: 1 + int((warm[row] - HOT) / NEXT_CLASS)]
        for number in behind[row]:
            if plan.rank[number] in paused:
                less = (
                    f"{plan.row_name[row]} is above its rating, its breaker has used {warm[row]:.0%} of its trip time"
                )
                demand.lower(number, 0, less)
        alarms.append(f"{plan.row_name[row]}: its breaker has used {warm[row]:.0%} of its trip time and is still over")
    return tuple(dict.fromkeys(alarms))


class Patience:
    """Which rows bear the minimums of those who charge already, though they do not fit. One cycle's use.

    `before`: the shortages that the last cycle left, `shortages`: those that this one leaves.
    """

    def __init__(
        self,
        plan: CompiledSite,
        snapshot: SiteSnapshot,
        room: Headroom,
        rules: SharingRules,
        before: Shortages,
        borne: Mapping[int, float],
    ) -> None:
        self._plan, self._snapshot, self._room, self._rules = plan, snapshot, room, rules
        self._found: dict[int, bool] = {}
        self.borne: dict[int, float] = {row: at for row, at in borne.items() if snapshot.at - at <= FORGOTTEN_S}
        """Rows that bear, or bore within a minute, and when last: nothing rises through them."""
        self.shortages: dict[int, tuple[float, float]] = {
            row: seen for row, seen in before.items() if snapshot.at - seen[1] <= FORGOTTEN_S
        }

    def bears(self, key: int, need: int, slack: Sequence[int]) -> bool:
        """Whether every row of `key` without room for `need` bears it for a while."""
        plan = self._plan
        terms = plan.path_terms[key] if plan.path_terms is not None else [(row, 1) for row in plan.path_rows[key]]
        short = [(row, need * counts - slack[row]) for row, counts in terms if slack[row] < need * counts]
        patient = [self._bears(row) for row, _ in short]  # all are asked, so that each shortage is noted
        if not (all(patient) and all(missing <= BEARABLE * plan.rated[row] for row, missing in short)):
            return False
        self.borne.update((row, self._snapshot.at) for row, _ in short)
        return True

    def _bears(self, row: int) -> bool:
        if row not in self._found:
            self._found[row] = self._judge(row)
        return self._found[row]

    def _judge(self, row: int) -> bool:
        """By what its circuit's meter shows; rows of posts, and circuits without a meter, bear nothing."""
        now, plan = self._snapshot.at, self._plan
        since, _ = self.shortages.get(row, (now, now))
        self.shortages[row] = (since, now)
        node, phase = plan.place_of(row)
        name = next((name for name, at in plan.circuit_node.items() if at == node), None)
        if name is None:
            return False
        circuit = self._snapshot.circuits[name]
        if circuit.measured_a is None or not circuit.settled or circuit.trips[phase] > NORMAL:
            return False
        if self._room.limit[row] < plan.rated[row]:
            return False
        over = circuit.over_since[phase]
        return now - since < ESTIMATE_S if over is None else now - over < self._rules.patience_s
