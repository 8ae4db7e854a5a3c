"""Snapshots as lines of JSON that say only what has changed since the line before, and back again.

A line after the first holds, for each kind of thing, `[place, field, value, field, value, ...]` of those that changed;
things keep their places as long as the same ones are there. What a thing is called by, and the plan of an EVSE that the
topology knows anyway, are not repeated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_type_hints

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, MeterSnapshot, SiteSnapshot, StationSnapshot
from sitectl.site.plain import built, field_builders, plain

K = TypeVar("K")
V = TypeVar("V")
Line = dict[str, Any]


class Kind(Generic[K, V]):
    """One kind of thing in a snapshot: how its fields are read, and how it is made of them again."""

    def __init__(self, cls: Any, key: Callable[[Any], K]) -> None:
        self.cls: Callable[..., V] = cls
        self.key = key
        self.names = [field.name for field in dataclasses.fields(cls) if field.name != "id"]
        self.values: Callable[[V], tuple[Any, ...]] = attrgetter(*self.names)
        self.builders = [field_builders(cls)[name] for name in self.names]

    def full(self, things: Mapping[K, V]) -> list[Any]:
        """All of them, each with all of its fields."""
        return [[key, *self.values(thing)] for key, thing in things.items()]

    def changes(self, before: Mapping[K, V], after: Mapping[K, V]) -> list[Any]:
        """What has changed; the keys are the same in the same order."""
        found: list[Any] = []
        for place, (thing, old) in enumerate(zip(after.values(), before.values(), strict=True)):
            if thing is not old:
                was, now = self.values(old), self.values(thing)
                changed = [item for i, a in enumerate(now) if a != was[i] for item in (i, a)]
                if changed:
                    found.append([place, *changed])
        return found

    def read(self, rows: Iterable[Sequence[Any]]) -> dict[K, V]:
        """What `full` has written."""
        return {(key := self.key(row[0])): self._made(key, row[1:]) for row in rows}

    def changed(self, before: Mapping[K, V], rows: Iterable[Sequence[Any]]) -> dict[K, V]:
        """The next after `before`, by what `changes` has written."""
        after = dict(before)
        keys = list(after)
        for place, *items in rows:
            key = keys[place]
            values = {self.names[i]: self.builders[i](value) for i, value in zip(items[::2], items[1::2], strict=True)}
            after[key] = dataclasses.replace(after[key], **values)  # type: ignore[type-var]
        return after

    def _made(self, key: K, row: Sequence[Any]) -> V:
        values = {name: build(item) for name, build, item in zip(self.names, self.builders, row, strict=True)}
        return self.cls(id=key, **values)


def _evse(name: Sequence[Any]) -> EvseId:
    return EvseId(StationId(name[0]), name[1])


CIRCUITS: Kind[CircuitId, CircuitSnapshot] = Kind(CircuitSnapshot, CircuitId)
EVSES: Kind[EvseId, EvseSnapshot] = Kind(EvseSnapshot, _evse)
STATIONS: Kind[StationId, StationSnapshot] = Kind(StationSnapshot, StationId)
METERS: Kind[MeterId, MeterSnapshot] = Kind(MeterSnapshot, MeterId)
_PLAN = 1 + EVSES.names.index("plan")
_KINDS: Mapping[str, Kind[Any, Any]] = {
    "circuits": CIRCUITS,
    "evses": EVSES,
    "stations": STATIONS,
    "meters": METERS,
}
_REST: Mapping[str, Any] = {
    name: hint
    for name, hint in get_type_hints(SiteSnapshot).items()
    if name not in _KINDS and name not in ("at", "urgency")  # what wishes come to follows from the rest
}


def whole(snapshot: SiteSnapshot, topology: Topology) -> Line:
    """A line that needs no other. Plans that are those of the topology are left out of it."""
    plans = topology.evses()
    line: Line = {name: kind.full(getattr(snapshot, name)) for name, kind in _KINDS.items()}
    for row, (id, view) in zip(line["evses"], snapshot.evses.items(), strict=True):
        if view.plan is plans.get(id):
            row[_PLAN] = None
    return line | {"at": snapshot.at} | {name: plain(getattr(snapshot, name)) for name in _REST}


def since(before: SiteSnapshot, after: SiteSnapshot) -> Line:
    """A line that needs the one before; call `alike` first."""
    line: Line = {"at": after.at}
    for name, kind in _KINDS.items():
        if changes := kind.changes(getattr(before, name), getattr(after, name)):
            line[name] = changes
    for name in _REST:
        value = getattr(after, name)
        if value != getattr(before, name):
            line[name] = plain(value)
    return line


def alike(before: SiteSnapshot, after: SiteSnapshot) -> bool:
    """Whether the same things are in both, in the same places."""
    return all(list(getattr(before, name)) == list(getattr(after, name)) for name in _KINDS)


def read_whole(line: Line, topology: Topology) -> SiteSnapshot:
    """The snapshot of a line that needs no other."""
    plans = topology.evses()
    for row in line["evses"]:
        if row[_PLAN] is None:
            row[_PLAN] = plain(plans[_evse(row[0])])
    things: dict[str, Any] = {name: kind.read(line[name]) for name, kind in _KINDS.items()}
    return SiteSnapshot(at=line["at"], **things, **_rest(line))


def read_since(before: SiteSnapshot, line: Line) -> SiteSnapshot:
    """The snapshot after `before`."""
    things: dict[str, Any] = {
        name: kind.changed(getattr(before, name), line[name]) for name, kind in _KINDS.items() if name in line
    }
    return dataclasses.replace(before, at=line["at"], **things, **_rest(line))


def _rest(line: Line) -> dict[str, Any]:
    return {name: built(_REST[name], line[name]) for name in _REST if name in line}
