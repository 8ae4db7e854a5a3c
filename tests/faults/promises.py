"""What the daemon has promised by its replies, and whether a ledger that survived a power cut keeps it.

A reply to a start, a stop or a sample that must be kept is a promise: the row is there, says the same, has the id that
was answered, its frame is kept, and its copy waits for the central or has left for it. Nothing else may be there
either: no transaction that no station began, and none twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitectl.store.packing import unpacked, unpacked_text
from tests.faults.central import TRANSACTIONAL, content
from tests.faults.recording import Frame, Operation
from tests.faults.wire import CALL, RESULT, Payload

LEDGER = "ledger.db"


@dataclass(frozen=True)
class Promise:
    """One acknowledged message. `id`: the transaction's id as the station knows it."""

    station: str
    action: str
    payload: Payload
    id: int


@dataclass
class Promises:
    """All that was said until some moment. `must`: contents of messages that are kept by the rules."""

    must: Collection[str]
    kept: list[Promise] = field(default_factory=list)
    begun: list[tuple[str, str]] = field(default_factory=list)
    """(station, content) of each start that was heard, answered or not."""
    left: set[tuple[str, str, str]] = field(default_factory=set)
    """(station, action, content) of what has left for the central."""
    _asked: dict[tuple[str, str], tuple[str, Payload]] = field(default_factory=dict)

    def take(self, operation: Operation) -> None:
        """Let one operation happen."""
        match operation.what:
            case Frame(station, False, False, [kind, id, action, payload]) if kind == CALL and action in TRANSACTIONAL:
                self._asked[station, id] = action, payload
                if action == "StartTransaction":
                    self.begun.append((station, content(payload)))
            case Frame(station, False, True, [kind, id, answer]) if kind == RESULT:
                asked = self._asked.pop((station, id), None)
                if asked is not None and content(asked[1]) in self.must:
                    action, payload = asked
                    self.kept.append(
                        Promise(station, action, payload, answer.get("transactionId", payload.get("transactionId", 0)))
                    )
            case Frame(station, True, True, [kind, _, action, payload]) if kind == CALL and action in TRANSACTIONAL:
                self.left.add((station, action, content(payload)))


@dataclass(frozen=True)
class Found:
    """What a ledger holds. `limits`: everything that decides what a restart counts."""

    integrity: str
    transactions: Sequence[dict[str, Any]]
    frames: Counter[tuple[str, str]]
    copies: Counter[tuple[str, str, str]]
    limits: str


NOTHING = Found("ok", (), Counter(), Counter(), "")
"""A ledger that was never made."""


def found(folder: Path) -> Found:
    """Open a ledger as it was left, and read it."""
    path = folder / LEDGER
    if not path.exists():
        return NOTHING
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
            return Found(integrity, (), Counter(), Counter(), "")
        frames = connection.execute("SELECT station, frame FROM raw_frames").fetchall()
        copies = connection.execute("SELECT station, action, payload FROM outbox").fetchall()
        return Found(
            integrity,
            [dict(row) for row in connection.execute("SELECT * FROM transactions")],
            Counter((row["station"], content(json.loads(unpacked(row["frame"]))[3])) for row in frames),
            Counter(
                (row["station"], row["action"], content(json.loads(unpacked_text(row["payload"])))) for row in copies
            ),
            _deciding(connection),
        )


def _deciding(connection: sqlite3.Connection) -> str:
    """Limits, what runs, and who is known."""
    queries = (
        "SELECT station, evse, counts_a, fallback_a, expires_us, obeys FROM limits ORDER BY 1, 2",
        "SELECT id, station, evse FROM transactions WHERE state = 'open' ORDER BY 1",
        "SELECT station, boot IS NULL FROM stations ORDER BY 1",
    )
    return repr([[tuple(row) for row in connection.execute(query)] for query in queries])


def broken(promises: Promises, here: Found) -> Iterator[str]:
    """What a ledger does not hold of what was promised, and what it holds beside."""
    if here.integrity != "ok":
        yield f"corrupt: {here.integrity}"
        return
    by_id = {(row["station"], row["station_transaction_id"]): row for row in here.transactions}
    if len(by_id) != len(here.transactions):
        yield f"one id for two transactions: {here.transactions}"
    for promise in promises.kept:
        what = f"{promise.station}: {promise.action} {promise.payload}"
        row = by_id.get((promise.station, promise.id))
        if row is None:
            yield f"lost the transaction of {what}"
        elif not _says(row, promise):
            yield f"{what} is kept as {row}"
        if here.frames[promise.station, content(promise.payload)] != 1:
            yield f"the frame of {what} is kept {here.frames[promise.station, content(promise.payload)]} times"
        key = promise.station, promise.action, content(promise.payload)
        if here.copies[key] > 1 or (not here.copies[key] and key not in promises.left):
            yield f"{here.copies[key]} copies of {what} wait, and none has left"
    held = Counter((row["station"], row["started_raw"], row["id_token"]) for row in here.transactions)
    said = Counter(
        (station, json.loads(text)["timestamp"], json.loads(text)["idTag"]) for station, text in promises.begun
    )
    if invented := held - Counter(dict.fromkeys(said, 1)):
        yield f"doubled or invented: {invented}"


def _says(row: dict[str, Any], promise: Promise) -> bool:
    """Whether a row says what the message said."""
    payload = promise.payload
    if promise.action == "StartTransaction":
        expected = payload["connectorId"], payload["idTag"], payload["meterStart"], payload["timestamp"]
        return (row["evse"], row["id_token"], row["meter_start_wh"], row["started_raw"]) == expected
    if promise.action == "StopTransaction":
        expected = "stopped", payload["meterStop"], payload["timestamp"], payload["reason"], 0
        return (row["state"], row["meter_stop_wh"], row["stopped_raw"], row["reason"], row["synthetic"]) == expected
    return True
