"""Healing around a small site that stands still; every hand is a twin that keeps what was ordered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.healing.policy import Dangers, HealingRules, Rule, Step
from sitectl.healing.view import StationFacts
from sitectl.model.attempts import StoredAttempt
from sitectl.model.commands import Answered, Command, NotSent, Outcome, ResetKind, Urgency
from sitectl.model.events import Event, EvseStatusChanged
from sitectl.model.hands import Hand
from sitectl.model.health import Attempt, AttemptOutcome, Fault, HealingMode, RemedyKind, SymptomKind
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.station import ChargingState, ConnectorStatus, EvseStatus, StationIdentity
from sitectl.site.healer import Healer
from sitectl.site.memory import MemoryOverlay
from sitectl.site.remedies import Doors, Remedies
from sitectl.site.station_facts import FactBook
from sitectl.stations.hands import Hands
from sitectl.stations.vitals import Vitals
from tests.unit.api.quiet_site import CP01, QuietSite

ACCEPTED = Answered("Accepted", {})
LADDER = (RemedyKind.TRIGGER, RemedyKind.SOFT_RESET, RemedyKind.HARD_RESET, RemedyKind.TELL)


def rules(mode: HealingMode = HealingMode.ACT, *ladder: RemedyKind, wait_s: float = 10.0) -> HealingRules:
    """One rule, for OtherError."""
    steps = tuple(Step(kind, wait_s) for kind in ladder or LADDER)
    rule = Rule("other", SymptomKind.FAULT, steps, after_s=0.0, settle_s=5.0, what="It is sick", cure="Go there.")
    return HealingRules((rule,), mode, dangers=Dangers(frozenset({"groundfailure"})))


class WardDoor:
    """The door, the resets, the service and the relays in one."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.outcome: Callable[[Any], Outcome] = lambda asked: ACCEPTED
        self.guarded: list[str] = []
        self.runs: set[EvseId] = set()
        self.relays: set[StationId] = set()
        self.broken = False

    def _done(self, asked: Any, guard: Callable[[], str] | None = None) -> Outcome:
        if guard is not None and (why := guard()):
            self.guarded.append(why)
            return NotSent(why)
        self.asked.append(asked)
        return self.outcome(asked)

    async def execute(
        self,
        station: StationId,
        command: Command,
        urgency: Urgency,
        by: str = "",
        guard: Callable[[], str] | None = None,
    ) -> Outcome:
        return self._done(command, guard)

    async def hang_up(self, station: StationId, why: str, by: str) -> Outcome:
        return self._done(("hang up", station))

    async def configure_again(self, station: StationId) -> Outcome:
        return self._done(("configure", station))

    async def conclude(self, evse: EvseId, meant: TransactionId, why: str) -> bool:
        if self.broken:
            raise EnvironmentFault("disk full")
        self.asked.append(("conclude", evse))
        return evse in self.runs

    def power_cycled(self, station: StationId, by: str) -> None:
        self.asked.append(("cycled", station, by))

    async def order(
        self, station: StationId, kind: ResetKind, by: str, guard: Callable[[], str] | None = None
    ) -> Outcome:
        return self._done((kind, station, by), guard)

    def under_way(self, station: StationId) -> str | None:
        return None

    async def wish(self, evse: EvseId, operative: bool, owner: UplinkId) -> str:
        self.asked.append(("operative" if operative else "inoperative", evse, owner))
        return "Accepted"

    def outs(self) -> Mapping[StationId, frozenset[int]]:
        return {}

    def feeds(self, station: StationId) -> bool:
        return station in self.relays

    async def power_cycle(self, station: StationId) -> Outcome:
        return self._done(("power", station))


@dataclass
class Shelf:
    """Attempts as the disk would keep them; `full` takes none."""

    kept: dict[str, StoredAttempt] = field(default_factory=dict)
    full: bool = False
    before: Sequence[Attempt] = ()

    async def begin(self, attempts: Sequence[tuple[Attempt, StationIdentity]]) -> None:
        if self.full:
            raise EnvironmentFault("disk full")
        for attempt, identity in attempts:
            self.kept[attempt.id] = StoredAttempt(attempt, identity)

    def outcome(self, id: str, outcome: AttemptOutcome) -> None:
        one = self.kept[id]
        self.kept[id] = replace(one, attempt=replace(one.attempt, outcome=outcome))

    def end(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            if attempt.id in self.kept:
                self.kept[attempt.id] = replace(self.kept[attempt.id], attempt=attempt)

    def recovered(self, id: str, since: datetime) -> None:
        self.kept[id] = replace(self.kept[id], since=since)

    async def remembered(self) -> Sequence[Attempt]:
        return self.before or [one.attempt for one in self.kept.values()]

    async def history(
        self, since: datetime | None, station: StationId | None = None, limit: int = 1000
    ) -> Sequence[StoredAttempt]:
        found = [one for one in self.kept.values() if station in (None, one.attempt.remedy.station)]
        return found[-limit:]

    async def saved(self, attempts: Sequence[StoredAttempt], within: timedelta) -> tuple[int, float]:
        return (2, 12_000.0) if any(one.attempt.helped for one in attempts) else (0, 0.0)


class Notes(list[tuple[str, StationId | None, int | None, dict[str, Any]]]):
    """The journal."""

    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.append((type, station, evse, dict(data or {})))

    def of(self, type: str) -> list[dict[str, Any]]:
        return [data for name, _, _, data in self if name == type]


class Ward:
    """A quiet site and its healing."""

    def __init__(
        self, directory: Path, healing_rules: HealingRules | None = None, quiet: QuietSite | None = None
    ) -> None:
        self.quiet = quiet or QuietSite(directory)
        self.rules = healing_rules or rules()
        self.door, self.shelf, self.notes, self.tasks = WardDoor(), Shelf(), Notes(), Tasks()
        self.vitals, self.hands = Vitals(self.quiet.clock), Hands(self.quiet.clock)
        self.busy: dict[StationId, str] = {}
        self.overlay = MemoryOverlay(self._wall)
        self.posted: list[Event] = []
        self.healer = self.made()

    def made(self) -> Healer:
        """A healer on the same disk: as after a restart."""
        site, clock = self.quiet.site, self.quiet.clock
        facts = FactBook(self.vitals, self.hands, self.door.outs, lambda: self.busy, self.door.feeds)
        doors = Doors(lambda: site.state, self._post, self.door, self.door, self.door, self.door)
        return Healer(
            site,
            facts,
            Remedies(doors, clock),
            self.shelf,
            self.overlay,
            self.notes,
            clock,
            self.tasks,
            lambda: self.rules,
            lambda: UTC,
        )

    def _wall(self) -> datetime:
        return self.quiet.clock.wall()

    def _post(self, event: Event) -> None:
        self.posted.append(event)
        self.quiet.site.post(event)

    async def begins(self) -> None:
        """Everybody is well and has said so, and healing remembers what the disk says."""
        self.quiet.all_well()
        for evse in self.quiet.site.state.evses:
            free = EvseStatus(ConnectorStatus.AVAILABLE, ChargingState.IDLE)
            self.quiet.site.post(EvseStatusChanged(evse, self.quiet.clock.at, free))
        await self.healer.recall()

    def fault(self, code: str = "OtherError", station: StationId = CP01) -> None:
        """A station reports an error."""
        held = self.vitals.of(station)
        fault = Fault(station, 1, code, "", "", self.quiet.clock.at)
        self._facts(station, replace(held, faults={1: fault}))

    def well(self, station: StationId = CP01) -> None:
        """It takes it back."""
        self._facts(station, replace(self.vitals.of(station), faults={}))

    def _facts(self, station: StationId, facts: StationFacts) -> None:
        self.vitals._put(station, facts)

    async def passes(self, seconds: float) -> None:
        """Time passes, with a cycle and a round a second; what is ordered is done at once."""
        for _ in range(int(seconds)):
            self.quiet.pass_s(1, 1.0, 2.0, 3.0)
            await self.healer.round()
            await self.settled()

    async def settled(self) -> None:
        """What was begun is done."""
        for _ in range(6):
            await asyncio.sleep(0)

    def ordered(self, kind: type[Any]) -> list[Any]:
        """What was asked of this kind."""
        return [one for one in self.door.asked if isinstance(one, kind)]

    def resets(self) -> list[ResetKind]:
        """The resets that were ordered."""
        return [one[0] for one in self.door.asked if isinstance(one, tuple) and isinstance(one[0], ResetKind)]

    def others_reset(self, hand: Hand) -> None:
        """Somebody else did something."""
        self.hands.remember([hand])
