"""Events: what happened, in the past tense. The closed union `Event` is the only way into the site's state.

`at` is the receipt on the monotonic clock of this process, never a peer's own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sitectl.model.electrical import Phase
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, TransactionId
from sitectl.model.ladder import Ladder, LimitTraits
from sitectl.model.limits import Ceiling, Offer, OfferKind, Wish
from sitectl.model.metering import EvseReading, MeterReading, RiseDay
from sitectl.model.station import EvseStatus, Obeys, StationIdentity


@dataclass(frozen=True, slots=True)
class MeterRead:
    """A grid meter was read."""

    reading: MeterReading


@dataclass(frozen=True, slots=True)
class MeterFailed:
    """A read of a grid meter failed; the last good reading ages on."""

    meter: MeterId
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class StationConnected:
    """A station's connection was accepted (not yet booted). A quarantined identity is not on the plan."""

    station: StationId
    at: float
    ocpp: str
    address: str
    quarantined: bool = False
    pinned_now: bool = False
    """Its credential was pinned by this connection, in the commissioning window: a person should confirm it."""


@dataclass(frozen=True, slots=True)
class StationDisconnected:
    """A station's connection ended."""

    station: StationId
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class StationBooted:
    """A station said who it is. `remembered`: read from the store at start-up, nobody connected yet."""

    station: StationId
    at: float
    identity: StationIdentity
    remembered: bool = False


@dataclass(frozen=True, slots=True)
class RebootExpected:
    """A station was told to reboot: that it is away is no alarm before `until` (monotonic s)."""

    station: StationId
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class EvseStatusChanged:
    """A status notification of one EVSE (evse 0: of the station)."""

    evse: EvseId
    at: float
    status: EvseStatus


@dataclass(frozen=True, slots=True)
class EvseMetered:
    """A station reported readings of one EVSE."""

    reading: EvseReading


@dataclass(frozen=True, slots=True)
class StartExpected:
    """An Authorize or a remote start passed us: this EVSE (0: any of the station) may begin to draw until `until`."""

    evse: EvseId
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """A transaction is on disk. `resumed`: it was open when this process started."""

    evse: EvseId
    transaction: TransactionId
    at: float
    station_transaction_id: int
    id_token: str = ""
    resumed: bool = False
    started: datetime | None = None
    """When it began, by the station's own time."""
    meter_start_wh: float | None = None
    """Its energy register then."""


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """A transaction's stop is on disk."""

    evse: EvseId
    transaction: TransactionId
    at: float


@dataclass(frozen=True, slots=True)
class StartControlLearned:
    """Whether every start on this station must pass us (read back from its configuration)."""

    station: StationId
    at: float
    starts_pass_us: bool


@dataclass(frozen=True, slots=True)
class LimitOffered:
    """An offer was handed to the outbound queue, or is about to be: from here on it may be in force."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class LimitAcknowledged:
    """The station accepted an offer. Accepted is not proof."""

    evse: EvseId
    seq: int
    kind: OfferKind
    at: float


@dataclass(frozen=True, slots=True)
class LimitRefused:
    """An offer is surely not in force: the station said no (`by_station`), or it never left us."""

    evse: EvseId
    seq: int
    kind: OfferKind
    at: float
    why: str
    by_station: bool = True


@dataclass(frozen=True, slots=True)
class LimitUnanswered:
    """No answer came, or the connection went: the offer may or may not be in force."""

    evse: EvseId
    seq: int
    kind: OfferKind
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class LimitRemembered:
    """Read from the store at start-up: what this EVSE counted at, until when, and the fallback installed in it."""

    evse: EvseId
    at: float
    counts_a: float
    fallback_a: float | None
    expires_at: float | None
    seq: int
    obeys: Obeys = Obeys.UNKNOWN


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """A station was asked to start a transaction again that we had ended for want of current."""

    evse: EvseId
    at: float


@dataclass(frozen=True, slots=True)
class RotationLearned:
    """A phase test has shown where an EVSE's L1 is wired, or that was remembered."""

    evse: EvseId
    at: float
    first: Phase


@dataclass(frozen=True, slots=True)
class RungRemembered:
    """Read from the store at start-up: on which rung of the ladder this device was found to obey."""

    evse: EvseId
    at: float
    identity: StationIdentity
    ladder: Ladder


@dataclass(frozen=True, slots=True)
class LimitTraitsLearned:
    """A station said who it is, and this is how its model takes limits. Comes after its `StationBooted`."""

    station: StationId
    at: float
    traits: LimitTraits


@dataclass(frozen=True, slots=True)
class WalkOrdered:
    """Somebody wants to know anew which rung of the ladder an EVSE obeys on."""

    evse: EvseId
    at: float


@dataclass(frozen=True, slots=True)
class BaseRiseRemembered:
    """Read from the store at start-up: how the base load of a circuit has risen, the newest day first.

    That day was so many `days_ago`.
    """

    circuit: CircuitId
    at: float
    days: tuple[RiseDay, ...]
    days_ago: int


@dataclass(frozen=True, slots=True)
class CeilingSet:
    """Somebody set an upper bound; the same key replaces."""

    ceiling: Ceiling
    at: float


@dataclass(frozen=True, slots=True)
class CeilingCleared:
    """An upper bound was withdrawn."""

    key: str
    at: float


@dataclass(frozen=True, slots=True)
class WishSet:
    """Somebody said when a car leaves and what it needs; the same EVSE replaces. It ends with the transaction."""

    wish: Wish
    at: float


@dataclass(frozen=True, slots=True)
class WishCleared:
    """A wish was withdrawn."""

    evse: EvseId
    at: float


@dataclass(frozen=True, slots=True)
class LimitsDoubted:
    """Whether the limits of a station are in force is not sure any more: they are said again."""

    station: StationId
    at: float


@dataclass(frozen=True, slots=True)
class ClockSkewLearned:
    """A station's clock runs `skew_s` ahead of ours (negative: behind). Not `sure`: by what it should be."""

    station: StationId
    at: float
    skew_s: float
    sure: bool = True


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """The ledger on disk became usable or unusable. Unusable: no raises."""

    at: float
    usable: bool
    why: str = ""


Event = (
    MeterRead
    | MeterFailed
    | StationConnected
    | StationDisconnected
    | StationBooted
    | RebootExpected
    | EvseStatusChanged
    | EvseMetered
    | StartExpected
    | TransactionStarted
    | TransactionEnded
    | StartControlLearned
    | LimitOffered
    | LimitAcknowledged
    | LimitRefused
    | LimitUnanswered
    | LimitRemembered
    | RestartAsked
    | RotationLearned
    | RungRemembered
    | LimitTraitsLearned
    | WalkOrdered
    | BaseRiseRemembered
    | CeilingSet
    | CeilingCleared
    | WishSet
    | WishCleared
    | LimitsDoubted
    | ClockSkewLearned
    | StoreChanged
)
