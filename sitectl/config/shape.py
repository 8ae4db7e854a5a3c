"""Plain data against the models: every deviation as an issue in the field's words, and a model of what is left.

What deviates is cut out (a bad leaf; a section that lacks a required key) and the rest validated again, so that the
checks that follow see as much as can be seen and all faults are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sitectl.config.fields import LATER_KEY, keys_of
from sitectl.config.issues import Findings, Path, did_you_mean, nearest, shown

M = TypeVar("M", bound=BaseModel)

_ROUNDS = 20
"""Cutting makes new faults at most one level up each time, and nothing is nested deeper than this."""
_KEY = "[key]"
_QUOTED = re.compile("'([^']*)'")


def validate(model: type[M], data: Mapping[str, object], findings: Findings) -> M | None:
    """A `model` of `data` as far as it has that shape, None when nothing has; the rest goes to `findings` as errors."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    _report(model, details, data, findings)
    rest = deepcopy(dict(data))
    for _ in range(_ROUNDS):
        _cut(rest, details)
        try:
            return model.model_validate(rest)
        except ValidationError as error:
            details = error.errors(include_url=False)
    return None


def _report(
    model: type[BaseModel], details: list[ErrorDetails], data: Mapping[str, object], findings: Findings
) -> None:
    """A section with a key of a later version is not blamed for lacking those of this one."""
    later = {_path(detail)[:-1] for detail in details if detail["type"] == LATER_KEY}
    for detail in details:
        path = _path(detail)
        if detail["type"] == "missing" and path[:-1] in later:
            continue
        at_key = detail["type"] in ("extra_forbidden", LATER_KEY) or detail["loc"][-1:] == (_KEY,)
        message, cure = _words(_Fault(model, path, _at(data, path), detail.get("ctx") or {}), detail)
        findings.error(path, message, cure, at_key=at_key)


def _path(detail: ErrorDetails) -> Path:
    loc = detail["loc"]
    return loc[:-1] if loc[-1:] == (_KEY,) else loc


def _cut(data: dict[str, object], details: list[ErrorDetails]) -> None:
    """Remove what each error is about; for a missing key, the section that lacks it."""
    for detail in sorted(details, key=lambda detail: [str(part).zfill(9) for part in detail["loc"]], reverse=True):
        path = _path(detail)
        path = path[:-1] if detail["type"] == "missing" else path
        if not path:
            data.clear()
            continue
        parent = _at(data, path[:-1])
        if isinstance(parent, dict):
            parent.pop(cast("str", path[-1]), None)
        elif isinstance(parent, list) and isinstance(path[-1], int) and path[-1] < len(parent):
            del parent[path[-1]]


def _at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(cast("str", part))
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


@dataclass(frozen=True, slots=True)
class _Fault:
    """One deviation: where, what stands there, and what pydantic says of the limit it breaks."""

    root: type[BaseModel]
    path: Path
    value: object
    limits: Mapping[str, Any]


def _words(fault: _Fault, detail: ErrorDetails) -> tuple[str, str]:
    """Message and cure."""
    if "cure" in fault.limits:
        return fault.limits["message"], fault.limits["cure"]
    words = _WORDS.get(detail["type"])
    return words(fault) if words else (detail["msg"].lower(), "see `sitectl config schema`")


def _unknown_key(fault: _Fault) -> tuple[str, str]:
    known = _known_keys(fault.root, fault.path[:-1])
    near = nearest(fault.path[-1], known)
    return "no such key", f"did you mean {shown(near)}?" if near else f"known here: {', '.join(known)}"


def _known_keys(root: type[BaseModel], path: Path) -> list[str]:
    """Keys of the section at `path`, found by walking the annotations of the models."""
    model: type[BaseModel] | None = root
    for part in path:
        name = keys_of(model).get(str(part)) if model else None
        info = model.model_fields[name] if model and name else None
        if info is not None:  # otherwise a name in a mapping of sections: `model` is already that of its values
            model = _model_in(info.annotation)
    return list(keys_of(model)) if model else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _missing(fault: _Fault) -> tuple[str, str]:
    return "required, but absent", f"write {fault.path[-1]}: …"


def _number(fault: _Fault) -> tuple[str, str]:
    message = f"{shown(fault.value)} is not a number"
    if isinstance(fault.value, str):
        try:
            float(fault.value)
        except ValueError:
            return message, "write a number, without its unit"
        return message, "remove the quotes"
    return message, "write a number"


def _whole(fault: _Fault) -> tuple[str, str]:
    if isinstance(fault.value, float):
        return f"{shown(fault.value)} is not a whole number", "write a whole number"
    return _number(fault)


def _text(fault: _Fault) -> tuple[str, str]:
    if isinstance(fault.value, bool | int | float):
        return f"{shown(fault.value)} is not text", f'put it in quotes: "{shown(fault.value)}"'
    return f"{shown(fault.value)} is not text", "write one text"


def _switch(fault: _Fault) -> tuple[str, str]:
    return f"{shown(fault.value)} is neither true nor false", "write true or false"


def _mapping(fault: _Fault) -> tuple[str, str]:
    return f"{shown(fault.value)} is not a mapping", "write indented keys below, each as key: value"


def _list(fault: _Fault) -> tuple[str, str]:
    return f"{shown(fault.value)} is not a list", "write it in brackets: [a, b]"


def _choice(fault: _Fault) -> tuple[str, str]:
    choice = _QUOTED.findall(str(fault.limits.get("expected", "")))
    if isinstance(fault.value, int | float) and not isinstance(fault.value, bool) and str(fault.value) in choice:
        return _text(fault)
    return f"{shown(fault.value)} is not possible here", did_you_mean(fault.value, choice)


def _bound(word: str, key: str) -> Callable[[_Fault], tuple[str, str]]:
    def words(fault: _Fault) -> tuple[str, str]:
        limit = shown(fault.limits.get(key))
        return f"{shown(fault.value)} is not {word} {limit}", f"write a number {word} {limit}"

    return words


def _length(fault: _Fault) -> tuple[str, str]:
    if fault.value in ("", [], {}):
        return "empty", "write at least one, or leave the key away"
    return "too long", f"write at most {fault.limits.get('max_length')} characters"


_WORDS: dict[str, Callable[[_Fault], tuple[str, str]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "float_type": _number,
    "int_type": _whole,
    "finite_number": _number,
    "string_type": _text,
    "bool_type": _switch,
    "model_type": _mapping,
    "dict_type": _mapping,
    "list_type": _list,
    "literal_error": _choice,
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "string_too_short": _length,
    "string_too_long": _length,
    "too_short": _length,
}
