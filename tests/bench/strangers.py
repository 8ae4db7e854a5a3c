"""A site on which some do not obey, some are off-line and some are silent: `python -m tests.bench.strangers [--json]`.

Method: 60 stations on four panels, 250 A a phase, a stepping base load (10 to 60 A), fallbacks of 6 A, cars that never
get full, readings every 10 s; 40 min on virtual time. From minute 10 on three stations (5 %) say yes to every limit and
ignore it, three are cut off, three are connected and report nothing; that each for itself, and all at once. Marks:
nobody else suffers for longer than a base-load step takes (S4, S5; with the ignoring ones 15 s more, until they are
found), no limit is unlawful, and what the others lose is no more than what is reserved for the strangers and 2 %. In a
last world all stations and cars are drawn from the kinds that exist (late calls, lost answers, whole ampere up or down,
wrong clocks, cars that sleep, taper and heat), above the minutes of three real houses where the data is. The peer is
the same world in which everybody obeys, and the loop that counts draws in the world in which all goes wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.bench.figures import Figure, conclude
from tests.onehertz.cars import CarSpec, draw_car
from tests.onehertz.days import household_minutes
from tests.onehertz.loads import DayLoad, SteppedLoad, generated_day
from tests.onehertz.naive import DrawCounting
from tests.onehertz.ours import RealController
from tests.onehertz.posts import draw_post
from tests.onehertz.sites import GRID, fill, panels, world_of
from tests.onehertz.world import Controller, World, live

STATIONS, RATED_A, WORST_A = 60, 250.0, 70.0
BEGINS_S, ENDS_S = 600.0, 2400.0
PART = STATIONS // 20
STEP_S, FOUND_S = 12.0, 15.0
TOLERANCE_PERCENT = 2.0
KINDS = ("ignore", "offline", "silent")


def car(random: Random) -> CarSpec:
    """One that never gets full."""
    drawn = draw_car(random)
    return CarSpec(drawn.phases, drawn.max_a, shortfall_a=drawn.shortfall_a, slow_reactions=0.0)


class Reserve:
    """What the strangers may lawfully draw beyond what they would have got, as energy of the whole time (kWh)."""

    def __init__(self, strangers: set[str]) -> None:
        self.strangers, self.kwh = strangers, 0.0

    def __call__(self, world: World) -> None:
        if world.now < BEGINS_S or not isinstance(world.controller, RealController):
            return
        decision = world.controller.site.decision
        if decision is not None:
            for id, view in decision.snapshot.evses.items():
                if id.station in self.strangers:
                    drawn = sum(world.posts[id.station].bays[id.evse].drawn_a)
                    reserved = max(0.0, view.counts_a * len(view.phases) - drawn)
                    self.kwh += reserved * 0.23 / 3600.0


def run(controller: Controller, kinds: tuple[str, ...]) -> tuple[World, Reserve]:
    """One life; from minute 10 on, the first stations of each panel go wrong in these ways."""
    names = [f"S{n:02}" for n in range(STATIONS)]
    groups = {kind: names[place * PART : (place + 1) * PART] for place, kind in enumerate(KINDS)}
    reserve = Reserve({name for kind in kinds for name in groups[kind]})

    def goes_wrong(world: World) -> None:
        for kind in kinds:
            for name in groups[kind]:
                post = world.posts[name]  # type: ignore[index]
                if kind == "ignore":
                    post.spec = replace(post.spec, ignores=True)
                elif kind == "silent":
                    post.silent = True
                else:
                    world.controller.disconnect(post)

    def world() -> World:
        site = panels(names, RATED_A, worst_a=WORST_A, fallback_a=0.0)
        made = fill(world_of(site, controller, 7, SteppedLoad(Random(7), 10.0, 60.0, 120.0, (6.0, 15.0), 0.5)), car)
        made.at(BEGINS_S, lambda: goes_wrong(made))
        made.on_second.append(reserve)
        return made

    return live(world, ENDS_S), reserve


def figures_of(kinds: tuple[str, ...], calm_kwh: float, peer: Callable[[], Controller] | None) -> list[Figure]:
    """One way of going wrong, or all of them."""
    lived, reserve = run(RealController(), kinds)
    name = "5 % " + " and 5 % ".join(kinds)
    allowed_s = STEP_S + (FOUND_S if "ignore" in kinds else 0.0)
    lost = 100.0 * (calm_kwh - lived.truth.energy_kwh - reserve.kwh) / calm_kwh
    beside = ""
    if peer is not None:
        other, _ = run(peer(), kinds)
        beside = f"counts draws {other.truth.longest_over_s():.0f} s, trip {100.0 * other.truth.trip():.3g} %"
    over_s = lived.truth.longest_over_s()
    return [
        Figure(f"{name}: longest above a rating", over_s, "s", allowed_s, peer=beside),
        Figure(f"{name}: trip fraction", 100.0 * lived.truth.trip(), "%", 10.0),
        Figure(f"{name}: energy lost beyond reserves", lost, "%", TOLERANCE_PERCENT, peer=f"of {calm_kwh:.0f} kWh"),
        Figure(f"{name}: unlawful raises", lived.truth.unlawful, "", 0.0),
        Figure(f"{name}: peak at the root", max(lived.truth.rows[GRID, p].peak_ratio for p in range(3)), "x rating"),
    ]


def motley() -> list[Figure]:
    """Stations and cars of every kind, with the steps of real houses below them."""
    houses, random = household_minutes(), Random(13)
    known = houses or generated_day(random, 45.0)

    def world() -> World:
        load = DayLoad(known, random, begins_s=17 * 3600, inrush_every_s=600.0)
        site = panels([f"S{n:02}" for n in range(STATIONS)], RATED_A, worst_a=WORST_A)
        return fill(world_of(site, RealController(), 13, load, spec=draw_post), draw_car, within_s=300.0)

    lived = live(world, ENDS_S)
    name = "stations and cars of every kind, " + ("real houses" if houses else "a generated day")
    return [
        Figure(f"{name}: longest above a rating", lived.truth.longest_over_s(), "s", STEP_S + FOUND_S),
        Figure(f"{name}: trip fraction", 100.0 * lived.truth.trip(), "%", 10.0),
        Figure(f"{name}: unlawful raises", lived.truth.unlawful, "", 0.0),
        Figure(f"{name}: commands", lived.truth.per_ev_hour(), "/EV-hour"),
    ]


def main() -> int:
    """Print the table, or JSON."""
    calm, _ = run(RealController(), ())
    figures = []
    for kinds in (*((kind,) for kind in KINDS), KINDS):
        figures += figures_of(kinds, calm.truth.energy_kwh, DrawCounting if kinds == KINDS else None)
    return conclude("strangers", __doc__, figures + motley())


if __name__ == "__main__":
    sys.exit(main())
