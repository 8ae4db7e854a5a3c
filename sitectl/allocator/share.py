"""Weighted max-min sharing of what the minimums left: progressive filling, driven by events.

One common level rises. An EVSE follows `weight * level` between its minimum and its cap; when a row is full,
everybody who still rises through it stays where it is. With rows that only bound sums this is exactly the
lexicographic max-min optimum (Radunovic and Le Boudec: a set with free disposal). The cost is about EVSEs x rows
above each, whatever the step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from operator import add, sub

from sitectl.allocator.admission import Shares
from sitectl.allocator.compiled import CompiledSite, first_full, sum_up, take
from sitectl.allocator.demand import Demand

NEVER = float("inf")
TOLERANCE = 1e-9
"""Of a level, in tenths of an ampere: far below a step, far above what floats lose on a site of ten thousand
EVSEs."""
FINE = 1_000_000
"""Losses are told apart down to a millionth of a tenth; equal ones go by number."""


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
        self.plan, self.key, self.weight, self.minimum, self.cap = plan, demand.key, weight, demand.minimum, demand.cap
        self.waiting = len(admitted)
        # Per row: what its risers may use in all (grows by the minimum of each that begins to rise) and their weight.
        self.remaining: list[float] = list(slack)
        self.speed = [0] * len(slack)
        self.closed = [False] * len(slack)
        # By the rows of their own node; a row above finds its risers by going down where there is speed.
        self.members: list[list[int]] = [[] for _ in slack]
        starts: defaultdict[float, list[int]] = defaultdict(list)
        caps: defaultdict[float, list[int]] = defaultdict(list)
        minimum, cap = self.minimum, self.cap
        for number in admitted:
            unit = weight[number]
            starts[minimum[number] / unit].append(number)
            caps[cap[number] / unit].append(number)
        self.starts = sorted(starts.items(), reverse=True)
        self.caps = sorted(caps.items(), reverse=True)
        # Heap of (level at which a row is full, row). An entry may be too early, never too late: freezing only delays.
        self.full: list[tuple[float, int]] = []
        self.rising = [False] * len(weight)
        self.exact: dict[int, float] = {}

    def run(self) -> dict[int, float]:
        """Every admitted EVSE's exact share: the minimum, the cap, or the level at which a row was full."""
        self._begin_first(self.starts.pop()[1])
        while len(self.exact) < self.waiting:
            start = self.starts[-1][0] if self.starts else NEVER
            cap = self.caps[-1][0] if self.caps else NEVER
            full, row = self._next_full(min(start, cap))
            if start <= cap and start <= full:
                self._begin(self.starts.pop()[1])
            elif cap <= full:
                self._freeze(self.caps.pop()[1], NEVER)
            else:
                self._close(row, full)
        return self.exact

    def _next_full(self, before: float) -> tuple[float, int]:
        """The next row that is full below the level `before`, and where; keys that went stale are renewed on the
        way."""
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
                return level, row
            heapreplace(full, (now, row))
        return NEVER, -1

    def _begin_first(self, batch: list[int]) -> None:
        """The first to rise, mostly everybody: summed up the tree instead of along each path."""
        plan, speed, members, rising = self.plan, self.speed, self.members, self.rising
        minimum_of, cap_of, weight_of, key_of, leaf_rows = self.minimum, self.cap, self.weight, self.key, plan.leaf_rows
        minimums, caps = [0] * len(speed), [0] * len(speed)
        for number in batch:
            minimum, cap, weight = minimum_of[number], cap_of[number], weight_of[number]
            rising[number] = True
            for row in leaf_rows[key_of[number]]:
                minimums[row] += minimum
                caps[row] += cap
                speed[row] += weight
                members[row].append(number)
        for amounts in (minimums, caps, speed):
            sum_up(plan, amounts)
        self.remaining = list(map(add, self.remaining, minimums))
        # A row that holds them all at their caps is never full by them.
        rows = enumerate(zip(self.remaining, caps, speed, strict=True))
        self.full = [(left / rate, row) for row, (left, most, rate) in rows if rate and left < most]
        heapify(self.full)

    def _begin(self, batch: list[int]) -> None:
        """These begin to rise, unless a row of theirs is full: then the minimum is all they get."""
        plan, remaining, speed, closed = self.plan, self.remaining, self.speed, self.closed
        for number in batch:
            key = self.key[number]
            path = plan.path_rows[key]
            minimum, weight = self.minimum[number], self.weight[number]
            if any(closed[row] for row in path):
                self.exact[number] = minimum
                continue
            self.rising[number] = True
            for row in plan.leaf_rows[key]:
                self.members[row].append(number)
            take(plan, remaining, key, -minimum)
            take(plan, speed, key, -weight)
            for row in path:
                heappush(self.full, (remaining[row] / speed[row], row))

    def _close(self, row: int, level: float) -> None:
        """A row is full: everybody who still rises through it stays at this level."""
        self.closed[row] = True
        below = [row]
        while below:
            row = below.pop()
            self._freeze(self.members[row], level)
            below += [child for child in self.plan.row_children[row] if self.speed[child]]

    def _freeze(self, numbers: Iterable[int], level: float) -> None:
        """Those of them that still rise stay at this level (NEVER: at their cap)."""
        remaining, speed, rising, exact = self.remaining, self.speed, self.rising, self.exact
        keys, weights, cap = self.key, self.weight, self.cap
        path_rows, path_terms = self.plan.path_rows, self.plan.path_terms
        for number in numbers:
            if not rising[number]:
                continue
            rising[number] = False
            key, weight = keys[number], weights[number]
            exact[number] = share = level * weight if level < NEVER else cap[number]
            if path_terms is None:  # as `take`, in one piece: this is done for everybody in every cycle
                for row in path_rows[key]:
                    remaining[row] -= share
                    speed[row] -= weight
            else:
                for row, counts in path_terms[key]:
                    remaining[row] -= share * counts
                    speed[row] -= weight * counts


def _floor(plan: CompiledSite, demand: Demand, shares: Shares, exact: dict[int, float], step: int) -> list[int]:
    """Put the exact shares down on the step grid; returns who is below its cap, the largest loss first.

    A share is put down from a hair below itself, so that no rounding of floats can take more than there is; what
    was exact is the largest loss and gets its step back first.
    """
    minimum, cap, key, leaf_rows, targets = demand.minimum, demand.cap, demand.key, plan.leaf_rows, shares.target
    taken = [0] * len(shares.slack)
    below: defaultdict[int, list[int]] = defaultdict(list)
    last, floor, loss = NEVER, 0, 0
    for number, share in exact.items():
        least, target = minimum[number], cap[number]
        if share < target:
            if share != last:  # who was stopped by the same row has the same
                last, floor = share, int(share - TOLERANCE) // step * step
                loss = int((floor - share) * FINE)
            target = floor if floor > least else least
            below[loss if target == floor else int((target - share) * FINE)].append(number)
        targets[number] = target
        if target > least:
            more = target - least
            for row in leaf_rows[key[number]]:
                taken[row] += more
    sum_up(plan, taken)
    shares.slack = list(map(sub, shares.slack, taken))
    return [number for loss in sorted(below) for number in sorted(below[loss])]


def _hand_out(plan: CompiledSite, demand: Demand, below: list[int], shares: Shares, step: int) -> None:
    """Give the steps that flooring left, one at a time, until every row that matters has none; notes who is bound
    by which."""
    keys, cap, slack, target, bound_by = demand.key, demand.cap, shares.slack, shares.target, shares.bound_by
    path_rows = plan.path_rows if plan.path_terms is None else None
    while below:
        again: list[int] = []
        for number in below:
            key = keys[number]
            if path_rows is not None:  # as `first_full`, in one piece: this is done for everybody in every cycle
                for row in path_rows[key]:
                    if slack[row] < step:
                        break
                else:
                    row = -1
            else:
                row = first_full(plan, slack, key, step)
            if row >= 0:
                bound_by[number] = row
            else:
                take(plan, slack, key, step)
                target[number] += step
                if target[number] < cap[number]:
                    again.append(number)
        below = again
