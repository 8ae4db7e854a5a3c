"""Energy by quarters of an hour on disk: written once a quarter, read page by page.

A number stands for each place, so that two years of it are narrow rows in the order of time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime

from sitectl.model.energy import QUARTER_US, Counted, EnergyBatch, Lump, Place, PlaceKind
from sitectl.model.ids import TransactionId
from sitectl.store.aging import Found, Old
from sitectl.store.database import Database
from sitectl.store.moments import to_us

LOOKED_AT = 500
NEWEST_TRANSACTIONS = 1000
"""So many are looked through at the start for those that ended meanwhile: the minutes of a restart."""

_PUT = (
    "INSERT INTO energy (quarter, place, wh, note) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET wh = excluded.wh, note = excluded.note"
)
_ADD = (
    "INSERT INTO energy (quarter, place, wh, note) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET wh = wh + excluded.wh, note = 'clock'"
)
_FILL = (
    "INSERT INTO energy (quarter, place, wh, note) VALUES (?, ?, 0, NULL)"
    " ON CONFLICT DO UPDATE SET wh = 0, note = NULL WHERE wh IS NULL"
)
_LUMP = "INSERT OR REPLACE INTO energy_lumps (last, place, first, wh) VALUES (?, ?, ?, ?)"
_PLACE = "INSERT INTO energy_places (kind, name, evse) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_COUNTED = "UPDATE energy_places SET quarter = ?, since_wh = ?, register_wh = ?, running = ?, at_us = ? WHERE place = ?"
_ROWS = (
    "UPDATE energy_places SET first = min(coalesce(first, ?1), ?1), last = max(coalesce(last, ?2), ?2) WHERE place = ?3"
)
FILLED_MOST = 96 * 31
"""Where a register did not move, every quarter is known: for a month back."""


class EnergyBook:
    """Its writing end, and what the count begins with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, batch: EnergyBatch) -> Awaitable[None]:
        """Write in one commit. Fails with `StoreUnavailable`; nothing is written then."""
        return asyncio.shield(self._database.run(lambda connection: _save(connection, batch), expendable=True))

    def counted(self) -> Awaitable[tuple[Sequence[Counted], int]]:
        """How far each place was counted, and the newest quarter that was written (-1: none)."""
        return self._database.query(_counted)

    def stops(self, transactions: Sequence[TransactionId]) -> Awaitable[Mapping[TransactionId, float]]:
        """The registers at the stops of these transactions, of those whose station has told one."""
        return self._database.query(lambda connection: _stops(connection, transactions))

    def begun(self, after: int) -> Awaitable[tuple[int, Sequence[tuple[Place, str]]]]:
        """The transactions that came into the ledger after that number, and their newest number."""
        return self._database.query(lambda connection: _begun(connection, after))

    def ended(self, kept: Sequence[Counted]) -> Awaitable[Mapping[Place, float]]:
        """What flowed into transactions that ended since each place was counted (Wh)."""
        return self._database.query(lambda connection: _ended(connection, kept))


def places(connection: sqlite3.Connection) -> dict[int, Place]:
    """Every place that was ever counted, by its number."""
    rows = connection.execute("SELECT place, kind, name, evse FROM energy_places")
    return {row[0]: Place(PlaceKind(row[1]), row[2], row[3]) for row in rows}


def old_quarters(before: datetime) -> Old:
    """Quarters that are older than they are to be kept."""
    oldest = to_us(before) // QUARTER_US

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT DISTINCT quarter FROM energy WHERE quarter > ? AND quarter < ? ORDER BY quarter LIMIT ?",
            (cursor, oldest, LOOKED_AT),
        ).fetchall()
        return Found([row[0] for row in rows], rows[-1][0] if len(rows) == LOOKED_AT else None)

    def delete(connection: sqlite3.Connection, quarter: int) -> int:
        connection.execute("DELETE FROM energy_lumps WHERE last <= ?", (quarter,))
        return connection.execute("DELETE FROM energy WHERE quarter = ?", (quarter,)).rowcount

    return Old(find, delete)


def _save(connection: sqlite3.Connection, batch: EnergyBatch) -> None:
    rows, lumps, counted = batch.rows, batch.lumps, batch.counted
    wanted = {row.place for row in rows} | {lump.place for lump in lumps} | {one.place for one in counted}
    connection.executemany(_PLACE, sorted(wanted))
    numbers = {place: number for number, place in places(connection).items()}
    for statement, again in ((_PUT, False), (_ADD, True)):
        each = [(row.quarter, numbers[row.place], row.wh, row.note) for row in rows if row.again is again]
        connection.executemany(statement, each)
    connection.executemany(_ROWS, [(row.quarter, row.quarter, numbers[row.place]) for row in rows])
    for lump in lumps:
        _save_lump(connection, lump, numbers[lump.place])
    connection.executemany(
        _COUNTED,
        [
            (one.quarter, one.since_wh, one.register_wh, one.transaction, one.at_us, numbers[one.place])
            for one in counted
        ],
    )


def _save_lump(connection: sqlite3.Connection, lump: Lump, number: int) -> None:
    if lump.wh or lump.last - lump.first >= FILLED_MOST:
        connection.execute(_LUMP, (lump.last, number, lump.first, lump.wh))
    else:
        connection.executemany(_FILL, [(quarter, number) for quarter in range(lump.first, lump.last + 1)])


def _counted(connection: sqlite3.Connection) -> tuple[Sequence[Counted], int]:
    rows = connection.execute(
        "SELECT kind, name, evse, quarter, since_wh, register_wh, running, at_us FROM energy_places"
        " WHERE kind <> 'stations' AND at_us > 0"
    )
    found = [Counted(Place(PlaceKind(row[0]), row[1], row[2]), *row[3:]) for row in rows]
    newest = connection.execute("SELECT max(quarter) FROM energy").fetchone()[0]
    return found, -1 if newest is None else newest


def _stops(connection: sqlite3.Connection, ids: Sequence[TransactionId]) -> Mapping[TransactionId, float]:
    found = {}
    for id in ids:
        row = connection.execute(
            "SELECT meter_stop_wh FROM transactions WHERE id = ? AND NOT synthetic", (id,)
        ).fetchone()
        if row is not None and row[0] is not None:
            found[id] = float(row[0])
    return found


def _begun(connection: sqlite3.Connection, after: int) -> tuple[int, Sequence[tuple[Place, str]]]:
    newest = connection.execute("SELECT coalesce(max(rowid), 0) FROM transactions").fetchone()[0]
    rows = connection.execute("SELECT station, evse, id FROM transactions WHERE rowid > ?", (after,))
    return newest, [(Place(PlaceKind.EVSE, row[0], row[1]), row[2]) for row in rows]


def _ended(connection: sqlite3.Connection, kept: Sequence[Counted]) -> Mapping[Place, float]:
    found: dict[Place, float] = {}
    by_place = {one.place: one for one in kept if one.place.kind is PlaceKind.EVSE}
    rows = connection.execute(
        "SELECT id, station, evse, start_received_us, meter_start_wh, stop_received_us, meter_stop_wh FROM transactions"
        " WHERE rowid > (SELECT coalesce(max(rowid), 0) FROM transactions) - ?",
        (NEWEST_TRANSACTIONS,),
    )
    for id, station, evse, began_us, start_wh, ended_us, stop_wh in rows:
        place = Place(PlaceKind.EVSE, station, evse)
        one = by_place.get(place)
        if one is None or ended_us is None or stop_wh is None or ended_us < one.at_us:
            continue
        if id == one.transaction and one.register_wh is not None:
            found[place] = found.get(place, 0.0) + max(0.0, stop_wh - one.register_wh)
        elif began_us >= one.at_us:
            found[place] = found.get(place, 0.0) + max(0.0, stop_wh - start_wh)
    return found
