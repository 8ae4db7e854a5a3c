"""Weighted max-min sharing of what the minimums left: progressive filling, driven by events.

One common level rises. An EVSE follows `weight * level` between its minimum and its cap; when a row is full,
everybody who still rises through it stays where it is. With rows that only bound sums this is exactly the
lexicographic max-min optimum (Radunovic and Le Boudec: a set with free disposal). The cost is about EVSEs x rows
above each, whatever the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace

from sitectl.allocator.admission import Shares
from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand, sum_up

NEVER = float("inf")
TOLERANCE = 1e-9
"""Of a level, in tenths of an ampere: far below a step, far above what floats lose on a site of ten thousand
EVSEs."""


def fill(
    plan: CompiledSite,
    demand: Demand,
    admitted: Sequence[int],
    shares: Shares,
    step: int = 1,
    weights: Sequence[int] | None = None,
) -> None:
    """Raise the admitted (one class, each at its minimum) to their fair shares; updates target, slack and bound_by.

    `weights` (positive, by EVSE number) None: all equal. Who is left below its cap is bound by a row without a step
    to spare.
    """
    if admitted:
        weight = weights if weights is not None else [1] * len(plan.ids)
        exact = Filling(plan, demand, admitted, shares.slack, weight).run()
        _hand_out(plan, demand, _floor(plan, demand, shares, exact, step), shares, step)


class Filling:
    """The rising level of one class, in tenths of an ampere per unit of weight. One use: `run`."""

    def __init__(
        self, plan: CompiledSite, demand: Demand, admitted: Sequence[int], slack: Sequence[int], weight: Sequence[int]
    ) -> None:
        self.weight, self.minimum, self.cap = weight, demand.minimum, demand.cap
        self.path = {number: plan.path_rows[demand.key[number]] for number in admitted}
        # Per row: what its risers may use in all (grows by the minimum of each that begins to rise) and their weight.
        self.remaining: list[float] = list(slack)
        self.speed = [0] * len(slack)
        self.members: list[list[int]] = [[] for _ in slack]
        for number, path in self.path.items():
            for row in path:
                self.members[row].append(number)
        self.starts = sorted(((demand.minimum[n] / weight[n], n) for n in admitted), reverse=True)
        self.caps = sorted(((demand.cap[n] / weight[n], n) for n in admitted), reverse=True)
        self.top = self.caps[0][0]
        # Heap of (level at which a row is full, row). An entry may be too early, never too late: freezing only delays.
        self.full: list[tuple[float, int]] = []
        self.rising: set[int] = set()
        self.exact: dict[int, float] = {}

    def run(self) -> dict[int, float]:
        """Every admitted EVSE's exact share: the minimum, the cap, or the level at which a row was full."""
        while len(self.exact) < len(self.path):
            start = self.starts[-1][0] if self.starts else NEVER
            cap = self.caps[-1][0] if self.caps else NEVER
            full = self._next_full(min(start, cap))
            if start <= cap and start <= full:
                self._begin(start)
            elif cap <= full:
                _, number = self.caps.pop()
                if number in self.rising:
                    self._freeze(number, self.cap[number])
            else:
                _, row = heappop(self.full)
                self._saturate(row, full)
        return self.exact

    def _next_full(self, before: float) -> float:
        """The level at which the next row is full, if that is below `before`; keys that went stale are renewed on
        the way."""
        full, remaining, speed = self.full, self.remaining, self.speed
        while full:
            level, row = full[0]
            if level >= before:
                break
            if not speed[row]:
                heappop(full)
                continue
            now = remaining[row] / speed[row]
            if now <= level + TOLERANCE:
                return level
            heapreplace(full, (now, row))
        return NEVER

    def _begin(self, level: float) -> None:
        """Everybody whose minimum is at this level begins to rise."""
        remaining, speed = self.remaining, self.speed
        touched: set[int] = set()
        while self.starts and self.starts[-1][0] <= level:
            _, number = self.starts.pop()
            if number in self.exact:
                continue
            self.rising.add(number)
            minimum, weight, path = self.minimum[number], self.weight[number], self.path[number]
            for row in path:
                remaining[row] += minimum
                speed[row] += weight
            touched.update(path)
        keyed = [(remaining[row] / speed[row], row) for row in touched if remaining[row] < self.top * speed[row]]
        if self.full:
            for entry in keyed:
                heappush(self.full, entry)
        else:
            heapify(keyed)
            self.full = keyed

    def _saturate(self, row: int, level: float) -> None:
        """A row is full: its risers stay at this level, and who has not begun to rise stays at its minimum."""
        for number in self.members[row]:
            if number in self.rising:
                self._freeze(number, level * self.weight[number])
            elif number not in self.exact:
                self.exact[number] = self.minimum[number]

    def _freeze(self, number: int, share: float) -> None:
        remaining, speed, weight = self.remaining, self.speed, self.weight[number]
        for row in self.path[number]:
            remaining[row] -= share
            speed[row] -= weight
        self.rising.discard(number)
        self.exact[number] = share


def _floor(plan: CompiledSite, demand: Demand, shares: Shares, exact: dict[int, float], step: int) -> list[int]:
    """Put the exact shares down on the step grid; returns who is below its cap, the largest loss first.

    A share is put down from a hair below itself, so that no rounding of floats can take more than there is; what
    was exact is the largest loss and gets its step back first.
    """
    taken = [0] * len(shares.slack)
    below: list[tuple[float, int]] = []
    for number, share in exact.items():
        minimum = demand.minimum[number]
        target = max(minimum, int(share - TOLERANCE) // step * step)
        if share >= demand.cap[number]:
            target = demand.cap[number]
        else:
            below.append((round(target - share, 6), number))
        shares.target[number] = target
        if target > minimum:
            for row in plan.leaf_rows[demand.key[number]]:
                taken[row] += target - minimum
    sum_up(plan, taken)
    for row, used in enumerate(taken):
        if used:
            shares.slack[row] -= used
    below.sort()
    return [number for _, number in below]


def _hand_out(plan: CompiledSite, demand: Demand, below: list[int], shares: Shares, step: int) -> None:
    """Give the steps that flooring left, one at a time, until every row that matters has none; notes who is bound
    by which."""
    slack = shares.slack
    while below:
        again: list[int] = []
        for number in below:
            path = plan.path_rows[demand.key[number]]
            for row in path:
                if slack[row] < step:
                    shares.bound_by[number] = row
                    break
            else:
                for row in path:
                    slack[row] -= step
                shares.target[number] += step
                if shares.target[number] < demand.cap[number]:
                    again.append(number)
        below = again
