"""Who must give something back now, and how much of it.

A circuit that is over, and who waits for a minimum, are served in this very cycle. Where the meter shows it to be over,
everybody goes down to the share: of many commands one may get lost. Fair shares come second: for them an EVSE is cut
at most once in `cut_pause_s`, because every car that arrives moves everybody's share a little.

The dead band is a tolerance on both sides of a share. Whoever is above by less gives at least a whole band when it
gives at all, down to almost one below its share: so a few messages make room where a tenth of an ampere of everybody
would take a message each, and the next little rise needs none.
"""

from __future__ import annotations

from operator import add, sub

from sitectl.allocator.admission import Shares
from sitectl.allocator.compiled import CompiledSite, most_missing, sum_up
from sitectl.allocator.demand import NEVER_OFFERED, Demand
from sitectl.allocator.rules import SharingRules


class Shortage:
    """What is missing, per row (tenths, negative: to spare), if all commands are obeyed and the following is served.

    * `now`: what is in force, and a minimum for everybody who is due one.
    * `due`: that, and all raises that may go out now.
    * `fair`: that, and everybody's share.

    `rows_now`, `rows_due`, `rows_fair`: where that is more than nothing.
    """

    def __init__(self, now: list[int], due: list[int], fair: list[int]) -> None:
        self.now, self.due, self.fair = now, due, fair
        self.rows_fair = {row for row, missing in enumerate(fair) if missing > 0}
        self.rows_due = {row for row in self.rows_fair if due[row] > 0}
        self.rows_now = {row for row in self.rows_due if now[row] > 0}

    def given_back(self, plan: CompiledSite, key: int, amount: int) -> None:
        """An EVSE on the rows of `key` gives back so much."""
        counts = {} if plan.path_terms is None else dict(plan.path_terms[key])
        for row in self.rows_fair.intersection(plan.path_rows[key]):
            less = amount * counts.get(row, 1)
            self.now[row] -= less
            self.due[row] -= less
            self.fair[row] -= less
            if self.now[row] <= 0:
                self.rows_now.discard(row)
            if self.due[row] <= 0:
                self.rows_due.discard(row)
            if self.fair[row] <= 0:
                self.rows_fair.discard(row)


def cuts(
    plan: CompiledSite,
    demand: Demand,
    shares: Shares,
    free: list[int],
    over: frozenset[int],
    lowered: list[int],
    wanting: list[int],
    rising: set[int],
    now: float,
    rules: SharingRules,
) -> dict[int, int]:
    """New limits by EVSE number. `lowered`: those who are above their share, and first offers of no more than may be
    drawn already; `wanting`: those below it, of whom `rising` may rise now. `free`: per row, beside all that is in
    force; `over`: rows that are measured above their limit."""
    found: dict[int, int] = {}
    above: list[tuple[int, int]] = []
    for number in lowered:
        target, offered = shares.target[number], demand.offered[number]
        seen_over = over and not over.isdisjoint(plan.path_rows[demand.key[number]])
        if offered == NEVER_OFFERED or target == 0 or offered > demand.cap[number] or seen_over:
            found[number] = target
        else:
            above.append((target - offered, number))
    if above:
        short = _shortage(plan, demand, shares, free, found, wanting, rising)
        band, step = round(rules.dead_band_a * 10), round(rules.step_a * 10)
        above.sort()
        for excess, number in above:
            path, wide = plan.path_rows[demand.key[number]], -excess >= band
            if (short.rows_fair if wide else short.rows_due).isdisjoint(path):
                continue
            last = demand.evses[number].last_cut_at
            if last is not None and now - last < rules.cut_pause_s and short.rows_now.isdisjoint(path):
                continue
            target, offered = shares.target[number], demand.offered[number]
            missing = most_missing(plan, short.fair if wide else short.due, demand.key[number])
            least = target if wide else max(demand.minimum[number], target - max(0, band - step) // step * step)
            found[number] = max(least, (offered - max(band, missing)) // step * step)
            short.given_back(plan, demand.key[number], offered - found[number])
    return found


def _shortage(
    plan: CompiledSite,
    demand: Demand,
    shares: Shares,
    free: list[int],
    found: dict[int, int],
    wanting: list[int],
    rising: set[int],
) -> Shortage:
    """What cuts under way, and those found already, will set free is reckoned with."""
    now, due, fair = [0] * len(free), [0] * len(free), [0] * len(free)
    force, offered, key, leaf_rows = demand.force, demand.offered, demand.key, plan.leaf_rows
    told = offered.copy()
    for number, limit in found.items():
        told[number] = limit
    for number in demand.taking:
        less = force[number] - told[number]
        if less > 0 and told[number] > NEVER_OFFERED:
            for row in leaf_rows[key[number]]:
                now[row] -= less
    for number in wanting:
        has = offered[number] if offered[number] > NEVER_OFFERED else force[number]
        more, rows, into = shares.target[number] - has, leaf_rows[key[number]], fair
        if number in rising:
            into = due
            urgent = demand.minimum[number] - max(has, force[number])
            if urgent > 0:
                more -= urgent
                for row in rows:
                    now[row] += urgent
        for row in rows:
            into[row] += more
    sum_up(plan, now)
    sum_up(plan, due)
    sum_up(plan, fair)
    now = list(map(sub, now, free))
    due = list(map(add, now, due))
    return Shortage(now, due, list(map(add, due, fair)))
