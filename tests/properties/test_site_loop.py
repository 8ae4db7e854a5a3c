"""The control loop closed over a whole site on virtual time: fuses, ledger, raises, cuts, renewals, restarts."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sitectl.allocator.rules import SharingRules
from sitectl.base.virtual import run_virtual
from sitectl.model.circuit import Circuit, Topology, topology
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.station import EvsePlan, ProfileStorage, StationPlan
from sitectl.state.site_state import SiteRules
from tests.properties.site_life import World
from tests.properties.site_watch import Figures
from tests.properties.site_world import Troubles

pytestmark = pytest.mark.timeout(600)
"""On the virtual clock all of it is processor time, which a busy machine has little of."""

GRID, GARAGE, YARD = CircuitId("grid"), CircuitId("garage"), CircuitId("yard")


CALM = Troubles()
LOSSY = Troubles(answer_lost=0.05, answer_late=0.05)
SCENARIOS = {
    "calm": (CALM, (1, 2)),
    "answers get lost and come late": (LOSSY, (0, 1)),
    "calls get lost": (replace(LOSSY, request_lost=0.05), (3,)),
    "disk fails and is slow": (replace(LOSSY, disk_slow=0.1, disk_fails=True), (0, 3)),
    "stations drop, reboot and return": (replace(LOSSY, drops=True), (0, 1)),
    "meters are lost": (Troubles(meter_gaps=True), (0, 1)),
    "the process is killed": (replace(LOSSY, kills=True), (1, 3)),
    "a station accepts limits and ignores them": (Troubles(disobedient=1), (2, 4)),
    "a station obeys TxDefaultProfiles only": (Troubles(disobedient=1, deaf=True), (1, 2)),
    "readings come seldom, or without phases": (Troubles(slow_readings=3.0, unnamed_phases=0.2), (0, 5)),
}
EVERYTHING = replace(LOSSY, disk_slow=0.1, disk_fails=True, drops=True, meter_gaps=True, kills=True)


def random_site(seed: int, stations: int = 10, unknown: float = 0.0) -> tuple[Topology, dict[CircuitId, float]]:
    """A metered root, a garage with or without a meter, a yard without; posts and one-phase stations among them.

    Also the most that anything but stations draws on each. `unknown`: the part of stations whose wiring nobody knows.
    """
    random = Random(seed)
    garage_meter = MeterId("garage") if random.random() < 0.5 else None
    circuits = {
        GRID: Circuit(GRID, None, 100.0, MeterId("main"), base_load_worst_a=60.0),
        GARAGE: Circuit(GARAGE, GRID, 50.0, garage_meter, base_load_worst_a=10.0),
        YARD: Circuit(YARD, GRID, 63.0),
    }
    left = {GRID: 40.0, GARAGE: 40.0, YARD: 63.0}
    plans = {}
    for number in range(stations):
        id, circuit = StationId(f"S{number:02}"), random.choice((GRID, GARAGE, YARD))
        path = (circuit,) if circuit is GRID else (circuit, GRID)
        evses = []
        for evse in range(1, random.choice((1, 1, 1, 2)) + 1):
            phases = random.sample(ALL_PHASES, random.choice((1, 3, 3, 3)))
            rotation = UNKNOWN_ROTATION if random.random() < unknown else PhaseRotation(tuple(phases))
            fallback_a = 6.0 if all(left[c] >= 6.0 for c in path) else 0.0
            for c in path:
                left[c] -= fallback_a
            evses.append(EvsePlan(EvseId(id, evse), circuit, 32.0, 6.0, rotation, fallback_a))
        storage = random.choice((ProfileStorage.RAM, ProfileStorage.UNKNOWN))
        plans[id] = StationPlan(id, circuit, 32.0, tuple(evses), profile_storage=storage)
    return topology(circuits, plans), {GRID: 50.0, GARAGE: 10.0}


def live(
    seed: int, troubles: Troubles, seconds: float = 600.0, quiet_s: float = 120.0, unknown: float = 0.0
) -> Figures:
    """One life of a random site; everything that must hold in it is checked while it lasts."""
    site, base_a = random_site(seed, unknown=unknown)
    meters = {c.meter: 1.0 for c in site.circuits.values() if c.meter is not None}
    world = World(seed, site, SiteRules(meter_intervals_s=meters), troubles, base_a)
    if quiet_s:
        world.sharing = SharingRules(quantum_s=float("inf"))  # a turn is no change of anything
    return run_virtual(world.run(seconds, quiet_s))


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name, (_, seeds) in SCENARIOS.items() for seed in seeds])
def test_the_loop_keeps_its_promises(name: str, seed: int) -> None:
    figures = live(seed, SCENARIOS[name][0])
    assert figures.ev_hours > 0.5
    assert not figures.quiet_commands, "with constant inputs nothing is commanded, renewals aside"
    assert figures.commands["renewal"]
    assert figures.lapsed == 0, "renewals keep limits alive"
    assert figures.per_ev_hour() <= (120.0 if SCENARIOS[name][0] is not CALM else 80.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_with_everything_at_once_and_wirings_unknown(seed: int) -> None:
    figures = live(seed, EVERYTHING, quiet_s=0.0, unknown=0.15)
    assert figures.per_ev_hour() <= 200.0


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_seeds_with_everything_at_once(seed: int) -> None:
    live(seed, EVERYTHING, seconds=1800.0, quiet_s=0.0, unknown=0.1)
