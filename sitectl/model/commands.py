"""Commands: what we want a station to do, in the imperative, and the closed union of what can come of it.

The words are those of OCPP 2.x; `sitectl.ocpp.v16.encode` says them in 1.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from sitectl.model.ids import EvseId, StationId
from sitectl.model.ladder import FIRST_FORM, LimitForm
from sitectl.model.limits import Offer
from sitectl.model.transaction import Payload


class Urgency(IntEnum):
    """Order in a station's outbound queue; smaller goes first, equal in order of arrival."""

    CUT = 0
    STOP = 1
    CONTROL = 2
    START = 3
    RAISE = 4
    HOUSEKEEPING = 5


class ResetKind(StrEnum):
    """`Immediate` stops transactions and reboots (1.6: Hard); `OnIdle` restarts the software cleanly (1.6: Soft)."""

    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"


@dataclass(frozen=True, slots=True)
class OfferLimit:
    """Set the limit of the running transaction. `begins` is on the station's own learned clock, less a minute.

    A form without profiles knows 0 (stop the transaction) and anything else, which needs no word. `limit_w`: what a DC
    station is told instead of amperes.
    """

    offer: Offer
    station_transaction_id: int
    begins: datetime
    lifetime_s: int
    cut: bool
    form: LimitForm = FIRST_FORM
    limit_w: float | None = None


@dataclass(frozen=True, slots=True)
class InstallFallback:
    """Install what the EVSE may draw when nobody tells it anything, where limits of this form have it below them."""

    offer: Offer
    form: LimitForm = FIRST_FORM
    limit_w: float | None = None


@dataclass(frozen=True, slots=True)
class ClearFallback:
    """Take out of the station what an EVSE was told by TxDefaultProfiles, the fallback of an earlier form among it."""

    evse: EvseId


@dataclass(frozen=True, slots=True)
class RequestStart:
    """Start a transaction remotely. EVSE 0 is never sent: the caller picks one."""

    evse: EvseId
    id_token: str


@dataclass(frozen=True, slots=True)
class RequestStop:
    """Stop a transaction remotely, by the id that we gave the station."""

    station: StationId
    station_transaction_id: int


@dataclass(frozen=True, slots=True)
class ResetStation:
    """Restart the station."""

    station: StationId
    kind: ResetKind


@dataclass(frozen=True, slots=True)
class TriggerMessage:
    """Ask for a message now (BootNotification, StatusNotification, MeterValues, Heartbeat, ...); EVSE 0: all."""

    evse: EvseId
    message: str


@dataclass(frozen=True, slots=True)
class ChangeAvailability:
    """Take an EVSE (0: the station) in or out of service."""

    evse: EvseId
    operative: bool


@dataclass(frozen=True, slots=True)
class GetVariables:
    """Read configuration by key; no key means all."""

    station: StationId
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetVariable:
    """Write one configuration key."""

    station: StationId
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """Release the plug of an EVSE. In 1.6 this ends a running transaction."""

    evse: EvseId


@dataclass(frozen=True, slots=True)
class TransferData:
    """Vendor-specific exchange."""

    station: StationId
    vendor_id: str
    message_id: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class RelayCall:
    """Any other call that centrals may start, already in the station's own version (reservations, lists, logs...)."""

    station: StationId
    action: str
    payload: Payload


Command = (
    OfferLimit
    | InstallFallback
    | ClearFallback
    | RequestStart
    | RequestStop
    | ResetStation
    | TriggerMessage
    | ChangeAvailability
    | GetVariables
    | SetVariable
    | UnlockConnector
    | TransferData
    | RelayCall
)


@dataclass(frozen=True, slots=True)
class Answered:
    """The station answered. `status` is its status word, "" where the message has none; the payload is as it came."""

    status: str
    payload: Payload

    @property
    def accepted(self) -> bool:
        """Whether the status word says yes."""
        return self.status in ("Accepted", "Scheduled", "Unlocked", "RebootRequired")


@dataclass(frozen=True, slots=True)
class Refused:
    """The station answered with a CALLERROR."""

    code: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer came before the deadline, or the connection went after sending: it may or may not have been done."""

    why: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing left us: the station is offline, the command was superseded, or the queue is full."""

    why: str


Outcome = Answered | Refused | Unanswered | NotSent


def in_words(outcome: Outcome) -> str:
    """What came of a command, for people: the station's own word where it has one."""
    match outcome:
        case Answered(status):
            return status or "no status in the answer"
        case Refused(code, description):
            return f"{code} {description}".strip()
        case Unanswered(why) | NotSent(why):
            return why
