"""Whether what was once measured, or confirmed, is of what stands there now.

A device that was exchanged, a firmware that was updated, a meter that is read otherwise: nobody has tested that. What
a test does not rest on does not make it lapse: another firmware does not rewire a station.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Basis = Mapping[str, str]
"""What a thing is, and how it is configured, by field; "" is not known."""

DEVICE = ("vendor", "model", "serial")
OBEDIENCE_RESTS_ON = (*DEVICE, "firmware", "control")
WIRING_RESTS_ON = (*DEVICE, "phases", "circuit", "meter")
NOBODY_NOTED = "anybody noted of what"


def changes(then: object, now: Basis, fields: Iterable[str] | None = None) -> str:
    """What has changed since, in words; "" when nothing has, as far as both are known. `fields`: only of these.

    `then` is as it was kept, whatever that is.
    """
    if not isinstance(then, Mapping):
        return NOBODY_NOTED
    told = []
    for field in dict.fromkeys([*now, *map(str, then)] if fields is None else fields):
        was, is_now = then.get(field), now.get(field)
        if was != is_now and "" not in (was, is_now):
            told.append(f"{field} {_shown(was)} became {_shown(is_now)}")
    return ", ".join(told)


def since(then: object, now: Mapping[str, Basis]) -> str:
    """What came or changed of several things since somebody confirmed them, in words; "": nothing did."""
    if not isinstance(then, Mapping):
        return NOBODY_NOTED
    for name, basis in now.items():
        if name not in then:
            return f"{name} came"
        if changed := changes(then[name], basis):
            return f"{changed} ({name})"
    return ""


def narrowed(basis: Basis, fields: Iterable[str]) -> Basis:
    """These fields alone."""
    return {field: basis[field] for field in fields if field in basis}


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
