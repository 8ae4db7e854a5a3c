"""Whatever happens to stations, and however they react: what healing must never do, and that every ladder ends."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.config.build_healing import healing
from sitectl.config.models_healing import Healing
from sitectl.healing.heal import heal
from sitectl.healing.memory import DAY_S, HealingMemory, remembered
from sitectl.healing.symptoms import under_way
from sitectl.healing.view import Done, HealthView
from sitectl.model.health import DISRUPTIVE, RESETS, Attempt, AttemptOutcome, HealingMode, RemedyKind
from tests.unit.healing.actors import Actor
from tests.unit.healing.plays import shipped
from tests.unit.healing.sites import moments

BUDGET = {"station_resets_per_day": 3, "site_resets_per_day": 5, "station_remedies_per_day": 12, "at_once": 2}
RULES = healing(Healing.model_validate({"mode": "act", "budget": BUDGET}), shipped())
STEP_S = 15.0

EVENTS: tuple[dict[str, Any], ...] = (
    {"fault": "InternalError"},
    {"fault": "ConnectorLockFailure"},
    {"fault": "PowerMeterFailure"},
    {"vendor_fault": "0x17"},
    {"error_while_charging": "InternalError"},
    {"fault": "GroundFailure"},
    {"info_fault": "contactor welded"},
    {"vendor_fault": "CX008"},
    {"clear": True},
    {"charges": True},
    {"charges": False},
    {"ghost": True},
    {"status": "Unavailable"},
    {"status": "SuspendedEVSE"},
    {"status": "Available"},
    {"reads": "unknown"},
    {"offline": True},
    {"online": True},
    {"boot": True},
    {"connect": True},
    {"unanswered": 3},
    {"unanswered": 0},
    {"firmware": "Installing"},
    {"firmware": "Installed"},
    {"busy": "phase test"},
    {"busy": ""},
    {"drifted": ["A"]},
    {"clock_s": 4000},
    {"commanded": {"do": "hard_reset", "by": "central"}},
    {"restart": True},
)

OFTEN = (
    {"fault": "InternalError"},
    {"fault": "PowerMeterFailure"},
    {"charges": True},
    {"info_fault": "contactor welded"},
    {"clear": True},
    {"commanded": {"do": "hard_reset", "by": "central"}},
)
"""What must meet often, so that what is forbidden would happen."""

event = st.tuples(st.integers(0, 9_600), st.integers(0, 1), st.integers(1, 2), st.sampled_from(EVENTS + OFTEN * 6))
reaction = st.tuples(
    st.sampled_from(
        [outcome for outcome in AttemptOutcome if outcome not in (AttemptOutcome.TOLD, AttemptOutcome.DRY)]
    ),
    st.sampled_from(({}, {"clear": True}, {"boot": True}, {"boot": True, "clear": True}, {"offline": True})),
)


class Watch:
    """Plays a list of events with any reactions, and holds every attempt against what must never be."""

    def __init__(self, events: list[Any], reactions: list[Any], mode: HealingMode) -> None:
        self.actors = [Actor(f"CP{n}", 2, relay=n == 0, starts_pass_us=n == 0) for n in range(2)]
        self.events = sorted(events, key=lambda one: one[0])
        self.reactions = reactions or [(AttemptOutcome.DONE, {})]
        self.mode = mode
        self.memory = HealingMemory()
        self.stored: dict[str, Attempt] = {}
        self.coming: list[tuple[float, Actor, dict[str, Any]]] = []
        self.done: list[Done] = []
        self.danger_at: dict[str, float] = {}
        self.last_begun_at = 0.0

    def play(self, seconds: float) -> None:
        now = 0.0
        while now <= seconds:
            self.happen(now)
            self.round(now)
            now += STEP_S

    def happen(self, now: float) -> None:
        while self.events and self.events[0][0] <= now:
            _, number, evse, what = self.events.pop(0)
            if "restart" in what:
                self.memory = remembered(self.stored.values(), RULES, moments(now))
                continue
            self.change(now, self.actors[number], {"evse": evse, **what})
        for at, actor, what in [one for one in self.coming if one[0] <= now]:
            self.coming.remove((at, actor, what))
            self.change(now, actor, what)

    def change(self, now: float, actor: Actor, what: dict[str, Any]) -> None:
        """What a station shows stays true: nothing is said to have stopped that has not."""
        evse = what.get("evse", 1)
        if evse in actor.draws_really and {"ghost", "status"} & set(what):
            return
        actor.happens(now, what)

    def round(self, now: float) -> None:
        for actor in self.actors:
            faults = actor.picture.facts.faults.values()
            if any(RULES.dangers.of(fault, RULES.code_of(fault)) for fault in faults):
                self.danger_at[actor.id] = now
        view = HealthView({actor.id: actor.picture for actor in self.actors}, tuple(self.done), self.mode)
        came = heal(self.memory, view, RULES, moments(now))
        again = heal(self.memory, view, RULES, moments(now))
        assert (came.begin, came.end, came.findings) == (again.begin, again.end, again.findings)
        assert all(memory.due > now for memory in came.memory.stations.values()), "it would be looked at for ever"
        self.memory, self.done = came.memory, []
        for attempt in came.end:
            assert self.stored[attempt.id].ended is None
            self.stored[attempt.id] = attempt
        for attempt in came.begin:
            assert attempt.id not in self.stored
            self.check(attempt, now)
            self.stored[attempt.id] = attempt
            self.last_begun_at = now
            if attempt.outcome is None:
                self.act(attempt, now)

    def check(self, attempt: Attempt, now: float) -> None:
        actor = next(actor for actor in self.actors if actor.id == attempt.remedy.station)
        kind = attempt.remedy.kind
        if kind in RESETS:
            assert not actor.draws_really, f"{kind} under a charging car"
        if kind in DISRUPTIVE:
            assert now - self.danger_at.get(actor.id, -1e9) >= RULES.thresholds.danger_holds_s, f"{kind} on a danger"
            assert not actor.picture.facts.busy
        if kind is not RemedyKind.TELL:
            assert not under_way(actor.picture, now)
        if kind is RemedyKind.POWER_CYCLE:
            assert actor.picture.facts.has_relay

    def act(self, attempt: Attempt, now: float) -> None:
        actor = next(actor for actor in self.actors if actor.id == attempt.remedy.station)
        outcome, then = self.reactions[len(self.stored) % len(self.reactions)]
        if outcome is not AttemptOutcome.UNANSWERED:
            self.done.append(Done(attempt.id, attempt.remedy.station, outcome, now))
        self.coming.append((now + 60.0, actor, {"evse": attempt.remedy.evse or 1, **then}))


def counted(watch: Watch) -> None:
    """Budgets and spacing, over any 24 h, what others commanded included."""
    by_station: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in watch.stored.values():
        if attempt.remedy.kind is not RemedyKind.TELL:
            by_station[attempt.remedy.station].append(attempt)
    budget = RULES.budget
    resets: list[float] = []
    for actor in watch.actors:
        own = by_station[actor.id]
        assert len(own) <= budget.station_remedies_per_day  # no play is longer than a day
        mine = [one.begun_at for one in own if one.remedy.kind in RESETS]
        others = [one.at for one in actor.picture.facts.commanded]
        if mine:
            assert sum(at <= max(mine) for at in others) + len(mine) <= budget.station_resets_per_day
        resets += mine
        disruptive = sorted([one.begun_at for one in own if one.remedy.kind in DISRUPTIVE])
        assert all(b - a >= budget.spacing_s for a, b in itertools.pairwise(disruptive))
    assert len(resets) <= budget.site_resets_per_day


def climbs(watch: Watch) -> None:
    """Within a case each step is higher than the one before; no remedy twice without a new beginning."""
    ladders: dict[Any, list[Attempt]] = defaultdict(list)
    for attempt in watch.stored.values():
        ladders[attempt.remedy.station, attempt.remedy.evse, attempt.remedy.rule].append(attempt)
    for attempts in ladders.values():
        for one, other in itertools.pairwise(attempts):
            if other.remedy.step <= one.remedy.step and one.remedy.kind is not RemedyKind.TELL:
                apart_s = other.begun_at - one.begun_at
                assert apart_s >= 3600 - STEP_S or one.dry, "a step that did not help was repeated"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(event, min_size=8, max_size=40),
    st.lists(reaction, max_size=6),
    st.sampled_from([HealingMode.ACT, HealingMode.OBSERVE]),
)
def test_never_under_a_car_never_on_a_danger_within_its_budgets(
    events: list[Any], reactions: list[Any], mode: HealingMode
) -> None:
    watch = Watch(events, reactions, mode)
    watch.play(14_400.0)
    counted(watch)
    climbs(watch)


@settings(max_examples=15, deadline=None)
@given(st.lists(event, max_size=25), st.lists(reaction, max_size=6))
def test_every_ladder_ends(events: list[Any], reactions: list[Any]) -> None:
    watch = Watch([one for one in events if one[0] < 3600], reactions, HealingMode.ACT)
    watch.play(DAY_S / 2)
    # Reactions change nothing any more long after the last remedy: whoever is still ill waits for a person or a car.
    assert watch.last_begun_at < DAY_S / 2 - 7200
    # What a station that is away suffers from is judged once it is back, and a person was told that it is silent.
    there = {actor.id for actor in watch.actors if actor.picture.online}
    for memory in (memory for station, memory in watch.memory.stations.items() if station in there):
        for case in memory.cases:
            assert case.closed_at is not None or case.told or case.waits or not case.opened or case.gone_since is None
