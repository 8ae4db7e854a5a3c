"""Decide again what was decided: the recorded cycles fed through the same sharing, equal to the bit.

That is what a recording is for: what went wrong can be looked at cycle by cycle, with every reason. Another version of
sitectl may decide otherwise; then it is said, by the digest.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from sitectl.allocator.allocate import compile_site
from sitectl.allocator.rules import AllocatorMemory
from sitectl.model.limits import Allocation
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site.cycle import Basis, share, with_urgency
from sitectl.site.plain import built
from sitectl.site.recorder import Part, digest
from sitectl.site.tables import read_since, read_whole


@dataclass(frozen=True, slots=True)
class Replayed:
    """One cycle, decided again. `wall`: when it was (s since 1970); `same`: it was decided so then, to the bit."""

    wall: float
    basis: Basis
    snapshot: SiteSnapshot
    allocation: Allocation
    violations: tuple[str, ...]
    same: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """One cycle as it was recorded. `memory`: what was remembered before it, where it is the first of a part."""

    wall: float
    snapshot: SiteSnapshot
    digest: str
    memory: AllocatorMemory | None


def recorded(part: Part) -> Iterator[Recorded]:
    """The cycles of a part, in order."""
    snapshot: SiteSnapshot | None = None
    memory: AllocatorMemory | None = None
    for text in zlib.decompress(part.data).splitlines():
        line = orjson.loads(text)
        if snapshot is None:
            snapshot, memory = read_whole(line, part.topology), built(AllocatorMemory, line["memory"])
        else:
            snapshot, memory = read_since(snapshot, line), None
        yield Recorded(line["wall"], with_urgency(snapshot, part.topology), line["digest"], memory)


def replay(parts: Iterable[Part]) -> Iterator[Replayed]:
    """Every cycle of these, decided again; each part begins with what was remembered then."""
    for part in parts:
        compiled, memory = compile_site(part.topology), AllocatorMemory()
        for one in recorded(part):
            basis = Basis(compiled, part.rules, memory if one.memory is None else one.memory)
            allocation, memory, violations = share(basis, one.snapshot)
            same = digest(allocation) == one.digest
            yield Replayed(one.wall, basis, one.snapshot, allocation, violations, same)


def at(parts: Iterable[Part], wall: float, within_s: float) -> Replayed | None:
    """The last cycle not after a moment, if it is at most so much older; decided again."""
    best: Replayed | None = None
    for part in parts:
        if part.began <= wall and part.ended >= wall - within_s:
            for one in replay([part]):
                if wall - within_s <= one.wall <= wall and (best is None or one.wall >= best.wall):
                    best = one
    return best
