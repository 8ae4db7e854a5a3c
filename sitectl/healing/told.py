"""What a person is told: one finding for each case that needs one, with everything that was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sitectl.healing.memory import Case, Wide
from sitectl.model.health import Attempt, AttemptOutcome, Finding, RemedyKind, SymptomKind
from sitectl.model.ids import StationId

WAITS_S = 900.0
"""A remedy that cannot be done for so long is told too, though its turn may still come."""

_WORDS: Mapping[RemedyKind, str] = {
    RemedyKind.TRIGGER: "asked again",
    RemedyKind.RECONNECT: "closed its connection",
    RemedyKind.RESEND_LIMIT: "sent its limit again",
    RemedyKind.RESEND_CONFIGURATION: "sent its configuration again",
    RemedyKind.AVAILABILITY_CYCLE: "took it out of service and back",
    RemedyKind.UNLOCK: "unlocked the plug",
    RemedyKind.END_TRANSACTION: "ended the transaction",
    RemedyKind.SOFT_RESET: "soft reset",
    RemedyKind.HARD_RESET: "hard reset",
    RemedyKind.POWER_CYCLE: "switched its power off and on",
}


def findings(station: StationId, cases: tuple[Case, ...], now: float) -> Iterator[Finding]:
    """What of a station needs a person."""
    for case in cases:
        if case.closed_at is not None or not case.opened:
            continue
        stands = case.waits_since is not None and now - case.waits_since >= WAITS_S
        if case.told or stands:
            where = str(station) if case.symptom.evse is None else f"{station}:{case.symptom.evse}"
            yield (f"{case.rule.what}: {_text(case)}", where, case.rule.cure)


def site_finding(kind: SymptomKind, wide: Wide) -> Finding:
    """Many stations show the same at once."""
    what = f"Many stations show {kind.value.replace('_', ' ')} at once: {wide.stations} of them"
    return (what, "site", "Look for one cause: supply, network, or what was changed. Healing waits with resets.")


def _text(case: Case) -> str:
    evidence = ", ".join(f"{word} {value}" for word, value in case.symptom.evidence)
    parts = [evidence] if evidence else []
    if case.tried:
        parts.append("tried: " + ", ".join(_tried(attempt) for attempt in case.tried))
    if case.waits:
        parts.append(case.waits)
    return "; ".join(parts) or case.symptom.kind.value.replace("_", " ")


def _tried(attempt: Attempt) -> str:
    word = _WORDS.get(attempt.remedy.kind, attempt.remedy.kind.value)
    if attempt.dry:
        return f"{word} (not done: healing only observes)"
    if attempt.outcome in (AttemptOutcome.REFUSED, AttemptOutcome.NOT_DONE, AttemptOutcome.UNANSWERED):
        return f"{word} ({attempt.outcome.value})"
    if ("restarted", "no") in attempt.after:
        return f"{word} (accepted, and it did not restart)"
    return word
