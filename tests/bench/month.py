"""A simulated month of 200 stations, healed by the shipped rules: `python -m tests.bench.month`.

Method: the world of `month_world`, ill as `maladies` says (the mix and its sources stand there), for 30 days, with a
cut of power for the whole site and two hours without its network. Three policies live through the same month: nothing
is done; a hard reset on every error that is reported, at once, whatever else is true; and the still room of healing
with the shipped rules and budgets, told everything that the station rooms would tell it. What a policy does not cure a
person does, a day after somebody knew: without healing that is when the fault began, with it when healing told. A
remedy is wrong that was done to a danger, under a car that charges in truth, or where nothing was wrong. `--full`: five
seeds instead of one. `--day 5`: what was done on that day, and what people were told; with `--observe`, what would have
been done.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sitectl.healing.heal import heal
from sitectl.healing.memory import HealingMemory
from sitectl.healing.policy import HealingRules
from sitectl.healing.view import Done, HealthView
from sitectl.model.health import DISRUPTIVE, Attempt, AttemptOutcome, Finding, HealingMode, RemedyKind, SymptomKind
from tests.bench.figures import Figure, conclude, full
from tests.bench.month_world import DAY_S, VISIT_S, Case, World
from tests.unit.healing.plays import shipped
from tests.unit.healing.sites import moments

SEEDS = (1, 2, 3, 4, 5)


@dataclass
class Month:
    """How a month went under one policy."""

    name: str
    world: World
    attempts: list[Attempt]
    ended: dict[str, Attempt] = field(default_factory=dict)
    told: list[tuple[float, Finding]] = field(default_factory=list)
    rounds: int = 0
    spent_s: float = 0.0

    def cases(self) -> list[Case]:
        """What a machine could have cured or waited for; dangers and what is broken inside are a person's anyway."""
        return self.world.cases

    def recovered(self, curable: bool) -> float:
        """The share that no person had to come for."""
        counted = [case for case in self.cases() if not curable or case.malady.cures]
        return sum(case.by not in ("person", "") for case in counted) / len(counted)

    def mean_h(self) -> float:
        """From its beginning to its end, of all that ended."""
        spans = [case.ended - case.began for case in self.cases() if case.ended is not None]
        return sum(spans) / len(spans) / 3600

    def healed_min(self) -> float:
        """The same of those that a remedy cured."""
        spans = [
            case.ended - case.began
            for case in self.cases()
            if case.ended is not None and case.by not in ("person", "", "itself")
        ]
        return sum(spans) / max(1, len(spans)) / 60

    @property
    def wrong(self) -> int:
        """Remedies that should not have been."""
        tally = self.world.tally
        return tally.on_danger + tally.under_car + tally.for_nothing


def nothing(world: World) -> Month:
    """Nobody does anything; a person comes a day after it began."""
    _people_come(world, lambda case: case.began)
    world.until(world.days * DAY_S)
    return Month("nothing is done", world, [])


def reset_each(world: World) -> Month:
    """A hard reset on every error, at once; a person comes a day after it began where that was no help."""
    _people_come(world, lambda case: case.began)
    seen: dict[str, object] = {}
    while world.next_at() <= world.days * DAY_S:
        world.until(world.next_at())
        for actor in world.actors:
            faults = actor.picture.facts.faults
            if faults and seen.get(actor.id) is not faults and actor.picture.online:
                world.remedy(actor, "hard_reset", None, disruptive=True)
            seen[actor.id] = faults
    return Month("a reset on every error", world, [])


def _people_come(world: World, known_at: Callable[[Case], float]) -> None:
    """Every hour it is looked which cases have been known for a day."""

    def rounds() -> None:
        for case in world.cases:
            if case.ended is None and world.now - known_at(case) >= VISIT_S:
                world.visited(case)
        world.at(world.now + 3600, rounds)

    world.at(3600, rounds)


def healed(world: World, rules: HealingRules, mode: HealingMode = HealingMode.ACT) -> Month:
    """The shipped rules; a person comes a day after healing told, and after two where it never told."""
    month = Month("sitectl", world, [])
    _people_come(world, lambda case: case.began + VISIT_S if case.known_at is None else case.known_at)
    memory, done, by_id = HealingMemory(), [], {actor.id: actor for actor in world.actors}
    answers: list[tuple[float, Done]] = []
    end = world.days * DAY_S
    while world.now < end:
        due = min((one.due for one in memory.stations.values()), default=0.0)
        wake = min([at for at, _ in answers], default=float("inf"))
        world.until(min(end, max(world.now + 0.001, min(world.next_at(), due, wake))))
        done = [one for at, one in answers if at <= world.now]
        answers = [(at, one) for at, one in answers if at > world.now]
        view = HealthView({actor.id: actor.picture for actor in world.actors}, tuple(done), mode)
        began = time.perf_counter()
        came = heal(memory, view, rules, moments(world.now))
        month.spent_s += time.perf_counter() - began
        month.rounds += 1
        month.told += [(world.now, finding) for finding in came.findings if finding not in memory.findings]
        memory = came.memory
        month.ended |= {attempt.id: attempt for attempt in came.end}
        for attempt in came.begin:
            month.attempts.append(attempt)
            remedy, actor = attempt.remedy, by_id[attempt.remedy.station]
            case = world.ill.get(actor.id)
            if attempt.dry:
                continue
            if remedy.kind is RemedyKind.TELL:
                ahead = remedy.symptom is SymptomKind.RISING_ERRORS  # told while it works, before it fails for good
                world.tally.for_nothing_told += case is None and not ahead
                if case is not None and case.known_at is None:
                    case.known_at = world.now
                continue
            said = AttemptOutcome(world.remedy(actor, remedy.kind.value, remedy.evse, remedy.kind in DISRUPTIVE))
            answers.append((world.now + 1, Done(attempt.id, remedy.station, said, world.now + 1)))
    return month


def table(months: list[list[Month]]) -> list[str]:
    """One line a policy, over all seeds."""
    head = f"{'':<26}{'faults':>7}{'recovered':>11}{'curable':>9}{'wrong':>7}{'car':>5}{'danger':>8}"
    rows = [head + f"{'visits':>8}{'MTTR h':>8}{'healed min':>12}{'MWh':>8}"]
    for same in months:
        tallies = [month.world.tally for month in same]
        n = len(same)
        rows.append(
            f"{same[0].name:<26}{sum(len(m.cases()) for m in same):>7}"
            f"{sum(m.recovered(False) for m in same) / n:>11.1%}{sum(m.recovered(True) for m in same) / n:>9.1%}"
            f"{sum(m.wrong for m in same):>7}{sum(t.under_car for t in tallies):>5}"
            f"{sum(t.on_danger for t in tallies):>8}{sum(t.visits for t in tallies):>8}"
            f"{sum(m.mean_h() for m in same) / n:>8.1f}{sum(m.healed_min() for m in same) / n:>12.1f}"
            f"{sum(t.energy_wh for t in tallies) / n / 1e6:>8.1f}"
        )
    return rows


def by_malady(months: list[Month]) -> list[str]:
    """Where sitectl recovers what, and what a person is left with."""
    lines = []
    names = dict.fromkeys(case.malady.name for month in months for case in month.cases())
    for name in names:
        cases = [case for month in months for case in month.cases() if case.malady.name == name]
        by = Counter(case.by or "open" for case in cases)
        lines.append(f"  {name:<58}{len(cases):>4}  " + ", ".join(f"{word} {n}" for word, n in by.most_common()))
    return lines


def history(month: Month, day: int) -> list[str]:
    """What was begun on a day (from 0), and what people were told on it."""
    lines = []
    for begun in month.attempts:
        if day * DAY_S <= begun.begun_at < (day + 1) * DAY_S:
            attempt = month.ended.get(begun.id, begun)
            remedy = attempt.remedy
            where = remedy.station if remedy.evse is None else f"{remedy.station}:{remedy.evse}"
            alone = "it went by itself" if attempt.outcome is AttemptOutcome.DONE else attempt.outcome or "under way"
            word = {True: "helped", False: "did not help", None: alone}[attempt.helped]
            what = remedy.code or remedy.symptom.value
            lines.append(f"{attempt.begun:%H:%M:%S} {where:<8}{what:<24}{remedy.kind.value:<22}{word}")
    told = [f"{what} → {do}" for at, (what, _, do) in month.told if day * DAY_S <= at < (day + 1) * DAY_S]
    return [*lines, "", *(f"told: {one}" for one in dict.fromkeys(told))]


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--json", action="store_true")
    options.add_argument("--full", action="store_true")
    options.add_argument("--day", type=int)
    options.add_argument("--observe", action="store_true")
    asked = options.parse_known_args()[0]
    if asked.day is not None:
        mode = HealingMode.OBSERVE if asked.observe else HealingMode.ACT
        world = World(SEEDS[0], days=asked.day + 3.0)
        print("\n".join(history(healed(world, shipped(), mode), asked.day)))
        return 0
    quiet = asked.json
    seeds = SEEDS if full() else SEEDS[:1]
    rules = shipped()
    policies: list[Callable[[World], Month]] = [nothing, reset_each, lambda world: healed(world, rules)]
    months = [[policy(World(seed)) for seed in seeds] for policy in policies]
    left, each, ours = months
    if not quiet:
        print("\n".join([*table(months), "", *by_malady(ours)]))
    saved = sum(o.world.tally.energy_wh - n.world.tally.energy_wh for o, n in zip(ours, left, strict=True)) / len(ours)
    share = sum(month.recovered(True) for month in ours) / len(ours)
    beside = sum(month.recovered(True) for month in left) / len(left)
    peer = f"nothing done {beside:.0%}, a reset on every error {sum(m.recovered(True) for m in each) / len(each):.0%}"
    figures = [
        Figure("recovered without a person, of what is curable", 100 * share, "%", 70, "at least", peer),
        Figure("wrong remedies", sum(m.wrong for m in ours), "", 0, peer=f"{sum(m.wrong for m in each)}"),
        Figure("resets under a charging car", sum(m.world.tally.under_car for m in ours), "", 0),
        Figure(
            "mean time to recovery, all", sum(m.mean_h() for m in ours) / len(ours), "h", peer=f"{left[0].mean_h():.1f}"
        ),
        Figure("mean time to recovery, healed", sum(m.healed_min() for m in ours) / len(ours), "min"),
        Figure("energy saved a month", saved / 1000, "kWh"),
        Figure("people called for nothing", sum(m.world.tally.for_nothing_told for m in ours), ""),
        Figure("a round of healing", 1e6 * sum(m.spent_s for m in ours) / sum(m.rounds for m in ours), "µs"),
    ]
    return conclude("month", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
