"""The limit ledger on disk: what each EVSE counts at, so that a restart never counts it lower."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence

from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import StoredLimit
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.rows import Stamp

_PUT = (
    "INSERT OR REPLACE INTO limits (station, evse, gateway_id, epoch, counts_a, fallback_a, seq, expires_us, stored_us,"
    " obeys) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class LimitStore:
    """One row an EVSE. What is on disk is held in memory too, for a file that comes into the place of a damaged one:
    an old row that was saved from that would count an EVSE too low.
    """

    def __init__(self, database: Database, stamp: Stamp) -> None:
        self._database = database
        self._stamp = stamp
        self._stored: dict[EvseId, StoredLimit] = {}
        self._loaded = False
        database.on_replaced(self._restore)

    def save(self, limits: Sequence[StoredLimit], done: Callable[[bool], None]) -> None:
        """Write in one commit; `done(True)` is called on the event loop after it, `done(False)` when it failed."""
        rows = [self._row(limit) for limit in limits]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_PUT, rows)

        def saved(future: asyncio.Future[None]) -> None:
            well = not future.cancelled() and future.exception() is None
            if well:
                self._stored.update((limit.evse, limit) for limit in limits)
            done(well)

        self._database.run(job).add_done_callback(saved)

    def load(self) -> Awaitable[Sequence[StoredLimit]]:
        """Everything stored, read once at start-up."""

        def loaded(future: asyncio.Future[Sequence[StoredLimit]]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._stored.update((limit.evse, limit) for limit in future.result())
                self._loaded = True

        loading = self._database.query(_load)
        loading.add_done_callback(loaded)
        return loading

    def forget(self) -> None:
        """What is on disk was changed by others."""
        self._stored.clear()

    def _row(self, limit: StoredLimit) -> tuple[object, ...]:
        return (
            limit.evse.station,
            limit.evse.evse,
            self._stamp.gateway_id,
            self._stamp.epoch,
            limit.counts_a,
            limit.fallback_a,
            limit.seq,
            to_us(limit.expires),
            to_us(limit.stored),
            limit.obeys,
        )

    def _restore(self, connection: sqlite3.Connection) -> None:
        if self._loaded:
            connection.execute("DELETE FROM limits")
            connection.executemany(_PUT, [self._row(limit) for limit in list(self._stored.values())])


def _load(connection: sqlite3.Connection) -> Sequence[StoredLimit]:
    rows = connection.execute(
        "SELECT station, evse, counts_a, fallback_a, seq, expires_us, stored_us, obeys FROM limits"
    )
    return [
        StoredLimit(
            evse=EvseId(StationId(row[0]), row[1]),
            counts_a=row[2],
            fallback_a=row[3],
            seq=row[4],
            expires=from_us(row[5]),
            stored=from_us(row[6]),
            obeys=row[7],
        )
        for row in rows
    ]
