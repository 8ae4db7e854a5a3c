"""Put right what was stamped before the gateway knew the time: in this opening of the file, and in those before it
that ended without knowing.

One commit, so that a crash leaves all of it by the old clock or all of it by the new one. What a station stamped by a
clock of its own stays; what it stamped by the wrong time that we told it is moved with ours. Texts that are frozen
(sent once already) and the raw frames themselves are never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from sitectl.base.gateway_clock import LATEST_MISTAKE, Mistake
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model.ids import StationId
from sitectl.model.transaction import ClockQuality
from sitectl.ocpp.v16.copies import is_signed
from sitectl.store import timeless
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.packing import unpacked_text
from sitectl.store.rows import Stamp, insert_event

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
    "UPDATE attempts SET begun_us = begun_us + :by WHERE epoch = :epoch AND begun_us <= :ended",
    "UPDATE attempts SET ended_us = ended_us + :by WHERE ended_us BETWEEN :began AND :ended",
    "UPDATE attempts SET since_us = since_us + :by WHERE since_us BETWEEN :began AND :ended",
    "UPDATE hands SET at_us = at_us + :by WHERE at_us BETWEEN :began AND :ended",
    "UPDATE overlay SET set_us = set_us + :by, expires_us = expires_us + :by WHERE set_us BETWEEN :began AND :ended",
)
_STARTS = (
    "UPDATE transactions SET started_us = started_us + :by, start_clock = iif(start_clock = 'receipt', :receipt,"
    " 'estimated') WHERE epoch = :epoch AND station = :station AND start_received_us <= :ended"
    " AND (start_clock = 'receipt' OR started_us BETWEEN :since AND :latest)"
)
_STOPS = (
    "UPDATE transactions SET stopped_us = stopped_us + :by, stop_clock = iif(stop_clock = 'receipt', :receipt,"
    " 'estimated') WHERE stop_received_us BETWEEN :began AND :ended AND station = :station"
    " AND (stop_clock = 'receipt' OR stopped_us BETWEEN :since AND :latest)"
)
_SAMPLES = (
    "UPDATE transactions SET last_sample_us = last_sample_us + :by WHERE station = :station"
    " AND last_sample_us BETWEEN :since AND :ended"
)
_NEWEST_SAMPLES = (
    "UPDATE last_samples SET sampled_us = sampled_us + :by WHERE sampled_us BETWEEN :since AND :ended"
    " AND first_frame IN (SELECT first_frame FROM transactions WHERE station = :station AND state = 'open')"
)
_NEVER = 2**62
RECEIPT, ESTIMATED = ClockQuality.RECEIPT.value, ClockQuality.ESTIMATED.value
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
            epoch = self._stamp.epoch
            earlier = _earliest(since, timeless.told(connection))
            _move(connection, {**span, "epoch": epoch, "receipt": RECEIPT}, earlier)
            timeless.put_right(connection, epoch)
            _move_earlier(connection, self._stamp, span["began"], earlier)
            self._forget()

        return self._database.run(job)

    def told(self) -> Awaitable[Mapping[StationId, datetime]]:
        """Since when stations have gone by a time that an earlier opening told them, and that is still wrong."""
        return self._database.query(lambda c: {id: from_us(since_us) for id, since_us in timeless.told(c).items()})


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def begin_time(
    connection: sqlite3.Connection, stamp: Stamp, at: float, newest: datetime | None, *, known: bool
) -> None:
    """Note how it stands with the time in a new opening. Where it is known, those before it are put right at once.

    `at`: the monotonic clock; `newest`: the newest moment of what was stored before.
    """
    timeless.begin(connection, stamp.epoch, timeless.boot(), at, known=known)
    if not known or newest is None:
        return
    connection.execute("BEGIN")
    _move_earlier(connection, stamp, to_us(newest), timeless.told(connection))
    connection.execute("COMMIT")


def newest_moment(connection: sqlite3.Connection, at: float | None = None) -> datetime | None:
    """The newest moment at which anything was stored; None in a new ledger.

    `at`, the monotonic clock: or later, where the last opening was in this boot and did not know the time either, so
    that its clock goes on.
    """
    found = [
        connection.execute(statement).fetchone()
        for statement in (
            # Not the last alone: it may have been stamped by a clock that was not set.
            "SELECT max(time_us) FROM (SELECT time_us FROM events ORDER BY seq DESC LIMIT 1000)",
            "SELECT max(received_us) FROM (SELECT received_us FROM raw_frames ORDER BY id DESC LIMIT 1000)",
            "SELECT max(opened_us) FROM epochs",
            "SELECT max(stored_us) FROM limits",
        )
    ]
    moments = [from_us(row[0]) for row in found if row is not None and row[0] is not None]
    if at is not None and (now := timeless.goes_on_at(connection, timeless.boot(), at)) is not None:
        moments.append(now)
    return max(moments, default=None)


def _earliest(one: Mapping[StationId, int], other: Mapping[StationId, int]) -> Mapping[StationId, int]:
    return {id: min(one.get(id, _NEVER), other.get(id, _NEVER)) for id in {*one, *other}}


def _move_earlier(connection: sqlite3.Connection, stamp: Stamp, newest_us: int, told: Mapping[StationId, int]) -> None:
    """Move what earlier openings stamped, the latest first, so that nothing is moved twice."""
    for one in timeless.misplaced(connection, stamp.epoch, newest_us):
        span = {"by": one.by_us, "began": one.began_us, "ended": one.ended_us, "epoch": one.epoch}
        _move(connection, {**span, "receipt": RECEIPT if one.exact else ESTIMATED}, told)
        timeless.put_right(connection, one.epoch)
        data = {"epoch": one.epoch, "moved_s": round(one.by_us / _SECOND, 1), "exact": one.exact}
        insert_event(connection, stamp, one.ended_us + one.by_us, "clock.put_right", None, None, data)


def _move(connection: sqlite3.Connection, span: dict[str, Any], told: Mapping[StationId, int]) -> None:
    span["latest"] = span["ended"] + _us(LATEST_MISTAKE)  # later ones are of a clock that does not follow ours
    for (station,) in connection.execute("SELECT DISTINCT station FROM transactions").fetchall():
        values = {**span, "station": station, "since": told.get(station, _NEVER)}
        for statement in (_STARTS, _STOPS, _SAMPLES, _NEWEST_SAMPLES):
            connection.execute(statement, values)
    waiting = connection.execute(
        "SELECT seq, station, payload FROM outbox WHERE epoch = ? AND created_us <= ? AND rendered IS NULL"
        " AND seq NOT IN (SELECT said_seq FROM last_told WHERE said_seq IS NOT NULL)",
        (span["epoch"], span["ended"]),
    )
    began = span["began"] - span["began"] % _SECOND  # stations are told whole seconds, and stamp in them
    for seq, station, text in waiting.fetchall():
        payload = orjson.loads(unpacked_text(text))
        moved = _moved(payload, (max(began, told.get(station, 0)), span["latest"]), span["by"])
        if moved != payload:
            connection.execute("UPDATE outbox SET payload = ? WHERE seq = ?", (orjson.dumps(moved).decode(), seq))
    for statement in _OURS:
        connection.execute(statement, span)


def _moved(part: Any, made: tuple[int, int], by: int) -> Any:
    """The same with every unsigned time in it that our mistake has made: of those in a span it is taken for sure."""
    if isinstance(part, list):
        return [_moved(item, made, by) for item in part]
    if not isinstance(part, dict) or is_signed(part):
        return part
    moved = {key: _moved(value, made, by) for key, value in part.items()}
    stamp = part.get("timestamp")
    read = parse_timestamp(stamp) if isinstance(stamp, str) else None
    if read is not None and made[0] <= (stamped := to_us(read[0])) <= made[1]:
        moved["timestamp"] = format_utc(from_us(stamped + by))
    return moved
