"""What the stations room needs from others, by shape. The daemon hands in the real ones, tests hand in twins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sitectl.model.authorization import Remembered
from sitectl.model.events import Event
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.model.station import KnownStation
from sitectl.model.transaction import (
    IdTokenInfo,
    OpenTransaction,
    OutboxMessage,
    Payload,
    StartedTransaction,
    StoppedTransaction,
    TransactionStart,
    TransactionStop,
)


class SiteInbox(Protocol):
    """The site's ear: events go in at once and in order; it never waits."""

    def post(self, event: Event) -> None:
        """Take one event."""


class Journal(Protocol):
    """What happened, for people (`sitectl events`). Never waits; bounded, the oldest unsaved is dropped."""

    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one event, e.g. `transaction.started`."""


class Ledger(Protocol):
    """Transactions on disk. Every call has committed when it returns; raises EnvironmentFault when it cannot commit."""

    def start(
        self,
        start: TransactionStart,
        copies: Sequence[UplinkId],
        message: OutboxMessage,
        raw: bytes,
    ) -> Awaitable[StartedTransaction]:
        """Store a start, its outbox rows and its raw frame in one commit; a known start key changes nothing."""

    def stop(self, stop: TransactionStop, message: OutboxMessage, raw: bytes) -> Awaitable[StoppedTransaction]:
        """Store a stop and its outbox rows (to the uplinks that got the start); equal content twice changes nothing."""

    def conclude(self, evse: EvseId, meant: TransactionId, why: str) -> Awaitable[TransactionId | None]:
        """End a transaction of which its station knows nothing, at its last sample. None: it does not run there."""

    def samples(
        self,
        station: StationId,
        evse: int,
        station_transaction_id: int | None,
        register_wh: float | None,
        sampled: datetime,
        message: OutboxMessage,
        raw: bytes,
        without: Collection[UplinkId] = (),
        *,
        patient: bool = False,
    ) -> asyncio.Future[TransactionId | None]:
        """Store meter values and their outbox rows (none for the uplinks `without`); None when they belong to no
        transaction: nothing is stored then. `patient`: the commit may wait for company."""

    def verdict(self, transaction: TransactionId, info: IdTokenInfo) -> Awaitable[None]:
        """Store what was answered to the station about the token of a transaction."""

    def open_transactions(self, station: StationId) -> Awaitable[Sequence[OpenTransaction]]:
        """All transactions of a station that have no stop yet."""


class StationBook(Protocol):
    """Facts learned about stations, kept over restarts."""

    def known(self) -> Awaitable[Mapping[StationId, KnownStation]]:
        """Everything remembered, read once at start-up."""

    def remember(self, known: KnownStation) -> Awaitable[None]:
        """Store what changed about one station (the whole record replaces the old one)."""


class CertificateAuthority(Protocol):
    """The site's own certificate authority."""

    @property
    def certificate(self) -> str | None:
        """Its certificate in PEM; None while there was no need for it."""

    @property
    def name(self) -> str | None:
        """The common name under which it signs."""

    async def sign(self, request: str, station: StationId) -> str:
        """The certificate (PEM) for a station's signing request (PEM).

        Raises CertificateError when the request is not in order, EnvironmentFault when the authority cannot work.
        """


class Centrals(Protocol):
    """The central CSMSs behind us, as far as a station's call needs them. Which one is decided by routing."""

    def copies(self, station: StationId, id_token: str) -> Sequence[UplinkId]:
        """The uplinks that get this transaction; the first is the authoritative one. Empty: none."""

    async def authorize(self, station: StationId, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask the authoritative central; None when it is away or does not answer in time."""

    def remembered(self, station: StationId, id_token: str) -> Remembered:
        """What the authoritative central has told of a token, and how it wants that used."""

    def verify(self, station: StationId, id_token: str) -> None:
        """Ask the authoritative central about a token that was let in without it; what it says is remembered."""

    def bars(self, evse: EvseId, id_token: str, parent: str | None) -> bool:
        """Whether this is reserved for somebody else, where we keep it; EVSE 0: every one of the station."""

    def claimed(
        self, evse: EvseId, id_token: str, parent: str | None, started: datetime, station_id: int | None
    ) -> Mapping[UplinkId, int]:
        """The reservation that a start uses, by the id of the central that made it; `station_id`: the station's."""

    async def verdict(self, station: StationId, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        """Wait until the authoritative central has answered the start of this transaction; None: too late or away."""

    async def transfer(self, station: StationId, payload: Payload, deadline_s: float) -> Payload | None:
        """Relay a DataTransfer of a station; None when the central is away or does not answer in time."""

    def status(self, station: StationId, evse: int, payload: Payload) -> None:
        """A raw StatusNotification payload: the newest per connector goes up when the central listens."""

    def samples_every_s(self, station: StationId) -> Mapping[UplinkId, float]:
        """How often each central wants meter values of a transaction, of those that have said so (inf: never)."""

    async def file_status(self, station: StationId, action: str, payload: Payload) -> None:
        """How an upload or an update goes (DiagnosticsStatusNotification, FirmwareStatusNotification), in order; it is
        on disk when this returns, if the disk takes it."""

    async def deliver(self, station: StationId, message: OutboxMessage) -> None:
        """A message for the central that belongs to no transaction and must arrive: on disk when this returns.

        Raises EnvironmentFault when it cannot be stored.
        """

    def security_event(self, station: StationId, event: SecurityEventType, info: str = "") -> None:
        """Something that we have seen ourselves and that whoever watches over security should know. Never waits."""

    def outbox_grew(self, station: StationId) -> None:
        """New rows stand in the outbox of this station."""

    def station_online(self, station: StationId, boot: Payload | None) -> None:
        """The station is connected; `boot` is its BootNotification payload, possibly remembered. Again at each boot."""

    def station_offline(self, station: StationId) -> None:
        """The station's connection ended."""
