"""One case on its ladder: whether the remedy under way has helped, and which one comes next.

A remedy has helped when its symptom went away and stayed away for `settle_s`. One that has not within its wait is never
repeated: the next step follows, and the last is a person. What comes back within `relapse_s` goes on behind the remedy
that helped so briefly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sitectl.healing.memory import Case
from sitectl.healing.view import Done, Moments, StationHealth
from sitectl.model.health import Attempt, AttemptOutcome, Evidence, RemedyKind, Symptom, SymptomKind

FLAP_S = 30.0
"""An error that is taken back for a moment is still the same: stations report one on and off many times a minute."""

BACK_S = 30.0
"""So long after a station has come back nothing is judged: it must say first how it is."""

ASKED_S = 60.0
"""What goes away later than this after it was only asked again has gone by itself."""

FLAPS = frozenset({SymptomKind.FAULT, SymptomKind.DANGER})
"""What stations report on and off; of one EVSE only one of them stands at a time."""

_ANSWERED_LATE = frozenset({SymptomKind.CLOCK_DRIFT, SymptomKind.CERTIFICATE_ENDS})
"""Here asking again is the remedy itself, and takes its time."""

_OF_ONE_CAR = frozenset(
    {
        SymptomKind.STUCK_PREPARING,
        SymptomKind.STUCK_FINISHING,
        SymptomKind.STUCK_SUSPENDED,
        SymptomKind.GHOST_TRANSACTION,
        SymptomKind.ORPHAN_TRANSACTION,
        SymptomKind.UNCOVERED_DRAW,
        SymptomKind.METER_SILENT,
    }
)
"""When the next car shows the same, it has begun anew."""
_FAILED = (AttemptOutcome.REFUSED, AttemptOutcome.NOT_DONE)


def with_done(case: Case, reports: Iterable[Done]) -> Case:
    """Take what the hands say of the remedy under way."""
    for done in reports:
        if case.running is not None and case.running.id == done.attempt:
            case = replace(case, done=done, running=replace(case.running, outcome=done.outcome))
    return case


def in_the_open(case: Case, act: bool) -> tuple[Case, Attempt | None]:
    """From looking on to acting: what was only said to be done begins anew, in earnest."""
    if not act or not (any(tried.dry for tried in case.tried) or (case.running is not None and case.running.dry)):
        return case, None
    return replace(case, step=0, running=None, done=None, tried=(), waits="", waits_since=None), case.running


def present(case: Case, symptom: Symptom, station: StationHealth, now: Moments) -> tuple[Case, Attempt | None]:
    """The symptom is there. The attempt that has failed by it, if one has."""
    if case.closed_at is not None:
        step = min(case.step, len(case.rule.steps) - 1)
        return Case(symptom, case.rule, step, tried=case.tried), None
    begun = case.running is not None or case.opened or bool(case.tried)
    since = symptom.since
    if begun or case.symptom.kind not in _OF_ONE_CAR:
        since = min(case.symptom.since, since)
    case = replace(case, symptom=replace(symptom, since=since), gone_since=None)
    if case.running is None or case.told or now.at < judged_at(case, station):
        return case, None
    failed = ended(case, case.running, None if case.running.dry else False, now, symptom.evidence, station)
    return _next(case, failed, now.at), failed


def absent(case: Case, now: Moments, station: StationHealth) -> tuple[Case | None, Attempt | None]:
    """The symptom is not there. None: the case is over and forgotten. The attempt that is judged by it, if one is."""
    if case.closed_at is not None:
        return (None if now.at >= case.closed_at + case.rule.relapse_s else case), None
    gone_since = now.at if case.gone_since is None else case.gone_since
    case = replace(case, gone_since=gone_since, waits="", waits_since=None)
    running = case.running
    if running is None and not case.tried:
        flaps = case.symptom.kind in FLAPS and now.at - gone_since < FLAP_S
        return (case if flaps else None), None
    if now.at - gone_since < case.rule.settle_s:
        return case, None
    over = replace(case, running=None, done=None, closed_at=now.at, opened_at=None)
    if running is None:
        return over, None
    judged = ended(case, running, _helped(case, running, station), now, (("symptom", "gone"),), station)
    if running.dry:
        return None, judged
    return replace(over, step=case.step + (not case.told), tried=_with(case, judged)), judged


def changed(case: Case, now: Moments, station: StationHealth) -> tuple[Case | None, Attempt | None]:
    """Another error took its place: what is under way has not helped, and should the first come back, it goes on."""
    if case.closed_at is not None:
        return absent(case, now, station)
    running = case.running
    over = replace(case, running=None, done=None, gone_since=now.at, closed_at=now.at, opened_at=None, waits="")
    if running is None:
        return over, None
    failed = ended(case, running, None if running.dry or case.told else False, now, (("symptom", "another"),), station)
    return replace(over, step=case.step + (not case.told), tried=_with(case, failed)), failed


def judged_at(case: Case, station: StationHealth) -> float:
    """Until when the remedy under way is waited for: no longer where it was surely not done."""
    running = case.running
    if running is None:
        return float("inf")
    if case.done is not None and case.done.outcome in _FAILED:
        return case.done.at
    wait_until = running.begun_at + case.rule.steps[min(running.remedy.step, len(case.rule.steps) - 1)].wait_s
    if station.online_since is not None and station.online_since > running.begun_at:
        return max(wait_until, station.online_since + BACK_S)
    return wait_until


def due(case: Case, station: StationHealth) -> float:
    """When time alone takes the case further."""
    if case.closed_at is not None:
        return case.closed_at + case.rule.relapse_s
    if case.gone_since is not None:
        return case.gone_since + (case.rule.settle_s if case.running or case.tried else FLAP_S)
    if case.told:
        return float("inf")
    return judged_at(case, station) if case.running is not None else begins_at(case)


def begins_at(case: Case) -> float:
    """When the next remedy may begin, by the rule."""
    return max(case.symptom.since + case.rule.after_s, case.not_before)


def ended(
    case: Case, attempt: Attempt, helped: bool | None, now: Moments, after: Evidence, station: StationHealth
) -> Attempt:
    """The attempt with its end, and the evidence after it."""
    said = () if case.done is None or not case.done.text else (("answer", case.done.text),)
    booted = [at for at in station.facts.boots if at >= attempt.begun_at]
    if attempt.remedy.kind in (RemedyKind.SOFT_RESET, RemedyKind.HARD_RESET) and not attempt.dry:
        came_back = booted or (station.online_since is not None and station.online_since > attempt.begun_at)
        said = (*said, ("restarted", "yes" if came_back else "no"))
    return replace(attempt, ended=now.wall, helped=helped, after=(*after, *said))


def _helped(case: Case, running: Attempt, station: StationHealth) -> bool | None:
    """A symptom that went away though nothing was done, or long after, has gone by itself."""
    if running.dry or case.told:
        return None
    if case.done is not None and case.done.outcome in _FAILED:
        return False
    if case.gone_since is not None and case.gone_since > judged_at(case, station):
        return None  # while nobody looked
    if (
        running.remedy.kind is RemedyKind.TRIGGER
        and case.symptom.kind not in _ANSWERED_LATE
        and case.gone_since is not None
        and case.gone_since - running.begun_at > ASKED_S
    ):
        return None
    return True


def _next(case: Case, failed: Attempt, now: float) -> Case:
    return replace(
        case, step=case.step + 1, not_before=now, running=None, done=None, tried=_with(case, failed), waits_since=None
    )


def _with(case: Case, attempt: Attempt) -> tuple[Attempt, ...]:
    return case.tried if attempt.remedy.kind is RemedyKind.TELL else (*case.tried, attempt)[-12:]
