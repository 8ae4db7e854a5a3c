"""What a message asks for, or why it is refused. Pure.

The payload is a bare value, or `{"value": …, "valid_s": …, "time": …}`; a departure may add `evse` and `energy_kwh`.
Currents lapse after `valid_s`, 900 s if nothing is said. `time` (ISO 8601) says when it was meant: what is older than a
minute, or than its own validity, is stale. A value of null withdraws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from sitectl.base.units import parse_timestamp
from sitectl.mqtt.topics import Topics, decoded, evse_number

LAPSES_S = 900.0
STALE_S = 60.0
LONGEST_S = 31 * 86_400.0
MOST_BYTES = 1024
_KEYS = frozenset(("value", "valid_s", "time"))
_KEYS_OF_DEPARTURE = _KEYS | {"evse", "energy_kwh"}


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask of the interface."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is done; `status` as in HTTP."""

    why: str
    status: int = 422


@dataclass(frozen=True, slots=True)
class Asked:
    """The payload, read."""

    value: Any
    valid_s: float
    more: Mapping[str, Any]


def read(topics: Topics, topic: str, payload: bytes, *, retained: bool, wall: datetime) -> Order | Refused:
    """The order that a message at a topic is."""
    if retained:
        return Refused("a retained command would come again with each connection: publish it without retain")
    if len(payload) > MOST_BYTES:
        return Refused(f"a command has {MOST_BYTES} bytes at most")
    levels = topic.removeprefix(f"{topics.base}/").split("/")
    match levels:
        case ["stations", id, "evses", number, "set", "limit_a"]:
            return _of_evse(id, number, payload, wall)
        case ["stations", id, "set", ("reset" | "availability" | "departure") as what]:
            station = decoded(id)
            if station is None:
                return _not_encoded(id)
            asked = _asked(payload, wall, _KEYS_OF_DEPARTURE if what == "departure" else _KEYS)
            return asked if isinstance(asked, Refused) else _OF_STATION[what](station, asked)
        case ["circuits", id, "set", "ceiling_a"]:
            circuit = decoded(id)
            if circuit is None:
                return _not_encoded(id)
            return _ceiling(("circuits", circuit, "ceiling"), payload, wall)
    return Refused(f"there is no command {'/'.join(levels[-2:])!r}", 404)


def _of_evse(id: str, number: str, payload: bytes, wall: datetime) -> Order | Refused:
    station, evse = decoded(id), evse_number(number)
    if station is None:
        return _not_encoded(id)
    if evse is None:
        return Refused(f"{number!r} is no number of an EVSE: they count from 1", 404)
    return _ceiling(("stations", station, "evses", str(evse), "ceiling"), payload, wall)


def _not_encoded(level: str) -> Refused:
    return Refused(f"{level!r} is no id: percent-encode all but A-Z a-z 0-9 _ . - (in capital hex digits)", 404)


def _asked(payload: bytes, wall: datetime, keys: frozenset[str]) -> Asked | Refused:
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        return Refused("the payload is no UTF-8 text")
    if not text:
        return Refused("the payload is empty: write a value, or null to withdraw")
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        parsed = text
    if not isinstance(parsed, dict):
        return Asked(parsed, LAPSES_S, {})
    if unknown := sorted(parsed.keys() - keys):
        return Refused(f"no such key: {', '.join(map(str, unknown))}; known are {', '.join(sorted(keys))}")
    if "value" not in parsed:
        return Refused('the payload has no value: write {"value": …}')
    valid_s = parsed.get("valid_s", LAPSES_S)
    if not _is_number(valid_s) or not 0 < valid_s <= LONGEST_S:
        return Refused(f"valid_s={_shown(valid_s)}: write seconds, more than 0 and at most {LONGEST_S:.0f}")
    if (stale := _stale(parsed.get("time"), valid_s, wall)) is not None:
        return stale
    return Asked(parsed["value"], float(valid_s), parsed)


def _stale(time: object, valid_s: float, wall: datetime) -> Refused | None:
    if time is None:
        return None
    moment = parse_timestamp(time) if isinstance(time, str) else None
    if moment is None:
        return Refused(f"time={_shown(time)} is not an ISO 8601 time")
    age_s = (wall - moment[0]).total_seconds()
    if age_s > min(STALE_S, valid_s):
        return Refused(f"it is stale: it was meant {age_s:.0f} s ago")
    if age_s < -STALE_S:
        return Refused(f"it is meant for {-age_s:.0f} s from now: check the clocks")
    return None


def _ceiling(path: tuple[str, ...], payload: bytes, wall: datetime) -> Order | Refused:
    asked = _asked(payload, wall, _KEYS)
    if isinstance(asked, Refused):
        return asked
    if asked.value is None:
        return Order("DELETE", path)
    if not _is_number(asked.value) or asked.value < 0:
        return Refused(f"{_shown(asked.value)} is no number of ampere: write 0 or more")
    body = {"value": float(asked.value), "valid_s": asked.valid_s}
    return Order("PUT", path, {"strict": "true"}, body)


def _reset(station: str, asked: Asked) -> Order | Refused:
    if asked.value not in ("soft", "hard"):
        return Refused(f"{_shown(asked.value)} is no kind of reset: write soft or hard")
    return Order("POST", ("stations", station, "reset"), {"hard": str(asked.value == "hard").lower()})


def _availability(station: str, asked: Asked) -> Order | Refused:
    if asked.value not in ("operative", "inoperative"):
        return Refused(f"{_shown(asked.value)} is no availability: write operative or inoperative")
    operative = str(asked.value == "operative").lower()
    return Order("POST", ("stations", station, "availability"), {"operative": operative})


def _departure(station: str, asked: Asked) -> Order | Refused:
    """A bare number is seconds from now."""
    evse = asked.more.get("evse", 1)
    if not isinstance(evse, int) or isinstance(evse, bool) or evse < 1:
        return Refused(f"evse={_shown(evse)}: EVSEs count from 1")
    path = ("stations", station, "evses", str(evse), "departure")
    if asked.value is None:
        return Order("DELETE", path)
    if _is_number(asked.value):
        when: dict[str, Any] = {"in_s": float(asked.value)}
    elif isinstance(asked.value, str):
        when = {"at": asked.value}
    else:
        return Refused(f"{_shown(asked.value)} is no departure: write a time of day like 17:30, or seconds from now")
    energy_kwh = asked.more.get("energy_kwh")
    if energy_kwh is not None and not _is_number(energy_kwh):
        return Refused(f"energy_kwh={_shown(energy_kwh)} is no number")
    return Order("PUT", path, {}, {**when, "energy_kwh": None if energy_kwh is None else float(energy_kwh)})


_OF_STATION: Mapping[str, Callable[[str, Asked], Order | Refused]] = {
    "reset": _reset,
    "availability": _availability,
    "departure": _departure,
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: object) -> str:
    return repr(value)[:60]
