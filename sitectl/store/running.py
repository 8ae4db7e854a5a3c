"""The transactions that run, in memory, and which of them a message means.

`RunningTransactions` belongs to the writer's thread: jobs read it instead of the table and change it together with the
table, and it is emptied (to be read again) whenever anything is rolled back. So it is never ahead of the file for
longer than the commit that it is part of.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.transaction import TransactionStart, TransactionStop
from sitectl.store.moments import to_us


@dataclass(slots=True)
class Running:
    """One open transaction, as far as its next message needs it."""

    transaction: TransactionId
    evse: EvseId
    station_transaction_id: int
    version: str
    id_token: str
    started_us: int
    start_clock_trusted: bool
    meter_start_wh: int
    uplinks: tuple[UplinkId, ...]
    first_frame: int = 0
    last_sample_us: int | None = None
    last_sample_wh: float | None = None
    last_said: bytes | None = None
    """The payload of its newest meter values, as it came; empty before the first, None where it has to be looked up."""


class RunningTransactions:
    """Open transactions by station, read from the table at the first touch of a station."""

    def __init__(self) -> None:
        self._by_station: dict[StationId, list[Running]] = {}

    def of(self, connection: sqlite3.Connection, station: StationId) -> list[Running]:
        """The open transactions of a station, oldest first; the list may be changed along with the table."""
        running = self._by_station.get(station)
        if running is None:
            running = self._by_station[station] = _load(connection, station)
        return running

    def clear(self) -> None:
        """Something was rolled back: nothing here is certain."""
        self._by_station.clear()


_RUNNING = (
    "SELECT id, evse, station_transaction_id, version, id_token, started_us, start_clock_trusted, meter_start_wh,"
    " coalesce(s.sampled_us, last_sample_us), coalesce(s.register_wh, last_sample_wh), station,"
    " t.first_frame FROM transactions t LEFT JOIN last_samples s ON s.first_frame = t.first_frame"
)


def _load(connection: sqlite3.Connection, station: StationId) -> list[Running]:
    rows = connection.execute(
        f"{_RUNNING} WHERE station = ? AND state = 'open' ORDER BY t.rowid", (station,)
    ).fetchall()
    return [_running(connection, row) for row in rows]


def load(connection: sqlite3.Connection, transaction: TransactionId) -> Running:
    """A transaction as it was while it ran; it must be on file."""
    return _running(connection, connection.execute(f"{_RUNNING} WHERE id = ?", (transaction,)).fetchone())


def _running(connection: sqlite3.Connection, row: Sequence[Any]) -> Running:
    return Running(
        transaction=TransactionId(row[0]),
        evse=EvseId(StationId(row[10]), row[1]),
        station_transaction_id=row[2],
        version=row[3],
        id_token=row[4],
        started_us=row[5],
        start_clock_trusted=bool(row[6]),
        meter_start_wh=row[7],
        uplinks=uplinks_of(connection, TransactionId(row[0])),
        first_frame=row[11],
        last_sample_us=row[8],
        last_sample_wh=row[9],
    )


def uplinks_of(connection: sqlite3.Connection, transaction: TransactionId) -> tuple[UplinkId, ...]:
    """The uplinks that got the start, the authoritative one first."""
    rows = connection.execute(
        "SELECT uplink FROM transaction_uplinks WHERE transaction_id = ? ORDER BY rank", (transaction,)
    )
    return tuple(UplinkId(row[0]) for row in rows.fetchall())


def with_id(running: Sequence[Running], station_transaction_id: int | None) -> Running | None:
    """The open transaction that the station names."""
    for one in running:
        if one.station_transaction_id == station_transaction_id:
            return one
    return None


def told_late(running: Sequence[Running], start: TransactionStart) -> bool:
    """Whether a start is older than a transaction that runs on its EVSE, by a clock that can be believed both times."""
    started_us = to_us(start.started)
    return start.clock.trusted and any(
        one.evse == start.evse and one.start_clock_trusted and started_us < one.started_us for one in running
    )


def meant_by_place(running: Sequence[Running], evse: int) -> Running | None:
    """The open transaction of an EVSE, for values that name none; those of the station as a whole (evse 0) belong to
    its only one. Another EVSE's transaction never gets them: they would be energy that it did not take.

    Where an older one was told late and has no stop yet, the newer one is meant.
    """
    candidates = [one for one in running if evse in (0, one.evse.evse)]
    if len({one.evse for one in candidates}) != 1:
        return None
    return max(candidates, key=lambda one: one.started_us)


def meant_by_stop(running: Sequence[Running], stop: TransactionStop) -> Running | None:
    """Which open transaction a stop without a usable id ends; None unless exactly one fits.

    A stop from before a transaction began cannot end it (an old queue comes late). Among several that remain, the
    token decides, then the meter: it cannot stand below what the transaction began with or last showed. One that
    names nothing ends nothing: it may be rubbish, and the real stop would come too late.
    """
    if stop.names_nothing:
        return None
    stopped_us = to_us(stop.stopped)
    candidates = [
        one for one in running if not (stop.clock.trusted and one.start_clock_trusted and stopped_us < one.started_us)
    ]
    if len(candidates) > 1 and stop.id_token is not None:
        candidates = [one for one in candidates if one.id_token == stop.id_token] or candidates
    if len(candidates) > 1:
        candidates = [
            one for one in candidates if stop.meter_stop_wh >= max(one.meter_start_wh, int(one.last_sample_wh or 0))
        ]
    return candidates[0] if len(candidates) == 1 else None
