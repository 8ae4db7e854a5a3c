"""What `config show` and `config schema` print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, TextIO

from pydantic.json_schema import GenerateJsonSchema

from sitectl.config.effective import DEFAULT
from sitectl.config.issues import Path, dotted
from sitectl.config.load import Broken, load
from sitectl.config.models import Configuration
from sitectl.config.report import EXIT_CONFIGURATION, EXIT_WELL, print_issues

_PLAIN = re.compile(r"[A-Za-z/_](?:[A-Za-z0-9 _./+@=-]*[A-Za-z0-9_./+@=-])?")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_COLUMN = 44
_SCHEMA = 1


def show_command(
    path: FilePath,
    *,
    effective: bool,
    origin: bool,
    as_json: bool,
    running: Mapping[str, Any] | None,
    out: TextIO,
    err: TextIO,
) -> int:
    """Print the configuration, gives the exit status. Without `effective`, only what the files say.

    `running` is what a daemon answers to the same question (`settings`, `origins`), or None: then the files are read.
    """
    if running is not None:
        settings, origins = running["settings"], running["origins"]
    else:
        outcome = load(path)
        if isinstance(outcome, Broken):
            print_issues(outcome, err)
            return EXIT_CONFIGURATION
        settings, origins = outcome.effective, outcome.origins
    if not effective:
        settings = _written(settings, (), origins)
    if as_json:
        answer = {"schema": _SCHEMA, "settings": settings, "origins": origins}
        out.write(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
    else:
        out.write(text(settings, origins if origin else None))
    return EXIT_WELL


def _written(settings: Mapping[str, Any], path: Path, origins: Mapping[str, str]) -> dict[str, Any]:
    """Without the values that nobody wrote."""
    kept: dict[str, Any] = {}
    for key, value in settings.items():
        here = (*path, key)
        if isinstance(value, Mapping) and value:
            below = _written(value, here, origins)
            kept |= {key: below} if below else {}
        elif not origins.get(dotted(here), DEFAULT).startswith(DEFAULT):
            kept[key] = value
    return kept


def text(effective: Mapping[str, object], origins: Mapping[str, str] | None = None) -> str:
    """YAML of `effective`, with `origins` as a comment behind each value. What it prints can be loaded again."""
    return "\n".join(_lines(effective, (), origins)) + "\n"


class _Schema(GenerateJsonSchema):
    """Without titles that only repeat the key."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file, for editors."""
    schema = Configuration.model_json_schema(schema_generator=_Schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "sitectl configuration"}


def json_schema_text() -> str:
    """As `config/site.schema.json` holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


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
