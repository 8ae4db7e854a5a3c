"""Pictures of stations and rules for the tests of the healing, and a site on which rounds are played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sitectl.healing.heal import HealingRound, heal
from sitectl.healing.memory import HealingMemory
from sitectl.healing.policy import Budget, Dangers, HealingRules, Rule, Step, Thresholds
from sitectl.healing.view import Done, EvseHealth, HealthView, Moments, StationFacts, StationHealth
from sitectl.model.health import (
    Attempt,
    AttemptOutcome,
    Fault,
    HealingMode,
    RemedyKind,
    SymptomKind,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.model.station import ChargingState, ConnectorStatus

CP = StationId("CP01")
BEGAN = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LADDER = (Step(RemedyKind.TRIGGER, 20.0), Step(RemedyKind.SOFT_RESET, 120.0), Step(RemedyKind.TELL))
BROKEN = Rule("broken", SymptomKind.FAULT, LADDER, after_s=5.0, settle_s=30.0, what="It reports an error", cure="See.")
DANGER = Rule("danger", SymptomKind.DANGER, (Step(RemedyKind.TELL),), after_s=0.0, what="A danger", cure="Go there.")
RULES = HealingRules(
    rules=(BROKEN, DANGER),
    budget=Budget(spacing_s=60.0),
    thresholds=Thresholds(),
    dangers=Dangers(frozenset({"groundfailure"}), ("welded",)),
)


def moments(at: float) -> Moments:
    return Moments(at, BEGAN + timedelta(seconds=at))


def free(number: int = 1, station: StationId = CP, **more: Any) -> EvseHealth:
    """An EVSE at which nobody is."""
    facts: dict[str, Any] = {
        "connector_status": ConnectorStatus.AVAILABLE,
        "charging_state": ChargingState.IDLE,
        "draws": False,
        "no_power_since": 0.0,
    }
    return EvseHealth(EvseId(station, number), **{**facts, **more})


def faulted(number: int = 1, station: StationId = CP, **more: Any) -> EvseHealth:
    return free(number, station, connector_status=ConnectorStatus.FAULTED, charging_state=None, **more)


def charging(number: int = 1, station: StationId = CP, **more: Any) -> EvseHealth:
    facts: dict[str, Any] = {
        "connector_status": ConnectorStatus.OCCUPIED,
        "charging_state": ChargingState.CHARGING,
        "transaction": "t",
        "transaction_since": 0.0,
        "offered_since": 0.0,
        "draws": True,
        "no_power_since": None,
        "read_at": 1e9,
    }
    return EvseHealth(EvseId(station, number), **{**facts, **more})


def fault(code: str = "InternalError", evse: int = 1, at: float = 0.0, station: StationId = CP, **more: Any) -> Fault:
    return Fault(station, evse, code, at=at, **more)


def station(*evses: EvseHealth, id: StationId = CP, faults: tuple[Fault, ...] = (), **facts: Any) -> StationHealth:
    """A station that is connected; `facts` may hold `online` and the like too."""
    own = {key: facts.pop(key) for key in [*facts] if key in StationHealth.__dataclass_fields__}
    more: Mapping[str, Any] = {"faults": {one.evse: one for one in faults}, **facts}
    return StationHealth(id, evses or (free(station=id),), facts=StationFacts(**more), **own)


class Played:
    """Rounds played one after the other; hands that do at once what they are told."""

    def __init__(self, rules: HealingRules = RULES, mode: HealingMode = HealingMode.ACT) -> None:
        self.rules, self.mode = rules, mode
        self.memory = HealingMemory()
        self.begun: list[Attempt] = []
        self.ended: list[Attempt] = []
        self.last = HealingRound(self.memory)
        self.outcome = AttemptOutcome.DONE
        self._done: list[Done] = []

    def round(self, at: float, *stations: StationHealth) -> HealingRound:
        view = HealthView({one.id: one for one in stations}, tuple(self._done), self.mode)
        self.last = heal(self.memory, view, self.rules, moments(at))
        self.memory = self.last.memory
        self.begun += self.last.begin
        self.ended += self.last.end
        self._done = [
            Done(attempt.id, attempt.remedy.station, self.outcome, at)
            for attempt in self.last.begin
            if attempt.outcome is None
        ]
        return self.last

    def until(self, begin: float, end: float, *stations: StationHealth) -> None:
        """A round a second, nothing changing."""
        for second in range(int(begin), int(end) + 1):
            self.round(float(second), *stations)

    def kinds(self) -> list[str]:
        """What was begun, in order."""
        return [attempt.remedy.kind.value for attempt in self.begun]


def with_facts(one: StationHealth, **facts: Any) -> StationHealth:
    return replace(one, facts=replace(one.facts, **facts))
