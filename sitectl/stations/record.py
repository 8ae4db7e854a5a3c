"""What we hold of one station, in memory. Everybody in this room works on the one record of a station."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.metering import EvseReading
from sitectl.model.station import KnownStation, StationPlan
from sitectl.model.transaction import OutboxMessage, Payload
from sitectl.ocpp.endpoint import AnswerMemory
from sitectl.quirks.match import NOBODY, Matched
from sitectl.quirks.vocabulary import Quirks
from sitectl.security.tls import PeerCertificate
from sitectl.stations.clocks import StationClock
from sitectl.stations.handshake import Presence
from sitectl.stations.outbound import OutboundQueue
from sitectl.wire.peer import Peer

MOST_EVSES = 64
"""More than any post has: a number beyond it is nonsense, and must not fill the memory."""


@dataclass(slots=True)
class SampleToStore:
    """Meter values of a running transaction, as the ledger wants them."""

    message: OutboxMessage
    raw: bytes | str
    register_wh: float | None
    sampled: datetime
    due: tuple[UplinkId, ...] = ()
    """Uplinks whose interval has passed."""
    without: tuple[UplinkId, ...] = ()
    """Uplinks whose interval has not."""


@dataclass(slots=True)
class Running:
    """A transaction on an EVSE, known to run `since` (monotonic s).

    `stored_sampled` and `stored_at`: the time of the newest stored sample, and its receipt; `unstored`: a newer sample,
    which is stored when its turn comes or it turns out to be the last; `heard`: the two times of the newest at all.
    `told`: the same for each uplink that has said how often it wants to hear; before the first `began` and `since`
    count.
    """

    transaction: TransactionId
    station_transaction_id: int
    since: float
    began: datetime | None = None
    meter_start_wh: int | None = None
    told: dict[UplinkId, tuple[datetime, float]] = field(default_factory=dict)
    stored_sampled: datetime | None = None
    stored_at: float = 0.0
    unstored: SampleToStore | None = None
    heard: tuple[datetime, float] | None = None


@dataclass(slots=True)
class Presently:
    """The open connection of a station. `welcomed`: a BootNotification was answered with Accepted on it.

    `served` counts its calls by action. `certificate`: what it proved itself by, if by one.
    """

    peer: Peer
    presence: Presence
    connected_at: float
    version: str
    certificate: PeerCertificate | None = None
    welcomed: bool = False
    statuses_seen: set[int] = field(default_factory=set)
    served: dict[str, int] = field(default_factory=dict)
    unreadable_told: bool = False
    reused_ids_noted: bool = False


class EventBudget:
    """Security events that one station may tell an hour: more are no news, and must not fill the disk."""

    MOST = 500
    PER_S = 3600.0

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=self.MOST)
        self.exceeded = False

    def takes(self, now: float) -> bool:
        """Whether one more is taken; `exceeded` says of the last one that it was not."""
        self.exceeded = len(self._at) == self.MOST and now - self._at[0] < self.PER_S
        if not self.exceeded:
            self._at.append(now)
        return not self.exceeded


@dataclass(slots=True)
class StationRecord:
    """Everything we hold of one station. `plan` None: nobody listed it, or it is not installed yet."""

    id: StationId
    plan: StationPlan | None
    queue: OutboundQueue
    known: KnownStation | None = None
    present: Presently | None = None
    connections: int = 0
    answers_pings: bool = False
    memory: AnswerMemory = field(default_factory=AnswerMemory)
    clock: StationClock = field(default_factory=StationClock)
    statuses: dict[int, Payload] = field(default_factory=dict)
    configuration: dict[str, tuple[str, bool]] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)
    """Configuration keys that we have written, and the values that it has accepted."""
    readings: dict[int, EvseReading] = field(default_factory=dict)
    running: dict[int, Running] = field(default_factory=dict)
    deviations: set[str] = field(default_factory=set)
    security_events: EventBudget = field(default_factory=EventBudget)
    tells_security: bool = False
    """It sends security events itself; what only says the same of it is not made up by us."""
    signing: bool = False
    certificate_due: str | None = None
    """Signed for it, and not in its hands yet."""
    certificate_asked_at: float | None = None
    matched: Matched = NOBODY
    """What is known of its model."""
    mends: Quirks | None = None
    """The same, where its payloads must be looked at before they are read; None for nearly all."""

    @property
    def quirks(self) -> Quirks:
        """How it deviates from the standard."""
        return self.matched.quirks

    @property
    def quarantined(self) -> bool:
        """Whether nobody listed it."""
        return self.plan is None

    def evses(self) -> list[int]:
        """Its EVSE numbers: as planned, otherwise as seen."""
        if self.plan is not None and self.plan.evses:
            return [evse.id.evse for evse in self.plan.evses]
        return sorted({n for n in (*self.statuses, *self.running, *self.readings) if n > 0}) or [1]

    def meant(self, evse: int) -> EvseId:
        """The EVSE that a station means: some with a single one say 0, or nothing."""
        if evse <= 0:
            evses = self.evses()
            evse = evses[0] if len(evses) == 1 else 0
        return EvseId(self.id, evse)

    def running_by(self, station_transaction_id: int | None) -> tuple[int, Running] | None:
        """The running transaction with this id, and its EVSE."""
        for evse, running in self.running.items():
            if running.station_transaction_id == station_transaction_id:
                return evse, running
        return None

    def running_meant(self, station_transaction_id: int | None) -> tuple[int, Running] | None:
        """The running transaction that a stop means: without an id (nothing, 0 or -1) the only one that runs."""
        if (station_transaction_id is None or station_transaction_id <= 0) and len(self.running) == 1:
            return next(iter(self.running.items()))
        return self.running_by(station_transaction_id)


def as_bytes(raw: bytes | str) -> bytes:
    """A frame as it came, for keeping."""
    return raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
