"""What the uplinks room needs from others, by shape. The daemon hands in the real ones, tests hand in twins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sitectl.base.tasks import Tasks
from sitectl.config.settings import AuthorizationSettings
from sitectl.model.authorization import LocalList
from sitectl.model.commands import Command, Outcome, Urgency
from sitectl.model.events import Event
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.limits import StandingLimits
from sitectl.model.metering import EvseReading
from sitectl.model.refusal import Refusal, Treatment
from sitectl.model.transaction import (
    Backlog,
    IdTokenInfo,
    MappedTransaction,
    OutboxItem,
    OutboxMessage,
    Payload,
)


class SiteInbox(Protocol):
    """The site's ear."""

    def post(self, event: Event) -> None:
        """Take one event."""


class Journal(Protocol):
    """What happened, for people."""

    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one event, e.g. `uplink.online`."""


class SiteLimits(Protocol):
    """What the site gives its stations."""

    def standing(self, station: StationId, asking: str) -> StandingLimits | None:
        """What holds for a station now; None for one that is not listed. `asking`: whose own wishes are left out."""


class StationDoor(Protocol):
    """The only door to a station: everything that anybody wants of it goes through its one outbound queue."""

    async def execute(
        self,
        station: StationId,
        command: Command,
        urgency: Urgency,
        by: str = "",
        guard: Callable[[], str] | None = None,
    ) -> Outcome:
        """Queue a command and wait for its outcome; never raises for a station that is away (NotSent). `by`: who wants
        it; "" is the site itself. `guard` says just before it leaves why it must not any more, "" when it may."""


class Outbox(Protocol):
    """Messages on disk for uplinks: one ordered queue per station and uplink. Every call has committed on return."""

    def append(self, station: StationId, uplinks: Sequence[UplinkId], message: OutboxMessage) -> Awaitable[None]:
        """Put a message that belongs to no transaction behind what waits; bounded, the oldest unsent gives way."""

    def head(self, uplink: UplinkId, station: StationId) -> Awaitable[OutboxItem | None]:
        """The next message to send. None: empty, or the head waits for its Start to be acked or dead."""

    def sending(
        self, seq: int, rendered: str, told: datetime | None = None, *, patient: bool = False
    ) -> Awaitable[bool]:
        """Freeze the text before its first send and mark the row sent. False: it may not go now; ask for the head.

        `told`: the newest moment in it that counts. `patient`, here and below: the commit may wait for company.
        """

    def hurry(self) -> None:
        """Nothing that waits for company waits any longer."""

    def archive(self, seq: int) -> Awaitable[None]:
        """Put meter values aside whose transaction the central never took, with the next few of the same."""

    def acked(
        self,
        seq: int,
        uplink_transaction_id: str | None = None,
        info: IdTokenInfo | None = None,
        *,
        patient: bool = False,
    ) -> Awaitable[None]:
        """The central answered: done. For a start, keep the central's id and verdict (wakes the dependants)."""

    def failed(self, seq: int, why: str, dead: bool) -> Awaitable[None]:
        """Count a failed attempt (CALLERROR or confirmed poison), or give the message up: kept, never deleted."""

    def backlogs(self, uplink: UplinkId) -> Awaitable[Sequence[Backlog]]:
        """All queues of an uplink that are not empty or hold dead letters."""

    def transaction_of(
        self, uplink: UplinkId, station: StationId, uplink_transaction_id: str
    ) -> Awaitable[MappedTransaction | None]:
        """Which transaction the central means, only if it belongs to this station and is known to this uplink."""


class RefusalRecord(Protocol):
    """Late refusals of centrals and what was concluded from them, on disk. Every write has committed on return."""

    def running(self, uplink: UplinkId) -> Awaitable[Sequence[Refusal]]:
        """The late refusals of this central whose transactions run."""

    def find(self, uplink: UplinkId, transaction: TransactionId) -> Awaitable[Refusal | None]:
        """What is on record of one transaction; None when a refusal of it changes nothing (any more)."""

    def treat(
        self, uplink: UplinkId, transaction: TransactionId, treatment: Treatment, register_wh: float | None
    ) -> Awaitable[float | None]:
        """Keep what was concluded; the register from which on the energy counts, None when the transaction is over."""

    def untold(self, uplink: UplinkId, transaction: TransactionId, id_token: str) -> Awaitable[bool]:
        """Whether this central has yet to hear of the start or the stop of another transaction of the same token."""


class StationFacts(Protocol):
    """What the virtual stations answer from."""

    def online(self, station: StationId) -> bool:
        """Whether the station is connected."""

    def connections(self, station: StationId) -> int:
        """How often it has connected, by which a boot is told from an arrival."""

    def boot(self, station: StationId) -> Payload | None:
        """Its last BootNotification payload, raw."""

    def evses(self, station: StationId) -> Sequence[int]:
        """Its EVSE numbers, as planned or as seen."""

    def statuses(self, station: StationId) -> Mapping[int, Payload]:
        """The newest StatusNotification payload of each connector, raw; 0 is the station."""

    def configuration(self, station: StationId) -> Mapping[str, tuple[str, bool]]:
        """Configuration read from the station: key -> (value, read-only)."""

    def learn(self, station: StationId, values: Mapping[str, tuple[str, bool]]) -> None:
        """Remember configuration that was read from the station, or that it has accepted."""

    def reading(self, evse: EvseId) -> EvseReading | None:
        """The newest reading of an EVSE."""

    def running(self, evse: EvseId) -> bool:
        """Whether a transaction runs there."""

    def running_ids(self, station: StationId) -> Sequence[int]:
        """The ids by which the station knows what runs."""

    def running_transaction(self, station: StationId, transaction: TransactionId) -> int | None:
        """The id by which the station knows this transaction, None when it does not run."""


class VirtualSettings(Protocol):
    """What a central set on its virtual station, keys and charging profiles; kept on disk."""

    def variables(self, uplink: UplinkId, station: StationId) -> Mapping[str, str]:
        """The keys that this central has set."""

    def set_variable(self, uplink: UplinkId, station: StationId, key: str, value: str) -> Awaitable[None]:
        """Keep one key."""

    def profiled(self, uplink: UplinkId) -> Sequence[StationId]:
        """The stations for which this central has charging profiles."""

    def profiles(self, uplink: UplinkId, station: StationId) -> Sequence[Payload]:
        """Its charging profiles: each {"connectorId": n, "csChargingProfiles": {...}, "received": iso time, ...}."""

    def set_profiles(self, uplink: UplinkId, station: StationId, profiles: Sequence[Payload]) -> Awaitable[None]:
        """Replace the list."""


class VirtualDocuments(Protocol):
    """What else is remembered of a station for a central, or for the site itself (uplink ""); kept on disk."""

    def of(self, kind: str) -> Mapping[tuple[UplinkId, StationId], Payload]:
        """All documents of a kind."""

    def keep(self, kind: str, uplink: UplinkId, station: StationId, document: Payload | None) -> Awaitable[None]:
        """Replace a document; None: forget it."""


class Time(Protocol):
    """Whether the gateway knows the time; a central may tell it."""

    @property
    def known(self) -> bool:
        """Whether it does. What was stamped before is put right when it does, and nothing is sent until then."""

    def heard(self, moment: datetime) -> None:
        """A central says that it is `moment`."""


class TokenCache(Protocol):
    """Verdicts that centrals gave, remembered for when they are away."""

    def get(self, uplink: UplinkId, id_token: str, within: timedelta) -> IdTokenInfo | None:
        """The last verdict of this central on a token, None when unknown or older."""

    def put(self, uplink: UplinkId, id_token: str, info: IdTokenInfo) -> None:
        """Remember a verdict. Written behind; losing the newest in a crash is harmless."""

    def clear(self, uplink: UplinkId) -> Awaitable[None]:
        """Forget all verdicts of this central."""


class LocalLists(Protocol):
    """The local lists of tokens that centrals keep on their virtual stations; kept on disk."""

    def of(self, uplink: UplinkId, station: StationId) -> LocalList:
        """The list as it holds now."""

    def replace(
        self, uplink: UplinkId, station: StationId, version: int, tokens: Mapping[str, IdTokenInfo]
    ) -> Awaitable[None]:
        """Put another list in its place."""

    def change(
        self,
        uplink: UplinkId,
        station: StationId,
        version: int,
        put: Mapping[str, IdTokenInfo],
        gone: Collection[str],
    ) -> Awaitable[None]:
        """Add or replace some tokens of the list, and take others out of it."""


class Vault(Protocol):
    """Secrets and certificates that came up at run time, in files that nobody else can read."""

    def held(self, name: str) -> bytes | None:
        """The content of a file, None when there is none."""

    def names(self, prefix: str) -> list[str]:
        """The files whose names begin so, in order."""

    def path(self, name: str) -> Path:
        """Where a file lies."""

    async def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, one after the other; on disk when this returns. Raises EnvironmentFault."""

    async def remove(self, *names: str) -> None:
        """Remove files. Raises EnvironmentFault."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that the virtual stations need of other rooms."""

    inbox: SiteInbox
    site: SiteLimits
    journal: Journal
    door: StationDoor
    outbox: Outbox
    refusals: RefusalRecord
    facts: StationFacts
    virtual: VirtualSettings
    documents: VirtualDocuments
    tokens: TokenCache
    lists: LocalLists
    time: Time
    vault: Vault
    tasks: Tasks
    authorization: Callable[[], AuthorizationSettings] = AuthorizationSettings
    """The site's own rules, as they hold now."""

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        """Run something beside; its end is nobody's wait."""
        self.tasks.spawn(coro, name)
