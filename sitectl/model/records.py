"""Another version of a frozen record, in less than half the time that `dataclasses.replace` takes.

A site of a thousand EVSEs makes ten thousand in the cycle that cuts all of them, and every one of those cuts waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

__all__ = ["replace"]

if TYPE_CHECKING:  # the type checker knows which fields that one takes
    from dataclasses import replace
else:

    def replace(record, /, **changes):
        """The same record but for these fields. For dataclasses with slots and without `__post_init__`."""
        kind = type(record)
        read, writers, writer_of = _fields(kind)
        # Frozen, so its slots are written past its `__setattr__`, which is what takes the time otherwise.
        new = object.__new__(kind)
        for write, value in zip(writers, read(record), strict=True):
            write(new, value)
        for name, value in changes.items():
            writer_of[name](new, value)
        return new


class _Fields(NamedTuple):
    """How the fields of one kind of record are read, all at once, and written, one by one."""

    read: Callable[[Any], tuple[Any, ...]]
    writers: tuple[Callable[[Any, Any], None], ...]
    writer_of: Mapping[str, Callable[[Any, Any], None]]


@cache
def _fields(kind: type) -> _Fields:
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} looks at what it is made of: use dataclasses.replace")
    names = [field.name for field in fields(kind)]
    first, second, *more = names
    writer_of = {name: getattr(kind, name).__set__ for name in names}
    return _Fields(attrgetter(first, second, *more), tuple(writer_of.values()), writer_of)
