"""The statements on the ledger's own tables: transactions, their uplinks, anomalies. All run inside jobs."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from sitectl.model.authorization import same_token
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.transaction import (
    IdTokenInfo,
    StartedTransaction,
    StoppedTransaction,
    Stopper,
    TransactionStart,
    TransactionStop,
)
from sitectl.routing.tokens import stopper
from sitectl.store.moments import to_us
from sitectl.store.packing import unpacked
from sitectl.store.rows import Received, Stamp, payload_of
from sitectl.store.running import Running
from sitectl.store.verdicts import from_columns

NEWEST_FRAMES = 5000
"""How far back the newest meter values of a transaction are looked for after a restart."""


class KnownStart(NamedTuple):
    """A start that is on file."""

    transaction: TransactionId
    station_transaction_id: int
    state: str
    message_id: str
    info: IdTokenInfo | None


def known_start(connection: sqlite3.Connection, start: TransactionStart, key: str) -> KnownStart | None:
    """The start with this key. Its verdict is the authoritative central's if that has come, else what we answered.

    A refusal that is not acted on (yet) is no verdict: told again, the start gets what it got the first time.
    """
    row = connection.execute(
        "SELECT t.id, t.station_transaction_id, t.state, t.start_message_id,"
        " iif(u.treatment IN ('wait', 'keep', 'allowance'), NULL, u.verdict), u.verdict_expires_us, u.verdict_parent,"
        " t.verdict, t.verdict_expires_us, t.verdict_parent"
        " FROM transactions t LEFT JOIN transaction_uplinks u ON u.transaction_id = t.id AND u.rank = 0"
        " WHERE t.station = ? AND t.start_key = ?",
        (start.evse.station, key),
    ).fetchone()
    if row is None:
        return None
    return KnownStart(TransactionId(row[0]), row[1], row[2], row[3], from_columns(*row[4:7]) or from_columns(*row[7:]))


def begins_anew(start: TransactionStart, known: KnownStart) -> bool:
    """Whether equal content is another transaction all the same.

    A station whose clock restarts at the same moment, with a meter that does not move or is not read, says the same of
    two transactions; once the first has ended, another message id tells them apart.
    """
    return start.stamp_recurs and known.state == "stopped" and start.message_id != known.message_id


def answer_again(start: TransactionStart, known: KnownStart, late: bool) -> StartedTransaction:
    """What the first of equal starts was answered, with the verdict as it stands now."""
    return StartedTransaction(
        known.transaction, known.station_transaction_id, start.evse, known.info, repeated=True, late=late
    )


def insert_transaction(
    connection: sqlite3.Connection,
    stamp: Stamp,
    one: Running,
    start: TransactionStart,
    key: str,
    received: Received,
) -> None:
    """A transaction begins, for each of its uplinks."""
    connection.execute(
        "INSERT INTO transactions (id, gateway_id, epoch, station, evse, station_transaction_id, version, state,"
        " start_key, id_token, reservation_id, started_us, started_raw, start_clock_trusted, start_clock,"
        " start_message_id, start_received_us, meter_start_wh, first_frame)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.transaction,
            stamp.gateway_id,
            stamp.epoch,
            one.evse.station,
            one.evse.evse,
            one.station_transaction_id,
            one.version,
            key,
            start.id_token,
            start.reservation_id,
            one.started_us,
            start.started_raw,
            start.clock.trusted,
            start.clock.value,
            start.message_id,
            received.wall_us,
            start.meter_start_wh,
            one.first_frame,
        ),
    )
    connection.executemany(
        "INSERT INTO transaction_uplinks (transaction_id, uplink, rank, station) VALUES (?, ?, ?, ?)",
        [(one.transaction, uplink, rank, one.evse.station) for rank, uplink in enumerate(one.uplinks)],
    )


def remember_sample(connection: sqlite3.Connection, one: Running, sampled_us: int, register_wh: float) -> None:
    """The newest register value, which a lost stop is replaced by. Old values that come late do not count."""
    if one.last_sample_us is not None and sampled_us < one.last_sample_us:
        return
    one.last_sample_us, one.last_sample_wh = sampled_us, register_wh
    connection.execute(
        "INSERT OR REPLACE INTO last_samples (first_frame, sampled_us, register_wh) VALUES (?, ?, ?)",
        (one.first_frame, sampled_us, register_wh),
    )


def repeats_last_sample(connection: sqlite3.Connection, one: Running, raw: bytes) -> bool:
    """Whether meter values are the newest ones told again: a station repeats what it got no answer to, before anything
    else, perhaps under another message id.
    """
    said, before = payload_of(raw), one.last_said
    if before is None:
        row = connection.execute(
            "SELECT frame FROM raw_frames WHERE id > (SELECT max(id) FROM raw_frames) - ? AND transaction_id = ?"
            " AND kind = 'meter' ORDER BY id DESC LIMIT 1",
            (NEWEST_FRAMES, one.transaction),
        ).fetchone()
        before = payload_of(unpacked(row[0])) if row is not None else b""
    one.last_said = said
    return said == before


def find(
    connection: sqlite3.Connection, station: StationId, station_transaction_id: int | None
) -> tuple[TransactionId, int, str | None] | None:
    """A transaction by the id that the station got from us: (id, evse, stop key)."""
    if station_transaction_id is None or station_transaction_id <= 0:
        return None
    row: tuple[TransactionId, int, str | None] | None = connection.execute(
        "SELECT id, evse, stop_key FROM transactions WHERE station = ? AND station_transaction_id = ?",
        (station, station_transaction_id),
    ).fetchone()
    return row


def stop_key(stop: TransactionStop) -> str:
    """A stop by its content: a retry says the same."""
    meter = stop.meter_stop_wh if stop.meter_known else ""
    return f"{stop.station_transaction_id}|{stop.stopped_raw}|{meter}|{stop.reason}|{stop.id_token or ''}"


def known_stop(connection: sqlite3.Connection, stop: TransactionStop) -> StoppedTransaction | None:
    """The answer to a stop without a usable id that was dealt with before."""
    row = connection.execute(
        "SELECT id, evse FROM transactions WHERE station = ? AND stop_key = ?", (stop.station, stop_key(stop))
    ).fetchone()
    if row is not None:
        return StoppedTransaction(TransactionId(row[0]), EvseId(stop.station, row[1]), repeated=True)
    return StoppedTransaction(None, None, repeated=True) if is_known_anomaly(connection, stop) else None


def end_transaction(
    connection: sqlite3.Connection, one: Running, stop: TransactionStop, received_us: int, frame: int, synthetic: bool
) -> Stopper | None:
    """A transaction ends; whose token ended it.

    A stop of our own making has no key: what the station says later is compared with nothing. A time that is not the
    station's own never lies before the start, although our clock may have been set back; nor does a register that the
    station did not tell.
    """
    by = _stopped_by(connection, one, stop)
    stopped_us = to_us(stop.stopped)
    if not stop.clock.trusted:
        stopped_us = max(stopped_us, one.started_us)
    connection.execute(
        "UPDATE transactions SET state = 'stopped', stop_key = ?, stopped_us = ?, stopped_raw = ?,"
        " stop_clock_trusted = ?, stop_clock = ?, stop_received_us = ?, meter_stop_wh = ?, reason = ?,"
        " stop_id_token = ?, synthetic = ?, last_frame = ?, stopped_by = ?, last_sample_us = ?, last_sample_wh = ?"
        " WHERE id = ?",
        (
            None if synthetic else stop_key(stop),
            stopped_us,
            stop.stopped_raw,
            stop.clock.trusted,
            stop.clock.value,
            received_us,
            stop.meter_stop_wh if stop.meter_known else max(stop.meter_stop_wh, one.meter_start_wh),
            stop.reason,
            stop.id_token,
            synthetic,
            frame,
            by,
            one.last_sample_us,
            one.last_sample_wh,
            one.transaction,
        ),
    )
    connection.execute("DELETE FROM last_samples WHERE first_frame = ?", (one.first_frame,))
    connection.execute(
        "UPDATE transaction_uplinks SET stop_state = 'pending' WHERE transaction_id = ?", (one.transaction,)
    )
    return by


def _stopped_by(connection: sqlite3.Connection, one: Running, stop: TransactionStop) -> Stopper | None:
    """By the parent that was told of the transaction's token: by its central, else by us."""
    if not stop.id_token or same_token(one.id_token, stop.id_token):
        return stopper(one.id_token, None, stop.id_token, None)
    row = connection.execute(
        "SELECT coalesce(u.verdict_parent, t.verdict_parent) FROM transactions t"
        " LEFT JOIN transaction_uplinks u ON u.transaction_id = t.id AND u.rank = 0 WHERE t.id = ?",
        (one.transaction,),
    ).fetchone()
    return stopper(one.id_token, row[0] if row is not None else None, stop.id_token, stop.parent)


def extend_frames(connection: sqlite3.Connection, transaction: TransactionId, frame: int) -> None:
    """A frame came after the end: it belongs to the transaction all the same."""
    connection.execute("UPDATE transactions SET last_frame = ? WHERE id = ?", (frame, transaction))


def is_known_anomaly(connection: sqlite3.Connection, stop: TransactionStop) -> bool:
    """Whether this very stop was set aside before."""
    row = connection.execute(
        "SELECT 1 FROM anomalies WHERE station = ? AND content_key = ?", (stop.station, stop_key(stop))
    ).fetchone()
    return row is not None


def insert_anomaly(
    connection: sqlite3.Connection,
    stamp: Stamp,
    kind: str,
    stop: TransactionStop,
    transaction: TransactionId | None,
    payload: str,
    frame: int,
    received_us: int,
) -> None:
    """Set a stop aside."""
    connection.execute(
        "INSERT INTO anomalies (gateway_id, epoch, kind, station, transaction_id, content_key, payload, raw_frame,"
        " received_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stamp.gateway_id,
            stamp.epoch,
            kind,
            stop.station,
            transaction,
            stop_key(stop),
            payload,
            frame,
            received_us,
        ),
    )
