"""Energy and fairness over whole days against what a clairvoyant could do: `python -m tests.bench.real_days [--json]`.

Method: the real owner of the site in half-minute steps (`tests.onehertz.coarse`) on the visits of real workdays at JPL
and Caltech (2019; `delivered_kwh` is the demand), each mapped by a hash to a one-phase car of 32 A (45 %), a two-phase
(10 %) or a three-phase one of 16 A at 230 V, without taper; four panels of 45 % of the root each, 60, 80 and 100 A a
phase at the root, no base load. Nobody tells it how many phases a car uses, or that it is full: both are learned from
readings, as at a real site. The bound is a linear programme over 5-minute slots that knows everything, with neither the
6 A rule nor steps. "actual": the true departure is told as a wish, "typed": what the driver had typed. Starts are
counted while the car still wants energy. Sampled: one day of each site; `--full`: ten of each. A generated day is
always there, and is judged only where the real ones are not.

The peers run on the same instances in 5-minute steps of whole ampere and are told phases, and when a car is full: FCFS,
EDF, LLF (least laxity first), an equal split, and acnportal's FCFS, EDF and LLF.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from sitectl.allocator.rules import SharingRules
from sitectl.model.circuit import Topology
from tests.bench import acn
from tests.bench.figures import Figure, conclude, full
from tests.bench.offline import ORDERS, by_order, clairvoyant_kwh, equal_split
from tests.onehertz.coarse import CoarseDay, Day
from tests.onehertz.days import ABSENT, Visit, generated_visits, real_days
from tests.onehertz.sites import panels

ROOTS_A = (60.0, 80.0, 100.0)
ACTUAL_PERCENT, TYPED_PERCENT, STARTS = 95.5, 94.0, 1.3
SELDOM_S = 4 * 3600.0
"""A quantum of turns that hardly ever changes places: what fairness in the queue costs in starts and energy."""


@dataclass
class Sums:
    """Figures of several days of one policy, as parts of their bounds."""

    percent: list[float] = field(default_factory=list)
    jain: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    def add(self, percent: float, jain: float, starts: float) -> None:
        self.percent.append(percent)
        self.jain.append(jain)
        self.starts.append(starts)

    def text(self) -> str:
        return f"{fmean(self.percent):.1f} %, Jain {fmean(self.jain):.2f}, starts {fmean(self.starts):.2f}"


def instances() -> tuple[str, list[list[Visit]]]:
    """The days to run, and what they are."""
    found: list[list[Visit]] = []
    for site in ("jpl", "caltech"):
        days = real_days(site)
        if days is not None:
            found += list(days.values())[3 : (13 if full() else 4)]
    return ("real", found) if found else ("generated", [generated_visits(3)])


def ours(site: Topology, visits: Sequence[Visit], tells: str, quantum_s: float | None = None) -> Day:
    """The real owner's day."""
    rules = SharingRules() if quantum_s is None else SharingRules(quantum_s=quantum_s)
    day = CoarseDay(site, visits, tells, rules).live()
    if day.violations:
        raise AssertionError(f"the independent check objected: {day.violations[:3]}")
    return day


def measure(root_a: float, days: Sequence[Sequence[Visit]]) -> dict[str, Sums]:
    """All policies on all days at one capacity."""
    found: dict[str, Sums] = {}

    def add(name: str, kwh: float, bound: float, jain: float, starts: float) -> None:
        found.setdefault(name, Sums()).add(100.0 * kwh / bound, jain, starts)

    for visits in days:
        site = panels(sorted({visit.place for visit in visits}), root_a, metered=False)
        bound = clairvoyant_kwh(site, visits)
        for tells in ("actual", "typed", "nothing"):
            day = ours(site, visits, tells)
            add(tells, day.kwh, bound, day.jain(), day.starts())
        day = ours(site, visits, "actual", SELDOM_S)
        add("actual, turns every 4 h", day.kwh, bound, day.jain(), day.starts())
        for name, order in ORDERS.items():
            rule = by_order(site, visits, order)
            add(name, rule.kwh, bound, rule.jain, rule.starts)
        rule = equal_split(site, visits)
        add("equal split", rule.kwh, bound, rule.jain, rule.starts)
        for name, acn_day in (acn.run(site, visits) or {}).items() if root_a == ROOTS_A[-1] else ():
            add(f"acnportal {name}", float(acn_day.kwh), bound, float(acn_day.jain), float("nan"))
    return found


def figures_of(root_a: float, kind: str, found: dict[str, Sums]) -> list[Figure]:
    """One capacity: ours judged, the peers beside."""
    name = f"{kind} days, {root_a:g} A,"
    fcfs, edf, llf = found["FCFS"], found["EDF"], found["LLF"]
    peers = f"FCFS {fmean(fcfs.percent):.1f}, EDF {fmean(edf.percent):.1f}, LLF {fmean(llf.percent):.1f} %"
    jains = f"FCFS {fmean(fcfs.jain):.2f}, EDF {fmean(edf.jain):.2f}, LLF {fmean(llf.jain):.2f}"
    starts = f"FCFS {fmean(fcfs.starts):.1f}, EDF {fmean(edf.starts):.1f}, LLF {fmean(llf.starts):.1f}"
    actual, typed = found["actual"], found["typed"]
    rows = [
        Figure(
            f"{name} of the bound, actual departures", fmean(actual.percent), "%", ACTUAL_PERCENT, "at least", peers
        ),
        Figure(f"{name} of the bound, typed departures", fmean(typed.percent), "%", TYPED_PERCENT, "at least"),
        Figure(f"{name} starts a transaction", fmean(actual.starts), "", STARTS, peer=starts),
        Figure(f"{name} Jain's index", fmean(actual.jain), "", peer=jains),
    ]
    others = ("nothing", "actual, turns every 4 h", "equal split", *(n for n in found if n.startswith("acn")))
    return rows + [Figure(f"{name} {o}", fmean(found[o].percent), "%", peer=found[o].text()) for o in others]


def main() -> int:
    """Print the table, or JSON."""
    kind, days = instances()
    if kind == "generated":
        print(ABSENT, file=sys.stderr)
    figures = [figure for root_a in ROOTS_A for figure in figures_of(root_a, kind, measure(root_a, days))]
    return conclude("real_days", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
