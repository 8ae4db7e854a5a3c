"""The transaction ids that stations get from us.

From a high range, so that they stand apart from the small numbers of centrals; from a random point in it, so that a
gateway that lost its file hardly repeats what its predecessor gave out; never 0, never negative (stations say -1 for
"none"), never one that a transaction on file has.
"""

import sqlite3
from random import Random

from sitectl.model.ids import StationId

LOWEST = 2_000_000_000
ABOVE = 2_147_000_000


def next_station_transaction_id(connection: sqlite3.Connection, station: StationId, random: Random) -> int:
    """A fresh id in this station's namespace; its counter is stored with the transaction that gets it."""
    row = connection.execute("SELECT next FROM station_counters WHERE station = ?", (station,)).fetchone()
    number: int = random.randrange(LOWEST, ABOVE) if row is None else row[0]
    while connection.execute(
        "SELECT 1 FROM transactions WHERE station = ? AND station_transaction_id = ?", (station, number)
    ).fetchone():
        number = _following(number)
    connection.execute(
        "INSERT OR REPLACE INTO station_counters (station, next) VALUES (?, ?)", (station, _following(number))
    )
    return number


def _following(number: int) -> int:
    return number + 1 if number + 1 < ABOVE else LOWEST
