"""What people ask of the energy history: sums over periods, and every quarter in order, a page at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from sitectl.model.energy import EVERYWHERE, Note, PeriodEnergy, Place, PlaceKind, Span, WantedPlaces
from sitectl.store.background import Background
from sitectl.store.writer import Job

PAGE_ROWS = 4000
"""So many rows are made at once, whatever is asked for."""


class _Known(NamedTuple):
    """A place with its number and the quarters of its first and newest row."""

    number: int
    place: Place
    first: int
    last: int


class EnergyHistory:
    """Reads in the background: years of it hold up nobody."""

    def __init__(self, background: Background) -> None:
        self._background = background

    async def periods(self, edges: Sequence[int], wanted: WantedPlaces = EVERYWHERE) -> Sequence[PeriodEnergy]:
        """Sums from each edge (a quarter) to the next; periods in order, within one EVSEs first."""
        found: list[PeriodEnergy] = []
        for first, end in pairwise(edges):
            found += await self._background.ask(_asking(first, end, wanted))
        return found

    async def spans(
        self, first: int | None, end: int | None, wanted: WantedPlaces = EVERYWHERE
    ) -> AsyncIterator[Sequence[Span]]:
        """Every quarter from `first` to before `end` (None: all there are) in order, a page at a time."""
        known = await self._background.ask(lambda connection: _known(connection, wanted))
        if not known:
            return
        begin = max(min(one.first for one in known), first or 0)
        newest = max(one.last for one in known) + 1
        end = newest if end is None else min(end, newest)
        step = max(1, PAGE_ROWS // len(known))
        for at in range(begin, end, step):
            yield await self._background.ask(_paging(known, at, min(at + step, end)))


def _known(connection: sqlite3.Connection, wanted: WantedPlaces) -> Sequence[_Known]:
    rows = connection.execute(
        "SELECT place, kind, name, evse, first, last FROM energy_places WHERE first IS NOT NULL"
        " ORDER BY kind <> 'evse', name, evse, kind"
    )
    found = [_Known(row[0], Place(PlaceKind(row[1]), row[2], row[3]), row[4], row[5]) for row in rows]
    return [one for one in found if wanted.takes(one.place)]


def _asking(first: int, end: int, wanted: WantedPlaces) -> Job[Sequence[PeriodEnergy]]:
    """One period, as a job."""

    def ask(connection: sqlite3.Connection) -> Sequence[PeriodEnergy]:
        rows = connection.execute(
            "SELECT place, coalesce(sum(wh), 0), count(wh), count(*), group_concat(DISTINCT note) FROM energy"
            " WHERE quarter >= ? AND quarter < ? GROUP BY place",
            (first, end),
        )
        sums = {row[0]: row[1:] for row in rows}
        lumps = connection.execute(
            "SELECT place, sum(wh), sum(last - first + 1) FROM energy_lumps WHERE last >= ? AND last < ? AND first >= ?"
            " GROUP BY place",
            (first, end, first),
        )
        lumped = {row[0]: row[1:] for row in lumps}
        return [
            _period(one, first, end, sums.get(one.number, (0, 0, 0, None)), lumped.get(one.number, (0, 0)))
            for one in _known(connection, wanted)
            if one.first < end and one.last >= first
        ]

    return ask


def _period(
    one: _Known, first: int, end: int, sums: tuple[int, int, int, str | None], lumped: tuple[int, int]
) -> PeriodEnergy:
    known_wh, valued, rows, noted = sums
    expected = min(end, one.last + 1) - max(first, one.first)
    missing = max(0, expected - valued - lumped[1])
    notes = [Note(word) for word in (noted or "").split(",") if word]
    if rows < expected:
        notes.append(Note.DOWN)
    if lumped[1]:
        notes.append(Note.SUM)
    total = known_wh + lumped[0]
    return PeriodEnergy(one.place, first, end, None if missing else total, total, missing, tuple(sorted(notes)))


def _paging(known: Sequence[_Known], first: int, end: int) -> Job[Sequence[Span]]:
    """One page of quarters, as a job."""
    return lambda connection: [*_spans(connection, known, first, end)]


def _spans(connection: sqlite3.Connection, known: Sequence[_Known], first: int, end: int) -> Iterator[Span]:
    rows = connection.execute(
        "SELECT quarter, place, wh, note FROM energy WHERE quarter >= ? AND quarter < ?", (first, end)
    )
    values = {(row[0], row[1]): (row[2], None if row[3] is None else Note(row[3])) for row in rows}
    sums = connection.execute(
        "SELECT last, place, first, wh FROM energy_lumps WHERE last >= ? AND last < ?", (first, end)
    )
    lumps = {(row[0], row[1]): (row[2], row[3]) for row in sums}
    for quarter in range(first, end):
        for one in known:
            if one.first <= quarter <= one.last:
                wh, note = values.get((quarter, one.number), (None, Note.DOWN))
                yield Span(one.place, quarter, quarter + 1, wh, note)
            if (lump := lumps.get((quarter, one.number))) is not None:
                yield Span(one.place, lump[0], quarter + 1, lump[1], Note.SUM)
