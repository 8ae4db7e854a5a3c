"""Messages that a central refused for good, and those that hang on them. Nothing is ever deleted for it.

A dead letter stays in the outbox, out of the queue. When it is a start, what follows in its transaction goes without
an id: the stop is sent with the one that the errata of OCPP 1.6 prescribe (3.18), meter values go to the archive. The
stop is kept there too once it was heard (or instead, where the uplink is to hold it), because a start that is requeued
later needs it again, with a true id.
Everything that comes back takes its old number, and so its old place in the queue.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Sequence

import orjson

from sitectl.base.clock import Clock
from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import DeadLetter, NotRequeued, OutboxKind, Requeued
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.packing import unpacked_text
from sitectl.store.rows import Stamp, insert_event

ARCHIVED_AT_ONCE = 500
LETTERS_SHOWN = 100
"""Of one transaction."""


class DeadLetters:
    """What people do about messages that were given up."""

    def __init__(self, database: Database, stamp: Stamp, clock: Clock) -> None:
        self._database = database
        self._stamp = stamp
        self._clock = clock

    def requeue(self, name: str) -> Awaitable[Requeued | NotRequeued]:
        """Let the dead letters of a transaction be sent again, in their old places.

        `name` is its id, or a beginning that no other id has.
        """
        now_us = to_us(self._clock.wall())

        def job(connection: sqlite3.Connection) -> Requeued | NotRequeued:
            found = _named(connection, name)
            if isinstance(found, NotRequeued):
                return found
            transaction, station, evse = found
            messages = _requeue(connection, transaction, station)
            if not messages:
                return NotRequeued(f"transaction {transaction} has no dead messages")
            data = {"transaction": transaction, "messages": messages}
            insert_event(connection, self._stamp, now_us, "outbox.requeued", station, evse, data)
            return Requeued(transaction, messages)

        return self._database.run(job)


# --- jobs of the outbox -----------------------------------------------------------------------------------------------


def forget_told(connection: sqlite3.Connection, transaction: str, uplink: str) -> None:
    """What this central was told of the times of a transaction no longer binds what it is told next."""
    connection.execute(
        "DELETE FROM last_told WHERE uplink = ? AND first_frame = (SELECT first_frame FROM transactions WHERE id = ?)",
        (uplink, transaction),
    )


_TO_ARCHIVE = (
    "INSERT OR REPLACE INTO outbox_archive (seq, gateway_id, epoch, uplink, station, transaction_id, kind, action,"
    " version, payload, needs_transaction_id, created_us, size) SELECT seq, gateway_id, epoch, uplink, station,"
    " transaction_id, kind, action, version, payload, needs_transaction_id, created_us, size FROM outbox WHERE seq = ?"
)


_STOP_DEAD = (
    "UPDATE transaction_uplinks SET stop_state = 'dead' FROM outbox o WHERE o.seq = ? AND o.kind = 'stop'"
    " AND transaction_uplinks.transaction_id = o.transaction_id AND transaction_uplinks.uplink = o.uplink"
)


def keep_heard_stop(connection: sqlite3.Connection, seq: int) -> bool:
    """Whether a stop that its central has answered is to be said again: it went without an id, as its start was dead.

    Either its start is dead still, then a copy goes to the archive; or that was requeued meanwhile.
    """
    row = connection.execute(
        "SELECT u.start_state FROM outbox o JOIN transaction_uplinks u"
        " ON u.transaction_id = o.transaction_id AND u.uplink = o.uplink WHERE o.seq = ?",
        (seq,),
    ).fetchone()
    if row is None or row[0] == "acked":
        return False
    if row[0] == "dead":
        connection.execute(_TO_ARCHIVE, (seq,))
        return False
    connection.execute("UPDATE outbox SET state = 'queued', rendered = NULL WHERE seq = ?", (seq,))
    return True


def archive(connection: sqlite3.Connection, seq: int) -> None:
    """Put aside what hangs on a start that was given up: these meter values and the next few of the same, or a stop.

    A stop that waits here is as dead as its start: it must not pass for one that the central will hear.
    """
    rows = connection.execute(
        "SELECT o.seq FROM outbox h JOIN transaction_uplinks u"
        " ON u.transaction_id = h.transaction_id AND u.uplink = h.uplink AND u.start_state = 'dead'"
        " JOIN outbox o INDEXED BY outbox_waiting ON o.uplink = h.uplink AND o.station = h.station AND o.seq >= h.seq"
        " AND o.transaction_id = h.transaction_id AND o.kind = h.kind AND o.state <> 'dead'"
        " WHERE h.seq = ? AND h.kind IN ('meter', 'stop') ORDER BY o.seq LIMIT ?",
        (seq, ARCHIVED_AT_ONCE),
    ).fetchall()
    connection.executemany(_STOP_DEAD, rows)
    connection.executemany(_TO_ARCHIVE, rows)
    connection.executemany("DELETE FROM outbox WHERE seq = ?", rows)


# --- requeueing -------------------------------------------------------------------------------------------------------


def _named(connection: sqlite3.Connection, name: str) -> tuple[TransactionId, StationId, int] | NotRequeued:
    """The transaction with this id, or the only one whose id begins so."""
    rows = connection.execute(
        "SELECT id, station, evse FROM transactions WHERE id >= ? AND id < ? LIMIT 2", (name, f"{name}\U0010ffff")
    ).fetchall()
    if not name or not rows:
        return NotRequeued(f"no transaction {name!r} here; `sitectl transactions --dead` lists them", unknown=True)
    if len(rows) > 1:
        return NotRequeued(f"several transactions begin with {name!r}; write more of it")
    return TransactionId(rows[0][0]), StationId(rows[0][1]), rows[0][2]


def _requeue(connection: sqlite3.Connection, transaction: TransactionId, station: StationId) -> dict[UplinkId, int]:
    """How many messages wait again, by uplink."""
    messages = {}
    uplinks = connection.execute(
        "SELECT uplink, start_state FROM transaction_uplinks WHERE transaction_id = ? ORDER BY rank", (transaction,)
    ).fetchall()
    for uplink, start_state in uplinks:
        queue = (uplink, station, transaction)
        again = _from_archive(connection, *queue) if start_state == "dead" else 0
        again += connection.execute(
            "UPDATE outbox SET state = 'queued', attempts = 0, reason = NULL, given_up_us = NULL"
            " WHERE uplink = ? AND station = ? AND transaction_id = ? AND state = 'dead'",
            queue,
        ).rowcount
        if again:
            messages[UplinkId(uplink)] = again
            _tell_delivery(connection, *queue)
    return messages


def _from_archive(connection: sqlite3.Connection, uplink: str, station: StationId, transaction: TransactionId) -> int:
    """Bring back what hung on a dead start; what was worded without an id and is not heard yet will get the true one.

    Only a start keeps its frozen text: a central that heard it, and whose answer was lost, knows it by that. Of what
    the central heard else, as of no transaction, it is asked to take nothing into account.
    """
    key = (transaction, uplink)
    forget_told(connection, *key)
    back = connection.execute(
        "INSERT OR IGNORE INTO outbox (seq, gateway_id, epoch, uplink, station, transaction_id, kind, action, version,"
        " payload, needs_transaction_id, created_us, size) SELECT seq, gateway_id, epoch, uplink, station,"
        " transaction_id, kind, action, version, payload, needs_transaction_id, created_us, size FROM outbox_archive"
        " WHERE transaction_id = ? AND uplink = ?",
        key,
    ).rowcount
    connection.execute("DELETE FROM outbox_archive WHERE transaction_id = ? AND uplink = ?", key)
    queue = (uplink, station, transaction, OutboxKind.START)
    connection.execute(
        "UPDATE outbox SET rendered = NULL, state = 'queued'"
        " WHERE uplink = ? AND station = ? AND transaction_id = ? AND kind <> ? AND state <> 'dead'",
        queue,
    )
    connection.execute(
        "UPDATE outbox SET rendered = NULL"
        " WHERE uplink = ? AND station = ? AND transaction_id = ? AND kind <> ? AND state = 'dead'",
        queue,
    )
    return back


_PENDING = {
    OutboxKind.START: "UPDATE transaction_uplinks SET start_state = 'pending' WHERE transaction_id = ? AND uplink = ?",
    OutboxKind.STOP: "UPDATE transaction_uplinks SET stop_state = 'pending' WHERE transaction_id = ? AND uplink = ?",
}


def _tell_delivery(connection: sqlite3.Connection, uplink: str, station: StationId, transaction: TransactionId) -> None:
    """What waits again is pending again."""
    for kind, statement in _PENDING.items():
        waits = connection.execute(
            "SELECT 1 FROM outbox INDEXED BY outbox_waiting WHERE uplink = ? AND station = ? AND transaction_id = ?"
            " AND kind = ? AND state <> 'dead' LIMIT 1",
            (uplink, station, transaction, kind),
        ).fetchone()
        if waits:
            connection.execute(statement, (transaction, uplink))


# --- for people -------------------------------------------------------------------------------------------------------


def dead_letters(connection: sqlite3.Connection, transaction: TransactionId) -> Sequence[DeadLetter]:
    """The first of a transaction, in the order of their places: what, when, why."""
    rows = connection.execute(
        "SELECT o.uplink, o.action, iif(o.rendered LIKE '{%', o.rendered, o.payload),"
        " o.created_us, o.given_up_us, o.attempts, o.reason"
        " FROM transaction_uplinks u JOIN outbox o INDEXED BY outbox_dead"
        " ON o.uplink = u.uplink AND o.station = u.station AND o.transaction_id = u.transaction_id"
        " WHERE u.transaction_id = ? AND o.state = 'dead' ORDER BY o.seq LIMIT ?",
        (transaction, LETTERS_SHOWN),
    )
    return [
        DeadLetter(
            UplinkId(row[0]),
            row[1],
            orjson.loads(unpacked_text(row[2])),
            from_us(row[3]),
            from_us(row[4]),
            row[5],
            row[6] or "",
        )
        for row in rows
    ]
