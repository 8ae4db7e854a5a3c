"""Stations whose phases nobody knows, or that are wired otherwise than they are listed: `python -m
tests.bench.rotations`.

Method: 20 stations, a one-phase car of 32 A at every second and every fifth, a three-phase one of 16 A at the others,
20 A of base load with steps of 5 to 10 A on each phase every five minutes, readings every 10 s, 40 min on virtual time.
The cars of every fifth station have spells of taking less, every four minutes on average. In two worlds the wiring of
these is not listed (L1 lies on L2 or L3). Where 600 A a phase are ample, the first phase of each must be learned from
ordinary charging within 30 min; where 120 A are scarce, all cars move together when one does, and nobody could tell. In
a third they are listed, wrongly. No rating may be exceeded for longer than a base-load step takes. The peer is the loop
that counts draws in the same world.
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

STATIONS, WORST_A = 20, 45.0
SCARCE_A, AMPLE_A = 120.0, 600.0
WORLDS = (
    (False, SCARCE_A, "20 % not listed, scarce"),
    (False, AMPLE_A, "20 % not listed, ample"),
    (True, SCARCE_A, "20 % listed wrongly, scarce"),
)
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


def run(controller: Controller, rated_a: float, *, listed: bool, seed: int) -> tuple[World, dict[StationId, float]]:
    """One life; also when the first phase of each odd one was learned."""
    site = panels([f"S{n:02}" for n in range(STATIONS)], rated_a, panels=2, panel_part=0.7, worst_a=WORST_A)
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
            spells_s = 240.0 if place % EVERY == 0 else 0.0
            spec = CarSpec(
                1 if one else 3, 32.0 if one else 16.0, slow_reactions=0.0, spell_every_s=spells_s, spell_s=120.0
            )
            made.at(10.0 + 15.0 * place, lambda p=post, s=spec: made.arrive(p, 1, s))
        made.on_second.append(look)
        return made

    return live(world, SECONDS), learned


def main() -> int:
    """Print the table, or JSON."""
    figures = []
    for listed, rated_a, name in WORLDS:
        lived, learned = run(RealController(), rated_a, listed=listed, seed=3)
        peer, _ = run(DrawCounting(), rated_a, listed=listed, seed=3)
        over_s, beside = lived.truth.longest_over_s(), f"counts draws {peer.truth.longest_over_s():.0f} s"
        figures.append(Figure(f"wiring, {name}: longest above a rating", over_s, "s", STEP_S, peer=beside))
        figures.append(Figure(f"wiring, {name}: trip fraction", 100.0 * lived.truth.trip(), "%", 10.0))
        figures.append(Figure(f"wiring, {name}: energy", lived.truth.energy_kwh, "kWh"))
        if not listed and rated_a > SCARCE_A:
            in_time = sum(at <= LEARNED_S for at in learned.values())
            last = f"last after {max(learned.values(), default=0.0) / 60.0:.0f} min"
            figures.append(Figure(f"wiring, {name}: learned", in_time, "stations", STATIONS / EVERY, "at least", last))
    return conclude("rotations", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
