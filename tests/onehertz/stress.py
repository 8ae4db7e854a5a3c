"""The stress of the closed-loop figures: 100 A a phase, 8 three-phase cars of 16 A and 12 one-phase cars of 32 A, a
base load with a step every 90 s and phase, a third of the cars with spells of taking less.
"""

from __future__ import annotations

from random import Random

from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.station import EvsePlan, ProfileStorage, StationPlan
from tests.onehertz.cars import CarSpec
from tests.onehertz.loads import SteppedLoad
from tests.onehertz.metering import GridMeter
from tests.onehertz.posts import PostSpec
from tests.onehertz.world import Controller, Scene, World

GRID = CircuitId("grid")
RATED_A = 100.0
WORST_BASE_A = 90.0
THREE_PHASE, ONE_PHASE = 8, 12


def one_circuit(
    stations: int, rated_a: float, worst_a: float, random: Random, fallback_a: float = 0.0, max_a: float = 32.0
) -> Topology:
    """A metered root with stations of one EVSE, wired in turn, and kept profiles in RAM."""
    plans = {}
    for number in range(stations):
        id = StationId(f"S{number:03}")
        first = number % 3
        rotation = PhaseRotation(tuple(ALL_PHASES[first:] + ALL_PHASES[:first]))
        evse = EvsePlan(EvseId(id, 1), GRID, max_a, 6.0, rotation, fallback_a)
        plans[id] = StationPlan(id, GRID, max_a, (evse,), profile_storage=ProfileStorage.RAM)
    root = Circuit(GRID, None, rated_a, MeterId("main"), base_load_worst_a=worst_a)
    return topology({GRID: root}, plans)


def stress_cars(random: Random) -> list[CarSpec]:
    """The twenty cars, never full, in a drawn order."""
    cars = []
    for number in range(THREE_PHASE + ONE_PHASE):
        three = number < THREE_PHASE
        cars.append(
            CarSpec(
                phases=3 if three else 1,
                max_a=16.0 if three else 32.0,
                slow_reactions=0.0,
                shortfall_a=random.uniform(0.0, 1.0),
                spell_every_s=600.0 if random.random() < 0.35 else 0.0,
            )
        )
    random.shuffle(cars)
    return cars


def stress(controller: Controller, seed: int, reading_s: float) -> World:
    """The world; all cars come within the first minute and stay."""
    random = Random(seed)
    site = one_circuit(THREE_PHASE + ONE_PHASE, RATED_A, WORST_BASE_A, random)
    spec = PostSpec(reading_s=reading_s, reading_age_s=(0.0, min(3.0, reading_s)))
    load = SteppedLoad(Random(seed + 1000))
    scene = Scene(site, dict.fromkeys(site.stations, spec), {GRID: load}, [GridMeter(MeterId("main"), GRID, random)])
    world = World(scene, controller, seed)
    for post, car in zip(world.posts.values(), stress_cars(random), strict=True):
        world.at(random.uniform(10.0, 60.0), lambda p=post, c=car: world.arrive(p, 1, c))
    return world
