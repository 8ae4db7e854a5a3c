"""Transactions and what travels about them. Business times are those of the station, never "now"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId

Payload = dict[str, Any]
"""A decoded JSON object as it came or goes on the wire."""


class AuthorizationStatus(StrEnum):
    """Verdict on an IdToken, as OCPP 2.x names it (the five values that 1.6 knows are the same words)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


@dataclass(frozen=True, slots=True)
class IdTokenInfo:
    """What an authority says of an IdToken."""

    status: AuthorizationStatus
    expires: datetime | None = None
    parent: str | None = None


class ClockQuality(StrEnum):
    """Whose word a business time is; the better first."""

    STATION = "station"
    """The station's own clock."""
    ZONE = "zone"
    """The station's own clock, in a zone that it did not name."""
    ESTIMATED = "estimated"
    """The station's own clock, put right by what was learned of it: never set, or set by ours when ours was not. Or
    ours, of a boot that ended before it knew the time: it was not later."""
    RECEIPT = "receipt"
    """When it was received: the station's own time cannot be."""

    @property
    def trusted(self) -> bool:
        """Whether the station's own word stands."""
        return self in (ClockQuality.STATION, ClockQuality.ZONE)


@dataclass(frozen=True, slots=True)
class TransactionStart:
    """A transaction begins, as the station tells it. `start_key` names it by content: a retry has the same key."""

    evse: EvseId
    id_token: str
    started: datetime
    started_raw: str
    meter_start_wh: int
    reservation_id: int | None = None
    message_id: str = ""
    clock: ClockQuality = ClockQuality.STATION
    meter_known: bool = True
    stamp_recurs: bool = False
    """The station's own time names no moment (unreadable, or of a clock that was never set): it may say it again."""

    @property
    def names_nothing(self) -> bool:
        """Neither an EVSE nor a token nor a meter value could be read: kept under EVSE 0, it replaces nothing."""
        return self.evse.evse == 0 and not self.id_token and not self.meter_known

    @property
    def start_key(self) -> str:
        """Content key: EVSE, token, the station's own time stamp and meter value."""
        return f"{self.evse.evse}|{self.id_token}|{self.started_raw}|{self.meter_start_wh}"


@dataclass(frozen=True, slots=True)
class TransactionStop:
    """A transaction ends, as the station tells it. `station_transaction_id` may be -1, 0 or unknown.

    `meter_known` False: no meter value could be read; `meter_stop_wh` is then 0 until somebody knows better.
    """

    station: StationId
    station_transaction_id: int | None
    stopped: datetime
    stopped_raw: str
    meter_stop_wh: int
    reason: str = "Local"
    id_token: str | None = None
    message_id: str = ""
    clock: ClockQuality = ClockQuality.STATION
    meter_known: bool = True
    parent: str | None = None
    """The parent of `id_token`, as far as it is known here."""

    @property
    def names_nothing(self) -> bool:
        """Neither an id nor a meter value could be read: such a stop ends nothing, it is set aside."""
        return self.station_transaction_id is None and not self.meter_known


@dataclass(frozen=True, slots=True)
class StartedTransaction:
    """What the ledger answers to a start. `repeated`: the same start was stored before, nothing new was written."""

    transaction: TransactionId
    station_transaction_id: int
    evse: EvseId
    id_token_info: IdTokenInfo | None
    repeated: bool = False
    closed: TransactionId | None = None
    """A transaction of the same EVSE that the station never stopped, ended synthetically by this start."""
    late: bool = False
    """A newer one runs on this EVSE: this was over long ago, and is only told late."""


class Stopper(StrEnum):
    """Whose token ended a transaction: the one that began it, another of the same parent, or any other."""

    OWN = "own"
    GROUP = "group"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class StoppedTransaction:
    """What the ledger answers to a stop. `transaction` None: nothing fitted, it was kept in quarantine."""

    transaction: TransactionId | None
    evse: EvseId | None
    repeated: bool = False
    conflicting: bool = False
    stopped_by: Stopper | None = None


class DeliveryState(StrEnum):
    """How far a transaction's messages got towards one uplink."""

    PENDING = "pending"
    SENT = "sent"
    ACKED = "acked"
    DEAD = "dead"


class OutboxKind(StrEnum):
    """What an outbox row is; the transaction kinds keep strict order per station and uplink."""

    START = "start"
    METER = "meter"
    STOP = "stop"
    EVENT = "event"


class OutboxMessage(NamedTuple):
    """A copy for one or more uplinks: raw action, payload and version, translated only at the door.

    The payload carries no transaction id of ours: `needs_transaction_id` says that the uplink's own id is bound in
    when the message is sent for the first time.
    """

    action: str
    payload: Payload
    version: str
    kind: OutboxKind
    needs_transaction_id: bool = False


AS_STORED = "="
"""In the place of a frozen text: the stored payload with nothing changed but the central's id."""


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """The head of one queue. `rendered` is frozen at the first send: resends are identical to the byte."""

    seq: int
    uplink: UplinkId
    station: StationId
    message: OutboxMessage
    transaction: TransactionId | None
    uplink_transaction_id: str | None
    rendered: str | None
    attempts: int
    start_dead: bool = False
    """The Start of this transaction was given up: dependants go with the id that the 1.6 errata prescribe (-1)."""
    verdict: AuthorizationStatus | None = None
    """What this central said of the transaction's token."""
    meter_start_wh: int | None = None
    started: datetime | None = None
    told_start: datetime | None = None
    told_last: datetime | None = None
    """When the transaction began; when by what this central was told, and the newest moment that it was told of."""
    deauthorized: bool = False
    """The station was told to stop because this central refused the token."""


@dataclass(frozen=True, slots=True)
class UplinkCopy:
    """One uplink's part of a transaction, for people."""

    id: str | None
    state: DeliveryState
    verdict: str | None
    unsent: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a central refused for good, for people: kept until somebody requeues it."""

    uplink: UplinkId
    action: str
    payload: Payload
    created: datetime
    given_up: datetime | None
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A row of the ledger, for people. `dead_letters` are told only where they were asked for."""

    id: TransactionId
    station: StationId
    evse: int
    station_id: str
    id_token: str
    started: datetime
    stopped: datetime | None
    meter_start_wh: int
    meter_stop_wh: int | None
    reason: str | None
    synthetic: bool
    uplinks: Mapping[UplinkId, UplinkCopy] = field(default_factory=dict)
    dead_letters: Sequence[DeadLetter] = ()
    stopped_by: str | None = None
    started_clock: ClockQuality = ClockQuality.STATION
    stopped_clock: ClockQuality | None = None


@dataclass(frozen=True, slots=True)
class Requeued:
    """Dead letters wait to be sent again: how many messages, by uplink."""

    transaction: TransactionId
    messages: Mapping[UplinkId, int]


@dataclass(frozen=True, slots=True)
class NotRequeued:
    """Nothing was changed, and why. `unknown`: there is no such transaction."""

    why: str
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class TransactionTotals:
    """Counts for the status page; `unsent` counts messages that some uplink has not acknowledged."""

    open: int
    unsent: int
    dead: int


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A running transaction as the ledger knows it."""

    transaction: TransactionId
    evse: EvseId
    station_transaction_id: int
    id_token: str
    started: datetime
    meter_start_wh: int


@dataclass(frozen=True, slots=True)
class MappedTransaction:
    """A central's transaction id, resolved."""

    transaction: TransactionId
    evse: EvseId
    station_transaction_id: int
    running: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """One station's queue towards one uplink."""

    station: StationId
    waiting: int
    oldest_wall: float | None
    dead: int
