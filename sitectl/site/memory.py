"""Twins in memory of what the site room needs from others: for tests, and for whole sites on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import StoredLimit

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class MemoryActuator:
    """Keeps what was handed over."""

    def __init__(self) -> None:
        self.commands: list[OfferLimit | InstallFallback] = []

    def offer(self, command: OfferLimit) -> None:
        """Keep a limit."""
        self.commands.append(command)

    def install_fallback(self, command: InstallFallback) -> None:
        """Keep a fallback."""
        self.commands.append(command)

    def taken(self) -> list[OfferLimit | InstallFallback]:
        """What was handed over since this was asked last."""
        taken, self.commands = self.commands, []
        return taken


class MemoryLimits:
    """A disk. `pending` None: every commit is done at once; a list: commits wait there for `commit`."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.rows: dict[EvseId, StoredLimit] = {}
        self.pending: list[tuple[Sequence[StoredLimit], Callable[[bool], None]]] | None = None if at_once else []

    def save(self, limits: Sequence[StoredLimit], done: Callable[[bool], None]) -> None:
        """Write, now or at `commit`."""
        if self.pending is not None:
            self.pending.append((limits, done))
            return
        self.rows.update({row.evse: row for row in limits})
        done(True)

    def commit(self, works: bool = True) -> None:
        """Finish the oldest write that waits, well or not."""
        assert self.pending is not None
        limits, done = self.pending.pop(0)
        if works:
            self.rows.update({row.evse: row for row in limits})
        done(works)

    async def load(self) -> Sequence[StoredLimit]:
        """Everything stored."""
        return list(self.rows.values())


@dataclass(frozen=True)
class MemoryEntry:
    """One entry of the overlay."""

    value: Any
    source: str
    expires: datetime | None = None
    set_at: datetime = LONG_AGO


class MemoryOverlay:
    """What is remembered over a restart. `fault`: what the disk says to every write, None: it takes them."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self.entries: dict[tuple[str, str], MemoryEntry] = {}
        self.fault: Exception | None = None
        self._wall = wall

    def of(self, kind: str) -> Mapping[str, MemoryEntry]:
        """Everything of a kind that holds now, by key."""
        now = self._wall()
        return {
            key: entry
            for (of_kind, key), entry in self.entries.items()
            if of_kind == kind and (entry.expires is None or entry.expires > now)
        }

    async def keep(self, kind: str, key: str, value: Any, *, source: str, expires: datetime | None = None) -> None:
        """Keep a value."""
        if self.fault is not None:
            raise self.fault
        self.entries[kind, key] = MemoryEntry(value, source, expires, self._wall())

    async def forget(self, kind: str, key: str) -> None:
        """Forget one."""
        if self.fault is not None:
            raise self.fault
        self.entries.pop((kind, key), None)


class MemoryJournal:
    """Keeps what was noted."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, StationId | None, int | None, Mapping[str, Any]]] = []

    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one event."""
        self.entries.append((type, station, evse, data or {}))
