"""Where a moment lies in tables whose rows come in the order of their times: found by halving, without an index.

A clock that jumps breaks the order until what was stamped wrongly is put right. So rows beside the place that was found
are looked at one by one: a gateway tells little between its start and the moment when it learns the time.
"""

from __future__ import annotations

import sqlite3
from enum import Enum
from typing import NamedTuple

BESIDE = 500
"""So many rows beside the place that was found are looked at, and as many beside each of those that belong to it."""


class _Statements(NamedTuple):
    time_from: str
    last: str
    younger_before: str
    older_behind: str


class Ordered(Enum):
    """Tables that grow at their end."""

    FRAMES = _Statements(
        "SELECT received_us FROM raw_frames WHERE id >= ? ORDER BY id LIMIT 1",
        "SELECT max(id) FROM raw_frames",
        "SELECT min(id) FROM (SELECT id, received_us FROM raw_frames WHERE id < ? ORDER BY id DESC LIMIT ?)"
        " WHERE received_us >= ?",
        "SELECT max(id) + 1 FROM (SELECT id, received_us FROM raw_frames WHERE id >= ? ORDER BY id LIMIT ?)"
        " WHERE received_us < ?",
    )
    EVENTS = _Statements(
        "SELECT time_us FROM events WHERE seq >= ? ORDER BY seq LIMIT 1",
        "SELECT max(seq) FROM events",
        "SELECT min(seq) FROM (SELECT seq, time_us FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?)"
        " WHERE time_us >= ?",
        "SELECT max(seq) + 1 FROM (SELECT seq, time_us FROM events WHERE seq >= ? ORDER BY seq LIMIT ?)"
        " WHERE time_us < ?",
    )


def first_since(connection: sqlite3.Connection, table: Ordered, us: int) -> int:
    """A number before which no row is younger than a moment; behind the last where all are older."""
    return _widened(connection, table.value.younger_before, _halved(connection, table, us), us)


def first_behind(connection: sqlite3.Connection, table: Ordered, us: int) -> int:
    """A number from which on no row is older than a moment; behind the last where all are older."""
    return _widened(connection, table.value.older_behind, _halved(connection, table, us), us)


def _widened(connection: sqlite3.Connection, statement: str, found: int, us: int) -> int:
    while (further := connection.execute(statement, (found, BESIDE, us)).fetchone()[0]) is not None:
        found = further
    return found


def _halved(connection: sqlite3.Connection, table: Ordered, us: int) -> int:
    low, high = 0, (connection.execute(table.value.last).fetchone()[0] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(table.value.time_from, (middle,)).fetchone()
        if row is not None and row[0] < us:
            low = middle + 1
        else:
            high = middle
    return low
