"""Meters that fail, freeze, turn round or lose a phase: `python -m tests.bench.meter_loss [--json] [--full]`.

Method: 30 stations at 160 A a phase, a base load that steps by 6 to 15 A on each phase every two minutes on average (10
to 60 A, the worst is configured as 70 A), cars that never get full, readings every 10 s. The meter of the root is away
for 5, 8, 12, 30 and 600 s, freezes for 90 s, shows every sign turned round for 120 s, loses a phase for 120 s, and
shows single values that cannot be for a minute; between two troubles all is well for some minutes. One seed, four with
`--full`. The longest time above the rating is what a base-load step takes to be answered (12 s), and what it may last
until a lost meter is taken for lost (10 s). The peer is the loop that counts draws.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from random import Random

from tests.bench.figures import Figure, conclude, full
from tests.onehertz.cars import CarSpec, draw_car
from tests.onehertz.loads import SteppedLoad
from tests.onehertz.metering import Trouble
from tests.onehertz.naive import DrawCounting
from tests.onehertz.ours import RealController
from tests.onehertz.sites import fill, panels, world_of
from tests.onehertz.truth import Truth
from tests.onehertz.world import Controller, World, live

STATIONS, RATED_A, WORST_A = 30, 160.0, 70.0
KINDS: dict[str, Sequence[tuple[str, float]]] = {
    "outages of 5 to 12 s": [("out", 5.0), ("out", 8.0), ("out", 12.0), ("out", 5.0), ("out", 12.0)],
    "outages of 30 and 600 s": [("out", 30.0), ("out", 600.0)],
    "frozen for 90 s": [("frozen", 90.0), ("frozen", 90.0)],
    "signs turned round": [("flipped", 120.0), ("flipped", 120.0)],
    "a phase lost": [("no phase", 120.0), ("no phase", 120.0)],
    "values that cannot be": [("spike", 60.0), ("spike", 60.0)],
}
STEP_S, LOST_S = 12.0, 10.0
TRIP_PERCENT = 10.0
FIRST_S, BETWEEN_S = 300.0, 240.0


def car(random: Random) -> CarSpec:
    """One that never gets full."""
    drawn = draw_car(random)
    spells_s = 900.0 if random.random() < 0.3 else 0.0
    return CarSpec(drawn.phases, drawn.max_a, spell_every_s=spells_s, shortfall_a=drawn.shortfall_a)


def run(controller: Callable[[], Controller], kinds: Sequence[tuple[str, float]], seed: int) -> Truth:
    """One life with these troubles, one after the other."""
    troubles, at = [], FIRST_S
    for kind, lasts_s in kinds:
        troubles.append(Trouble(kind, at, at + lasts_s))
        at += lasts_s + BETWEEN_S

    def world() -> World:
        site = panels([f"S{n:02}" for n in range(STATIONS)], RATED_A, worst_a=WORST_A)
        load = SteppedLoad(Random(seed), 10.0, 60.0, 120.0, (6.0, 15.0), 0.5)
        return fill(world_of(site, controller(), seed, load, troubles=troubles), car)

    return live(world, at).truth


def main() -> int:
    """Print the table, or JSON."""
    figures = []
    for name, kinds in KINDS.items():
        seeds = range(4 if full() else 1)
        ours = [run(RealController, kinds, seed) for seed in seeds]
        peer = run(DrawCounting, kinds, 0)
        over_s, trip = max(t.longest_over_s() for t in ours), 100.0 * max(t.trip() for t in ours)
        beside = f"{peer.longest_over_s():.0f} s, trip {100.0 * peer.trip():.3g} %"
        figures += [
            Figure(f"meter, {name}: longest above the rating", over_s, "s", STEP_S + LOST_S, peer=beside),
            Figure(f"meter, {name}: trip fraction", trip, "%", TRIP_PERCENT),
            Figure(f"meter, {name}: energy", ours[0].energy_kwh, "kWh", peer=f"{peer.energy_kwh:.0f} kWh"),
        ]
    return conclude("meter_loss", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
