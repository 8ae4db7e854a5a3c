"""Whether the site comes to rest and comes back: T1 to T4 and R1, second by second around the real owner.

Constant inputs and noise end in silence, a step of the base load is answered once, stations that balance by themselves
and the site do not chase each other, and after every kind of return all that may be in force fits from the first second
on.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from sitectl.model.ids import EvseId
from tests.onehertz.cars import CarSpec
from tests.onehertz.loads import SteadyLoad
from tests.onehertz.metering import Trouble
from tests.onehertz.ours import RealController
from tests.onehertz.posts import PostSpec
from tests.onehertz.sites import GRID, fill, panels, world_of
from tests.onehertz.stress import stress
from tests.onehertz.world import World, live

pytestmark = pytest.mark.timeout(600)
"""On the virtual clock all of it is processor time, which a busy machine has little of."""

SETTLED_S = 300.0
SILENT_S = SETTLED_S + 200.0
"""The last dead bands that are to spare go out when that has lasted two minutes."""
STATIONS, RATED_A, BASE_A = 9, 100.0, 20.0


def steady_car(random: Random) -> CarSpec:
    return CarSpec(random.choice((1, 1, 3)), random.choice((16.0, 32.0)), shortfall_a=random.uniform(0.0, 1.0))


def site(seed: int, spec: PostSpec | None = None, noise_a: float = 0.0, troubles: tuple[Trouble, ...] = ()) -> World:
    """Nine stations that want more than there is."""
    topology = panels([f"S{n}" for n in range(STATIONS)], RATED_A, panels=2, panel_part=0.7, worst_a=40.0)
    load = SteadyLoad([BASE_A] * 3, Random(seed), noise_a)
    behaves = spec or PostSpec()
    return fill(world_of(topology, RealController(), seed, load, spec=lambda _: behaves, troubles=troubles), steady_car)


def ours(world: World) -> RealController:
    assert isinstance(world.controller, RealController)
    return world.controller


def changes_after(world: World, since: float) -> list[tuple[float, EvseId, str, float]]:
    """Limits that changed from then on."""
    return [told for told in world.truth.at if told[0] >= since]


def sound(world: World) -> None:
    """S1 and S2 all the way."""
    assert world.truth.unlawful == 0
    assert world.truth.odd == 0
    assert not ours(world).violations


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("noise_a", [0.0, 0.4])
def test_constant_inputs_and_noise_end_in_silence(seed: int, noise_a: float) -> None:
    """T1, T2: after it has settled, nothing is commanded but renewals."""
    world = live(lambda: site(seed, noise_a=noise_a), SILENT_S + 300.0)
    assert changes_after(world, SILENT_S) == []
    assert world.truth.commands["renewal"]
    assert world.truth.longest_over_s() == 0.0
    sound(world)


def test_raises_of_one_evse_keep_their_distance() -> None:
    """T3: at most two in a minute, however the base load steps; cuts are not counted, they save the fuse."""
    world = live(lambda: stress(RealController(), 3, 10.0), 900.0)
    raised: dict[EvseId, list[float]] = {}
    for now, evse, kind, _ in world.truth.at:
        if kind == "raise":
            raised.setdefault(evse, []).append(now)
    assert raised
    for times in raised.values():
        assert all(third - first >= 59.0 for first, third in zip(times, times[2:], strict=False))
    sound(world)


@pytest.mark.parametrize("step_a", [25.0, -15.0])
def test_a_step_of_the_base_load_is_answered_once(step_a: float) -> None:
    """T4: above the rating at most once and for at most 12 s; the last cut within 35 s (what comes then makes
    room for those whose last raise was 30 s ago); what is free is used again."""
    currents: list[float] = []

    def world() -> World:
        made = site(4)
        load = made.scene.loads[GRID]
        assert isinstance(load, SteadyLoad)
        made.at(SETTLED_S, lambda: setattr(load, "a", [BASE_A + step_a] * 3))
        made.on_second.append(lambda w: currents.append(max(w.flows[GRID])) if w.now >= SETTLED_S else None)
        return made

    lived = live(world, SETTLED_S + 300.0)
    above = [a > RATED_A for a in currents]
    assert sum(now and not before for before, now in zip([False, *above], above, strict=False)) <= 1
    assert sum(above) <= 12
    cuts = [now for now, _, kind, _ in changes_after(lived, SETTLED_S) if kind == "cut"]
    assert max(cuts, default=SETTLED_S) <= SETTLED_S + 35.0
    assert changes_after(lived, SETTLED_S + 200.0) == []
    assert currents[-1] >= RATED_A - 10.0
    sound(lived)


def test_stations_that_balance_by_themselves_do_not_fight_the_site() -> None:
    """T4: posts with two connectors that share 20 A by their own lights; after a while nobody is told anything new."""

    def world() -> World:
        topology = panels([f"S{n}" for n in range(5)], RATED_A, panels=2, panel_part=0.7, worst_a=40.0, evses=2)
        load = SteadyLoad([BASE_A] * 3, Random(5))
        return fill(world_of(topology, RealController(), 5, load, spec=lambda _: PostSpec(shares_a=20.0)), steady_car)

    lived = live(world, 1200.0)
    assert len(changes_after(lived, 900.0)) <= 4
    assert lived.truth.longest_over_s() <= 12.0
    sound(lived)


def loses_network(world: World) -> None:
    """All stations are gone for a minute."""
    for post in world.posts.values():
        ours(world).disconnect(post)
        world.at(world.now + 60.0, lambda p=post: ours(world).connect(p))


def reboots(world: World) -> None:
    """All stations reboot: they draw nothing meanwhile, and have forgotten what they kept in RAM."""
    for post in world.posts.values():
        ours(world).disconnect(post)
        post.reboot()
        world.at(world.now + 30.0, lambda p=post: (ours(world).connect(p), ours(world).boot(p)))


def restarts(world: World) -> None:
    """The process is killed and begins again."""
    ours(world).restart()


RETURNS: dict[str, tuple[Callable[[World], None] | None, float]] = {
    "of the meter": (None, 240.0),
    "of the network": (loses_network, 270.0),
    "of rebooted stations": (reboots, 180.0),
    "of the process": (restarts, 240.0),
}
"""What comes back, and how long after the loss the cars have what they had. A restart learns anew which cars use one
phase alone; limits lapse in stations that are cut off for a minute, and are said again a minute after they return."""


@pytest.mark.parametrize("what", RETURNS)
def test_what_may_be_in_force_fits_after_every_return(what: str) -> None:
    """R1: nothing above a rating, no unlawful raise, and full service again within the stated time."""
    happens, within_s = RETURNS[what]
    currents: dict[float, float] = {}

    def world() -> World:
        troubles = () if happens is not None else (Trouble("out", SETTLED_S, SETTLED_S + 30.0),)
        made = site(6, troubles=troubles)
        if happens is not None:
            made.at(SETTLED_S, lambda: happens(made))
        made.on_second.append(lambda w: currents.__setitem__(w.now, sum(w.flows[GRID])))
        return made

    lived = live(world, SETTLED_S + within_s)
    before, after = currents[SETTLED_S - 1.0], currents[SETTLED_S + within_s - 1.0]
    assert after >= before - 3.0 * 3.0, (before, after)
    assert lived.truth.longest_over_s() == 0.0
    sound(lived)
