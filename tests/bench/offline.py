"""What a day could give at most, and what simple rules make of it: a linear programme that knows everything, and the
sorted rules of the literature. For `real_days`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy
from scipy.optimize import linprog
from scipy.sparse import csr_array

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, StationId
from tests.onehertz.cars import NOMINAL_V
from tests.onehertz.days import Visit

SLOT_S = 300.0
MIN_A = 6.0

Rows = tuple[tuple[CircuitId, int], ...]


def rows_of(site: Topology, visit: Visit) -> Rows:
    """The (circuit, phase) rows that a visit loads."""
    plan = site.stations[StationId(visit.place)].evses[0]
    return tuple(
        (circuit, int(phase)) for circuit in site.paths[plan.circuit] for phase in plan.rotation.phases[: visit.phases]
    )


def clairvoyant_kwh(site: Topology, visits: Sequence[Visit]) -> float:
    """The most energy with all arrivals, departures and demands known, no minimum and no steps: an upper bound."""
    costs: list[float] = []
    most: list[float] = []
    found: dict[tuple[object, ...], int] = {}
    places, columns, weights, limits = [], [], [], []

    def row(key: tuple[object, ...], limit: float) -> int:
        if key not in found:
            found[key] = len(limits)
            limits.append(limit)
        return found[key]

    for number, visit in enumerate(visits):
        wh_per_a = visit.phases * NOMINAL_V * SLOT_S / 3600.0
        for slot in range(int(visit.arrives_s // SLOT_S), int(visit.departs_s // SLOT_S) + 1):
            here_s = min(visit.departs_s, (slot + 1) * SLOT_S) - max(visit.arrives_s, slot * SLOT_S)
            if here_s <= 0.0:
                continue
            column = len(costs)
            costs.append(-wh_per_a)
            most.append(visit.max_a * here_s / SLOT_S)
            keys = [(*key, slot) for key in rows_of(site, visit)]
            for key, weight, limit in [
                *((key, 1.0, site.circuits[key[0]].rated_a) for key in keys),
                (("asks", number), wh_per_a, visit.asks_wh),
            ]:
                places.append(row(key, limit))
                columns.append(column)
                weights.append(weight)
    matrix = csr_array((weights, (places, columns)), shape=(len(limits), len(costs)))
    bounds = numpy.column_stack([numpy.zeros(len(most)), most])
    solved = linprog(costs, A_ub=matrix, b_ub=limits, bounds=bounds, method="highs")
    if solved.status != 0:
        raise ArithmeticError(solved.message)
    return float(-solved.fun / 1000.0)


@dataclass
class Served:
    """A visit under a rule."""

    visit: Visit
    departs_s: float
    got_wh: float = 0.0
    current_a: float = 0.0
    starts: int = 0

    def left_wh(self) -> float:
        return self.visit.asks_wh - self.got_wh

    def laxity_s(self, now_s: float) -> float:
        """How long it could still wait."""
        best_w = self.visit.max_a * self.visit.phases * NOMINAL_V
        return self.departs_s - now_s - self.left_wh() / best_w * 3600.0


@dataclass(frozen=True)
class RuleDay:
    """What came of a day under a rule."""

    kwh: float
    jain: float
    starts: float


Order = Callable[[Served, float], float]
ORDERS: dict[str, Order] = {
    "FCFS": lambda served, now_s: served.visit.arrives_s,
    "EDF": lambda served, now_s: served.departs_s,
    "LLF": lambda served, now_s: served.laxity_s(now_s),
}


def by_order(site: Topology, visits: Sequence[Visit], order: Order, *, typed: bool = False) -> RuleDay:
    """Every five minutes: sort, and give each the most that fits, in whole ampere, at least 6."""

    def share(here: list[Served], now_s: float) -> Iterator[tuple[Served, float]]:
        room = {(id, phase): float(c.rated_a) for id, c in site.circuits.items() for phase in range(3)}
        for served in sorted(here, key=lambda s: order(s, now_s)):
            rows = rows_of(site, served.visit)
            a = float(int(min(served.visit.max_a, *(room[row] for row in rows))))
            a = a if a >= MIN_A else 0.0
            for row in rows:
                room[row] -= a
            yield served, a

    return _day(visits, share, typed)


def equal_split(site: Topology, visits: Sequence[Visit]) -> RuleDay:
    """Every five minutes: the same for all that are here, by the scarcest row; where that is less than 6 A, the first
    come get 6 A."""

    def share(here: list[Served], now_s: float) -> Iterator[tuple[Served, float]]:
        loaded: dict[tuple[CircuitId, int], int] = {}
        for served in here:
            for row in rows_of(site, served.visit):
                loaded[row] = loaded.get(row, 0) + 1
        level_a = min((float(int(site.circuits[row[0]].rated_a / count)) for row, count in loaded.items()), default=0.0)
        if level_a >= MIN_A:
            yield from ((served, min(level_a, served.visit.max_a)) for served in here)
            return
        room = {row: site.circuits[row[0]].rated_a for row in loaded}
        for served in sorted(here, key=lambda s: s.visit.arrives_s):
            rows = rows_of(site, served.visit)
            fits = all(room[row] >= MIN_A for row in rows)
            for row in rows if fits else ():
                room[row] -= MIN_A
            yield served, MIN_A if fits else 0.0

    return _day(visits, share, typed=False)


def _day(
    visits: Sequence[Visit], share: Callable[[list[Served], float], Iterator[tuple[Served, float]]], typed: bool
) -> RuleDay:
    all_served = [Served(visit, visit.says_s if typed else visit.departs_s) for visit in visits]
    slot_s = min(visit.arrives_s for visit in visits) // SLOT_S * SLOT_S
    while slot_s < max(visit.departs_s for visit in visits):
        here = [
            served
            for served in all_served
            if served.visit.arrives_s < slot_s + SLOT_S and served.visit.departs_s > slot_s and served.left_wh() > 1.0
        ]
        for served, a in share(here, slot_s):
            served.starts += a > 0.0 and served.current_a == 0.0
            served.current_a = a
            begins_s = max(slot_s, served.visit.arrives_s)
            here_s = max(0.0, min(slot_s + SLOT_S, served.visit.departs_s) - begins_s)
            wh = a * served.visit.phases * NOMINAL_V * here_s / 3600.0
            served.got_wh = min(served.visit.asks_wh, served.got_wh + wh)
        slot_s += SLOT_S
    shares = [served.got_wh / served.visit.wants_wh for served in all_served]
    squares = sum(share * share for share in shares)
    return RuleDay(
        kwh=sum(served.got_wh for served in all_served) / 1000.0,
        jain=sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0,
        starts=sum(served.starts for served in all_served) / len(all_served),
    )
