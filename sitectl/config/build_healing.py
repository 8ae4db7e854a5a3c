"""The rules of healing as the site wants them: its budgets and hours on top of what the files of rules say."""

from __future__ import annotations

from dataclasses import replace

from sitectl.base.errors import InternalError
from sitectl.config.inputs import parse_hour
from sitectl.config.models_healing import Healing, MaintenanceSection
from sitectl.config.notation import Refusal
from sitectl.healing.policy import Budget, HealingRules
from sitectl.healing.windows import Window
from sitectl.model.health import HealingMode, RemedyKind, SymptomKind

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def healing(section: Healing, rules: HealingRules) -> HealingRules:
    """What healing goes by; `rules`: as the files say."""
    budget = section.budget
    return replace(
        rules,
        mode=HealingMode(section.mode),
        rules=tuple(
            replace(rule, after_s=section.ghost_after_s) if _follows_ghost(rule.symptom, section) else rule
            for rule in rules.rules
        ),
        budget=Budget(
            station_resets_per_day=budget.station_resets_per_day,
            site_resets_per_day=budget.site_resets_per_day,
            station_remedies_per_day=budget.station_remedies_per_day,
            spacing_s=budget.spacing_s,
            at_once=budget.at_once,
        ),
        windows=tuple(_window(hours) for hours in section.maintenance),
    )


def _follows_ghost(symptom: SymptomKind, section: Healing) -> bool:
    """Whether the site's own word on ghosts goes before the rule's."""
    return symptom is SymptomKind.GHOST_TRANSACTION and "ghost_after_s" in section.model_fields_set


def _window(hours: MaintenanceSection) -> Window:
    days = hours.days or _DAYS
    return Window(
        begins=_minutes(hours.begins),
        ends=_minutes(hours.ends),
        days=frozenset(_DAYS.index(day) for day in days),
        remedies=frozenset(RemedyKind(remedy) for remedy in hours.remedies),
    )


def _minutes(text: str) -> int:
    minutes = parse_hour(text)
    if isinstance(minutes, Refusal):
        raise InternalError(f"passed the shape and does not parse: {minutes.message}")
    return minutes
