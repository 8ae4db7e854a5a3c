"""The last quarter of an hour of what the site saw and decided by, in memory: every cycle, to the last bit.

What a cycle decided is not kept, but what it was decided by (`replay` decides it again) and a digest of it. Cycles are
lines of JSON that tell what changed since the one before, compressed as they come; every so often a new part begins
with a line that needs no other, and with what the allocator remembered. A thousand cars that charge
take one to two megabytes.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from sitectl.allocator.rules import SharingRules
from sitectl.model.circuit import Topology
from sitectl.model.limits import Allocation, ChargingLimit
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site.cycle import Decision
from sitectl.site.plain import default, plain
from sitectl.site.tables import Line, alike, since, whole

KEPT_S = 900.0
PART_S = 150.0
"""So long is a part; the oldest goes when the others make up `KEPT_S`."""

MOST_BYTES = 8_000_000
"""However many parts there are: a new one begins with each change of what there is to record."""

LEVEL = 3
"""Of the compression: 6 takes three times as long and saves a tenth."""

_JSON = orjson.OPT_PASSTHROUGH_DATACLASS


@dataclass(frozen=True, slots=True)
class Part:
    """Some cycles in a row, each a line, compressed; the first line needs no other. Times are wall time (s since 1970).

    All were decided on this topology and by these rules. `at`: when the first was, by the monotonic clock of then.
    """

    topology: Topology
    rules: SharingRules
    began: float
    ended: float
    data: bytes
    at: float = 0.0


class _Running:
    """The part that grows."""

    def __init__(self, topology: Topology, rules: SharingRules, began: float, at: float) -> None:
        self.topology = topology
        self.rules = rules
        self.began = self.ended = began
        self.at = at
        self.data = bytearray()
        self._compressor = zlib.compressobj(LEVEL)

    def add(self, line: Line, wall: float) -> None:
        self.data += self._compressor.compress(orjson.dumps(line, default, _JSON) + b"\n")
        self.ended = wall

    def part(self) -> Part:
        """As it is now."""
        data = bytes(self.data) + self._compressor.copy().flush()
        return Part(self.topology, self.rules, self.began, self.ended, data, self.at)


class Recorder:
    """Takes every decision, in order; belongs to the loop's thread."""

    def __init__(self) -> None:
        self._parts: deque[Part] = deque()
        self._running: _Running | None = None
        self._last: SiteSnapshot | None = None

    def record(self, decision: Decision, wall: float) -> None:
        """Keep one cycle. `wall`: when it was, in seconds since 1970."""
        seen, basis = decision.snapshot, decision.basis
        if basis is None:
            return
        running, last = self._running, self._last
        if (
            running is None
            or last is None
            or seen.at - running.at >= PART_S
            or running.topology is not basis.compiled.topology
            or running.rules != basis.rules
            or not alike(last, seen)
        ):
            running = self._begin(decision, wall)
            # the targets of the last cycle only spare making them again
            line = whole(seen, running.topology) | {"memory": plain(replace(basis.memory, targets=()))}
        else:
            line = since(last, seen)
        line |= {"wall": wall, "digest": digest(decision.allocation)}
        running.add(line, wall)
        self._last = seen

    def _begin(self, decision: Decision, wall: float) -> _Running:
        assert decision.basis is not None
        if self._running is not None:
            self._parts.append(self._running.part())
            self._running = None
        at = decision.snapshot.at
        while (len(self._parts) > 1 and at - self._parts[1].at >= KEPT_S) or self.size > MOST_BYTES:
            self._parts.popleft()
        self._running = _Running(decision.basis.compiled.topology, decision.basis.rules, wall, at)
        return self._running

    def begin_anew(self) -> None:
        """The next cycle needs no other."""
        self._last = None

    def parts(self) -> tuple[Part, ...]:
        """All that is kept, the oldest first."""
        running = () if self._running is None else (self._running.part(),)
        return (*self._parts, *running)

    @property
    def size(self) -> int:
        """What is kept takes so many bytes."""
        running = 0 if self._running is None else len(self._running.data)
        return running + sum(len(part.data) for part in self._parts)


def digest(allocation: Allocation) -> str:
    """Sixteen letters that two allocations have in common only if they are equal to the bit, texts and order too."""
    found = hashlib.blake2b(digest_size=8)
    for limits in (allocation.targets.values(), allocation.offers.values()):
        found.update(array("d", [limit.limit_a for limit in limits]).tobytes())
        found.update(_texts(limits))
    numbers: list[Any] = []
    for row in allocation.rows:
        numbers += (row.phase, row.headroom_a, row.reserved_a, row.allocated_a, row.base_load_a, row.margin_a)
    names = [row.name for row in allocation.rows]
    found.update(orjson.dumps([allocation.at, numbers, names, allocation.alarms]))
    return found.hexdigest()


def _texts(limits: Iterable[ChargingLimit]) -> bytes:
    return "\0".join(
        part for limit in limits for part in (limit.evse.station, str(limit.evse.evse), limit.reason)
    ).encode()
