"""Stations that balance their connectors by themselves: `python -m tests.bench.two_minds [--json]`.

Method: 15 posts of two connectors that share 20 A a phase by their own lights (an equal part, and what one car leaves
to the other, at once), at 120 A a phase, 20 A of steady base load, cars that never get full, readings every 10 s; an
hour on virtual time, and another in which the base load steps up by 25 A at its beginning. No limit cycle: in the
second half of an hour without any change hardly anything is commanded. One overshoot at most after the step, and no cut
for it later than 35 s. The peer is the loop that counts draws.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random

from tests.bench.figures import Figure, conclude
from tests.onehertz.cars import CarSpec
from tests.onehertz.loads import SteadyLoad
from tests.onehertz.naive import DrawCounting
from tests.onehertz.ours import RealController
from tests.onehertz.posts import PostSpec
from tests.onehertz.sites import GRID, fill, panels, world_of
from tests.onehertz.world import Controller, World, live

POSTS, RATED_A, BASE_A, STEP_A, SHARES_A = 15, 120.0, 20.0, 25.0, 20.0
HOUR_S, QUIET_FROM_S, SETTLED_S = 3600.0, 1800.0, 35.0
QUIET_COMMANDS = 2.0
"""Changes of a limit an hour and car, where nothing changes."""


def car(random: Random) -> CarSpec:
    """One that never gets full."""
    phases = random.choice((1, 1, 3))
    return CarSpec(phases, 32.0 if phases == 1 else 16.0, slow_reactions=0.0, shortfall_a=random.uniform(0.0, 1.0))


def run(controller: Callable[[], Controller], seconds: float) -> tuple[World, list[bool]]:
    """One life with a step after an hour; also whether the root was above its rating, second by second."""
    above: list[bool] = []

    def world() -> World:
        site = panels([f"S{n:02}" for n in range(POSTS)], RATED_A, panels=2, panel_part=0.7, worst_a=60.0, evses=2)
        load = SteadyLoad([BASE_A] * 3, Random(11), 0.2)
        made = fill(world_of(site, controller(), 11, load, spec=lambda _: PostSpec(shares_a=SHARES_A)), car)
        made.at(HOUR_S, lambda: setattr(load, "a", [BASE_A + STEP_A] * 3))
        made.on_second.append(lambda w: above.append(max(w.flows[GRID]) > RATED_A))
        return made

    return live(world, seconds), above


def quiet_commands(world: World) -> float:
    """Changes an hour and car in the second half of the first hour."""
    changes = sum(QUIET_FROM_S <= at < HOUR_S for at, *_ in world.truth.at)
    return changes / (2.0 * POSTS * (HOUR_S - QUIET_FROM_S) / 3600.0)


def main() -> int:
    """Print the table, or JSON."""
    (ours, above), (peer, peer_above) = run(RealController, 1.5 * HOUR_S), run(DrawCounting, 1.5 * HOUR_S)
    after = above[int(HOUR_S) :]
    overshoots = sum(now and not before for before, now in zip([False, *after], after, strict=False))
    cuts = [at - HOUR_S for at, _, kind, _ in ours.truth.at if kind == "cut" and HOUR_S <= at < HOUR_S + 120.0]
    beside = f"counts draws {quiet_commands(peer):.0f}"
    figures = [
        Figure(
            "two minds, commands while nothing changes", quiet_commands(ours), "/EV-hour", QUIET_COMMANDS, peer=beside
        ),
        Figure("two minds, overshoots after a step", overshoots, "", 1.0),
        Figure("two minds, last cut after a step", max(cuts, default=0.0), "s", SETTLED_S),
        Figure("two minds, time above the rating", sum(above), "s", peer=f"counts draws {sum(peer_above)} s"),
        Figure("two minds, energy", ours.truth.energy_kwh, "kWh", peer=f"{peer.truth.energy_kwh:.0f} kWh"),
    ]
    return conclude("two_minds", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
