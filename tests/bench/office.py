"""A calm working day at an office with 54 points: `python -m tests.bench.office [--json] [--full]`.

Method: 250 A a phase, 54 stations on four panels, the base load of a medium office (up to 100 A a phase, real hours
made into minutes where the data is, else a generated day) without machines that switch; the visits of a real working
day where they are, else a generated one. Cars without taper, readings every 10 s. From 07:00 for four hours, 12 with
`--full`. Commands are changes of a limit, first ones included. The peer is the loop that counts draws.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random

from tests.bench.figures import Figure, conclude, full
from tests.onehertz.days import Visit, generated_visits, office_hours, real_days
from tests.onehertz.loads import DayLoad, generated_day, office_shape
from tests.onehertz.naive import DrawCounting
from tests.onehertz.ours import RealController
from tests.onehertz.plots import Recorder
from tests.onehertz.sites import GRID, panels, play, world_of
from tests.onehertz.truth import Truth
from tests.onehertz.world import Controller, World, live

POINTS, RATED_A, BASE_A = 54, 250.0, 100.0
BEGINS_S = 7 * 3600
COMMANDS = 6.0


def visits_of_the_day() -> tuple[str, list[Visit]]:
    """A real working day, else a generated one, and which it is."""
    days = real_days("jpl")
    if days is None:
        return "generated", generated_visits(5, POINTS)
    name = list(days)[10]
    return f"JPL {name}", days[name]


def office(controller: Controller, recorder: Recorder | None = None) -> World:
    """The world of this bench."""
    _, visits = visits_of_the_day()
    places = sorted({visit.place for visit in visits})
    places += [f"extra{n}" for n in range(max(0, POINTS - len(places)))]
    hours, random = office_hours(), Random(5)
    known = office_shape(hours, BASE_A) if hours else generated_day(random, BASE_A, steps_a=1.0)
    load = DayLoad(known, random, begins_s=BEGINS_S, inrush_every_s=0.0)
    site = panels(places, RATED_A, worst_a=BASE_A + 10.0, fallback_a=0.0)
    world = play(world_of(site, controller, 5, load), visits, BEGINS_S)
    if recorder is not None:
        world.on_second.append(recorder)
    return world


def day(controller: Callable[[], Controller], recorder: Recorder | None = None) -> Truth:
    """One run."""
    seconds = (12.0 if full() else 4.0) * 3600.0
    return live(lambda: office(controller(), recorder), seconds).truth


def main() -> int:
    """Print the table, or JSON."""
    recorder = Recorder(GRID, every_s=10)
    ours, peer = day(RealController, recorder), day(DrawCounting)
    which, _ = visits_of_the_day()
    recorder.draw("office", f"Office day ({which}), hours from 07:00: rated, base, allocated and measured")
    over_s = max(row.total_over_s for row in ours.rows.values())
    peer_over_s = max(row.total_over_s for row in peer.rows.values())
    figures = [
        Figure(
            f"office ({which}), commands", ours.per_ev_hour(), "/EV-hour", COMMANDS, peer=f"{peer.per_ev_hour():.1f}"
        ),
        Figure("office, time above a rating", over_s, "s", 0.0, peer=f"{peer_over_s:.0f} s"),
        Figure("office, raises with the worst case above it", ours.unlawful, "", 0.0, peer=f"{peer.unlawful}"),
        Figure("office, energy", ours.energy_kwh, "kWh", peer=f"{peer.energy_kwh:.0f} kWh"),
        Figure(
            "office, most commands to one EVSE in a minute",
            ours.most_in_a_minute(),
            "",
            peer=f"{peer.most_in_a_minute()}",
        ),
    ]
    return conclude("office", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
