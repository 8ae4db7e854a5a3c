"""Worlds for the benches: a site of panels, days of visits on it, meters with troubles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.station import EvsePlan, ProfileStorage, StationPlan
from tests.onehertz.cars import CarSpec
from tests.onehertz.days import Visit
from tests.onehertz.loads import Load
from tests.onehertz.metering import GridMeter, Trouble
from tests.onehertz.posts import PostSpec
from tests.onehertz.world import Controller, Scene, World

GRID = CircuitId("grid")
MAIN = MeterId("main")


def panels(
    places: Sequence[str],
    rated_a: float,
    *,
    panels: int = 4,
    panel_part: float = 0.45,
    worst_a: float = 0.0,
    fallback_a: float = 0.0,
    metered: bool = True,
    evses: int = 1,
) -> Topology:
    """A root (metered, with the base load) and panels without a meter, over which the stations are dealt in turn."""
    root = Circuit(GRID, None, rated_a, MAIN if metered else None, base_load_worst_a=worst_a)
    circuits = {GRID: root}
    for number in range(panels):
        id = CircuitId(f"panel{number}")
        circuits[id] = Circuit(id, GRID, rated_a * panel_part)
    stations = {}
    for number, place in enumerate(places):
        id, circuit, first = StationId(place), CircuitId(f"panel{number % panels}"), number // panels % 3
        rotation = PhaseRotation(tuple(ALL_PHASES[first:] + ALL_PHASES[:first]))
        plans = tuple(
            EvsePlan(EvseId(id, evse), circuit, 32.0, 6.0, rotation, fallback_a) for evse in range(1, evses + 1)
        )
        stations[id] = StationPlan(id, circuit, 32.0 * evses, plans, profile_storage=ProfileStorage.RAM)
    return topology(circuits, stations)


def world_of(
    site: Topology,
    controller: Controller,
    seed: int,
    load: Load,
    *,
    spec: Callable[[Random], PostSpec] = lambda random: PostSpec(),
    specs: Mapping[StationId, PostSpec] | None = None,
    troubles: Sequence[Trouble] = (),
) -> World:
    """A world on this site; every station behaves as `spec` draws it, or as `specs` says."""
    random = Random(seed)
    behave = {id: (specs or {}).get(id) or spec(random) for id in site.stations}
    meters = [] if site.circuits[GRID].meter is None else [GridMeter(MAIN, GRID, random, troubles=troubles)]
    return World(Scene(site, behave, {GRID: load}, meters), controller, seed)


def play(world: World, visits: Iterable[Visit], begins_s: float, car: Callable[[Visit], CarSpec] = Visit.car) -> World:
    """Let these visits happen; the world's second 0 is `begins_s` of the day."""
    for visit in visits:
        post = world.posts[StationId(visit.place)]
        comes, goes = max(1.0, visit.arrives_s - begins_s), visit.departs_s - begins_s
        if goes > comes:
            world.at(comes, lambda p=post, v=visit: world.arrive(p, 1, car(v)))
            world.at(goes, lambda p=post: world.depart(p, 1))
    return world


def fill(world: World, car: Callable[[Random], CarSpec], within_s: float = 60.0, every: int = 1) -> World:
    """A car comes to (every n-th of) all connectors and stays."""
    random = world.random
    for place, bay in enumerate(world.bays()):
        if place % every == 0:
            post, number, spec = world.posts[bay.plan.id.station], bay.plan.id.evse, car(random)
            world.at(random.uniform(5.0, within_s), lambda p=post, n=number, c=spec: world.arrive(p, n, c))
    return world
