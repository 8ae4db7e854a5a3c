"""What the uplinks still have to hear: one queue a station and uplink, in the order of the commits.

A row leaves when the central has answered; one that was given up stays as a dead letter. So no counter can disagree
with the rows. The transaction id of the central is not in a stored message but bound in when it is sent for the first
time; from then on the text is frozen, because a central that recognises repeats does so by equal content.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Sequence
from datetime import datetime

import orjson

from sitectl.base.clock import Clock
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.refusal import Treatment
from sitectl.model.transaction import (
    AS_STORED,
    AuthorizationStatus,
    Backlog,
    IdTokenInfo,
    MappedTransaction,
    OutboxItem,
    OutboxKind,
    OutboxMessage,
)
from sitectl.store.database import Database
from sitectl.store.deadletters import archive, forget_told, keep_heard_stop
from sitectl.store.moments import from_us, to_us
from sitectl.store.naming import Names
from sitectl.store.packing import unpacked_text
from sitectl.store.rows import Encoded, Stamp, insert_copy, insert_event

_MILLION = 1_000_000

MOST_EVENTS = 1000
"""Messages of no transaction that wait in one queue; beyond it the oldest that was not sent yet gives way."""

# Unless it is dead, or its start has still to be answered, which was requeued.
_GOING = (
    "SELECT kind, transaction_id, uplink FROM outbox WHERE seq = ? AND state <> 'dead'"
    " AND (kind NOT IN ('meter', 'stop') OR NOT EXISTS"
    " (SELECT 1 FROM transaction_uplinks u WHERE u.transaction_id = outbox.transaction_id"
    " AND u.uplink = outbox.uplink AND u.start_state IN ('pending', 'sent')))"
)
# Once the next sample has gone as it is stored, nothing else tells of this one that it did.
_KEEP_WORD = (
    "UPDATE outbox SET rendered = ? WHERE seq = ? AND rendered IS NULL AND EXISTS"
    " (SELECT 1 FROM transactions t JOIN last_told l ON l.uplink = outbox.uplink AND l.first_frame = t.first_frame"
    " WHERE t.id = outbox.transaction_id AND l.said_seq = outbox.seq)"
)
_SENT = "UPDATE outbox SET state = 'sent', rendered = coalesce(rendered, ?), sent_us = ? WHERE seq = ?"

# The part of a transaction's row for one uplink that each kind of message moves on; constants, no values inside.
_DELIVERY = {
    OutboxKind.START: "UPDATE transaction_uplinks SET start_state = ? WHERE transaction_id = ? AND uplink = ?",
    OutboxKind.STOP: "UPDATE transaction_uplinks SET stop_state = ? WHERE transaction_id = ? AND uplink = ?",
}

# What this central has been told of a transaction's times.
_TOLD_START = "UPDATE transaction_uplinks SET told_start_us = ? WHERE transaction_id = ? AND uplink = ?"
_TOLD_LAST = (
    "INSERT INTO last_told (told_us, first_frame, uplink, said_seq)"
    " SELECT ?1, first_frame, ?3, ?4 FROM transactions WHERE id = ?2 ON CONFLICT DO UPDATE SET"
    " told_us = max(coalesce(told_us, excluded.told_us), coalesce(excluded.told_us, told_us)),"
    " said_seq = coalesce(excluded.said_seq, said_seq)"
)


class Outbox:
    """The queues on disk. Every call has committed when it returns."""

    def __init__(self, database: Database, stamp: Stamp, clock: Clock) -> None:
        self._database = database
        self._stamp = stamp
        self._clock = clock
        self._names = Names(stamp)

    def append(self, station: StationId, uplinks: Sequence[UplinkId], message: OutboxMessage) -> Awaitable[None]:
        """Put a message that belongs to no transaction into the queues of these uplinks, behind what waits there.

        Of such messages at most `MOST_EVENTS` wait in a queue; what gives way is told in the journal.
        """
        now_us = to_us(self._clock.wall())
        encoded = Encoded.of(message)

        def job(connection: sqlite3.Connection) -> None:
            for uplink in uplinks:
                insert_copy(connection, self._stamp, uplink, station, None, encoded, now_us)
                for action, payload in _surplus(connection, uplink, station):
                    data = {"uplink": uplink, "action": action, "payload": orjson.loads(payload)}
                    insert_event(connection, self._stamp, now_us, "outbox.overflowed", station, None, data)

        return self._database.run(job)

    def head(self, uplink: UplinkId, station: StationId) -> Awaitable[OutboxItem | None]:
        """The oldest message of a queue, dead letters left out.

        None: empty, or it waits for the answer to a start (which stands before it in the same queue, unless that was
        requeued).
        """
        return self._database.query(lambda connection: _head(connection, uplink, station))

    def sending(
        self, seq: int, rendered: str, told: datetime | None = None, *, patient: bool = False
    ) -> Awaitable[bool]:
        """Freeze the text (the first one wins) and mark the row sent. `told`: the newest moment in it that counts.

        False: it may not go now; it has left the queue, or its start, given up before, was requeued meanwhile.
        """
        now_us, told_us = to_us(self._clock.wall()), None if told is None else to_us(told)

        def job(connection: sqlite3.Connection) -> bool:
            rows = connection.execute(_GOING, (seq,)).fetchall()
            if rows and rendered != AS_STORED:
                connection.execute(_SENT, (rendered, now_us, seq))
            _moved_on(connection, rows, "sent")
            said_seq = seq if rendered == AS_STORED else None
            for kind, transaction, uplink in rows if told_us or said_seq else ():
                if kind == OutboxKind.START:
                    connection.execute(_TOLD_START, (told_us, transaction, uplink))
                if transaction is not None:
                    connection.execute(_TOLD_LAST, (told_us, transaction, uplink, said_seq))
            return bool(rows)

        return self._database.run(job, patient=patient)

    def hurry(self) -> None:
        """Nothing that waits for company waits any longer."""
        self._database.hurry()

    def archive(self, seq: int) -> Awaitable[None]:
        """Put a message aside whose start the central never took; of meter values the next few of the same with it."""
        return self._database.run(lambda connection: archive(connection, seq))

    def acked(
        self,
        seq: int,
        uplink_transaction_id: str | None = None,
        info: IdTokenInfo | None = None,
        *,
        patient: bool = False,
    ) -> Awaitable[None]:
        """The central answered: the row leaves. A start leaves the central's id and verdict behind."""
        now_us = to_us(self._clock.wall())

        def job(connection: sqlite3.Connection) -> None:
            rows = connection.execute(
                "SELECT kind, transaction_id, uplink FROM outbox WHERE seq = ?", (seq,)
            ).fetchall()
            if rows and rows[0][0] == OutboxKind.STOP and keep_heard_stop(connection, seq):
                return
            connection.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
            _moved_on(connection, rows, "acked")
            for kind, transaction, uplink in rows:
                if kind == OutboxKind.START:
                    self._names.keep(connection, transaction, uplink, uplink_transaction_id, info, now_us)
                elif kind == OutboxKind.STOP:
                    forget_told(connection, transaction, uplink)

        return self._database.run(job, patient=patient)

    def failed(self, seq: int, why: str, dead: bool) -> Awaitable[None]:
        """Count an attempt that the central refused; `dead` gives the message up: kept, shown, never deleted."""
        now_us = to_us(self._clock.wall())

        def job(connection: sqlite3.Connection) -> None:
            rows = connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, reason = ?, state = iif(?, 'dead', state),"
                " given_up_us = iif(?, ?, NULL)"
                " WHERE seq = ? AND state <> 'dead' RETURNING kind, transaction_id, uplink, station, action",
                (why, dead, dead, now_us, seq),
            ).fetchall()
            if not dead:
                return
            connection.execute(_KEEP_WORD, (AS_STORED, seq))
            _moved_on(connection, [row[:3] for row in rows], "dead")
            for kind, transaction, uplink, station, action in rows:
                data = {"uplink": uplink, "transaction": transaction, "kind": kind, "action": action, "why": why}
                insert_event(connection, self._stamp, now_us, "outbox.given_up", station, None, data)

        return self._database.run(job)

    def backlogs(self, uplink: UplinkId) -> Awaitable[Sequence[Backlog]]:
        """All queues of an uplink that are not empty or hold dead letters."""
        return self._database.query(lambda connection: _backlogs(connection, uplink))

    def transaction_of(
        self, uplink: UplinkId, station: StationId, uplink_transaction_id: str
    ) -> Awaitable[MappedTransaction | None]:
        """Which transaction of this station the central means, by the id that this central gave.

        Centrals that repeat an id mean the one that runs, else the newest; two that run under one id: nobody knows.
        """
        return self._database.query(lambda connection: _mapped(connection, uplink, station, uplink_transaction_id))


def _moved_on(connection: sqlite3.Connection, rows: Sequence[tuple[str, str | None, str]], state: str) -> None:
    for kind, transaction, uplink in rows:
        if (statement := _DELIVERY.get(OutboxKind(kind))) is not None:
            connection.execute(statement, (state, transaction, uplink))


def _surplus(connection: sqlite3.Connection, uplink: UplinkId, station: StationId) -> Sequence[tuple[str, str]]:
    """Take out what is too much, the oldest first: (action, payload)."""
    (waiting,) = connection.execute(
        "SELECT count(*) FROM outbox WHERE uplink = ? AND station = ? AND state <> 'dead' AND transaction_id IS NULL",
        (uplink, station),
    ).fetchone()
    if waiting <= MOST_EVENTS:
        return ()
    rows: list[tuple[str, str]] = connection.execute(
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE uplink = ? AND station = ? AND state <> 'dead'"
        " AND state = 'queued' AND transaction_id IS NULL ORDER BY seq LIMIT ?) RETURNING action, payload",
        (uplink, station, waiting - MOST_EVENTS),
    ).fetchall()
    return rows


def _head(connection: sqlite3.Connection, uplink: UplinkId, station: StationId) -> OutboxItem | None:
    row = connection.execute(
        "SELECT o.seq, o.action, o.payload, o.version, o.kind, o.needs_transaction_id, o.transaction_id,"
        " coalesce(o.rendered, iif(l.said_seq = o.seq, ?, NULL)), o.attempts, u.uplink_transaction_id, u.start_state,"
        " u.verdict, t.meter_start_wh, u.told_start_us, l.told_us, u.treatment,"
        " t.started_us FROM outbox o"
        " LEFT JOIN transaction_uplinks u ON u.transaction_id = o.transaction_id AND u.uplink = o.uplink"
        " LEFT JOIN transactions t ON t.id = o.transaction_id"
        " LEFT JOIN last_told l ON l.uplink = o.uplink AND l.first_frame = t.first_frame"
        " WHERE o.uplink = ? AND o.station = ? AND o.state <> 'dead' ORDER BY o.seq LIMIT 1",
        (AS_STORED, uplink, station),
    ).fetchone()
    if row is None:
        return None
    kind, start_state = OutboxKind(row[4]), row[10]
    if kind in (OutboxKind.METER, OutboxKind.STOP) and start_state in ("pending", "sent"):
        return None
    message = OutboxMessage(row[1], orjson.loads(unpacked_text(row[2])), row[3], kind, bool(row[5]))
    return OutboxItem(
        seq=row[0],
        uplink=uplink,
        station=station,
        message=message,
        transaction=None if row[6] is None else TransactionId(row[6]),
        uplink_transaction_id=row[9],
        rendered=row[7],
        attempts=row[8],
        start_dead=start_state == "dead",
        verdict=None if row[11] is None else AuthorizationStatus(row[11]),
        meter_start_wh=row[12],
        started=from_us(row[16]),
        told_start=from_us(row[13]),
        told_last=from_us(row[14]),
        deauthorized=row[15] == Treatment.STOP,
    )


def _backlogs(connection: sqlite3.Connection, uplink: UplinkId) -> Sequence[Backlog]:
    waiting = connection.execute(
        "SELECT station, count(*), min(seq) FROM outbox WHERE uplink = ? AND state <> 'dead' GROUP BY station",
        (uplink,),
    ).fetchall()
    dead = dict(
        connection.execute(
            "SELECT station, count(*) FROM outbox WHERE uplink = ? AND state = 'dead' GROUP BY station", (uplink,)
        ).fetchall()
    )
    backlogs = []
    for station, count, oldest in waiting:
        created = connection.execute("SELECT created_us FROM outbox WHERE seq = ?", (oldest,)).fetchone()
        oldest_wall = None if created is None else created[0] / _MILLION
        backlogs.append(Backlog(StationId(station), count, oldest_wall, dead.pop(station, 0)))
    backlogs.extend(Backlog(StationId(station), 0, None, count) for station, count in dead.items())
    return backlogs


def _mapped(
    connection: sqlite3.Connection, uplink: UplinkId, station: StationId, uplink_transaction_id: str
) -> MappedTransaction | None:
    rows = connection.execute(
        "SELECT t.id, t.evse, t.station_transaction_id, t.state = 'open' FROM transaction_uplinks u"
        " JOIN transactions t ON t.id = u.transaction_id"
        " WHERE u.uplink = ? AND u.station = ? AND u.uplink_transaction_id = ? ORDER BY t.rowid DESC",
        (uplink, station, uplink_transaction_id),
    ).fetchall()
    running = [row for row in rows if row[3]]
    if not rows or len(running) > 1:
        return None
    id, evse, station_transaction_id, runs = (running or rows)[0]
    return MappedTransaction(TransactionId(id), EvseId(station, evse), station_transaction_id, bool(runs))
