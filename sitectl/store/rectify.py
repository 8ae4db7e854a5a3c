"""Put right what was stamped before the gateway knew the time: everything that this opening of the file has written.

One commit, so that a crash leaves all of it by the old clock or all of it by the new one. What a station stamped by a
clock of its own stays; what it stamped by the wrong time that we told it is moved with ours. Texts that are frozen
(sent once already) and the raw frames themselves are never touched.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from sitectl.base.gateway_clock import Mistake
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model.ids import StationId
from sitectl.ocpp.v16.copies import is_signed
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.rows import Stamp

_OURS = (
    "UPDATE events SET time_us = time_us + :by WHERE epoch = :epoch AND time_us <= :ended",
    "UPDATE raw_frames SET received_us = received_us + :by WHERE epoch = :epoch AND received_us <= :ended",
    "UPDATE outbox SET created_us = created_us + :by WHERE epoch = :epoch AND created_us <= :ended",
    "UPDATE limits SET stored_us = stored_us + :by, expires_us = expires_us + :by WHERE epoch = :epoch"
    " AND stored_us <= :ended",
    "UPDATE epochs SET opened_us = opened_us + :by WHERE epoch = :epoch AND opened_us <= :ended",
    "UPDATE transactions SET start_received_us = start_received_us + :by WHERE epoch = :epoch"
    " AND start_received_us <= :ended",
    "UPDATE transactions SET stop_received_us = stop_received_us + :by"
    " WHERE stop_received_us BETWEEN :began AND :ended",
    "UPDATE authorization_cache SET received_us = received_us + :by WHERE received_us BETWEEN :began AND :ended",
)
_STARTS = (
    "UPDATE transactions SET started_us = started_us + :by, start_clock = iif(start_clock = 'receipt', 'receipt',"
    " 'estimated') WHERE epoch = :epoch AND station = :station AND start_received_us <= :ended"
    " AND (start_clock = 'receipt' OR started_us >= :since)"
)
_STOPS = (
    "UPDATE transactions SET stopped_us = stopped_us + :by, stop_clock = iif(stop_clock = 'receipt', 'receipt',"
    " 'estimated') WHERE stop_received_us BETWEEN :began AND :ended AND station = :station"
    " AND (stop_clock = 'receipt' OR stopped_us >= :since)"
)
_SAMPLES = (
    "UPDATE transactions SET last_sample_us = last_sample_us + :by WHERE station = :station"
    " AND last_sample_us BETWEEN :since AND :ended"
)
_NEVER = 2**62
_SECOND = 1_000_000


class Rectifier:
    """Moves what was stamped by mistake. `forget` (in the writer's thread) empties what is held of it in memory."""

    def __init__(self, database: Database, stamp: Stamp, forget: Callable[[], None]) -> None:
        self._database = database
        self._stamp = stamp
        self._forget = forget

    def put_right(self, mistake: Mistake, told: Mapping[StationId, datetime]) -> Awaitable[None]:
        """Move everything that was stamped from `mistake.began` on. `told`: since when stations went by our mistake."""
        span = {"by": _us(mistake.correction), "began": to_us(mistake.began), "ended": to_us(mistake.ended)}
        since = {station: to_us(moment) for station, moment in told.items()}

        def job(connection: sqlite3.Connection) -> None:
            _move(connection, {**span, "epoch": self._stamp.epoch}, since)
            self._forget()

        return self._database.run(job)


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def newest_moment(connection: sqlite3.Connection) -> datetime | None:
    """The newest moment at which anything was stored; None in a new ledger."""
    found = [
        connection.execute(statement).fetchone()
        for statement in (
            "SELECT time_us FROM events ORDER BY time_us DESC LIMIT 1",
            "SELECT received_us FROM raw_frames ORDER BY id DESC LIMIT 1",
            "SELECT max(opened_us) FROM epochs",
            "SELECT max(stored_us) FROM limits",
        )
    ]
    moments = [row[0] for row in found if row is not None and row[0] is not None]
    return from_us(max(moments)) if moments else None


def _move(connection: sqlite3.Connection, span: dict[str, int], told: Mapping[StationId, int]) -> None:
    for (station,) in connection.execute("SELECT DISTINCT station FROM transactions").fetchall():
        values = {**span, "station": station, "since": told.get(station, _NEVER)}
        for statement in (_STARTS, _STOPS, _SAMPLES):
            connection.execute(statement, values)
    waiting = connection.execute(
        "SELECT seq, station, payload FROM outbox WHERE epoch = ? AND created_us <= ? AND rendered IS NULL",
        (span["epoch"], span["ended"]),
    )
    began = span["began"] - span["began"] % _SECOND  # stations are told whole seconds, and stamp in them
    for seq, station, text in waiting.fetchall():
        payload = orjson.loads(text)
        moved = _moved(payload, max(began, told.get(station, 0)), span["by"])
        if moved != payload:
            connection.execute("UPDATE outbox SET payload = ? WHERE seq = ?", (orjson.dumps(moved).decode(), seq))
    for statement in _OURS:
        connection.execute(statement, span)


def _moved(part: Any, since: int, by: int) -> Any:
    """The same with every unsigned time in it that our mistake has made."""
    if isinstance(part, list):
        return [_moved(item, since, by) for item in part]
    if not isinstance(part, dict) or is_signed(part):
        return part
    moved = {key: _moved(value, since, by) for key, value in part.items()}
    stamp = part.get("timestamp")
    read = parse_timestamp(stamp) if isinstance(stamp, str) else None
    if read is not None and (stamped := to_us(read[0])) >= since:
        moved["timestamp"] = format_utc(from_us(stamped + by))
    return moved
