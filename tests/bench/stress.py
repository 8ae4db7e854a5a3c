"""A site under stress, second by second: `python -m tests.bench.stress [--json] [--full]`.

Method: the world of `tests.onehertz.stress` on virtual time: 100 A a phase, 8 three-phase cars of 16 A and 12 one-phase
cars of 32 A that never get full, a base load with a step of 9 to 25 A on each phase every 90 s on average (up to 90 A),
cars that react after 1 to 5 s, ramp up by 2 A/s and down by 10 A/s, and a third of them with spells of taking less. The
meter is read every second, a second old; stations report every 1, 10 or 60 s, up to 3 s old; a command takes 0.05 to 1
s each way. The controller is the whole real owner of the site with the real queues and the real OCPP encoder. Four
hours a run; two seeds, six with `--full`. Trip fraction by the envelope of `tests.onehertz.truth`, the worst over all
runs, as is the longest time in a row above the rating; commands (changes of a limit, first ones included) and energy
are means.

`proven` shows what it costs to be sure of a dead controller. The peers run on the same worlds: a loop that counts draws
(every 10 s), a tree of one current a circuit, an equal split for ever, and no control at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from tests.bench.figures import Figure, conclude, full
from tests.onehertz.naive import DrawCounting, EqualSplit, HighestPhase, Uncontrolled
from tests.onehertz.ours import RealController
from tests.onehertz.plots import Recorder
from tests.onehertz.stress import GRID, WORST_BASE_A, stress
from tests.onehertz.world import Controller, World, live

HOURS = 4.0
MARKS = {1.0: (15.0, 40.0), 10.0: (20.0, 40.0), 60.0: (30.0, 60.0)}
"""Seconds between readings -> the longest time over the rating (s), commands an hour and car."""
TRIP_PERCENT, ENERGY_KWH = 2.0, 91.0


@dataclass(frozen=True)
class Outcome:
    """Several seeds of one controller."""

    trip_percent: float
    over_s: float
    peak: float
    commands: float
    worst_commands: float
    kwh: float
    unlawful: int
    hasty: int
    most_in_a_minute: int


def run(controller: Callable[[], Controller], reading_s: float, seeds: Iterable[int], hours: float = HOURS) -> Outcome:
    """Each seed once."""
    truths = []
    for seed in seeds:
        world = live(lambda seed=seed: stress(controller(), seed, reading_s), hours * 3600.0)
        if violations := getattr(world.controller, "violations", []):
            raise AssertionError(f"the independent check objected: {violations[:3]}")
        truths.append(world.truth)
    commands = [truth.per_ev_hour() for truth in truths]
    return Outcome(
        trip_percent=100.0 * max(truth.trip() for truth in truths),
        over_s=max(truth.longest_over_s() for truth in truths),
        peak=max(truth.peak() for truth in truths),
        commands=sum(commands) / len(commands),
        worst_commands=max(commands),
        kwh=sum(truth.energy_kwh for truth in truths) / len(truths),
        unlawful=sum(truth.unlawful for truth in truths),
        hasty=sum(truth.hasty for truth in truths),
        most_in_a_minute=max(truth.most_in_a_minute() for truth in truths),
    )


def figures_of(reading_s: float, ours: Outcome, peer: Outcome) -> list[Figure]:
    """One reading period, judged beside the loop that counts draws."""
    over_s, commands = MARKS[reading_s]
    name = f"stress, readings every {reading_s:g} s,"
    return [
        Figure(f"{name} trip fraction", ours.trip_percent, "%", TRIP_PERCENT, peer=f"{peer.trip_percent:.3g} %"),
        Figure(f"{name} longest over the rating", ours.over_s, "s", over_s, peer=f"{peer.over_s:.0f} s"),
        Figure(f"{name} commands", ours.commands, "/EV-hour", commands, peer=f"{peer.commands:.0f} /EV-hour"),
        Figure(f"{name} energy", ours.kwh, "kWh", ENERGY_KWH, "at least", f"{peer.kwh:.0f} kWh"),
        Figure(f"{name} raises with the worst case above it", ours.unlawful, "", 0.0, peer=f"{peer.unlawful}"),
        Figure(f"{name} the same, base known at once", ours.hasty, "", peer=f"{peer.hasty}"),
        Figure(f"{name} peak", ours.peak, "x rating", peer=f"{peer.peak:.2f} x"),
    ]


def plotted(seed: int) -> World:
    """One run, drawn."""
    recorder = Recorder(GRID)

    def world() -> World:
        made = stress(RealController(), seed, 10.0)
        made.on_second.append(recorder)
        return made

    lived = live(world, 3600.0)
    recorder.draw("stress", "Stress, first hour, readings every 10 s: rated, base, allocated and measured")
    return lived


def main() -> int:
    """Print the table, or JSON."""
    seeds = range(6 if full() else 2)
    figures: list[Figure] = []
    rows: dict[str, dict[str, float]] = {}
    for reading_s in MARKS:
        ours, peer = run(RealController, reading_s, seeds), run(DrawCounting, reading_s, seeds)
        figures += figures_of(reading_s, ours, peer)
        rows |= {f"ours, {reading_s:g} s": asdict(ours), f"counts draws, {reading_s:g} s": asdict(peer)}
    others: dict[str, Callable[[], Controller]] = {
        "proven": lambda: RealController(proven=True),
        "one current a circuit": HighestPhase,
        "equal split": lambda: EqualSplit(WORST_BASE_A),
        "no control": Uncontrolled,
    }
    for name, controller in others.items():
        outcome = run(controller, 10.0, seeds if full() else [0])
        rows[name] = asdict(outcome)
        peer = f"trip {outcome.trip_percent:.3g} %, {outcome.over_s:.0f} s over, {outcome.commands:.0f} /EV-hour"
        figures.append(Figure(f"stress, {name}, readings every 10 s, energy", outcome.kwh, "kWh", peer=peer))
    plotted(0)
    return conclude("stress", __doc__, figures, rows=rows)


if __name__ == "__main__":
    sys.exit(main())
