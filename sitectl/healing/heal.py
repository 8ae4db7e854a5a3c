"""The one public function: what to begin, what has ended, and what a person must know.

Call it once a second, and at once when a station reports a fault. A station whose picture is the same object as before
and that waits for nothing costs one look into a mapping, so a round in which nothing happens is cheap for any site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sitectl.healing import ladder, told
from sitectl.healing.budget import SiteUse, site_use, spent
from sitectl.healing.guards import Bar, barred
from sitectl.healing.memory import FAILING, Case, HealingMemory, StationMemory, with_use
from sitectl.healing.policy import HealingRules, Rule
from sitectl.healing.symptoms import Look, look
from sitectl.healing.view import Done, HealthView, Moments, StationHealth
from sitectl.healing.wide import OF_CONNECTION, shows_late_s, site_wide
from sitectl.model.health import (
    DISRUPTIVE,
    Attempt,
    AttemptOutcome,
    Evidence,
    Finding,
    HealingMode,
    Remedy,
    RemedyKind,
    Symptom,
    SymptomKind,
)
from sitectl.model.ids import StationId

RETRY_S = 5.0
"""How soon a remedy that waits for something is looked at again."""

SEEN_FROM_AFAR = frozenset(
    {SymptomKind.SILENT, SymptomKind.DANGER, SymptomKind.CERTIFICATE_ENDS, SymptomKind.RISING_ERRORS}
)
"""What is known of a station that is not connected."""

Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Recovery:
    """A symptom that has gone. `by`: the attempt that helped, None when it went by itself or by somebody else."""

    symptom: Symptom
    rule: str
    at: float
    by: Attempt | None


@dataclass(frozen=True, slots=True)
class HealingRound:
    """What comes of one round.

    * `memory`: for the next. `begin`: attempts to store and, where not `dry`, to do (`tell`: only to store).
    * `end`: attempts that were judged, with the evidence after: to store. Each ends once.
    * `findings`: everything that needs a person now, complete each time: for the problem book.
    * `appeared`, `recovered`: symptoms that have begun to count, and those that have gone, for the record.
    """

    memory: HealingMemory
    begin: tuple[Attempt, ...] = ()
    end: tuple[Attempt, ...] = ()
    findings: tuple[Finding, ...] = ()
    appeared: tuple[Symptom, ...] = ()
    recovered: tuple[Recovery, ...] = ()


@dataclass(slots=True)
class _Round:
    """What one round gathers while it goes from station to station."""

    memory: HealingMemory
    seen: HealthView
    rules: HealingRules
    now: Moments
    seq: int
    use: SiteUse | None = None
    begin: list[Attempt] = field(default_factory=list)
    end: list[Attempt] = field(default_factory=list)
    appeared: list[Symptom] = field(default_factory=list)
    recovered: list[Recovery] = field(default_factory=list)

    def site(self) -> SiteUse:
        """What the whole site has used up, counted when first asked for."""
        if self.use is None:
            dry = self.seen.mode is not HealingMode.ACT
            self.use = site_use(self.seen.stations, self.memory.stations, self.now.at, dry)
        return self.use


def heal(memory: HealingMemory, seen: HealthView, rules: HealingRules, now: Moments) -> HealingRound:
    """One round. Pure: the same values give the same round; hand its memory to the next one."""
    if seen.mode is HealingMode.OFF:
        return HealingRound(replace(memory, mode=seen.mode, findings=()))
    here = _Round(memory, seen, rules, now, memory.seq, end=list(memory.stale))
    done: dict[StationId, list[Done]] = {}
    for one in seen.done:
        done.setdefault(one.station, []).append(one)
    anew = memory.rules is not rules or memory.mode is not seen.mode
    changed: dict[StationId, StationMemory] = {}
    at, before = now.at, memory.stations
    for id, station in seen.stations.items():
        was = before.get(id)
        if was is not None and was.seen is station and at < was.due and not anew and id not in done:
            continue
        changed[id] = _attend(here, station, was or StationMemory(), done.get(id, ()))
    gone = len(before) + sum(id not in before for id in changed) > len(seen.stations)
    if not changed and not gone and not memory.wide and not memory.stale:
        return HealingRound(memory, findings=memory.findings)
    return _concluded(here, changed)


def _concluded(here: _Round, changed: dict[StationId, StationMemory]) -> HealingRound:
    stations = {id: m for id, m in {**here.memory.stations, **changed}.items() if id in here.seen.stations}
    openings, wide = site_wide(here.memory, stations, here.appeared, here.rules.thresholds, here.now.at)
    findings = (
        *(told.site_finding(kind, one) for kind, one in wide.items()),
        *(finding for one in stations.values() for finding in one.findings),
    )
    memory = HealingMemory(stations, here.rules, here.seen.mode, here.seq, openings, wide, findings)
    appeared, recovered = tuple(here.appeared), tuple(here.recovered)
    return HealingRound(memory, tuple(here.begin), tuple(here.end), findings, appeared, recovered)


def _attend(here: _Round, station: StationHealth, memory: StationMemory, done: Sequence[Done]) -> StationMemory:
    """Look at one station, and take its cases further."""
    now = here.now
    memory = replace(memory, seen=station, peaks_c=_peaks(memory.peaks_c, station, now, here.rules))
    seen = look(station, here.rules, now, memory.failures, memory.peaks_c)
    if seen.danger or memory.endangered:
        memory = replace(memory, danger_at=now.at, endangered=seen.danger)
    found = _claimed(here.rules, station, seen)
    cases: list[Case] = []
    for held in memory.cases:
        judged = _judged(here, ladder.with_done(held, done), found, station, seen)
        if judged is not None:
            cases.append(judged)
    taken = {case.key for case in cases}
    cases += [Case(symptom, rule) for key, (symptom, rule) in found.items() if key not in taken]
    due, carried = seen.due, []
    for case in cases:
        if _blind(case, found, seen):
            carried.append(case)
            continue
        after = case
        if case.closed_at is None and case.gone_since is None:
            after, memory = _stepped(here, case, station, memory)
        due = min(due, max(ladder.due(after, station), now.at + RETRY_S if after.waits else now.at))
        carried.append(after)
    findings = tuple(told.findings(station.id, tuple(carried), now.at))
    return replace(memory, due=due, cases=tuple(carried), findings=findings)


def _claimed(rules: HealingRules, station: StationHealth, seen: Look) -> dict[Key, tuple[Symptom, Rule]]:
    """Each symptom with the rule that claims it; one that no rule claims is left alone."""
    found: dict[Key, tuple[Symptom, Rule]] = {}
    for symptom in seen.found:
        rule = rules.rule_for(symptom, seen.faults.get(symptom.evse), station.identity)
        if rule is not None:
            found.setdefault((rule.name, symptom.evse), (symptom, rule))
    return found


def _blind(case: Case, found: Mapping[Key, object], seen: Look) -> bool:
    """Whether nothing is known of a case now, because its station is away."""
    if not seen.blind or case.key in found:
        return False
    return case.symptom.kind not in SEEN_FROM_AFAR or (seen.away and case.symptom.kind is SymptomKind.SILENT)


def _judged(
    here: _Round, case: Case, found: Mapping[Key, tuple[Symptom, Rule]], station: StationHealth, seen: Look
) -> Case | None:
    """A case after what was seen, None when it is over. Its attempt ends where it is judged by that."""
    now = here.now
    case, stale = ladder.in_the_open(case, here.seen.mode is HealingMode.ACT)
    if stale is not None:
        here.end.append(replace(stale, ended=now.wall))
    if _blind(case, found, seen):
        return case
    after: Case | None
    if case.key in found:
        symptom, rule = found[case.key]
        after, judged = ladder.present(replace(case, rule=rule), symptom, station, now)
    elif case.symptom.kind in ladder.FLAPS and _another_error(case, seen):
        after, judged = ladder.changed(case, now, station)
    else:
        after, judged = ladder.absent(case, now, station)
    if judged is not None:
        here.end.append(judged)
    if case.opened and case.closed_at is None and (after is None or after.closed_at is not None):
        by = judged if judged is not None and judged.helped else None
        gone_at = now.at if case.gone_since is None else case.gone_since
        here.recovered.append(Recovery(case.symptom, case.rule.name, gone_at, by))
    return after


def _another_error(case: Case, seen: Look) -> bool:
    """Whether an error of another rule stands where that of a case was."""
    return any(one.evse == case.symptom.evse and one.kind in ladder.FLAPS for one in seen.found)


def _stepped(here: _Round, case: Case, station: StationHealth, memory: StationMemory) -> tuple[Case, StationMemory]:
    """Begin the next remedy of a case whose symptom is there, if it is time and nothing stands against it."""
    now = here.now
    if now.at < ladder.begins_at(case):
        return case, memory
    if not case.opened:
        case = replace(case, opened_at=now.at)
        here.appeared.append(case.symptom)
        if case.symptom.kind in FAILING and case.symptom.kind not in here.memory.wide:
            within_s = here.rules.thresholds.failures_in_s
            recent = (moment for moment in memory.failures if now.at - moment < within_s)
            memory = replace(memory, failures=(*recent, now.at)[-20:])
    if case.running is not None:
        return case, memory
    left_out: list[tuple[str, str]] = []
    last = len(case.rule.steps) - 1
    for number in range(min(case.step, last), last + 1):
        kind = case.rule.steps[number].do
        bar = _bar(here, kind, case, station, memory)
        if bar is None:
            return _begun(here, replace(case, step=number), kind, tuple(left_out), memory)
        if not bar.for_good:
            since = (case.waits_since or now.at) if bar.told else None
            why = f"{kind.value.replace('_', ' ')} waits: {bar.why}"
            return replace(case, step=number, waits=why, waits_since=since), memory
        left_out.append(("left out", f"{kind.value.replace('_', ' ')}: {bar.why}"))
    return case, memory


def _bar(here: _Round, kind: RemedyKind, case: Case, station: StationHealth, memory: StationMemory) -> Bar | None:
    """What stands against a remedy: the guards, one cause for many stations, then the budgets."""
    rules, now = here.rules, here.now
    bar = barred(kind, case.symptom, station, rules, now, memory.danger_at)
    if bar is not None and bar.for_good:
        return bar
    if kind in DISRUPTIVE or case.symptom.kind in OF_CONNECTION:
        wide = here.memory.wide.get(case.symptom.kind)
        if wide is not None:
            return Bar(f"{wide.stations} stations show the same at once", told=False)
        if case.opened_at is not None and now.at < case.opened_at + shows_late_s(case.symptom.kind):
            return Bar("others may show the same", told=False)
    if bar is not None or kind is RemedyKind.TELL:
        return bar
    dry = here.seen.mode is not HealingMode.ACT
    return spent(kind, station, memory.would if dry else memory.used, rules.budget, here.site(), now.at)


def _begun(
    here: _Round, case: Case, kind: RemedyKind, left_out: Evidence, memory: StationMemory
) -> tuple[Case, StationMemory]:
    now, symptom = here.now, case.symptom
    tells = kind is RemedyKind.TELL
    dry = here.seen.mode is not HealingMode.ACT and not tells
    here.seq += 1
    attempt = Attempt(
        id=f"{now.wall:%Y%m%dT%H%M%S}-{here.seq}",
        remedy=Remedy(kind, symptom.station, symptom.evse, symptom.kind, case.rule.name, case.step, symptom.code),
        begun=now.wall,
        begun_at=now.at,
        before=(*symptom.evidence, *left_out),
        dry=dry,
        outcome=AttemptOutcome.TOLD if tells else AttemptOutcome.DRY if dry else None,
    )
    here.begin.append(attempt)
    if not tells:
        here.site().take(kind)
        memory = with_use(memory, kind, now.at, dry)
    return replace(case, running=attempt, done=None, waits="", waits_since=None), memory


def _peaks(
    peaks_c: tuple[tuple[int, float], ...], station: StationHealth, now: Moments, rules: HealingRules
) -> tuple[tuple[int, float], ...]:
    """The highest temperature of today and of the days before, oldest first."""
    now_c, day = station.facts.temperature_c, now.wall.toordinal()
    if now_c is None or (peaks_c and peaks_c[-1][0] == day and peaks_c[-1][1] >= now_c):
        return peaks_c
    before = [peak for peak in peaks_c if peak[0] != day]
    return (*before, (day, now_c))[-rules.thresholds.temperature_days - 4 :]
