"""If the box dies now, as status says it: against stations that go on by the profiles and the clocks that they have.

A site lives for a while, its process is killed for good, and then every station may draw what it lawfully may, second
by second, while the base load is at once the most that may come. Neither may be worse, nor last longer, than was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random

import pytest

from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model import events
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import CircuitId
from sitectl.model.limits import IfDead
from sitectl.state.breaker import SHARE_OF_TRIP, trip_time_s
from sitectl.state.rise import SPANS_S
from sitectl.state.site_state import SiteRules
from tests.properties.site_life import World
from tests.properties.site_world import Troubles
from tests.properties.test_site_loop import random_site
from tests.unit.state.test_rise import week

pytestmark = pytest.mark.timeout(600)
"""On the virtual clock all of it is processor time, which a busy machine has little of."""

LOSSY = Troubles(answer_lost=0.05, answer_late=0.05)
AFTER_S = 2500
RISE_A = 12.0
COMING_BACK_S = 60
"""After a start everybody counts at the most that it may draw, until it has taken its limit."""
MAKING_ROOM_S = 60
"""A cut whose answer is lost is said again after 30 s, and then a reading must show it."""
NOISE = 0.02
"""Of a ratio: what a meter and a second may make of it."""


class Doomed(World):
    """A site whose process dies once, and for good. `learned`: it has seen a week in which base loads rose little."""

    learned = False

    def start(self, group: Tasks) -> None:
        super().start(group)
        if self.learned and self.site is not None:
            quiet = week(**{f"s{span:.0f}": RISE_A for span in SPANS_S})
            for circuit in self.site.state.rises:
                self.site.post(events.BaseRiseRemembered(circuit, self.clock.monotonic(), quiet.days, 0))

    async def base_load(self) -> None:
        """Where it has learned that base loads rise little, they do."""
        if not self.learned:
            await super().base_load()

    async def die(self, seconds: float) -> tuple[Mapping[CircuitId, IfDead], Mapping[CircuitId, list[float]]]:
        """What was said last, and the true base load then."""
        living = asyncio.ensure_future(self.run(seconds + 10.0, 0.0))
        await asyncio.sleep(seconds)
        assert self.site is not None
        decision = self.site.cycle()
        said = {id: share.if_dead for id, share in decision.shares.items() if share.if_dead is not None}
        base = {id: self.base_below(id) for id in self.base}
        self.kill()
        self.running.cancel()
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        return said, base

    def lawful(self) -> Mapping[CircuitId, list[float]]:
        """What all stations may draw at this moment with the cars that they have, per phase."""
        totals = {id: [0.0, 0.0, 0.0] for id in self.topology.circuits}
        for station in self.stations.values():
            for number, bay in station.bays.items():
                wired = bay.running.vehicle.spec.phases if bay.running is not None else 0
                for circuit in self.topology.paths[bay.plan.circuit]:
                    for phase in bay.plan.rotation.phases[:wired]:
                        totals[circuit][phase] += station.lawful_a(number)
        return totals


def outlived(seed: int, *, proven: bool = False, learned: bool = False, seconds: float = 400.0) -> list[IfDead]:
    """One life and what comes after it; what was said of each circuit."""
    site, base_a = random_site(seed)
    meters = {c.meter: 1.0 for c in site.circuits.values() if c.meter is not None}
    world = Doomed(seed, site, SiteRules(meter_intervals_s=meters, proven=proven), LOSSY, base_a)
    world.learned = learned

    async def life() -> list[IfDead]:
        said, base = await world.die(seconds)
        over_s = dict.fromkeys(said, 0)
        for second in range(AFTER_S):
            for id, lawful in world.lawful().items():
                dead, rated_a = said[id], site.circuits[id].rated_a
                worst_a = site.circuits[id].base_load_worst_a
                for phase in ALL_PHASES:
                    coming_a = max(worst_a, base.get(id, [0.0] * 3)[phase])
                    if dead.learned:
                        coming_a = min(worst_a, base[id][phase] + RISE_A)
                    if second > dead.for_s:
                        assert lawful[phase] + worst_a <= rated_a + 0.05, (second, id, phase.name, dead)
                    else:
                        ratio = (lawful[phase] + coming_a) / rated_a
                        assert ratio <= dead.ratio + NOISE, (second, id, phase.name, dead)
                over_s[id] += any(lawful[p] + coming_a > rated_a * (1.0 + NOISE) for p in ALL_PHASES)
            await asyncio.sleep(1.0)
        for id, dead in said.items():
            assert over_s[id] <= dead.for_s + 1.0
            if dead.holds:
                assert over_s[id] <= SHARE_OF_TRIP * trip_time_s(max(1.0, dead.ratio)) + 1.0
        return list(said.values())

    return run_virtual(life())


SEEDS = [
    pytest.param(Random(number).randrange(1000), marks=[pytest.mark.full] if number > 1 else []) for number in range(8)
]


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_never_worse_and_never_lasts_longer_than_was_said(seed: int) -> None:
    assert any(dead.ratio > 0.5 for dead in outlived(seed))


def unproven(seed: int, seconds: int) -> list[tuple[int, int, CircuitId]]:
    """Where it is to be proven: from which second on it did not hold, for how many, on which circuit."""
    site, base_a = random_site(seed)
    meters = {c.meter: 1.0 for c in site.circuits.values() if c.meter is not None}
    world = Doomed(seed, site, SiteRules(meter_intervals_s=meters, proven=True), LOSSY, base_a)
    found: list[tuple[int, int, CircuitId]] = []
    since: dict[CircuitId, int] = {}

    async def life() -> None:
        living = asyncio.ensure_future(world.run(seconds + 10.0, 0.0))
        for second in range(seconds):
            await asyncio.sleep(1.0)
            assert world.site is not None
            assert world.site.decision is not None
            for id, share in world.site.decision.shares.items():
                assert share.if_dead is not None
                if not share.if_dead.holds:
                    since.setdefault(id, second)
                elif id in since:
                    found.append((since[id], second - since[id], id))
                    del since[id]
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)

    run_virtual(life())
    return [*found, *((begun, seconds - begun, id) for id, begun in since.items())]


@pytest.mark.parametrize("seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.full) for seed in (2004, 2048))])
def test_where_it_is_to_be_proven_it_holds_but_while_others_make_room_for_who_begins(seed: int) -> None:
    """A car begins at its fallback, whatever is free. Until the others have followed their cuts it holds no more."""
    found = [(begun, lasted, id) for begun, lasted, id in unproven(seed, 400) if begun >= COMING_BACK_S]
    assert all(lasted <= MAKING_ROOM_S for _, lasted, _ in found), found
    assert sum(lasted for _, lasted, _ in found) <= 0.25 * (400 - COMING_BACK_S), found


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_learned_is_believed_and_is_enough(seed: int) -> None:
    said = outlived(seed, learned=True)
    assert any(dead.learned for dead in said)
