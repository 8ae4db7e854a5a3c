"""Rows that several parts of the store append: raw frames, copies for the uplinks, events.

All of it runs inside jobs, in the writer's thread. The SQL texts are constants, so that each is prepared once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import orjson

from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import OutboxKind, OutboxMessage
from sitectl.store.packing import packed, packed_text

SEQ_BITS = 32  # numbers that one epoch may use; 2^21 epochs fit into what JSON readers hold exactly


@dataclass(slots=True)
class Stamp:
    """Who writes: this gateway, in this opening of the file; gives the numbers of outbox rows.

    Where the disk takes no writes at first it is what it will be, and becomes it when it does.
    """

    gateway_id: str
    epoch: int
    seqs: count[int] = field(default_factory=count)

    @classmethod
    def of(cls, gateway_id: str, epoch: int) -> Stamp:
        return cls(gateway_id, epoch, count((epoch << SEQ_BITS) + 1))

    def become(self, other: Stamp) -> None:
        """From now on the same as another."""
        self.gateway_id, self.epoch, self.seqs = other.gateway_id, other.epoch, other.seqs


class Received(NamedTuple):
    """One message of a station, ready to be stored: the frame as it came, and when."""

    raw: bytes
    wall_us: int
    at: float
    packs: bool = False
    """Whether it is worth the time that it takes to make it smaller (`packing`)."""


class Encoded(NamedTuple):
    """A message for the uplinks with its payload as text (`size` bytes), which is the same for each copy."""

    action: str
    version: str
    kind: str
    needs_transaction_id: bool
    payload: str
    size: int

    @classmethod
    def of(cls, message: OutboxMessage) -> Encoded:
        payload = orjson.dumps(message.payload)
        return cls(
            message.action,
            message.version,
            message.kind.value,
            message.needs_transaction_id,
            payload.decode(),
            len(payload),
        )


def payload_of(raw: bytes) -> bytes:
    """The part of a CALL that stays the same when it is repeated under another message id."""
    id_and_action, brace, payload = raw.partition(b"{")
    return brace + payload if brace else id_and_action


def insert_frame(
    connection: sqlite3.Connection,
    stamp: Stamp,
    station: StationId,
    transaction: TransactionId | None,
    kind: OutboxKind,
    received: Received,
) -> int:
    """Keep a frame; its number."""
    cursor = connection.execute(
        "INSERT INTO raw_frames (gateway_id, epoch, station, transaction_id, kind, received_us, received_at, frame)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stamp.gateway_id,
            stamp.epoch,
            station,
            transaction,
            kind.value,
            received.wall_us,
            received.at,
            packed(received.raw) if received.packs else received.raw,
        ),
    )
    return cursor.lastrowid or 0


def insert_copy(
    connection: sqlite3.Connection,
    stamp: Stamp,
    uplink: UplinkId,
    station: StationId,
    transaction: TransactionId | None,
    message: Encoded,
    created_us: int,
    *,
    packs: bool = False,
) -> None:
    """Append a message to the queue of one station and uplink; transaction None: it belongs to none.

    `packs`: its payload is worth the time that it takes to make it smaller.
    """
    payload = packed_text(message.payload) if packs else message.payload
    connection.execute(
        "INSERT INTO outbox (seq, gateway_id, epoch, uplink, station, transaction_id, kind, action, version, payload,"
        " needs_transaction_id, created_us, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            next(stamp.seqs),
            stamp.gateway_id,
            stamp.epoch,
            uplink,
            station,
            transaction,
            message.kind,
            message.action,
            message.version,
            payload,
            message.needs_transaction_id,
            created_us,
            message.size if payload is message.payload else len(payload),
        ),
    )


def insert_event(
    connection: sqlite3.Connection,
    stamp: Stamp,
    time_us: int,
    type: str,
    station: StationId | None,
    evse: int | None,
    data: Mapping[str, Any],
) -> None:
    """Append to the journal, in the same commit as what it tells of."""
    connection.execute(
        "INSERT INTO events (gateway_id, epoch, time_us, type, station, evse, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (stamp.gateway_id, stamp.epoch, time_us, type, station, evse, orjson.dumps(data, default=str).decode()),
    )
