"""Heals: looks at all stations once a second and at once on a fault, and has done what the still room decides.

A task of its own beside the control cycle, which it never delays. An attempt is on disk before it is done, so that a
restart goes on where the ladder was; while the disk takes nothing, nothing is begun. In the mode `observe` everything
is decided and recorded, and nothing done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.healing.guards import CHARGES, reported_since
from sitectl.healing.heal import HealingRound, heal
from sitectl.healing.memory import HealingMemory, remembered
from sitectl.healing.picture import NOTHING_SEEN, pictures
from sitectl.healing.policy import HealingRules
from sitectl.healing.view import Done, HealthView, Moments, StationHealth
from sitectl.model.health import DISRUPTIVE, RESETS, Attempt, Finding, HealingMode, Remedy, RemedyKind
from sitectl.model.ids import EvseId, StationId
from sitectl.model.security import TAMPER_ALARMS
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site.healing_ports import AttemptStore
from sitectl.site.owner import Site
from sitectl.site.ports import Journal, OverlayStore
from sitectl.site.remedies import Remedies, Running
from sitectl.site.station_facts import FactBook
from sitectl.site.vitals_keeper import VitalsKeeper

log = logging.getLogger(__name__)

EVERY_S = 1.0
SHORTEST_S = 0.1
AT_ONCE = 50
"""Changed stations that are looked at in one go: about 10 ms."""

WRITE_S = 4.0
"""A disk that takes longer has not taken it, and what is not on disk is not done."""

PAUSE, MODE, ALARM = "heal_pause", "heal_mode", "heal_alarm"
SITE = "site"
"""The key under which the mode is kept."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Who said that healing shall leave a station alone, and why."""

    by: str
    why: str = ""


class Healer:
    """`rules` and `zone` as they hold now. `run` it; everything else answers at once."""

    def __init__(
        self,
        site: Site,
        facts: FactBook,
        remedies: Remedies,
        store: AttemptStore,
        overlay: OverlayStore,
        journal: Journal,
        clock: Clock,
        tasks: Tasks,
        rules: Callable[[], HealingRules],
        zone: Callable[[], tzinfo],
    ) -> None:
        self._site = site
        self._facts = facts
        self._remedies = remedies
        self._store = store
        self._overlay = overlay
        self._journal = journal
        self._clock = clock
        self._tasks = tasks
        self._rules = rules
        self._zone = zone
        self._memory: HealingMemory | None = None
        self._pictures = NOTHING_SEEN
        self._shown: Mapping[StationId, StationHealth] = {}
        self._done: list[Done] = []
        self._wake = asyncio.Event()
        self._findings: tuple[Finding, ...] = ()
        self._held = False
        self._keeper = VitalsKeeper(facts.vitals, overlay, tasks, lambda: self.rules)
        self._read = self._held_rules = rules()

    # --- people ------------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> HealingRules:
        """What it goes by now; the same object while they say the same: with others everything is looked at anew."""
        rules = self._rules()
        if rules is not self._read:
            self._read = rules
            if rules != self._held_rules:
                self._held_rules = rules
        return self._held_rules

    @property
    def mode(self) -> HealingMode:
        """What was said last, else as configured."""
        kept = self._overlay.of(MODE).get(SITE)
        try:
            return self.rules.mode if kept is None else HealingMode(kept.value)
        except ValueError:
            return self.rules.mode

    @property
    def mode_source(self) -> str:
        """Who said so; "" by the configuration."""
        kept = self._overlay.of(MODE).get(SITE)
        return "" if kept is None else kept.source

    async def set_mode(self, mode: HealingMode | None, by: str) -> None:
        """Choose the mode; None: as configured. Raises EnvironmentFault where the disk does not take it."""
        if mode is None:
            await self._overlay.forget(MODE, SITE)
        else:
            await self._overlay.keep(MODE, SITE, mode.value, source=by)
        self._journal.record("healing.mode", data={"mode": self.mode.value, "by": by})
        self._wake.set()

    def paused(self) -> Mapping[StationId, Paused]:
        """The stations that healing leaves alone."""
        return {
            StationId(key): Paused(kept.source, str((kept.value or {}).get("why", "")))
            for key, kept in self._overlay.of(PAUSE).items()
        }

    async def pause(self, station: StationId, by: str, why: str = "", for_s: float | None = None) -> None:
        """Leave a station alone, for a while or until `resume`. Raises EnvironmentFault."""
        expires = None if for_s is None else self._clock.wall() + timedelta(seconds=for_s)
        await self._overlay.keep(PAUSE, station, {"why": why}, source=by, expires=expires)
        self._journal.record("healing.paused", station, data={"by": by, "why": why, "for_s": for_s})

    async def resume(self, station: StationId, by: str) -> bool:
        """Heal it again; somebody has looked at it, so a tamper alarm is over too. Whether it was paused."""
        was = station in self._overlay.of(PAUSE)
        await self._overlay.forget(PAUSE, station)
        await self._overlay.forget(ALARM, station)
        self._facts.vitals.looked_at(station)
        self._journal.record("healing.resumed", station, data={"by": by})
        self._wake.set()
        return was

    @property
    def memory(self) -> HealingMemory:
        """The cases as they stand."""
        return self._memory or HealingMemory()

    def findings(self) -> Sequence[Finding]:
        """What needs a person."""
        return self._findings

    # --- the round ---------------------------------------------------------------------------------------------------

    def changed(self, station: StationId, urgent: bool) -> None:
        """Something of a station changed; a new fault is looked at at once. A tamper alarm outlives a restart."""
        self._keeper.changed(station)
        if not urgent:
            return
        self._wake.set()
        fault = self._facts.vitals.of(station).faults.get(0)
        if fault is not None and fault.code.lower() in TAMPER_ALARMS and station not in self._overlay.of(ALARM):
            self._tasks.spawn(self._keep_alarm(station, fault.code, fault.info), f"alarm of {station}")

    async def _keep_alarm(self, station: StationId, code: str, info: str) -> None:
        try:
            await self._overlay.keep(ALARM, station, {"code": code, "info": info}, source=station)
        except EnvironmentFault as fault:
            log.warning("%s: its tamper alarm is not on disk, and is lost in a restart: %s", station, fault)

    async def recall(self) -> None:
        """Go on from what the disk says, once. Raises EnvironmentFault where it cannot be read."""
        if self._memory is None:
            attempts = await self._store.remembered()
            self._memory = remembered(attempts, self.rules, self._moments())
            self._keeper.recall()
            for key, kept in self._overlay.of(ALARM).items():
                held = kept.value if isinstance(kept.value, dict) else {}
                code, info = str(held.get("code", "")), str(held.get("info", ""))
                self._facts.vitals.security_event(StationId(key), code, info)

    async def run(self) -> None:
        """Look for ever. May be run again after a failure."""
        await self.recall()
        next_at = self._clock.monotonic()
        while True:
            self._wake.clear()
            await self.round()
            next_at = max(next_at + EVERY_S, self._clock.monotonic())
            await asyncio.sleep(SHORTEST_S)
            try:
                async with asyncio.timeout(max(0.0, next_at - self._clock.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> None:
        """One look at all stations, and what follows from it; nothing before the site has been seen.

        Where very many have changed at once, a few are looked at between two turns of everybody else.
        """
        decision = self._site.decision
        if decision is None or self._memory is None:
            return
        self._keeper.look()
        seen = decision.snapshot
        facts = self._facts.look(seen.stations, self._overlay.of(PAUSE))
        self._pictures = pictures(self._pictures, seen, self._site.state.topology, facts)
        shown, self._shown = self._shown, self._pictures.stations
        for stations in in_parts(shown, self._shown, self._memory.stations):
            await self._look(stations, seen)
            await asyncio.sleep(0)

    async def _look(self, stations: Mapping[StationId, StationHealth], seen: SiteSnapshot) -> None:
        done = tuple(self._done)
        came = heal(self.memory, HealthView(stations, done, self.mode), self.rules, self._moments())
        self._findings = came.findings
        if came.begin and not await self._kept(came.begin, seen):
            return  # decided anew in the next round
        self._memory, self._done = came.memory, self._done[len(done) :]
        self._record(came)
        self._begin(came.begin, seen)

    def _moments(self) -> Moments:
        return Moments(self._clock.monotonic(), self._clock.wall().astimezone(self._zone()))

    async def _kept(self, attempts: Sequence[Attempt], seen: SiteSnapshot) -> bool:
        """Whether they are on disk: what is not is not done."""
        named = [(attempt, seen.stations[attempt.remedy.station].identity) for attempt in attempts]
        try:
            async with asyncio.timeout(WRITE_S):
                await self._store.begin(named)
        except (EnvironmentFault, TimeoutError) as error:
            log.log(logging.DEBUG if self._held else logging.WARNING, "healing waits for the disk: %s", str(error))
            self._held = True
            return False
        self._held = False
        return True

    def _begin(self, attempts: Sequence[Attempt], seen: SiteSnapshot) -> None:
        for attempt in attempts:
            self._note("healing.attempt", attempt.remedy, _begun(attempt))
            if not attempt.dry and attempt.remedy.kind is not RemedyKind.TELL:
                self._tasks.spawn(self._do(attempt, seen), f"heal {attempt.id}")

    async def _do(self, attempt: Attempt, seen: SiteSnapshot) -> None:
        running = _running(seen, attempt.remedy.station)
        done = await self._remedies.do(attempt, running, lambda: self._forbidden(attempt.remedy, seen))
        self._store.outcome(attempt.id, done.outcome)
        self._note("healing.done", attempt.remedy, {"outcome": done.outcome.value, "said": done.text})
        self._done.append(done)
        self._wake.set()

    def _forbidden(self, remedy: Remedy, seen: SiteSnapshot) -> str:
        """What people or the station have said since it was decided: it may have waited long at the station's door."""
        if self.mode is not HealingMode.ACT:
            return "healing does not act any more"
        if remedy.station in self._overlay.of(PAUSE):
            return "healing is paused for it"
        facts = self._facts.vitals.of(remedy.station)
        why = reported_since(remedy, facts, self.rules, self._clock.monotonic())
        return why or (self._says_it_charges(remedy, seen) if remedy.kind in DISRUPTIVE else "")

    def _says_it_charges(self, remedy: Remedy, seen: SiteSnapshot) -> str:
        """Where a car charges by a status that came since; the start itself may still wait in the station."""
        for id in seen.stations[remedy.station].evses:
            held = self._site.state.evses.get(id)
            meant = remedy.kind in RESETS or remedy.evse in (None, id.evse)
            if not meant or held is None or held.status is None or held.transaction is not None:
                continue
            if held.status.charging_state in CHARGES and seen.evses[id].charging_state not in CHARGES:
                return f"EVSE {id.evse} says that it charges"
        return ""

    def _record(self, came: HealingRound) -> None:
        """For people, and for the record: what has begun to be wrong, what was judged, what is well again."""
        for symptom in came.appeared:
            data: dict[str, Any] = {"symptom": symptom.kind.value, **dict(symptom.evidence)}
            self._journal.record("healing.symptom", symptom.station, symptom.evse, data)
        if came.end:
            self._store.end(came.end)
        for attempt in came.end:
            data = {"helped": attempt.helped, **dict(attempt.after)}
            self._note("healing.judged", attempt.remedy, data)
        now, wall = self._clock.monotonic(), self._clock.wall()
        for recovery in came.recovered:
            symptom, by = recovery.symptom, recovery.by
            since = wall - timedelta(seconds=max(0.0, now - symptom.since))
            if by is not None:
                self._store.recovered(by.id, since)
            data = {
                "symptom": symptom.kind.value,
                "rule": recovery.rule,
                "after_s": round(recovery.at - symptom.since, 1),
                "by": by.remedy.kind.value if by is not None else "itself or somebody else",
            }
            self._journal.record("healing.recovered", symptom.station, symptom.evse, data)

    def _note(self, type: str, remedy: Remedy, data: Mapping[str, Any]) -> None:
        said = {"remedy": remedy.kind.value, "rule": remedy.rule, **data}
        self._journal.record(type, remedy.station, remedy.evse, said)


def in_parts(
    before: Mapping[StationId, StationHealth], now: Mapping[StationId, StationHealth], known: Container[StationId]
) -> Iterator[Mapping[StationId, StationHealth]]:
    """The pictures of now, a few new ones at a time on top of those of before. What healing has `known` is in each:
    a station that is not there any more would be forgotten."""
    changed = [id for id, picture in now.items() if before.get(id) is not picture]
    if len(changed) <= AT_ONCE:
        yield now
        return
    shown = {id: before.get(id, picture) for id, picture in now.items() if id in before or id in known}
    for begin in range(0, len(changed), AT_ONCE):
        shown |= {id: now[id] for id in changed[begin : begin + AT_ONCE]}
        yield dict(shown)


def _begun(attempt: Attempt) -> dict[str, Any]:
    remedy = attempt.remedy
    said = {"symptom": remedy.symptom.value, "step": remedy.step + 1, **dict(attempt.before)}
    return {**said, "dry": True} if attempt.dry else said


def _running(seen: SiteSnapshot, station: StationId) -> Running:
    """The transactions of a station by which a remedy was decided."""
    found = {id: seen.evses[id].transaction for id in seen.stations[station].evses}
    return {EvseId(*id): transaction for id, transaction in found.items() if transaction is not None}
