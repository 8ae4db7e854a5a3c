"""How long one control cycle thinks: `python -m tests.bench.allocator [--json]`.

Method: random heterogeneous sites (grid, panels, sub-distributions of 12 stations, stations of two EVSEs that share
their fuse); 45 % one-phase, 10 % two-phase and 45 % three-phase cars at random rotation, caps 16 or 32 A; every row
has a limit of its own, 15 to 90 % of what hangs on it; a third of the EVSEs was never offered anything, the others
hold random offers. Every site is run through several cycles of its own (limits of all EVSEs and the base load
change in between), with the garbage collector on and the site frozen out of it, as in a daemon that freezes after its
start. Timed is the whole of `allocate`: reading the snapshot, sharing, gate and reasons; `verify` apart. The clock is
the CPU time of this process, so that other load on the machine counts only by what it does to the caches.

The peer is the plain method that most controllers use: round robin in steps of 0.1 A over the same rows with
incremental slacks, minimums included, without gate, reasons, dwell or reserves, on inputs already flat. That is far
less work, so it flatters the peer.
"""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import asdict, dataclass
from random import Random

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.verify import verify
from sitectl.base.memory import look_over_seldom
from tests.bench.figures import Figure, as_json
from tests.bench.sites import plain_round_robin, random_site, shaken

SIZES = {54: (400, 1.0), 200: (120, 2.0), 1000: (40, 10.0), 5000: (8, 60.0)}
"""Connectors -> sites, mark for the p99 of `allocate` in ms."""
CYCLES = 5
Times = dict[str, float]


@dataclass(frozen=True)
class Result:
    """One size: CPU milliseconds a cycle."""

    connectors: int
    rows: int
    cycles: int
    offers: float
    allocate: Times
    verify: Times
    round_robin: Times
    mark_p99_ms: float

    def figure(self) -> Figure:
        """What is judged."""
        peer = f"round robin without gate and reasons p99 {self.round_robin['p99']:.2f} ms"
        return Figure(
            f"allocator, {self.connectors} connectors, p99", self.allocate["p99"], "ms", self.mark_p99_ms, peer=peer
        )


def measure(connectors: int, sites: int, mark: float) -> Result:
    """Several cycles on each of `sites` sites of `connectors` EVSEs."""
    look_over_seldom()  # as the daemon does once it serves
    random, rules = Random(connectors), SharingRules()
    ours: list[float] = []
    check: list[float] = []
    peer: list[float] = []
    rows = offers = 0
    for _ in range(sites):
        topology, snapshot = random_site(random, connectors)
        plan, memory = compile_site(topology), AllocatorMemory()
        rows += len(plan.rated)
        gc.collect()
        gc.freeze()
        for _ in range(CYCLES):
            begun = time.process_time_ns()
            allocation, memory = allocate(plan, snapshot, memory, rules)
            shared = time.process_time_ns()
            violations = verify(topology, snapshot, allocation.offers)
            checked = time.process_time_ns()
            if violations or not allocation.rows:
                raise AssertionError(f"not a sound allocation: {violations} {allocation.alarms}")
            ours.append((shared - begun) / 1e6)
            check.append((checked - shared) / 1e6)
            offers += len(allocation.offers)
            peer.append(plain_round_robin(plan, snapshot))
            snapshot = shaken(random, snapshot, allocation)
    cycles = sites * CYCLES
    mean_offers = round(offers / cycles, 1)
    return Result(connectors, rows // sites, cycles, mean_offers, times(ours), times(check), times(peer), mark)


def times(taken: list[float]) -> Times:
    """p50, p95, p99 and the worst."""
    ordered = sorted(taken)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(len(ordered) * at))], 3) for name, at in shares.items()}


def run() -> list[Result]:
    """All sizes."""
    return [measure(connectors, sites, mark) for connectors, (sites, mark) in SIZES.items()]


def main() -> int:
    """Print the table, or JSON."""
    results = run()
    figures = [row.figure() for row in results]
    if "--json" in sys.argv:
        print(as_json("allocator", figures, rows=[asdict(row) for row in results]))
    else:
        print_table(results)
    return 0 if all(figure.met for figure in figures) else 1


def print_table(results: list[Result]) -> None:
    """All that was measured."""
    print("CPU ms a cycle                  allocate                     verify       round robin 0.1 A")
    print("connectors  rows  cycles    p50    p95    p99    max      p50    p99      p50    p99    mark  met")
    for row in results:
        figures = [row.allocate[name] for name in ("p50", "p95", "p99", "max")]
        line = "".join(f"{figure:>7.2f}" for figure in figures)
        line += f"  {row.verify['p50']:>7.2f}{row.verify['p99']:>7.2f}"
        line += f"  {row.round_robin['p50']:>7.2f}{row.round_robin['p99']:>7.2f}"
        met = "yes" if row.figure().met else "NO"
        print(f"{row.connectors:>10} {row.rows:>5} {row.cycles:>7}{line} {row.mark_p99_ms:>7g} {met:>4}")


if __name__ == "__main__":
    sys.exit(main())
