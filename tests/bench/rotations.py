"""Stations whose phases nobody knows, or that are wired otherwise than they are listed: `python -m
tests.bench.rotations`.

Method: 20 stations at 120 A a phase, a one-phase car of 32 A at every second one and a three-phase one of 16 A at the
others, 20 A of base load with steps of 5 to 10 A now and then, readings every 10 s, 40 min on virtual time. In one
world the wiring of every fifth station is not listed (its L1 lies on L2 or L3): each must be learned from ordinary
charging, the first phase of those with a one-phase car within 30 min. In the other every fifth is listed, wrongly. No
rating may be exceeded for longer than a base-load step takes. The peer is the loop that counts draws in the same world.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from sitectl.model.circuit import Topology, topology
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, PhaseRotation
from sitectl.model.ids import StationId
from tests.bench.figures import Figure, conclude
from tests.onehertz.cars import CarSpec
from tests.onehertz.loads import SteppedLoad
from tests.onehertz.naive import DrawCounting
from tests.onehertz.ours import RealController
from tests.onehertz.posts import PostSpec
from tests.onehertz.sites import panels, world_of
from tests.onehertz.world import Controller, World, live

STATIONS, RATED_A, WORST_A = 20, 120.0, 45.0
SECONDS, LEARNED_S, STEP_S = 2400.0, 1800.0, 12.0
EVERY = 5


def odd_ones(site: Topology) -> list[StationId]:
    """Every fifth, which has a one-phase car."""
    return [id for place, id in enumerate(site.stations) if place % EVERY == 0]


def truly(site: Topology) -> Mapping[StationId, PhaseRotation]:
    """How the odd ones are wired: one phase further than they are listed."""
    found = {}
    for place, id in enumerate(odd_ones(site)):
        first = (int(site.stations[id].evses[0].rotation.phases[0]) + 1 + place % 2) % 3
        found[id] = PhaseRotation(tuple(ALL_PHASES[first:] + ALL_PHASES[:first]))
    return found


def unlisted(site: Topology) -> Topology:
    """The same site, with the wiring of the odd ones not listed."""
    stations = dict(site.stations)
    for id in odd_ones(site):
        plan = stations[id]
        stations[id] = replace(plan, evses=tuple(replace(evse, rotation=UNKNOWN_ROTATION) for evse in plan.evses))
    return topology(site.circuits, stations)


def run(controller: Controller, *, listed: bool, seed: int) -> tuple[World, dict[StationId, float]]:
    """One life; also when the first phase of each odd one was learned."""
    site = panels([f"S{n:02}" for n in range(STATIONS)], RATED_A, panels=2, panel_part=0.7, worst_a=WORST_A)
    wired, learned = truly(site), dict[StationId, float]()
    known = site if listed else unlisted(site)
    specs = {id: PostSpec(rotation=rotation) for id, rotation in wired.items()}

    def look(world: World) -> None:
        if isinstance(world.controller, RealController):
            for id, rotation in wired.items():
                held = next(e for e in world.controller.site.state.evses.values() if e.plan.id.station == id)
                if held.first_phase == rotation.phases[0]:
                    learned.setdefault(id, world.now)

    def world() -> World:
        load = SteppedLoad(Random(seed), 10.0, 40.0, 300.0, (5.0, 10.0), 0.3)
        made = world_of(known, controller, seed, load, specs=specs)
        for place, post in enumerate(made.posts.values()):
            one = place % EVERY == 0 or place % 2 == 0
            spec = CarSpec(1 if one else 3, 32.0 if one else 16.0, slow_reactions=0.0, spell_every_s=900.0)
            made.at(10.0 + 15.0 * place, lambda p=post, s=spec: made.arrive(p, 1, s))
        made.on_second.append(look)
        return made

    return live(world, SECONDS), learned


def main() -> int:
    """Print the table, or JSON."""
    figures = []
    for listed, name in ((False, "20 % not listed"), (True, "20 % listed wrongly")):
        lived, learned = run(RealController(), listed=listed, seed=3)
        peer, _ = run(DrawCounting(), listed=listed, seed=3)
        over_s, beside = lived.truth.longest_over_s(), f"counts draws {peer.truth.longest_over_s():.0f} s"
        figures.append(Figure(f"wiring, {name}: longest above a rating", over_s, "s", STEP_S, peer=beside))
        figures.append(Figure(f"wiring, {name}: trip fraction", 100.0 * lived.truth.trip(), "%", 10.0))
        figures.append(Figure(f"wiring, {name}: energy", lived.truth.energy_kwh, "kWh"))
        if not listed:
            in_time = sum(at <= LEARNED_S for at in learned.values())
            last = f"last after {max(learned.values(), default=0.0) / 60.0:.0f} min"
            figures.append(Figure(f"wiring, {name}: learned", in_time, "stations", STATIONS / EVERY, "at least", last))
    return conclude("rotations", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
