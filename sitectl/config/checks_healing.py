"""Maintenance hours are hours, and remedies that nobody would notice need none."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.config.draft import Draft
from sitectl.config.inputs import parse_hour
from sitectl.config.issues import Path
from sitectl.model.health import DISRUPTIVE, RemedyKind
from sitectl.model.signals import DAY_MIN

_NOTICED = sorted(kind.value for kind in DISRUPTIVE)
_MILD = frozenset(kind.value for kind in RemedyKind) - set(_NOTICED)


def check(draft: Draft) -> None:
    """Report hours that are none, and remedies that wait for nothing."""
    written = draft.section("healing").get("maintenance")
    for number, body in enumerate(written if isinstance(written, list) else ()):
        if isinstance(body, Mapping):
            _check_hours(draft, ("healing", "maintenance", number), body)


def _check_hours(draft: Draft, path: Path, body: Mapping[str, object]) -> None:
    begins, ends = (parse_hour(text) if isinstance(text := body.get(key), str) else None for key in ("from", "to"))
    if begins == DAY_MIN:
        draft.findings.error((*path, "from"), "24:00 is an end, not a beginning", 'write "00:00"')
    elif isinstance(begins, int) and begins == ends:
        draft.findings.error((*path, "to"), "ends where it begins", "leave the hours away where they bind nothing")
    remedies = body.get("remedies")
    for place, remedy in enumerate(remedies if isinstance(remedies, list) else ()):
        if remedy in _MILD:
            message, cure = f"{remedy} disturbs nobody and never waits", f"choose of {', '.join(_NOTICED)}"
            draft.findings.warn((*path, "remedies", place), message, cure)
