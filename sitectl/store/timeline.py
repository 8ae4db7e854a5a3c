"""What happened at one station, in order: frames of both wires, as recorded and as the ledger kept them, and events.

Questions may span weeks, so they are asked in the background and go back hour by hour, no further than is wanted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from pathlib import Path

import orjson

from sitectl.base.clock import Clock
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.journal import JournalEntry, Message, TimelinePage
from sitectl.store.background import Background
from sitectl.store.halving import Ordered, first_behind, first_since
from sitectl.store.moments import from_us, to_us
from sitectl.store.packing import unpacked
from sitectl.store.recorder import Recorder
from sitectl.store.recordings import HOUR_US, Segment, read, readable, segments

_Entry = tuple[int, JournalEntry | Message, str]
"""When (µs), what, and its text to search in."""


class Timeline:
    """Answers for one ledger and its recordings."""

    def __init__(self, background: Background, directory: Path, recorder: Recorder, clock: Clock) -> None:
        self._background = background
        self._directory = directory
        self._recorder = recorder
        self._clock = clock

    async def of(self, station: StationId, since: datetime, search: str = "", limit: int = 1000) -> TimelinePage:
        """The newest `limit` entries since a moment, the oldest first; with `search` those that hold this text.

        Raises `StoreUnavailable` where the ledger cannot be read.
        """
        await self._recorder.flush()
        span_us = (to_us(since), to_us(self._clock.wall()) + HOUR_US)
        return await self._background.ask(
            lambda connection: _page(connection, self._directory, station, span_us, search.lower(), limit)
        )


# --- in the thread ----------------------------------------------------------------------------------------------------


def _page(
    connection: sqlite3.Connection,
    directory: Path,
    station: StationId,
    span_us: tuple[int, int],
    search: str,
    limit: int,
) -> TimelinePage:
    found: list[_Entry] = []
    files = segments(directory)
    for hour_us in _hours(connection, files, span_us):
        entries = (
            entry
            for entry in _hour(connection, files, station, hour_us)
            if span_us[0] <= entry[0] < span_us[1] and (not search or search in entry[2].lower())
        )
        # No more than is wanted is held, whatever a station did in that hour.
        newest = nlargest(limit + 1 - len(found), enumerate(entries), key=lambda pair: (pair[1][0], pair[0]))
        found[:0] = [entry for _, entry in reversed(newest)]
        if len(found) > limit:
            break
    return TimelinePage([entry for _, entry, _ in found[-limit:]], more=len(found) > limit)


def _hours(connection: sqlite3.Connection, files: Sequence[Segment], span_us: tuple[int, int]) -> Iterator[int]:
    """The hours in which anything may be found, the newest first."""
    oldest = [
        connection.execute("SELECT received_us FROM raw_frames ORDER BY id LIMIT 1").fetchone(),
        connection.execute("SELECT time_us FROM events ORDER BY seq LIMIT 1").fetchone(),
        (files[0].hour_us,) if files else None,
    ]
    begins_us = max(span_us[0], min((row[0] for row in oldest if row is not None), default=span_us[1]))
    hour_us = span_us[1] - span_us[1] % HOUR_US
    while hour_us + HOUR_US > begins_us:
        yield hour_us
        hour_us -= HOUR_US


def _hour(
    connection: sqlite3.Connection, files: Sequence[Segment], station: StationId, hour_us: int
) -> Iterator[_Entry]:
    """All that is known of one hour. A frame that the ledger kept and that was recorded as well is told once."""
    until_us = hour_us + HOUR_US
    kept = _kept(connection, station, hour_us, until_us)
    for file in files:
        # What is heard at the end of an hour may be written at the beginning of the next.
        if hour_us <= file.hour_us <= until_us:
            for time_us, uplink, sent, frame in read(file, station, until_us):
                if hour_us <= time_us < until_us:
                    if uplink is None and not sent:
                        kept.pop(frame, None)
                    yield time_us, Message(from_us(time_us), _uplink(uplink), sent, frame), frame
    for frame, time_us in kept.items():
        yield time_us, Message(from_us(time_us), None, False, frame), frame
    for seq, time_us, type, evse, data in connection.execute(
        "SELECT seq, time_us, type, evse, data FROM events WHERE seq BETWEEN ? AND ? AND time_us >= ? AND time_us < ?"
        " AND station = ?",
        (*_between(connection, Ordered.EVENTS, hour_us, until_us), hour_us, until_us, station),
    ):
        entry = JournalEntry(seq, from_us(time_us), type, station, evse, orjson.loads(data))
        yield time_us, entry, f"{type} {data}"


def _between(connection: sqlite3.Connection, table: Ordered, since_us: int, until_us: int) -> tuple[int, int]:
    return first_since(connection, table, since_us), first_behind(connection, table, until_us)


def _uplink(name: str | None) -> UplinkId | None:
    return None if name is None else UplinkId(name)


def _kept(connection: sqlite3.Connection, station: StationId, since_us: int, until_us: int) -> dict[str, int]:
    """Frames that the ledger kept, with their times."""
    rows = connection.execute(
        "SELECT received_us, frame FROM raw_frames WHERE id BETWEEN ? AND ? AND station = ?"
        " AND received_us >= ? AND received_us < ? ORDER BY id",
        (*_between(connection, Ordered.FRAMES, since_us, until_us), station, since_us, until_us),
    )
    return {readable(unpacked(frame)): received_us for received_us, frame in rows}
