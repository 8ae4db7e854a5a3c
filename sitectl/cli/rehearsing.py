"""Events in a file, played through the rules of a configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.config.load import Broken, load
from sitectl.healing.policy import HealingRules
from sitectl.healing.rehearsal import Rehearsed, rehearse
from sitectl.model.health import Attempt
from sitectl.model.ids import StationId
from sitectl.model.journal import JournalEntry


class Unreadable(Exception):
    """What is wrong with the file or the configuration, where, and what to do."""


def rehearsal(file: Path, config: Path) -> dict[str, Any]:
    """What would have been done, as JSON. Raises Unreadable."""
    entries, rules = _entries(file), _rules(config)
    came = rehearse(entries, rules)
    return {
        "schema": 1,
        "from": format_utc(entries[0].time),
        "to": format_utc(entries[-1].time),
        "events": len(entries),
        "stations": came.stations,
        "attempts": [_line(attempt) for attempt in came.attempts],
        "remedies": _counts(came),
        "told": [{"what": what, "where": where, "do": do} for what, where, do in came.told],
    }


def _rules(config: Path) -> HealingRules:
    loaded = load(config)
    if isinstance(loaded, Broken):
        raise Unreadable(f"{loaded.errors[0]}; `sitectl check {config}` names every place")
    return loaded.settings.healing


def _entries(file: Path) -> list[JournalEntry]:
    """The events, the oldest first; those that healing does not look at are kept, for the time that they tell."""
    try:
        lines: Iterable[str] = sys.stdin if str(file) == "-" else file.read_text("utf-8").splitlines()
        found = [_entry(line, f"{file}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file}: it cannot be read: {error}") from error
    if not found:
        raise Unreadable(f"{file}: it holds no events; `sitectl events --since 7d --json > {file}` writes some")
    return sorted(found, key=lambda entry: entry.time)


def _entry(line: str, place: str) -> JournalEntry:
    try:
        row = json.loads(line)
        moment = parse_timestamp(row["time"])
        if moment is None:
            raise ValueError(f"time {row['time']!r} is no ISO 8601 time")
        station, data = row.get("station"), row.get("data") or {}
        evse = row.get("evse")
        if not isinstance(data, dict) or not isinstance(evse, int | None):
            raise TypeError("data or evse are of another kind")
        return JournalEntry(
            int(row.get("seq", 0)),
            moment[0],
            str(row["type"]),
            None if station is None else StationId(str(station)),
            evse,
            data,
        )
    except (ValueError, KeyError, TypeError) as error:
        why = f"no {error} in it" if isinstance(error, KeyError) else str(error)
        raise Unreadable(f"{place}: no event as `sitectl events --json` prints one: {why}") from error


def _line(attempt: Attempt) -> dict[str, Any]:
    remedy = attempt.remedy
    return {
        "begun": format_utc(attempt.begun),
        "station": remedy.station,
        "evse": remedy.evse,
        "symptom": remedy.symptom.value,
        "code": remedy.code or None,
        "before": [list(pair) for pair in attempt.before],
        "remedy": remedy.kind.value,
        "rule": remedy.rule,
        "step": remedy.step + 1,
    }


def _counts(came: Rehearsed) -> dict[str, int]:
    counts: dict[str, int] = {}
    for attempt in came.attempts:
        counts[attempt.remedy.kind.value] = counts.get(attempt.remedy.kind.value, 0) + 1
    return dict(sorted(counts.items()))
