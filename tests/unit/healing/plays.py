"""Plays a scenario of tests/scenarios/healing: stations, what happens, how they react; and what must come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from sitectl.config.build_healing import healing
from sitectl.config.healing_rules import load_rules
from sitectl.config.models_healing import Healing
from sitectl.healing.heal import HealingRound, Recovery, heal
from sitectl.healing.memory import HealingMemory, remembered
from sitectl.healing.policy import HealingRules
from sitectl.healing.view import Done, HealthView
from sitectl.model.health import DISRUPTIVE, RESETS, Attempt, AttemptOutcome, HealingMode
from tests.unit.healing.actors import Actor, seconds
from tests.unit.healing.sites import moments


@cache
def shipped() -> HealingRules:
    rules = load_rules(None)
    assert isinstance(rules, HealingRules), rules
    return rules


class Play:
    """One scenario as it is played; `stored` holds every attempt as a store would, the newest state of each."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.case = case
        self.actors = {id: Actor(id, **facts) for id, facts in named_stations(case).items()}
        section = Healing.model_validate({"mode": "act", **case.get("healing", {})})
        self.rules = healing(section, shipped())
        self.mode = HealingMode(section.mode)
        self.memory = HealingMemory()
        self.stored: dict[str, Attempt] = {}
        self.recovered: list[Recovery] = []
        self.faults: list[str] = []
        self.last = HealingRound(self.memory)
        self._coming: list[tuple[float, str, Mapping[str, Any]]] = []
        self._done: list[tuple[float, Done]] = []
        for event in events(case):
            for id in named(event, self.actors):
                self._coming.append((seconds(event["at"]), id, event))
        self._coming.sort(key=lambda coming: coming[0])

    def run(self) -> None:
        """Play it to its end, a round each `step` seconds."""
        until, step = seconds(self.case.get("until", "1h")), seconds(self.case.get("step", 1))
        now = 0.0
        while now <= until:
            self._happen(now)
            self._round(now)
            now += step

    def _happen(self, now: float) -> None:
        while self._coming and self._coming[0][0] <= now:
            _, id, event = self._coming.pop(0)
            if "mode" in event:
                self.mode = HealingMode(event["mode"])
            elif "restart" in event:
                self.memory = remembered(self.stored.values(), self.rules, moments(now))
            else:
                self.actors[id].happens(now, event)

    def _round(self, now: float) -> None:
        done = tuple(done for at, done in self._done if at <= now)
        self._done = [(at, one) for at, one in self._done if at > now]
        view = HealthView({actor.id: actor.picture for actor in self.actors.values()}, done, self.mode)
        self.last = heal(self.memory, view, self.rules, moments(now))
        self.memory = self.last.memory
        self.recovered += self.last.recovered
        for attempt in self.last.end:
            if self.stored[attempt.id].ended is not None:
                self.faults.append(f"{attempt.id} ended twice")
            self.stored[attempt.id] = attempt
        for attempt in self.last.begin:
            self.stored[attempt.id] = attempt
            if attempt.outcome is None:
                self._act(attempt, now)

    def _act(self, attempt: Attempt, now: float) -> None:
        """The hand does it, and the station reacts as the scenario says. What must never be done is noted."""
        actor, kind = self.actors[attempt.remedy.station], attempt.remedy.kind
        if kind in RESETS and actor.draws_really:
            self.faults.append(f"{now:g} s: {kind.value} of {actor.id} under a charging car")
        reaction = self._reaction(attempt)
        outcome = AttemptOutcome(reaction.get("outcome", "done"))
        after_s = seconds(reaction.get("after", 2))
        if outcome is not AttemptOutcome.UNANSWERED:
            answer_s = min(after_s, 1.0)
            self._done.append((now + answer_s, Done(attempt.id, attempt.remedy.station, outcome, now + answer_s)))
        if kind in RESETS:
            actor.happens(now, {"away_s": 300})
        changes = {"evse": attempt.remedy.evse or 1, **reaction}
        for event in reaction.get("then", ()):
            self._coming.append((now + after_s + seconds(event["at"]), str(actor.id), event))
        plain = {key: value for key, value in changes.items() if key not in ("after", "then", "outcome")}
        self._coming.append((now + after_s, str(actor.id), plain))
        self._coming.sort(key=lambda coming: coming[0])

    def _reaction(self, attempt: Attempt) -> Mapping[str, Any]:
        """By remedy; a list holds one reaction for each time."""
        reacts = self.case.get("reacts", {}).get(attempt.remedy.kind.value, {})
        if isinstance(reacts, list):
            times = sum(one.remedy.kind is attempt.remedy.kind for one in self.stored.values())
            reacts = reacts[min(times, len(reacts)) - 1]
        found: Mapping[str, Any] = reacts
        return found

    # --- what came of it ----------------------------------------------------------------------------------------------

    def begun(self, dry: bool = False) -> list[str]:
        """`remedy@second`, in order; where there are several stations, `station.remedy@second`."""
        many = len(self.actors) > 1
        return [
            (f"{one.remedy.station}." if many else "") + f"{one.remedy.kind.value}@{one.begun_at:g}"
            for one in self.stored.values()
            if one.dry == dry or one.remedy.kind.value == "tell"
        ]

    def counts(self) -> Counter[str]:
        return Counter(one.remedy.kind.value for one in self.stored.values() if not one.dry)

    def helped(self) -> list[str]:
        return [one.remedy.kind.value for one in self.stored.values() if one.helped]

    def told(self) -> list[str]:
        return [f"{where}: {what} → {do}" for what, where, do in self.last.findings]


def events(case: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What happens; `every` and `times` repeat one."""
    found: list[Mapping[str, Any]] = []
    for event in case.get("happens", ()):
        rest = {key: value for key, value in event.items() if key not in ("every", "times")}
        for number in range(int(event.get("times", 1))):
            at = seconds(event["at"]) + number * seconds(event.get("every", 0))
            found.append({**rest, "at": at})
    return found


def named_stations(case: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """One station CP01 unless it is said otherwise; `count: 200` makes as many."""
    told = case.get("stations", {"CP01": {}})
    if isinstance(told, int):
        return {f"CP{number:03d}": {} for number in range(1, told + 1)}
    return {id: facts or {} for id, facts in told.items()}


def named(event: Mapping[str, Any], actors: Mapping[str, Actor]) -> list[str]:
    """Which stations an event is for: the named, the first so many, or the only one."""
    if "mode" in event or "restart" in event:
        return [""]
    if event.get("stations") == "all":
        return list(actors)
    if isinstance(event.get("stations"), int):
        return list(actors)[: event["stations"]]
    return [str(event.get("station", next(iter(actors))))]


def judged(play: Play, expect: Mapping[str, Any]) -> None:
    """What the scenario expects, and what holds always."""
    assert play.faults == []
    if "begun" in expect:
        assert without_times(play.begun(), expect["begun"]) == expect["begun"]
    if "would" in expect:
        assert without_times(play.begun(dry=True), expect["would"]) == expect["would"]
    if "helped" in expect:
        assert play.helped() == expect["helped"]
    for kind, most in expect.get("at_most", {}).items():
        assert play.counts()[kind] <= most, (kind, play.counts())
    for kind, least in expect.get("at_least", {}).items():
        assert play.counts()[kind] >= least, (kind, play.counts())
    told = play.told()
    if "told" in expect:
        assert len(told) == len(expect["told"]), told
        assert all(any(words in one for one in told) for words in expect["told"]), told
    for symptom, at in expect.get("recovered", {}).items():
        assert [one.at for one in play.recovered if one.symptom.kind.value == symptom][-1:] == [seconds(at)]
    for attempt in play.stored.values():
        assert attempt.dry or attempt.remedy.kind not in DISRUPTIVE or attempt.remedy.symptom.value != "danger"


def without_times(begun: list[str], expected: list[str]) -> list[str]:
    """Moments are compared where the scenario gives them."""
    bare = [one if "@" in wanted else one.partition("@")[0] for one, wanted in zip(begun, expected, strict=False)]
    return bare + begun[len(expected) :]


def played(case: Mapping[str, Any]) -> Play:
    play = Play(case)
    play.run()
    return play
