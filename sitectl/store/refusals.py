"""Refusals of centrals for transactions that run, and what was concluded from them; beside the copies they are of.

A refusal counts as late when the station was not told it: what it was told it acts on itself. Only the authoritative
central's word counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Sequence

from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.refusal import Refusal, Treatment
from sitectl.model.transaction import AuthorizationStatus
from sitectl.store.database import Database

_RUNNING = (
    "SELECT t.id, t.station, t.evse, t.id_token, u.verdict, u.treatment, u.refused_wh"
    " FROM transactions t JOIN transaction_uplinks u ON u.transaction_id = t.id"
    " WHERE t.state = 'open' AND u.rank = 0 AND u.uplink = ? AND coalesce(t.verdict, 'Accepted') = 'Accepted'"
)
# What is drawn counts from the refusal on that the treatment is of: one that was put down to us counts nothing. Before
# the first sample of the transaction what the meter shows is of another one, and some meters begin anew with each.
_TREAT = (
    "UPDATE transaction_uplinks SET treatment = ?, refused_wh = iif(treatment IN ('allowance', 'stop', 'pause'),"
    " refused_wh, (SELECT iif(s.register_wh IS NULL, t.meter_start_wh, coalesce(?, s.register_wh))"
    " FROM transactions t LEFT JOIN last_samples s ON s.first_frame = t.first_frame"
    " WHERE t.id = transaction_uplinks.transaction_id))"
    " WHERE transaction_id = ? AND uplink = ? AND rank = 0"
    " AND (SELECT state FROM transactions WHERE id = transaction_id) = 'open' RETURNING refused_wh"
)
_SAME_TOKEN_UNTOLD = (
    "SELECT 1 FROM transactions t JOIN transaction_uplinks u ON u.transaction_id = t.id"
    " WHERE t.id_token = ? COLLATE NOCASE AND t.id <> ? AND u.uplink = ?"
    " AND (u.start_state IN ('pending', 'sent') OR u.stop_state IN ('pending', 'sent')) LIMIT 1"
)


class Refusals:
    """Every write has committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def running(self, uplink: UplinkId) -> Awaitable[Sequence[Refusal]]:
        """The late refusals of this central whose transactions run."""

        def job(connection: sqlite3.Connection) -> Sequence[Refusal]:
            rows = connection.execute(f"{_RUNNING} AND u.verdict <> 'Accepted'", (uplink,)).fetchall()
            return [_refusal(*row) for row in rows]

        return self._database.query(job)

    def find(self, uplink: UplinkId, transaction: TransactionId) -> Awaitable[Refusal | None]:
        """What is on record of one transaction; None when a refusal of it changes nothing (any more)."""

        def job(connection: sqlite3.Connection) -> Refusal | None:
            row = connection.execute(f"{_RUNNING} AND t.id = ?", (uplink, transaction)).fetchone()
            return None if row is None else _refusal(*row)

        return self._database.query(job)

    def treat(
        self, uplink: UplinkId, transaction: TransactionId, treatment: Treatment, register_wh: float | None
    ) -> Awaitable[float | None]:
        """Keep what was concluded; the register from which on the energy counts, None when the transaction is over.

        `register_wh` is what the meter shows now, None when that is not known: then the last one on record counts, as
        it does before the first sample.
        """

        def job(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(_TREAT, (treatment, register_wh, transaction, uplink)).fetchone()
            return None if row is None else float(row[0])

        return self._database.run(job)

    def untold(self, uplink: UplinkId, transaction: TransactionId, id_token: str) -> Awaitable[bool]:
        """Whether this central has yet to hear of the start or the stop of another transaction of the same token."""

        def job(connection: sqlite3.Connection) -> bool:
            return connection.execute(_SAME_TOKEN_UNTOLD, (id_token, transaction, uplink)).fetchone() is not None

        return self._database.query(job)


def _refusal(
    id: str, station: str, evse: int, id_token: str, verdict: str | None, treatment: str | None, wh: float | None
) -> Refusal:
    return Refusal(
        TransactionId(id),
        EvseId(StationId(station), evse),
        id_token,
        None if verdict is None else AuthorizationStatus(verdict),
        None if treatment is None else Treatment(treatment),
        wh,
    )
