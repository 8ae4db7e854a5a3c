"""What a central calls a transaction, and when that says less than it should. Inside jobs, in the writer's thread."""

from __future__ import annotations

import sqlite3

from sitectl.model.ids import TransactionId
from sitectl.model.transaction import IdTokenInfo
from sitectl.store.rows import Stamp, insert_event
from sitectl.store.verdicts import to_columns

LOOKED_AT = 100
"""Transactions of other stations with the same id: a central that calls all of them the same must cost no time."""


class Names:
    """The ids that centrals gave. That one is used again elsewhere or later is told once a station: some centrals count
    by station, or by connector, and all goes well with them."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._told: set[tuple[str, str, bool]] = set()

    def keep(
        self,
        connection: sqlite3.Connection,
        transaction: TransactionId,
        uplink: str,
        id: str | None,
        info: IdTokenInfo | None,
        now_us: int,
    ) -> None:
        """Note what a central said of a start: its id, None when it gave none that means anything, and its verdict."""
        connection.execute(
            "UPDATE transaction_uplinks SET uplink_transaction_id = ?, verdict = ?, verdict_expires_us = ?,"
            " verdict_parent = ? WHERE transaction_id = ? AND uplink = ?",
            (id, *to_columns(info), transaction, uplink),
        )
        row = connection.execute("SELECT station, evse FROM transactions WHERE id = ?", (transaction,)).fetchone()
        if id is None or row is None:
            return
        station, evse = row
        other = _running_beside(connection, transaction, uplink, id, station)
        for later in (False, True):
            if other is None and (uplink, station, later) not in self._told:
                look = _here_before if later else _running_elsewhere
                other = look(connection, transaction, uplink, id, station)
                if other is not None:
                    self._told.add((uplink, station, later))
        if other is not None:
            data = {"transaction": transaction, "uplink": uplink, "id": id, "other": other[0], "at": other[1]}
            insert_event(connection, self._stamp, now_us, "transaction.id_repeated", station, evse, data)


def _running_beside(
    connection: sqlite3.Connection, transaction: TransactionId, uplink: str, id: str, station: str
) -> tuple[str, str] | None:
    """Another transaction that runs at this station and has the same id at this central: nobody can tell them apart."""
    row: tuple[str, str] | None = connection.execute(
        "SELECT t.id, t.station FROM transactions t INDEXED BY transactions_open JOIN transaction_uplinks u"
        " ON u.transaction_id = t.id AND u.uplink = ? AND u.uplink_transaction_id = ?"
        " WHERE t.state = 'open' AND t.station = ? AND t.id <> ? LIMIT 1",
        (uplink, id, station, transaction),
    ).fetchone()
    return row


def _running_elsewhere(
    connection: sqlite3.Connection, transaction: TransactionId, uplink: str, id: str, station: str
) -> tuple[str, str] | None:
    """The same at another station: its id is never taken for one of this."""
    row: tuple[str, str] | None = connection.execute(
        "SELECT t.id, t.station FROM (SELECT transaction_id FROM transaction_uplinks INDEXED BY transaction_uplinks_map"
        " WHERE uplink = ? AND uplink_transaction_id = ? AND station <> ? LIMIT ?) u"
        " JOIN transactions t ON t.id = u.transaction_id AND t.state = 'open' LIMIT 1",
        (uplink, id, station, LOOKED_AT),
    ).fetchone()
    return row


def _here_before(
    connection: sqlite3.Connection, transaction: TransactionId, uplink: str, id: str, station: str
) -> tuple[str, str] | None:
    """Another of this station with the same id, that is over: the central may have written this one over it."""
    row: tuple[str, str] | None = connection.execute(
        "SELECT transaction_id, station FROM transaction_uplinks INDEXED BY transaction_uplinks_map"
        " WHERE uplink = ? AND uplink_transaction_id = ? AND station = ? AND transaction_id <> ? LIMIT 1",
        (uplink, id, station, transaction),
    ).fetchone()
    return row
