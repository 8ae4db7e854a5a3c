"""A station that is cut off: whatever its car does meanwhile, nobody gets what it may draw again."""

from __future__ import annotations

import asyncio

import pytest

from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model import events
from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.station import ChargingState, EvsePlan, ProfileStorage, StationPlan
from sitectl.simulator.vehicle import VehicleSpec
from sitectl.site.owner import Site
from sitectl.state.site_state import SiteRules
from tests.properties.site_life import World
from tests.properties.site_watch import Figures
from tests.properties.site_world import ModelStation, Troubles

pytestmark = pytest.mark.timeout(600)
"""On the virtual clock all of it is processor time, which a busy machine has little of."""

GRID, MAIN = CircuitId("grid"), MeterId("main")
AWAY, HERE = StationId("away"), StationId("here")
RATED_A, BASE_A = 50.0, 22.0
SECONDS = 600.0


def two_stations() -> Topology:
    def plan(id: StationId) -> StationPlan:
        evse = EvsePlan(EvseId(id, 1), GRID, 32.0, 6.0, PhaseRotation(ALL_PHASES), 6.0)
        return StationPlan(id, GRID, 32.0, (evse,), profile_storage=ProfileStorage.UNKNOWN)

    return topology(
        {GRID: Circuit(GRID, None, RATED_A, MAIN, base_load_worst_a=30.0)}, {i: plan(i) for i in (AWAY, HERE)}
    )


class Silence(World):
    """A constant base load and two cars. One station is cut off, its car falls asleep and wakes again, unheard."""

    def __init__(self, seed: int, restarts: bool) -> None:
        rules = SiteRules(meter_intervals_s={MAIN: 1.0})
        super().__init__(seed, two_stations(), rules, Troubles(kills=True, noise_a=0.0), {GRID: BASE_A})
        self.restarts = restarts
        self.away = False
        self.most_given_a = 0.0

    async def base_load(self) -> None:
        self.base[GRID] = [BASE_A] * 3

    async def guest(self, station: ModelStation, number: int, idle_s: float, stay_s: float) -> None:
        await asyncio.sleep(10.0)
        now, evse = self.clock.monotonic(), EvseId(station.plan.id, number)
        self.post(events.StartExpected(evse, now, now + 120.0))
        self.ids += 1
        station.begin(number, VehicleSpec(phases=3, max_a=32.0, shortfall_a=0.0), self.ids)
        station.status(number, ChargingState.CHARGING)

    def _connect(self, station: ModelStation, life: Site) -> None:
        if not (self.away and station.plan.id == AWAY):
            super()._connect(station, life)

    async def kills(self, group: Tasks) -> None:
        await asyncio.sleep(150.0)
        bay = self.stations[AWAY].bays[1]
        self.away = True
        self.stations[AWAY].disconnect()
        bay.asleep = True
        if self.restarts:
            self.kill()
            await asyncio.sleep(3.0)
            self.start(group)
        await asyncio.sleep(180.0)
        self.most_given_a = self.stations[HERE].lawful_a(1)
        bay.asleep = False


def live(seed: int, restarts: bool) -> tuple[Figures, float]:
    world = Silence(seed, restarts)
    figures = run_virtual(world.run(SECONDS, 0.0))
    return figures, world.most_given_a


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("restarts", [False, True], ids=["cut off", "cut off and restarted"])
def test_a_car_that_wakes_unheard_overloads_nothing(seed: int, restarts: bool) -> None:
    figures, given_a = live(seed, restarts)
    assert figures.worst_ratio <= 1.005
    assert given_a >= 6.0, "whoever is heard goes on"
