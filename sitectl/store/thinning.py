"""Which meter values can be done without when messages take more room than they may; and taking them out.

Of a transaction the first and the last always stay, and so do those that are signed or tell of its begin or end. Of the
others the first of each quarter of an hour by the clock stays, and if that is not enough, every second of those goes.
What is at the head of a queue may be on its way, and what was sent is not touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from sitectl.base.units import parse_timestamp
from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.store.moments import to_us
from sitectl.store.packing import unpacked_text

QUARTER_US = 900_000_000
_SIGNED = ('"SignedData"', '"signedMeterValue"')


class Sample(NamedTuple):
    """Meter values that wait: their place, their time, what they take (bytes), whether they must stay."""

    seq: int
    time_us: int
    size: int
    stays: bool


class Queued(NamedTuple):
    """A transaction with meter values in one queue: how many messages it has there, and whether it is over."""

    uplink: UplinkId
    station: StationId
    transaction: TransactionId
    messages: int
    finished: bool
    order: int


def but_quarters(samples: Sequence[Sample]) -> list[Sample]:
    """Those between that are not the first of a quarter of an hour."""
    seen: set[int] = set()
    dispensable = []
    for sample in samples:
        quarter = sample.time_us // QUARTER_US
        if quarter in seen and not sample.stays:
            dispensable.append(sample)
        seen.add(quarter)
    return [sample for sample in dispensable if sample is not samples[-1]]


def every_second(samples: Sequence[Sample]) -> list[Sample]:
    """Every second of those between."""
    between = [sample for sample in samples[1:-1] if not sample.stays]
    return between[::2]


# --- in the file ------------------------------------------------------------------------------------------------------


def queued(connection: sqlite3.Connection, uplink: UplinkId, station: StationId) -> Sequence[Queued]:
    """The transactions in a queue that may have something to spare, from the index alone; the oldest first."""
    rows = connection.execute(
        "SELECT q.transaction_id, q.messages, t.state, t.rowid FROM"
        " (SELECT transaction_id, count(*) AS messages FROM outbox INDEXED BY outbox_waiting"
        "  WHERE uplink = ? AND station = ? AND state <> 'dead' GROUP BY transaction_id HAVING count(*) > 2) q"
        " JOIN transactions t ON t.id = q.transaction_id ORDER BY t.rowid",
        (uplink, station),
    )
    return [Queued(uplink, station, TransactionId(row[0]), row[1], row[2] != "open", row[3]) for row in rows]


def samples_of(connection: sqlite3.Connection, one: Queued) -> Sequence[Sample]:
    """The meter values of a transaction that wait and were never sent, in their order."""
    rows = connection.execute(
        "SELECT seq, size, created_us, payload FROM outbox INDEXED BY outbox_waiting WHERE uplink = ? AND station = ?"
        " AND transaction_id = ? AND kind = 'meter' AND state <> 'dead' AND state = 'queued' ORDER BY seq",
        (one.uplink, one.station, one.transaction),
    )
    found = ((seq, size, created_us, unpacked_text(payload)) for seq, size, created_us, payload in rows)
    return [Sample(seq, time_us(payload, created_us), size, stays(payload)) for seq, size, created_us, payload in found]


def stays(payload: str) -> bool:
    """Whether meter values (JSON) are signed, or tell of the begin or the end: these are never taken out."""
    return any(word in payload for word in _SIGNED) or _tells_begin_or_end(payload)


def _tells_begin_or_end(payload: str) -> bool:
    return '"Transaction.Begin"' in payload or '"Transaction.End"' in payload


def time_us(payload: str, created_us: int) -> int:
    """The time of the newest value by the station's own word; where that cannot be read, when it came."""
    try:
        stamp = orjson.loads(payload)["meterValue"][-1]["timestamp"]
    except (ValueError, LookupError, TypeError):
        return created_us
    read = parse_timestamp(stamp) if isinstance(stamp, str) else None
    return created_us if read is None else to_us(read[0])


def makes_room(
    connection: sqlite3.Connection, uplink: UplinkId, station: StationId, transaction: TransactionId, payload: str
) -> bool:
    """Whether new meter values (JSON) may join a queue that is full; the newest of their transaction may give way.

    So the first and the last of it are there in the end, and nothing grows. Signed ones, which could never be taken out
    again, are not taken in unless they tell of the begin or the end.
    """
    if _tells_begin_or_end(payload):
        return True
    rows = connection.execute(
        "SELECT seq, payload FROM outbox INDEXED BY outbox_waiting WHERE uplink = ? AND station = ?"
        " AND transaction_id = ? AND kind = 'meter' AND state <> 'dead' ORDER BY seq DESC LIMIT 2",
        (uplink, station, transaction),
    ).fetchall()
    if len(rows) < 2:
        return True
    if stays(payload) or stays(unpacked_text(rows[0][1])) or rows[0][0] == head_of(connection, uplink, station):
        return False
    return remove(connection, rows[0][0])


def take_out(connection: sqlite3.Connection, one: Queued, samples: Sequence[Sample]) -> tuple[int, int]:
    """Remove these from their queue, but for its head and for what was sent meanwhile: (messages, bytes) removed."""
    head = head_of(connection, one.uplink, one.station)
    messages = size = 0
    for sample in samples:
        if sample.seq != head and remove(connection, sample.seq):
            messages, size = messages + 1, size + sample.size
    return messages, size


def head_of(connection: sqlite3.Connection, uplink: UplinkId, station: StationId) -> int | None:
    """The message at the head of a queue: it may be on its way although nothing says so yet."""
    row = connection.execute(
        "SELECT min(seq) FROM outbox INDEXED BY outbox_waiting WHERE uplink = ? AND station = ? AND state <> 'dead'",
        (uplink, station),
    ).fetchone()
    head: int | None = row[0]
    return head


def remove(connection: sqlite3.Connection, seq: int) -> bool:
    """Remove meter values that were never sent; whether they were there."""
    return (
        connection.execute(
            "DELETE FROM outbox WHERE seq = ? AND kind = 'meter' AND state = 'queued' AND rendered IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM transactions t JOIN last_told l ON l.uplink = outbox.uplink"
            " AND l.first_frame = t.first_frame WHERE t.id = outbox.transaction_id AND l.said_seq = outbox.seq)",
            (seq,),
        ).rowcount
        > 0
    )
