"""What people ask of the ledger. Read-only: nothing here can hold up or change what stations say."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.journal import EVERYTHING, Anomaly, JournalEntry, Wanted
from sitectl.model.transaction import ClockQuality, DeliveryState, TransactionTotals, TransactionView, UplinkCopy
from sitectl.store.database import Database
from sitectl.store.deadletters import dead_letters
from sitectl.store.halving import Ordered, first_since
from sitectl.store.moments import from_us, to_us
from sitectl.store.packing import unpacked
from sitectl.store.rectify import newest_moment

_VIEW = (
    "SELECT id, station, evse, station_transaction_id, id_token, started_us, stopped_us, meter_start_wh,"
    " meter_stop_wh, reason, synthetic, verdict, stopped_by, start_clock, stop_clock FROM transactions"
)
# Each filter narrows by an index, so that a ledger of years answers as fast as one of days.
_FILTERS = {
    "open": "state = 'open'",
    "unsent": "id IN (SELECT transaction_id FROM outbox WHERE state <> 'dead')",
    "dead": "id IN (SELECT transaction_id FROM outbox WHERE state = 'dead')",
}


class Queries:
    """Questions for the API. Futures resolve on the loop; the newest rows come first where `limit` cuts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def transactions(
        self, *, open: bool = False, unsent: bool = False, dead: bool = False, limit: int = 1000
    ) -> Awaitable[Sequence[TransactionView]]:
        """Transactions, newest first; each filter that is set must hold. With `dead`, their dead letters too."""
        wanted = [_FILTERS[name] for name, on in (("open", open), ("unsent", unsent), ("dead", dead)) if on]
        return self._database.query(lambda connection: _transactions(connection, wanted, limit, letters=dead))

    def totals(self) -> Awaitable[TransactionTotals]:
        """Open transactions; messages of transactions not acknowledged by some uplink; messages given up."""
        return self._database.query(_totals)

    def events(
        self,
        since: datetime | None = None,
        limit: int = 1000,
        after_seq: int | None = None,
        wanted: Wanted = EVERYTHING,
    ) -> Awaitable[Sequence[JournalEntry]]:
        """The journal, oldest first: the next `limit` after `after_seq`, else the last `limit` (since a moment)."""
        return self._database.query(lambda connection: _events(connection, since, limit, after_seq, wanted))

    def newest_event(self) -> Awaitable[int]:
        """The sequence number of the newest event; 0: none."""
        return self._database.query(_newest_event)

    def first_opened(self) -> Awaitable[datetime]:
        """When this ledger was opened for the first time: the site's first start."""
        return self._database.query(_first_opened)

    def newest_moment(self) -> Awaitable[datetime]:
        """The newest moment at which anything was stored, this opening included."""
        return self._database.query(_newest_moment)

    def anomalies(self, limit: int = 1000) -> Awaitable[Sequence[Anomaly]]:
        """Stops that were set aside, newest first."""
        return self._database.query(lambda connection: _anomalies(connection, limit))

    def frames(self, transaction: TransactionId) -> Awaitable[Sequence[bytes]]:
        """The frames of a transaction as they came, to the byte, in the order of receipt."""
        return self._database.query(lambda connection: _frames(connection, transaction))


def _transactions(
    connection: sqlite3.Connection, wanted: Sequence[str], limit: int, letters: bool
) -> Sequence[TransactionView]:
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    rows = connection.execute(f"{_VIEW}{where} ORDER BY rowid DESC LIMIT ?", (limit,)).fetchall()
    return _views(connection, rows, letters=letters)


def transactions_after(
    connection: sqlite3.Connection, after: int, span_us: tuple[int, int], limit: int
) -> tuple[Sequence[TransactionView], int | None]:
    """The next `limit` transactions after a row, of those begun in a span of time, oldest first; the row to go on from,
    None at the end."""
    rows = connection.execute(
        f"{_VIEW.replace('SELECT ', 'SELECT rowid, ')} WHERE rowid > ? AND started_us >= ? AND started_us < ?"
        " ORDER BY rowid LIMIT ?",
        (after, *span_us, limit),
    ).fetchall()
    more = rows[-1][0] if len(rows) == limit else None
    return _views(connection, [row[1:] for row in rows], letters=False), more


def _views(
    connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]], *, letters: bool
) -> Sequence[TransactionView]:
    unsent = _unsent(connection) if rows else {}
    return [
        TransactionView(
            id=TransactionId(row[0]),
            station=StationId(row[1]),
            evse=row[2],
            station_id=str(row[3]),
            id_token=row[4],
            started=from_us(row[5]),
            stopped=from_us(row[6]),
            meter_start_wh=row[7],
            meter_stop_wh=row[8],
            reason=row[9],
            synthetic=bool(row[10]),
            started_clock=ClockQuality(row[13]),
            stopped_clock=None if row[14] is None else ClockQuality(row[14]),
            uplinks=_uplinks(connection, TransactionId(row[0]), unsent),
            dead_letters=dead_letters(connection, TransactionId(row[0])) if letters else (),
            stopped_by=row[12],
        )
        for row in rows
    ]


def _unsent(connection: sqlite3.Connection) -> Mapping[tuple[str, str], int]:
    """Waiting messages by transaction and uplink, counted once for the whole list from an index that covers it."""
    rows = connection.execute(
        "SELECT transaction_id, uplink, count(*) FROM outbox INDEXED BY outbox_waiting WHERE state <> 'dead'"
        " GROUP BY transaction_id, uplink"
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _uplinks(
    connection: sqlite3.Connection, transaction: TransactionId, unsent: Mapping[tuple[str, str], int]
) -> Mapping[UplinkId, UplinkCopy]:
    rows = connection.execute(
        "SELECT uplink, uplink_transaction_id, start_state, stop_state, verdict FROM transaction_uplinks"
        " WHERE transaction_id = ? ORDER BY rank",
        (transaction,),
    )
    return {
        UplinkId(row[0]): UplinkCopy(row[1], _delivery(row[2], row[3]), row[4], unsent.get((transaction, row[0]), 0))
        for row in rows
    }


def _delivery(start_state: str, stop_state: str | None) -> DeliveryState:
    """How far an uplink has heard of a transaction: its start, and once that is known, its stop. Dead wins."""
    if "dead" in (start_state, stop_state):
        return DeliveryState.DEAD
    return DeliveryState(stop_state if stop_state is not None and start_state == "acked" else start_state)


def _totals(connection: sqlite3.Connection) -> TransactionTotals:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM transactions WHERE state = 'open'),"
        " (SELECT count(*) FROM outbox WHERE state <> 'dead' AND transaction_id IS NOT NULL),"
        " (SELECT count(*) FROM outbox WHERE state = 'dead' AND transaction_id IS NOT NULL)"
    ).fetchone()
    return TransactionTotals(open=row[0], unsent=row[1], dead=row[2])


_EVENTS = "SELECT seq, time_us, type, station, evse, data FROM events WHERE seq > ?"
_SINCE = " AND time_us >= ? AND seq >= ?"
_STATION = " AND station = ?"
_TYPE = "type = ? OR (type >= ? AND type < ?)"


def _events(
    connection: sqlite3.Connection, since: datetime | None, limit: int, after_seq: int | None, wanted: Wanted
) -> Sequence[JournalEntry]:
    young: tuple[int, ...] = ()
    if since is not None:
        young = (to_us(since), first_since(connection, Ordered.EVENTS, to_us(since)))
    station = () if wanted.station is None else (wanted.station,)
    types = [bound for type in wanted.types for bound in (type, f"{type}.", f"{type}/")]
    statement = "".join(
        (
            _EVENTS,
            _SINCE if young else "",
            _STATION if station else "",
            f" AND ({' OR '.join([_TYPE] * len(wanted.types))})" if types else "",
            f" ORDER BY seq {'DESC' if after_seq is None else 'ASC'} LIMIT ?",
        )
    )
    rows = connection.execute(statement, (after_seq or 0, *young, *station, *types, limit)).fetchall()
    if after_seq is None:
        rows.reverse()
    return [
        JournalEntry(
            seq=row[0],
            time=from_us(row[1]),
            type=row[2],
            station=None if row[3] is None else StationId(row[3]),
            evse=row[4],
            data=orjson.loads(row[5]),
        )
        for row in rows
    ]


def _newest_event(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT max(seq) FROM events").fetchone()
    return row[0] or 0


def _first_opened(connection: sqlite3.Connection) -> datetime:
    opened_us: int = connection.execute("SELECT min(opened_us) FROM epochs").fetchone()[0]
    return from_us(opened_us)


def _newest_moment(connection: sqlite3.Connection) -> datetime:
    newest = newest_moment(connection)
    assert newest is not None  # this opening is one
    return newest


def _anomalies(connection: sqlite3.Connection, limit: int) -> Sequence[Anomaly]:
    rows = connection.execute(
        "SELECT kind, station, transaction_id, received_us, payload FROM anomalies ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [Anomaly(row[0], StationId(row[1]), row[2], from_us(row[3]), orjson.loads(row[4])) for row in rows]


def _frames(connection: sqlite3.Connection, transaction: TransactionId) -> Sequence[bytes]:
    rows = connection.execute(
        "SELECT f.frame FROM transactions t JOIN raw_frames f ON f.transaction_id = t.id AND f.id"
        " BETWEEN coalesce(t.first_frame, 0) AND coalesce(t.last_frame, 9223372036854775807)"
        " WHERE t.id = ? ORDER BY f.id",
        (transaction,),
    )
    return [unpacked(row[0]) for row in rows]
