"""What the healing remembers from round to round, and how it is put together again after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sitectl.healing.policy import HealingRules, Rule
from sitectl.healing.view import Done, Moments, StationHealth
from sitectl.model.health import (
    DISRUPTIVE,
    RESETS,
    Attempt,
    Finding,
    HealingMode,
    RemedyKind,
    Symptom,
    SymptomKind,
)
from sitectl.model.ids import StationId

DAY_S = 86_400.0

Opening = tuple[float, SymptomKind, StationId]
"""A symptom that began to count: when, which, where."""


@dataclass(frozen=True, slots=True)
class Case:
    """One symptom on its way up the ladder of its rule.

    * `step`: which remedy comes next; `not_before`: when at the earliest. `running`: the one under way; `done`: what
      its hand has reported.
    * `gone_since`: since when the symptom is away; `closed_at`: when that was long enough. A closed case is kept for
      `relapse_s`, so that what comes back goes on where it was.
    * `opened_at`: when it had lasted for `after_s`. `waits`: why the next remedy is not begun; `waits_since`: since
      when, where a person should know in time.
    """

    symptom: Symptom
    rule: Rule
    step: int = 0
    not_before: float = 0.0
    running: Attempt | None = None
    done: Done | None = None
    gone_since: float | None = None
    closed_at: float | None = None
    opened_at: float | None = None
    tried: tuple[Attempt, ...] = ()
    waits: str = ""
    waits_since: float | None = None

    @property
    def key(self) -> tuple[str, int | None]:
        """A station has one case by rule and EVSE."""
        return self.rule.name, self.symptom.evse

    @property
    def opened(self) -> bool:
        """Whether it counts."""
        return self.opened_at is not None

    @property
    def told(self) -> bool:
        """Whether it has come to its end and waits for a person."""
        return self.running is not None and self.running.remedy.kind is RemedyKind.TELL


@dataclass(frozen=True, slots=True)
class Used:
    """What was done to one station: resets and all remedies of the last 24 h, and the last disruptive one."""

    resets: tuple[float, ...] = ()
    remedies: tuple[float, ...] = ()
    disrupted_at: float | None = None

    def with_one(self, kind: RemedyKind, at: float) -> Used:
        """One more, begun at `at`."""
        return Used(
            resets=(*(m for m in self.resets if at - m < DAY_S), *((at,) if kind in RESETS else ())),
            remedies=(*(m for m in self.remedies if at - m < DAY_S), at),
            disrupted_at=at if kind in DISRUPTIVE else self.disrupted_at,
        )


UNUSED = Used()


@dataclass(frozen=True, slots=True)
class StationMemory:
    """One station: as it was last seen, when to look again though it has not changed, and what was done to it.

    `used`: what was really done, `would`: what was only said to be done while healing observed. `failures`: when it
    failed, in the last week. `danger_at`: when a danger was last seen, `endangered`: it
    stood at the last look. `peaks_c`: the highest temperature by day.
    """

    seen: StationHealth | None = None
    due: float = 0.0
    cases: tuple[Case, ...] = ()
    used: Used = UNUSED
    would: Used = UNUSED
    failures: tuple[float, ...] = ()
    danger_at: float | None = None
    endangered: bool = False
    peaks_c: tuple[tuple[int, float], ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Wide:
    """So many stations show the same at once that one cause must be behind it: nothing disruptive before `until`."""

    since: float
    until: float
    stations: int


@dataclass(frozen=True, slots=True)
class HealingMemory:
    """Everything that one round hands to the next. `rules`: those of the last round, so that new ones are noticed.

    `mode`: likewise. `openings`: which symptoms opened lately, where and when. `stale`: attempts whose rules are gone.
    """

    stations: Mapping[StationId, StationMemory] = field(default_factory=dict)
    rules: HealingRules | None = None
    mode: HealingMode | None = None
    seq: int = 0
    openings: tuple[Opening, ...] = ()
    wide: Mapping[SymptomKind, Wide] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    stale: tuple[Attempt, ...] = ()


def remembered(attempts: Iterable[Attempt], rules: HealingRules, now: Moments) -> HealingMemory:
    """The memory after a restart, from the attempts on disk: those that are not ended, and those of the last week.

    Ladders go on where they were, budgets count on, and what was under way is waited for as if it had been done.
    """
    by_name = {rule.name: rule for rule in rules.rules}
    known = sorted((_at_home(attempt, now) for attempt in attempts), key=lambda attempt: attempt.begun_at)
    stations: dict[StationId, StationMemory] = {}
    stale: list[Attempt] = []
    for attempt in known:
        station = attempt.remedy.station
        memory = _counted(stations.get(station, StationMemory()), attempt, rules, now.at)
        rule = by_name.get(attempt.remedy.rule)
        if rule is None:
            stale += [attempt] if attempt.ended is None else []
        else:
            memory = _with_attempt(memory, attempt, rule, now)
        stations[station] = memory
    return HealingMemory(stations, seq=len(known), stale=tuple(stale))


def _at_home(attempt: Attempt, now: Moments) -> Attempt:
    """On the monotonic clock of this process."""
    return replace(attempt, begun_at=now.at - max(0.0, (now.wall - attempt.begun).total_seconds()))


def _counted(memory: StationMemory, attempt: Attempt, rules: HealingRules, now: float) -> StationMemory:
    at, kind = attempt.begun_at, attempt.remedy.kind
    if attempt.remedy.symptom is SymptomKind.DANGER:
        stands = attempt.ended is None
        memory = replace(memory, danger_at=now if stands else at, endangered=stands)
    if attempt.remedy.step == 0 and now - at < rules.thresholds.failures_in_s and attempt.remedy.symptom in FAILING:
        memory = replace(memory, failures=(*memory.failures, at))
    if kind is RemedyKind.TELL or now - at >= DAY_S:
        return memory
    return with_use(memory, kind, at, attempt.dry)


def with_use(memory: StationMemory, kind: RemedyKind, at: float, dry: bool) -> StationMemory:
    """Count a remedy that was begun; one that only would have been is kept apart."""
    if dry:
        return replace(memory, would=memory.would.with_one(kind, at))
    return replace(memory, used=memory.used.with_one(kind, at))


FAILING = frozenset({SymptomKind.FAULT, SymptomKind.DEAF, SymptomKind.REBOOT_LOOP})
"""Symptoms that count as failures of the device itself; that it is not heard may be anybody's fault."""


def _with_attempt(memory: StationMemory, attempt: Attempt, rule: Rule, now: Moments) -> StationMemory:
    remedy = attempt.remedy
    symptom = Symptom(
        remedy.symptom, remedy.station, remedy.evse, attempt.begun_at - rule.after_s, attempt.before, remedy.code
    )
    cases = {case.key: case for case in memory.cases}
    case = cases.get((rule.name, remedy.evse), Case(symptom, rule, opened_at=attempt.begun_at))
    last = len(rule.steps) - 1
    if attempt.ended is None:
        done = Done(attempt.id, remedy.station, attempt.outcome, attempt.begun_at) if attempt.outcome else None
        case = replace(case, step=min(remedy.step, last), running=attempt, done=done, closed_at=None)
    else:
        ended_at = now.at - max(0.0, (now.wall - attempt.ended).total_seconds())
        over = attempt.helped is True or remedy.kind is RemedyKind.TELL
        case = replace(
            case,
            step=min(remedy.step + 1, last),
            running=None,
            done=None,
            not_before=ended_at,
            closed_at=ended_at if over else None,
            tried=(*case.tried, attempt),
        )
    cases[case.key] = case
    return replace(memory, cases=tuple(cases.values()))
