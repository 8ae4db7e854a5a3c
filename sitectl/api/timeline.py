"""JSON of a timeline: each frame with what it says of itself, each event, in the order of their times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from sitectl.api.views import SCHEMA, Json
from sitectl.model.journal import JournalEntry, Message, TimelinePage

_KINDS = {2: "call", 3: "answer", 4: "error", 5: "result_error", 6: "send"}
_Calls = dict[tuple[str | None, bool, str], str]
"""The action of each call, by its wire, who sent it, and its message id."""


def timeline(station: str, page: TimelinePage) -> Json:
    """What happened at a station; `more`: there was more before it."""
    calls: _Calls = {}
    entries = [_event(entry) if isinstance(entry, JournalEntry) else _message(entry, calls) for entry in page.entries]
    return {"schema": SCHEMA, "station": station, "more": page.more, "entries": entries}


def _time(moment: datetime) -> str:
    """To the millisecond: a call and its answer stand in one second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _event(entry: JournalEntry) -> Json:
    return {
        "time": _time(entry.time),
        "kind": "event",
        "type": entry.type,
        "evse": entry.evse,
        "data": entry.data,
    }


def _message(message: Message, calls: _Calls) -> Json:
    """One frame. The action of an answer is that of its call, where that stands before it."""
    kind, id, action, payload = _read(message.frame)
    if id is not None:
        if kind in ("call", "send") and action is not None:
            calls[message.uplink, message.sent, id] = action
        else:
            action = calls.get((message.uplink, not message.sent, id))
    return {
        "time": _time(message.time),
        "kind": kind,
        "uplink": message.uplink,
        "direction": "sent" if message.sent else "received",
        "action": action,
        "id": id,
        "payload": payload,
        "frame": message.frame,
    }


def _read(frame: str) -> tuple[str, str | None, str | None, Any]:
    """Kind, message id, action and payload (of an error: its code and what it says); `unreadable` for what is none."""
    try:
        parts = orjson.loads(frame)
        kind, id = _KINDS[parts[0]], parts[1]
    except (ValueError, LookupError, TypeError):
        return "unreadable", None, None, None
    if not isinstance(id, str):
        return "unreadable", None, None, None
    rest = parts[2:]
    if kind in ("call", "send"):
        action = rest[0] if rest and isinstance(rest[0], str) else None
        return kind, id, action, rest[1] if len(rest) > 1 else None
    if kind == "answer":
        return kind, id, None, rest[0] if rest else None
    return kind, id, None, rest
