"""The configuration as it takes effect: defaults filled in, every value with where it comes from; and its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sitectl.config.checks_references import NO_UPLINK
from sitectl.config.draft import EvseDraft, evses_of
from sitectl.config.fields import Section, is_later
from sitectl.config.issues import Marks, Path, dotted
from sitectl.config.models import Configuration
from sitectl.config.models_station import Station
from sitectl.model.sheets import MeterSheet
from sitectl.model.uplink import Right

DEFAULT = "default"
_PLAIN = re.compile(r"[A-Za-z/_](?:[A-Za-z0-9 _./+@=-]*[A-Za-z0-9_./+@=-])?")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_COLUMN = 44

Fallbacks = Mapping[tuple[str, int], float]


def effective(config: Configuration, fallback_a: Fallbacks, sheets: Mapping[str, MeterSheet]) -> dict[str, object]:
    """Plain data under the names of the file, with all that is inherited or solved. Unbuilt keys are left away."""
    plain = _plain(config)
    plain["circuits"] = {
        name: {"base_load_worst_a": 0.0, **_plain(circuit)} for name, circuit in config.circuits.items()
    }
    plain["meters"] = {
        name: {"unit": sheets[meter.sheet].unit, **_plain(meter)} for name, meter in config.meters.items()
    }
    plain["stations"] = {
        name: _station(name, station, config.ocpp.security_profile, fallback_a)
        for name, station in config.stations.items()
    }
    plain["uplinks"] = {
        name: {"rights": [right.value for right in Right], **_plain(uplink)} for name, uplink in config.uplinks.items()
    }
    plain["routing"] = {"default": config.routing.default or next(iter(config.uplinks), NO_UPLINK)}
    return plain


def origins(effective: Mapping[str, object], marks: Marks) -> dict[str, str]:
    """Where each leaf of `effective` was written, by its dotted path: `site.yaml:12`, or `default`."""
    return {dotted(path): _origin(path, marks) for path in _leaves(effective, ())}


def _origin(path: Path, marks: Marks) -> str:
    mark = marks.get(path)
    if mark is None and path[2:3] == ("evses",):
        mark = marks.get((*path[:2], *path[4:]))  # what an EVSE has from its station
    return mark.origin if mark else DEFAULT


def text(effective: Mapping[str, object], origins: Mapping[str, str] | None = None) -> str:
    """YAML of `effective`, with `origins` as a comment behind each value. What it prints can be loaded again."""
    return "\n".join(_lines(effective, (), origins)) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file, for editors."""
    schema = Configuration.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "sitectl configuration"}


def json_schema_text() -> str:
    """As `config/site.schema.json` holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(section: Section) -> dict[str, object]:
    """A section without what is absent and what is not built."""
    return {
        key: _value(getattr(section, key))
        for key, info in type(section).model_fields.items()
        if not is_later(info) and getattr(section, key) is not None
    }


def _value(value: object) -> object:
    match value:
        case Section():
            return _plain(value)
        case Mapping():
            return {key: _value(item) for key, item in value.items()}
        case list():
            return [_value(item) for item in value]
    return value


def _station(name: str, station: Station, security_profile: int, fallback_a: Fallbacks) -> dict[str, object]:
    plain = {"phases": "unknown", "security_profile": security_profile, "fallback_a": "auto", **_plain(station)}
    evses = list(evses_of(name, station))
    if station.evses is None:
        plain["fallback_a"] = _fallback(evses[0], fallback_a)
    else:
        plain["evses"] = {
            str(evse.number): {
                "max_a": evse.max_a,
                "min_a": evse.min_a,
                "phases": evse.phases or "unknown",
                "fallback_a": _fallback(evse, fallback_a),
                "priority": evse.priority,
            }
            for evse in evses
        }
    return plain


def _fallback(evse: EvseDraft, fallback_a: Fallbacks) -> object:
    """Stations that are not installed take no part in the solution: theirs stays as it was written."""
    solved = fallback_a.get((evse.station, evse.number), evse.fallback_a)
    return "auto" if solved is None else solved


def _leaves(value: object, path: Path) -> Iterator[Path]:
    """Paths of scalars, lists and empty mappings."""
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    else:
        yield path


def _lines(value: Mapping[str, object], path: Path, origins: Mapping[str, str] | None) -> Iterator[str]:
    indent = "  " * len(path)
    for key, child in value.items():
        here = (*path, key)
        if isinstance(child, Mapping) and child:
            yield f"{indent}{_scalar(key)}:"
            yield from _lines(child, here, origins)
            continue
        line = f"{indent}{_scalar(key)}: {_inline(child)}"
        yield line if origins is None else f"{line:<{_COLUMN}}  # {origins.get(dotted(here), DEFAULT)}"


def _inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.15g}"
    words = str(value)
    if _PLAIN.fullmatch(words) and words.lower() not in _YAML_WORDS:
        return words
    return json.dumps(words, ensure_ascii=False)
