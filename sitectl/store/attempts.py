"""What was done about symptoms of stations, and what others ordered of them: kept, and asked for by people."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from sitectl.base.clock import Clock
from sitectl.model.attempts import StoredAttempt
from sitectl.model.hands import Hand, HandKind
from sitectl.model.health import (
    Attempt,
    AttemptOutcome,
    Evidence,
    Remedy,
    RemedyKind,
    SymptomKind,
)
from sitectl.model.ids import StationId
from sitectl.model.station import StationIdentity
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.rows import Stamp

REMEMBERED = timedelta(days=7)
"""How far back a ladder and a count of failures look."""

DAY = timedelta(days=1)

_PUT = (
    "INSERT INTO attempts (id, gateway_id, epoch, station, evse, remedy, symptom, code, rule, step, vendor, model,"
    " firmware, begun_us, dry, before) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NEWEST = "rowid = (SELECT max(rowid) FROM attempts WHERE id = ?)"
_OUTCOME = f"UPDATE attempts SET outcome = ? WHERE {_NEWEST}"  # noqa: S608 (a constant, as the next two)
_END = f"UPDATE attempts SET outcome = coalesce(?, outcome), ended_us = ?, after = ?, helped = ? WHERE {_NEWEST}"  # noqa: S608
_RECOVERED = f"UPDATE attempts SET since_us = ? WHERE {_NEWEST}"  # noqa: S608
_READ = (
    "SELECT id, station, evse, remedy, symptom, code, rule, step, begun_us, dry, before, outcome, ended_us, after,"
    " helped, vendor, model, firmware, since_us FROM attempts"
)
_SAVED = (
    "SELECT id, coalesce(meter_stop_wh, 0) - meter_start_wh FROM transactions WHERE station = ?"
    " AND (? IS NULL OR evse = ?) AND state = 'stopped' AND started_us >= ? AND started_us < ?"
)


class Attempts:
    """Writes resolve when they are on disk; readers see what was committed."""

    def __init__(self, database: Database, stamp: Stamp, clock: Clock) -> None:
        self._database = database
        self._stamp = stamp
        self._clock = clock

    def begin(self, attempts: Sequence[tuple[Attempt, StationIdentity]]) -> Awaitable[None]:
        """Keep attempts that are about to be done. Fails with `StoreUnavailable` where the disk takes nothing."""

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_PUT, [self._row(attempt, identity) for attempt, identity in attempts])

        return self._database.run(job)

    def outcome(self, id: str, outcome: AttemptOutcome) -> None:
        """What the hand says of it."""
        self._database.post(lambda connection: connection.execute(_OUTCOME, (outcome.value, id)), "an outcome")

    def end(self, attempts: Sequence[Attempt]) -> None:
        """What came of them, as it was judged."""
        rows = [
            (
                None if attempt.outcome is None else attempt.outcome.value,
                None if attempt.ended is None else to_us(attempt.ended),
                _text(attempt.after),
                attempt.helped,
                attempt.id,
            )
            for attempt in attempts
        ]
        self._database.post(lambda connection: connection.executemany(_END, rows), "the end of an attempt")

    def recovered(self, id: str, since: datetime) -> None:
        """The symptom that this attempt took away had stood since then."""
        self._database.post(lambda connection: connection.execute(_RECOVERED, (to_us(since), id)), "a recovery")

    def remembered(self) -> Awaitable[Sequence[Attempt]]:
        """Those that are not judged, and all of the last week: what the ladders go on from after a restart."""
        since_us = to_us(self._clock.wall() - REMEMBERED)
        statement = f"{_READ} WHERE begun_us >= ? OR ended_us IS NULL ORDER BY begun_us, rowid"

        def job(connection: sqlite3.Connection) -> Sequence[Attempt]:
            return [_stored(row).attempt for row in connection.execute(statement, (since_us,))]

        return self._database.query(job)

    def history(
        self, since: datetime | None, station: StationId | None = None, limit: int = 1000
    ) -> Awaitable[Sequence[StoredAttempt]]:
        """The newest `limit`, the oldest of them first."""
        since_us = 0 if since is None else to_us(since)
        statement = f"{_READ} WHERE begun_us >= ? AND (? IS NULL OR station = ?) ORDER BY begun_us DESC LIMIT ?"

        def job(connection: sqlite3.Connection) -> Sequence[StoredAttempt]:
            rows = connection.execute(statement, (since_us, station, station, limit)).fetchall()
            return [_stored(row) for row in reversed(rows)]

        return self._database.query(job)

    def saved(self, attempts: Sequence[StoredAttempt], within: timedelta) -> Awaitable[tuple[int, float]]:
        """Transactions that began where an attempt had helped, within so long after it, and their energy (Wh).

        Each is counted once, and only those that are over.
        """
        spans = [
            (a.attempt.remedy, a.attempt.ended) for a in attempts if a.attempt.helped and a.attempt.ended is not None
        ]

        def job(connection: sqlite3.Connection) -> tuple[int, float]:
            found: dict[str, float] = {}
            for remedy, ended in spans:
                values = (remedy.station, remedy.evse, remedy.evse, to_us(ended), to_us(ended + within))
                found |= dict(connection.execute(_SAVED, values).fetchall())
            return len(found), sum(max(0.0, wh) for wh in found.values())

        return self._database.query(job)

    # --- what others ordered ---

    def ordered(self, hand: Hand) -> None:
        """Keep an order of somebody else; what is older than a day leaves the disk."""
        now = self._clock.wall()
        at_us = to_us(now - timedelta(seconds=max(0.0, self._clock.monotonic() - hand.at)))

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM hands WHERE at_us < ?", (to_us(now - DAY),))
            connection.execute("INSERT INTO hands VALUES (?, ?, ?, ?)", (hand.station, hand.kind.value, hand.by, at_us))

        self._database.post(job, "an order of somebody else")

    def hands(self) -> Awaitable[Sequence[Hand]]:
        """What others ordered within the last day, on the monotonic clock of this process."""
        now, at = self._clock.wall(), self._clock.monotonic()
        statement = "SELECT station, kind, by_whom, at_us FROM hands WHERE at_us >= ? ORDER BY at_us"

        def job(connection: sqlite3.Connection) -> Sequence[Hand]:
            return [
                Hand(StationId(station), HandKind(kind), by, at - max(0.0, (now - from_us(at_us)).total_seconds()))
                for station, kind, by, at_us in connection.execute(statement, (to_us(now - DAY),))
            ]

        return self._database.query(job)

    def _row(self, attempt: Attempt, identity: StationIdentity) -> tuple[object, ...]:
        remedy = attempt.remedy
        return (
            attempt.id,
            self._stamp.gateway_id,
            self._stamp.epoch,
            remedy.station,
            remedy.evse,
            remedy.kind.value,
            remedy.symptom.value,
            remedy.code,
            remedy.rule,
            remedy.step,
            identity.vendor,
            identity.model,
            identity.firmware,
            to_us(attempt.begun),
            attempt.dry,
            _text(attempt.before),
        )


def _text(evidence: Evidence) -> str:
    return orjson.dumps(evidence).decode()


def _evidence(text: str | None) -> Evidence:
    pairs = orjson.loads(text) if text else []
    return tuple((str(word), str(value)) for word, value in pairs)


def _stored(row: tuple[Any, ...]) -> StoredAttempt:
    id, station, evse, kind, symptom, code, rule, step, begun_us, dry, before, *rest = row
    outcome, ended_us, after, helped, vendor, model, firmware, since_us = rest
    remedy = Remedy(RemedyKind(kind), StationId(station), evse, SymptomKind(symptom), rule, step, code)
    attempt = Attempt(
        id,
        remedy,
        from_us(begun_us),
        0.0,
        _evidence(before),
        bool(dry),
        None if outcome is None else AttemptOutcome(outcome),
        None if ended_us is None else from_us(ended_us),
        _evidence(after),
        None if helped is None else bool(helped),
    )
    identity = StationIdentity(vendor, model, firmware)
    return StoredAttempt(attempt, identity, None if since_us is None else from_us(since_us))
