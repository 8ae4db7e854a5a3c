"""What happens to a simulated site, as data: a scenario is a recipe in shares of the run, `plan` makes it concrete.

Pure and seeded: equal arguments give equal plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sitectl.base.errors import ConfigurationError
from sitectl.simulator.vehicle import VehicleSpec, draw_vehicle

Place = tuple[str, int]
"""A station's id and the number of one of its connectors."""


@dataclass(frozen=True)
class Arrive:
    place: Place
    vehicle: VehicleSpec
    id_tag: str


@dataclass(frozen=True)
class Leave:
    place: Place


@dataclass(frozen=True)
class SetBaseLoad:
    """The site's other loads draw this share of the root's rating."""

    share: float


@dataclass(frozen=True)
class CutUplink:
    pass


@dataclass(frozen=True)
class RestoreUplink:
    pass


@dataclass(frozen=True)
class DropStation:
    station: str
    for_s: float


Action = Arrive | Leave | SetBaseLoad | CutUplink | RestoreUplink | DropStation


@dataclass(frozen=True)
class Timed:
    at_s: float
    action: Action


@dataclass(frozen=True)
class Scenario:
    """Windows (from, to) are shares of the run's length; `occupancy` is the share of connectors that get a car."""

    name: str
    summary: str
    arrivals: tuple[float, float]
    departures: tuple[float, float]
    occupancy: float
    base_load: tuple[tuple[float, float], ...]
    uplink_cut: tuple[float, float] | None = None
    station_drop: tuple[float, float] | None = None
    turnover_at: float | None = None
    misfits: bool = False
    """On a site of stations as they are found, each deviating from the standard in its own ways."""


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="default",
            summary="cars arrive, the base load steps up, the uplink is cut and comes back, a station drops and "
            "returns, one car leaves and another comes while the uplink is away, cars leave",
            arrivals=(0.04, 0.22),
            departures=(0.85, 1.0),
            occupancy=0.9,
            base_load=((0.0, 0.12), (0.38, 0.30), (0.75, 0.20)),
            uplink_cut=(0.46, 0.68),
            station_drop=(0.50, 0.66),
            turnover_at=0.54,
        ),
        Scenario(
            name="calm",
            summary="cars arrive, charge and leave; nothing fails",
            arrivals=(0.04, 0.3),
            departures=(0.8, 1.0),
            occupancy=0.7,
            base_load=((0.0, 0.15),),
        ),
        Scenario(
            name="misfits",
            summary="eight kinds of stations as they are found, each with its own deviations: cars arrive, the base "
            "load steps up, a station drops and returns, cars leave",
            arrivals=(0.04, 0.15),
            departures=(0.85, 1.0),
            occupancy=1.0,
            base_load=((0.0, 0.12), (0.45, 0.25), (0.7, 0.15)),
            station_drop=(0.55, 0.62),
            misfits=True,
        ),
    )
}


def find(name: str) -> Scenario:
    """The scenario of that name; raises ConfigurationError that names the ones there are."""
    if name not in SCENARIOS:
        raise ConfigurationError(f"no scenario {name!r}; there are {', '.join(sorted(SCENARIOS))}")
    return SCENARIOS[name]


def plan(scenario: Scenario, places: list[Place], seconds: float, seed: int) -> tuple[Timed, ...]:
    """Every action of the run in order of time."""
    rng = Random(seed)
    actions = [Timed(at * seconds, SetBaseLoad(share)) for at, share in scenario.base_load]
    taken = rng.sample(places, max(1, round(len(places) * scenario.occupancy)))
    for n, place in enumerate(taken):
        actions += _visit(place, n, rng, scenario.arrivals, scenario.departures, seconds)
    if scenario.turnover_at is not None:
        actions = _turnover(actions, taken[0], len(taken), rng, scenario.turnover_at * seconds)
    if scenario.uplink_cut is not None:
        actions += [Timed(scenario.uplink_cut[0] * seconds, CutUplink())]
        actions += [Timed(scenario.uplink_cut[1] * seconds, RestoreUplink())]
    if scenario.station_drop is not None:
        begin, end = scenario.station_drop
        actions.append(Timed(begin * seconds, DropStation(taken[-1][0], (end - begin) * seconds)))
    return tuple(sorted(actions, key=lambda timed: timed.at_s))


def _visit(
    place: Place, n: int, rng: Random, arrivals: tuple[float, float], departures: tuple[float, float], seconds: float
) -> list[Timed]:
    return [
        Timed(rng.uniform(*arrivals) * seconds, Arrive(place, draw_vehicle(rng), _tag(n))),
        Timed(rng.uniform(*departures) * seconds, Leave(place)),
    ]


def _turnover(actions: list[Timed], place: Place, n: int, rng: Random, at_s: float) -> list[Timed]:
    """The car at `place` leaves at `at_s`, and 2 s later another takes its place until the first one's departure."""
    return [
        *actions,
        Timed(at_s, Leave(place)),
        Timed(at_s + 2.0, Arrive(place, draw_vehicle(rng), _tag(n))),
    ]


def _tag(n: int) -> str:
    return f"DRIVER{n + 1:04d}"
