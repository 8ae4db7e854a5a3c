"""A thousand stations cut from 100 to 30 per cent: `python -m tests.bench.demand_response [--json]`.

Method: 1000 stations on ten panels, a car at each (45 % one-phase, the rest two- and three-phase, reactions of 1 to 8
s), on virtual time with the real owner, desk, queues and encoder. When all have settled, a ceiling of 30 % of what
flows is set on the root. The peer is the arithmetic of the standards: transport, reaction and ramp of the slowest car
alone.

* How long until the last command is out is measured in CPU time of this process, from the ceiling's event to the moment
  at which the last call is on its line; between the two nothing waits for a clock (that is checked too).
* How long until the cap is kept is measured on the true current of the root. Whoever is below 6 A is paused (S2).
"""

from __future__ import annotations

import sys
import time
from random import Random

from sitectl.model import events
from sitectl.model.limits import Ceiling
from tests.bench.figures import Figure, conclude
from tests.onehertz.cars import CarSpec, draw_car
from tests.onehertz.loads import SteadyLoad
from tests.onehertz.ours import RealController
from tests.onehertz.posts import Line
from tests.onehertz.sites import GRID, fill, panels, world_of
from tests.onehertz.world import World, live

STATIONS = 1000
SETTLED_S, AFTER_S = 150, 60
PART = 0.3
SLOWEST_S = 1.0 + 8.0 + 32.0 / 5.0


class Watch:
    """Sets the ceiling, and notes when each command was on its line and when the root kept it."""

    def __init__(self) -> None:
        self.cap_a = float("inf")
        self.before_a = 0.0
        self.cpu_s: list[float] = []
        self.sent_at: list[float] = []
        self.kept_after_s: float | None = None
        self.begun_s = 0.0

    def __call__(self, world: World) -> None:
        highest = max(world.flows[GRID])
        if world.now == SETTLED_S:
            self.before_a, self.cap_a = highest, round(highest * PART, 1)
            self.begun_s = time.process_time()
            world.hear(events.CeilingSet(Ceiling("dr", "grid operator", self.cap_a, circuit=GRID), world.now))
        elif world.now > SETTLED_S and highest <= self.cap_a:
            self.kept_after_s = self.kept_after_s or world.now - SETTLED_S
        elif world.now > SETTLED_S and self.kept_after_s is not None:
            self.kept_after_s = None  # it went above again: the last time counts

    def sent(self, now: float) -> None:
        """A call is on its line."""
        if self.begun_s:
            self.sent_at.append(now - SETTLED_S)
            self.cpu_s.append(time.process_time() - self.begun_s)


class Watched(RealController):
    """The owner, with every line watched."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def connect(self, post: object) -> None:
        super().connect(post)  # type: ignore[arg-type]
        line: Line = post.line  # type: ignore[attr-defined]
        ask = line.ask

        def watched(action: str, payload: dict[str, object], timeout_s: float) -> object:
            self.watch.sent(self.world.now)
            return ask(action, payload, timeout_s)

        line.ask = watched  # type: ignore[assignment, method-assign]


def car(random: Random) -> CarSpec:
    """One that wants more than it can get."""
    drawn = draw_car(random)
    return CarSpec(drawn.phases, drawn.max_a, ramp_up=drawn.ramp_up, ramp_down=drawn.ramp_down)


def main() -> int:
    """Print the table, or JSON."""
    watch = Watch()

    def world() -> World:
        site = panels([f"S{n:04}" for n in range(STATIONS)], 9000.0, panels=10, panel_part=0.15, worst_a=300.0)
        made = world_of(site, Watched(watch), 9, SteadyLoad([100.0] * 3, Random(9), 2.0))
        made.judges_raises = False
        made.on_second.append(watch)
        return fill(made, car, 30.0)

    lived = live(world, SETTLED_S + AFTER_S)
    cut = sum(at <= 1.0 for at in watch.sent_at)
    first_s = max((s for s, at in zip(watch.cpu_s, watch.sent_at, strict=True) if at <= 0.5), default=float("inf"))
    late = max((at for at in watch.sent_at if at <= 1.0), default=float("inf"))
    kept_s = watch.kept_after_s if watch.kept_after_s is not None else float("inf")
    figures = [
        Figure("1000 stations cut to 30 %, all commands out (CPU)", first_s, "s", 1.0, peer=f"{cut} commands"),
        Figure("1000 stations cut to 30 %, all commands out (waiting)", late, "s", 1.0),
        Figure("1000 stations cut to 30 %, under the cap", kept_s, "s", 12.0, peer=f"slowest car {SLOWEST_S:.1f} s"),
        Figure("1000 stations cut to 30 %, limits between 0 and 6 A", lived.truth.odd, "", 0.0),
        Figure("1000 stations, before the cut", watch.before_a, "A"),
    ]
    return conclude("demand_response", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
