"""Healing as JSON: how it stands, what was done, how well it works, and by which rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sitectl.base.units import format_utc
from sitectl.healing.memory import Case
from sitectl.healing.policy import HealingRules, Match, Rule
from sitectl.model.attempts import StoredAttempt
from sitectl.model.health import Attempt, RemedyKind

Json = dict[str, Any]
OTHERS = "unknown"


def case(one: Case, now: float) -> Json:
    """A symptom on its way up its ladder."""
    symptom, rule = one.symptom, one.rule
    step = min(one.step, len(rule.steps) - 1)
    return {
        "station": symptom.station,
        "evse": symptom.evse,
        "symptom": symptom.kind.value,
        "code": symptom.code or None,
        "evidence": dict(symptom.evidence),
        "for_s": round(max(0.0, now - symptom.since), 1),
        "rule": rule.name,
        "tried": [attempt_line(attempt) for attempt in one.tried],
        "now": None if one.running is None else attempt_line(one.running),
        "next": None if one.told else rule.steps[step].do.value,
        "waits": one.waits or None,
        "told": one.told,
    }


def attempt_line(attempt: Attempt) -> Json:
    """An attempt in short."""
    return {
        "remedy": attempt.remedy.kind.value,
        "begun": format_utc(attempt.begun),
        "dry": attempt.dry,
        "outcome": None if attempt.outcome is None else attempt.outcome.value,
        "helped": attempt.helped,
    }


def stored(one: StoredAttempt) -> Json:
    """An attempt with all that is on record of it."""
    attempt, remedy = one.attempt, one.attempt.remedy
    return {
        "id": attempt.id,
        "station": remedy.station,
        "evse": remedy.evse,
        "vendor": one.identity.vendor or None,
        "model": one.identity.model or None,
        "firmware": one.identity.firmware or None,
        "symptom": remedy.symptom.value,
        "code": remedy.code or None,
        "rule": remedy.rule,
        "step": remedy.step + 1,
        **attempt_line(attempt),
        "ended": None if attempt.ended is None else format_utc(attempt.ended),
        "before": [list(pair) for pair in attempt.before],
        "after": [list(pair) for pair in attempt.after],
        "recovery_s": one.recovery_s,
    }


# --- how well it works ------------------------------------------------------------------------------------------------


def statistics(attempts: Sequence[StoredAttempt]) -> Json:
    """Success and time to recovery: of all that was done and judged, by rule, by vendor, by firmware."""
    judged = [one for one in attempts if _is_judged(one)]
    told = sum(one.attempt.remedy.kind is RemedyKind.TELL for one in attempts)
    helped = sum(bool(one.attempt.helped) for one in judged)
    return {
        **_share(judged),
        "dry": sum(one.attempt.dry for one in attempts),
        "told": told,
        "without_person": round(helped / (helped + told), 3) if helped + told else None,
        "by_rule": _by(judged, lambda one: one.attempt.remedy.rule),
        "by_remedy": _by(judged, lambda one: one.attempt.remedy.kind.value),
        "by_vendor": _by(judged, lambda one: one.identity.vendor or OTHERS),
        "by_firmware": _by(judged, _firmware),
    }


def _is_judged(one: StoredAttempt) -> bool:
    attempt = one.attempt
    return not attempt.dry and attempt.remedy.kind is not RemedyKind.TELL and attempt.helped is not None


def _firmware(one: StoredAttempt) -> str:
    named = (one.identity.vendor, one.identity.model, one.identity.firmware)
    return " ".join(part for part in named if part) or OTHERS


def _by(judged: Iterable[StoredAttempt], key: Callable[[StoredAttempt], str]) -> Mapping[str, Json]:
    groups: dict[str, list[StoredAttempt]] = {}
    for one in judged:
        groups.setdefault(key(one), []).append(one)
    return {name: _share(group) for name, group in sorted(groups.items())}


def _share(judged: Sequence[StoredAttempt]) -> Json:
    helped = sum(bool(one.attempt.helped) for one in judged)
    took_s = [one.recovery_s for one in judged if one.recovery_s is not None]
    return {
        "attempts": len(judged),
        "helped": helped,
        "share": round(helped / len(judged), 3) if judged else None,
        "mean_recovery_s": round(sum(took_s) / len(took_s), 1) if took_s else None,
    }


# --- the rules --------------------------------------------------------------------------------------------------------


def rules(held: HealingRules) -> Json:
    """All rules, the budgets, and what is never reset."""
    budget = held.budget
    return {
        "rules": [rule(one) for one in held.rules],
        "budget": {
            "station_resets_per_day": budget.station_resets_per_day,
            "site_resets_per_day": budget.site_resets_per_day,
            "station_remedies_per_day": budget.station_remedies_per_day,
            "spacing_s": budget.spacing_s,
            "at_once": budget.at_once,
        },
        "dangers": {"codes": sorted(held.dangers.codes), "words": list(held.dangers.words)},
    }


def rule(one: Rule) -> Json:
    """One rule."""
    return {
        "name": one.name,
        "symptom": one.symptom.value,
        "codes": sorted(one.codes),
        "vendor_codes": sorted(one.vendor_codes),
        "match": _match(one.match),
        "after_s": one.after_s,
        "ladder": [{"do": step.do.value, "wait_s": step.wait_s} for step in one.steps],
        "what": one.what,
        "do": one.cure,
        "origin": one.origin,
        "source": one.source,
    }


def _match(match: Match) -> Json:
    return {"vendor": match.vendor or None, "model": match.model or None, "firmware": match.firmware or None}
