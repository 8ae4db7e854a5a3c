"""Stops that we conclude, because a station lost its own; and what becomes of them when the true one comes after all.

All of it runs inside jobs, in the writer's thread.
"""

from __future__ import annotations

import sqlite3

from sitectl.base.units import format_utc
from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import ClockQuality, TransactionStop
from sitectl.store.moments import from_us
from sitectl.store.records import end_transaction
from sitectl.store.rows import Encoded
from sitectl.store.running import Running, load
from sitectl.store.thinning import head_of

SYNTHETIC_REASON = "Other"  # the station forgot a stop; why the car stopped is not known


def concluded(lost: Running, next_us: int, next_wh: int) -> TransactionStop:
    """The stop of a transaction that its station has forgotten: at its last sample; without one where the next takes
    over, or where it began itself."""
    if lost.last_sample_us is not None and lost.last_sample_wh is not None:
        ended_us, meter_wh = lost.last_sample_us, int(lost.last_sample_wh)
    else:
        ended_us, meter_wh = next_us, next_wh
    ended = from_us(max(ended_us, lost.started_us))
    return TransactionStop(
        station=lost.evse.station,
        station_transaction_id=lost.station_transaction_id,
        stopped=ended,
        stopped_raw=format_utc(ended),
        meter_stop_wh=max(meter_wh, lost.meter_start_wh),
        reason=SYNTHETIC_REASON,
        clock=ClockQuality.RECEIPT,
    )


def replace_concluded(
    connection: sqlite3.Connection,
    transaction: TransactionId,
    stop: TransactionStop,
    message: Encoded,
    received_us: int,
    frame: int,
) -> None:
    """Put the station's own stop in the place of the one that we concluded."""
    end_transaction(connection, load(connection, transaction), stop, received_us, frame, synthetic=False)
    for uplink, station in _queues(connection, transaction):
        connection.execute(
            "UPDATE outbox SET payload = ?, size = ? WHERE uplink = ? AND station = ? AND transaction_id = ?"
            " AND kind = 'stop' AND state <> 'dead'",
            (message.payload, message.size, uplink, station, transaction),
        )


def is_replaceable(connection: sqlite3.Connection, transaction: TransactionId) -> bool:
    """Whether a stop is one that we concluded and no central has heard.

    What is at the head of a queue may be on its way, and what a central has heard cannot be taken back.
    """
    row = connection.execute("SELECT synthetic FROM transactions WHERE id = ?", (transaction,)).fetchone()
    if row is None or not row[0]:
        return False
    for uplink, station in _queues(connection, transaction):
        waiting = connection.execute(
            "SELECT seq FROM outbox INDEXED BY outbox_waiting WHERE uplink = ? AND station = ? AND transaction_id = ?"
            " AND kind = 'stop' AND state <> 'dead' AND state = 'queued' AND rendered IS NULL",
            (uplink, station, transaction),
        ).fetchone()
        if waiting is None or waiting[0] == head_of(connection, uplink, station):
            return False
    return True


def _queues(connection: sqlite3.Connection, transaction: TransactionId) -> list[tuple[UplinkId, StationId]]:
    return connection.execute(
        "SELECT uplink, station FROM transaction_uplinks WHERE transaction_id = ?", (transaction,)
    ).fetchall()
