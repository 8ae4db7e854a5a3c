"""The transaction ids that stations get from us.

From a high range, so that they stand apart from the small numbers of centrals; from a slice of it that belongs to this
file alone (`identity`), so that a gateway that lost its file does not give out again what it has given out; from a
random point in the slice, so that another gateway in its place hardly does; never 0, never negative (stations say -1
for "none"), never one that a transaction on file has.
"""

from __future__ import annotations

import sqlite3
from random import Random

from sitectl.model.ids import StationId

LOWEST = 2_000_000_000
SLICE = 1_000_000
SLICES = 147  # up to 2^31 - 1, which is the largest that stations understand


def next_station_transaction_id(connection: sqlite3.Connection, station: StationId, random: Random) -> int:
    """A fresh id in this station's namespace; its counter is stored with the transaction that gets it."""
    row = connection.execute("SELECT next FROM station_counters WHERE station = ?", (station,)).fetchone()
    number: int = _first(connection, random) if row is None else row[0]
    while connection.execute(
        "SELECT 1 FROM transactions WHERE station = ? AND station_transaction_id = ?", (station, number)
    ).fetchone():
        number = _following(number)
    connection.execute(
        "INSERT OR REPLACE INTO station_counters (station, next) VALUES (?, ?)", (station, _following(number))
    )
    return number


def _first(connection: sqlite3.Connection, random: Random) -> int:
    (ids_from,) = connection.execute("SELECT value FROM meta WHERE key = 'ids_from'").fetchone()
    return int(ids_from) + random.randrange(SLICE)


def _following(number: int) -> int:
    """The next one of the same slice."""
    begin = number - (number - LOWEST) % SLICE
    return begin + (number + 1 - begin) % SLICE
