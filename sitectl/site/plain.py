"""Frozen values as plain JSON values and back, by their type annotations: what is built again equals what it was.

Dataclasses become mappings of their fields, named tuples and tuples lists, enums their values, mappings lists of pairs
(their keys need not be text, and their order counts), sets sorted lists. Numbers keep every bit.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, lru_cache
from math import isfinite
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from sitectl.base.errors import InternalError

Build = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """A value of ours as JSON can say it. Raises InternalError for what it knows nothing of."""
    match value:
        case None | bool() | int() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return value.value
        case float():
            return value if isfinite(value) else {"float": str(value)}
        case tuple() | list():
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=repr)
        case Mapping():
            return [[plain(key), plain(item)] for key, item in value.items()]
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise InternalError(f"{type(value).__name__} cannot be recorded")


def default(value: Any) -> Any:
    """For the JSON writer: what it does not know itself."""
    return tuple(value) if isinstance(value, tuple) else _often(value)


@lru_cache(maxsize=1000)
def _often(value: Any) -> Any:
    """The same few values stand in every line."""
    return plain(value)


def built(hint: Any, data: Any) -> Any:
    """The value of a type that `plain` has made `data` of. Raises what is raised on the way where it is none."""
    return builder(hint)(data)


@cache
def builder(hint: Any) -> Build:
    """How values of a type are built."""
    if isinstance(hint, NewType):
        return builder(hint.__supertype__)
    if hint is float:
        return _float
    if hint in (int, str, bool, type(None), Any, object) or get_origin(hint) is Literal:
        return _as_it_is
    if get_origin(hint) in (Union, types.UnionType):
        return _optional(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return _named_tuple(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    return _collection(hint)


def field_builders(cls: type) -> Mapping[str, Build]:
    """How each field of a dataclass is built, in their order."""
    hints = get_type_hints(cls)
    return {field.name: builder(hints[field.name]) for field in dataclasses.fields(cls)}


def _as_it_is(data: Any) -> Any:
    return data


def _float(data: Any) -> Any:
    return float(data["float"]) if isinstance(data, dict) else data


def _optional(hint: Any) -> Build:
    some = [arg for arg in get_args(hint) if arg is not type(None)]
    builders = {builder(arg) for arg in some}
    if len(builders) != 1:
        raise InternalError(f"{hint} cannot be recorded: which of its types a value has is not told")
    (build,) = builders
    return lambda data: None if data is None else build(data)


def _named_tuple(cls: Any) -> Build:
    hints = get_type_hints(cls)
    builders = [builder(hints[name]) for name in cls._fields]
    return lambda data: cls(*(build(item) for build, item in zip(builders, data, strict=True)))


def _dataclass(cls: type) -> Build:
    builders = field_builders(cls)
    return lambda data: cls(**{name: builders[name](item) for name, item in data.items()})


def _collection(hint: Any) -> Build:
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        item = builder(args[0])
        return lambda data: tuple(item(one) for one in data)
    if origin is tuple:
        items = [builder(arg) for arg in args]
        return lambda data: tuple(build(one) for build, one in zip(items, data, strict=True))
    if origin in (set, frozenset):
        member = builder(args[0])
        return lambda data: frozenset(member(one) for one in data)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, value = builder(args[0]), builder(args[1])
        return lambda data: {key(k): value(v) for k, v in data}
    if origin is not None and args:
        element = builder(args[0])
        return lambda data: [element(one) for one in data]
    raise InternalError(f"{hint} cannot be recorded")
