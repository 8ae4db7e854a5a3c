"""Which rows are old enough to go, table by table, and how each goes. A little at a time, from the oldest on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

LOOKED_AT = 2000
"""Rows at once: a question in the background, not a commit."""


class Found(NamedTuple):
    """Keys of rows that may go, and where to look on (None: what follows is too young)."""

    keys: Sequence[Any]
    cursor: int | None


class Old(NamedTuple):
    """Old rows of one table: `find` looks at the next few behind a cursor, `delete` takes one out (rows deleted)."""

    find: Callable[[sqlite3.Connection, int], Found]
    delete: Callable[[sqlite3.Connection, Any], int]


def frames(before_us: int) -> Old:
    """Frames of transactions that nobody waits for; those of stops that were set aside stay as long as these."""
    known: dict[str, bool] = {}

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT id, received_us, transaction_id FROM raw_frames WHERE id > ? ORDER BY id LIMIT ?",
            (cursor, LOOKED_AT),
        ).fetchall()
        needed = {row[0] for row in connection.execute("SELECT raw_frame FROM anomalies")}
        needed.add(connection.execute("SELECT max(id) FROM raw_frames").fetchone()[0])  # numbers go on from it
        keys = [
            id
            for id, received_us, transaction in rows
            if received_us < before_us
            and id not in needed
            and (transaction is None or _is_settled(connection, transaction, known))
        ]
        return Found(keys, _on(rows, before_us))

    return Old(find, lambda connection, id: _delete(connection, "DELETE FROM raw_frames WHERE id = ?", id))


def transactions(before_us: int) -> Old:
    """Transactions that are over, with all that was delivered of them."""

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT rowid, coalesce(stop_received_us, start_received_us), id, state FROM transactions"
            " WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (cursor, LOOKED_AT),
        ).fetchall()
        known: dict[str, bool] = {}
        keys = [
            id
            for _, received_us, id, state in rows
            if received_us < before_us and state == "stopped" and _is_settled(connection, id, known)
        ]
        return Found(keys, _on(rows, before_us))

    def delete(connection: sqlite3.Connection, id: str) -> int:
        connection.execute("DELETE FROM transaction_uplinks WHERE transaction_id = ?", (id,))
        return _delete(connection, "DELETE FROM transactions WHERE id = ?", id)

    return Old(find, delete)


def events(before_us: int, of_transactions_us: int) -> Old:
    """Events; those that tell of transactions and their messages stay longer."""

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT seq, time_us, type FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (cursor, LOOKED_AT)
        ).fetchall()
        newest = connection.execute("SELECT max(seq) FROM events").fetchone()[0]  # numbers go on from it
        keys = [
            seq
            for seq, time_us, type in rows
            if seq != newest
            and time_us < (of_transactions_us if type.startswith(("transaction.", "outbox.")) else before_us)
        ]
        return Found(keys, _on(rows, max(before_us, of_transactions_us)))

    return Old(find, lambda connection, seq: _delete(connection, "DELETE FROM events WHERE seq = ?", seq))


def archived(before_us: int) -> Old:
    """Meter values whose start was never taken, which nobody requeued in all that time; its stop is kept."""

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT seq, created_us, kind FROM outbox_archive WHERE seq > ? ORDER BY seq LIMIT ?", (cursor, LOOKED_AT)
        ).fetchall()
        keys = [seq for seq, created_us, kind in rows if created_us < before_us and kind == "meter"]
        return Found(keys, _on(rows, before_us))

    return Old(find, lambda connection, seq: _delete(connection, "DELETE FROM outbox_archive WHERE seq = ?", seq))


def attempts(before_us: int) -> Old:
    """What was done about symptoms; what is not judged yet stays."""

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT rowid, begun_us, ended_us FROM attempts WHERE rowid > ? ORDER BY rowid LIMIT ?", (cursor, LOOKED_AT)
        ).fetchall()
        keys = [rowid for rowid, begun_us, ended_us in rows if ended_us is not None and begun_us < before_us]
        return Found(keys, _on(rows, before_us))

    return Old(find, lambda connection, rowid: _delete(connection, "DELETE FROM attempts WHERE rowid = ?", rowid))


def anomalies(before_us: int) -> Old:
    """Stops that were set aside."""

    def find(connection: sqlite3.Connection, cursor: int) -> Found:
        rows = connection.execute(
            "SELECT id, received_us FROM anomalies WHERE id > ? ORDER BY id LIMIT ?", (cursor, LOOKED_AT)
        ).fetchall()
        return Found([id for id, received_us in rows if received_us < before_us], _on(rows, before_us))

    return Old(find, lambda connection, id: _delete(connection, "DELETE FROM anomalies WHERE id = ?", id))


def _on(rows: Sequence[tuple[Any, ...]], before_us: int) -> int | None:
    """Where to look on. Times grow with the numbers but for jumps of the clock: a whole look of young rows ends it."""
    if len(rows) < LOOKED_AT or all(row[1] >= before_us for row in rows):
        return None
    cursor: int = rows[-1][0]
    return cursor


def _delete(connection: sqlite3.Connection, statement: str, key: object) -> int:
    return connection.execute(statement, (key,)).rowcount


def _is_settled(connection: sqlite3.Connection, transaction: str, known: dict[str, bool]) -> bool:
    """Whether nobody still waits for anything of a transaction; one that is no longer there is settled."""
    settled = known.get(transaction)
    if settled is None:
        settled = known[transaction] = not any(
            connection.execute(statement, (transaction,)).fetchone() for statement in _UNSETTLED
        )
    return settled


_UNSETTLED = (
    "SELECT 1 FROM transactions WHERE id = ? AND state <> 'stopped'",
    "SELECT 1 FROM transaction_uplinks WHERE transaction_id = ?"
    " AND (start_state <> 'acked' OR coalesce(stop_state, '') <> 'acked')",
    "SELECT 1 FROM transaction_uplinks u JOIN outbox o INDEXED BY outbox_waiting"
    " ON o.uplink = u.uplink AND o.station = u.station AND o.transaction_id = u.transaction_id"
    " WHERE u.transaction_id = ? AND o.state <> 'dead' LIMIT 1",
    "SELECT 1 FROM transaction_uplinks u JOIN outbox o INDEXED BY outbox_dead"
    " ON o.uplink = u.uplink AND o.station = u.station AND o.transaction_id = u.transaction_id"
    " WHERE u.transaction_id = ? AND o.state = 'dead' LIMIT 1",
)
"""Each finds one reason why a transaction is not settled."""
