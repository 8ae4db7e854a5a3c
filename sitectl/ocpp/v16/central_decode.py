"""What a central says in OCPP 1.6 to the stations that we play: its calls, and its answers to ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sitectl.model.commands import (
    ChangeAvailability,
    GetVariables,
    RequestStart,
    ResetKind,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
)
from sitectl.model.files import FileOrder
from sitectl.model.ids import EvseId, StationId
from sitectl.model.transaction import IdTokenInfo, Payload
from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.ocpp.v16 import central_lists, central_reservations, central_security, charging_profiles
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from sitectl.ocpp.v16.central_files import diagnostics_ordered, firmware_ordered
from sitectl.ocpp.v16.central_lists import CacheCleared, ListSent, ListVersionAsked
from sitectl.ocpp.v16.central_reservations import CancelAsked, ReserveAsked
from sitectl.ocpp.v16.central_schedules import ScheduleAsked, schedule_asked
from sitectl.ocpp.v16.central_security import NEGATIVE, SecurityAsked
from sitectl.ocpp.v16.charging_profiles import Invalid, ProfilesCleared, ProfileSet
from sitectl.ocpp.v16.encode import Registration
from sitectl.ocpp.v16.fields import Decoded, Fields, as_number
from sitectl.ocpp.versions import ErrorCode

LONGEST_TOKEN = 20
"""An idTag of 1.6; no station takes a longer one."""


@dataclass(frozen=True, slots=True)
class StartAsked:
    """A RemoteStartTransaction. EVSE 0: the central named none, pick one. The profile is for this transaction only."""

    request: RequestStart
    profile: ProfileSet | None = None


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A RemoteStopTransaction, by the id that the central gave: resolve it, for this station only."""

    uplink_transaction_id: str


Asked = (
    StartAsked
    | StopAsked
    | ScheduleAsked
    | ProfileSet
    | ProfilesCleared
    | FileOrder
    | ListSent
    | ListVersionAsked
    | CacheCleared
    | ReserveAsked
    | CancelAsked
    | ResetStation
    | TriggerMessage
    | ChangeAvailability
    | GetVariables
    | SetVariable
    | UnlockConnector
    | TransferData
    | SecurityAsked
)
"""What a central may ask of a station."""


def asked(
    action: str, payload: Payload, station: StationId, received: datetime, nominal_voltage_v: float = 230.0
) -> Asked | Invalid:
    """Read a call of a central. `Invalid` says which CALLERROR it is owed (an unknown action: NotImplemented)."""
    if action in NEGATIVE:
        return central_security.asked(action, payload, station)
    if action not in FROM_CENTRAL:
        return Invalid(ErrorCode.NOT_IMPLEMENTED, f"{action} is not known")
    if (read := _WHOLE.get(action)) is not None:
        return read(payload)
    match action:
        case "SetChargingProfile":
            return charging_profiles.profile_set(payload, station, received, nominal_voltage_v)
        case "RemoteStartTransaction":
            return _start_asked(payload, station, received, nominal_voltage_v)
    fields = Fields(payload)
    plain = _plain(action, fields, station)
    if plain is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message if fields.wrong else "not understood")
    return plain


_WHOLE: Mapping[str, Callable[[Payload], Asked | Invalid]] = {
    "CancelReservation": central_reservations.cancel_asked,
    "ClearCache": lambda _: CacheCleared(),
    "ClearChargingProfile": charging_profiles.profiles_cleared,
    "GetCompositeSchedule": schedule_asked,
    "GetDiagnostics": diagnostics_ordered,
    "GetLocalListVersion": lambda _: ListVersionAsked(),
    "ReserveNow": central_reservations.reserve_asked,
    "SendLocalList": central_lists.list_sent,
    "UpdateFirmware": firmware_ordered,
}
"""Calls that are read whole, each in the file of its functional block."""


_Plain = (
    StopAsked
    | ResetStation
    | TriggerMessage
    | ChangeAvailability
    | GetVariables
    | SetVariable
    | UnlockConnector
    | TransferData
)


def _plain(action: str, fields: Fields, station: StationId) -> _Plain | None:
    """The calls that are read field by field; None when a field that is needed cannot be read."""
    match action:
        case "RemoteStopTransaction":
            transaction = fields.integer("transactionId", required=True)
            return None if transaction is None else StopAsked(str(transaction))
        case "Reset":
            kinds = {"hard": ResetKind.IMMEDIATE, "soft": ResetKind.ON_IDLE}
            kind = kinds.get((fields.text("type", required=True) or "").lower())
            return None if kind is None else ResetStation(station, kind)
        case "TriggerMessage":
            message = fields.text("requestedMessage", required=True)
            evse = EvseId(station, fields.integer("connectorId") or 0)
            return None if message is None else TriggerMessage(evse, message)
        case "ChangeAvailability":
            connector = fields.integer("connectorId", required=True)
            operative = {"operative": True, "inoperative": False}.get(
                (fields.text("type", required=True) or "").lower()
            )
            if connector is None or operative is None:
                return None
            return ChangeAvailability(EvseId(station, connector), operative)
        case "GetConfiguration":
            return GetVariables(station, fields.texts("key"))
        case "ChangeConfiguration":
            key = fields.text("key", required=True)
            return None if key is None else SetVariable(station, key, fields.text("value") or "")
        case "UnlockConnector":
            connector = fields.integer("connectorId", required=True)
            return None if connector is None else UnlockConnector(EvseId(station, connector))
        case "DataTransfer":
            vendor = fields.text("vendorId", required=True)
            data = fields.text("data", longest=MAX_LIMIT)
            return None if vendor is None else TransferData(station, vendor, fields.text("messageId"), data)
        case _:
            return None


def _start_asked(
    payload: Payload, station: StationId, received: datetime, nominal_voltage_v: float
) -> StartAsked | Invalid:
    fields = Fields(payload)
    id_token = fields.text("idTag", required=True)
    evse = EvseId(station, fields.integer("connectorId") or 0)
    part = fields.part("chargingProfile")
    if id_token is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    if len(id_token) > LONGEST_TOKEN:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"idTag is longer than {LONGEST_TOKEN} characters")
    if part is None:
        return StartAsked(RequestStart(evse, id_token))
    wish = charging_profiles.profile(part, evse if evse.evse else EvseId(station, 1), received, nominal_voltage_v)
    return wish if isinstance(wish, Invalid) else StartAsked(RequestStart(evse, id_token), wish)


# --- answers to our calls ---


@dataclass(frozen=True, slots=True)
class BootAnswer:
    """What the central says to our BootNotification. `interval_s`: between heartbeats, or until the next attempt."""

    status: Registration
    interval_s: int
    now: datetime | None = None


def boot_answer(payload: Payload) -> Decoded[BootAnswer]:
    """Without a readable status we are not accepted; an interval of 0 leaves it to us, and 60 s are taken."""
    fields = Fields(payload)
    status = fields.choice("status", Registration, Registration.REJECTED)
    interval_s = fields.integer("interval", required=True) or 60
    moment = fields.moment("currentTime", required=True)
    return fields.decoded(BootAnswer(status, max(1, interval_s), None if moment is None else moment[0]))


def heartbeat_answer(payload: Payload) -> Decoded[datetime | None]:
    """The central's time, None when it gave none."""
    fields = Fields(payload)
    moment = fields.moment("currentTime", required=True)
    return fields.decoded(None if moment is None else moment[0])


def authorize_answer(payload: Payload) -> Decoded[IdTokenInfo | None]:
    """The verdict on a token; None when it cannot be read: then this central has said nothing of it."""
    fields = Fields(payload)
    return fields.decoded(_info(fields))


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """What the central says to our StartTransaction. The id as text, None when it gave none that means anything: the
    errata of 1.6 (3.18) leave no meaning to zero and negative ones."""

    uplink_transaction_id: str | None
    info: IdTokenInfo | None


def start_answer(payload: Payload) -> Decoded[StartAnswer]:
    """The answer to StartTransaction; the id may come as a number or as a string, but none in part: it is another's."""
    fields = Fields(payload)
    transaction = fields.integer("transactionId", required=True)
    if transaction is not None and as_number(payload.get("transactionId")) != transaction:
        transaction = None
    if transaction is not None and transaction <= 0:
        fields.deviate("transactionId", "minimum", f"{transaction} names no transaction")
        transaction = None
    return fields.decoded(StartAnswer(None if transaction is None else str(transaction), _info(fields)))


def stop_answer(payload: Payload) -> Decoded[IdTokenInfo | None]:
    """The answer to StopTransaction; usually says nothing."""
    fields = Fields(payload)
    return fields.decoded(_info(fields) if payload.get("idTagInfo") is not None else None)


def _info(fields: Fields) -> IdTokenInfo | None:
    """What a central says of a token; a word that 1.6 does not have says nothing."""
    part = fields.part("idTagInfo", required=True)
    if part is None:
        return None
    if (status := central_lists.status(part)) is None:
        return None
    expires = part.moment("expiryDate")
    return IdTokenInfo(status, None if expires is None else expires[0], part.text("parentIdTag"))


class TransferStatus(StrEnum):
    """The answer to a DataTransfer."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"


def transfer_answer(payload: Payload) -> Decoded[tuple[TransferStatus, str | None]]:
    """The answer to DataTransfer: status and data."""
    fields = Fields(payload)
    status = fields.choice("status", TransferStatus, TransferStatus.REJECTED)
    return fields.decoded((status, fields.text("data", longest=MAX_LIMIT)))


def transfer_result(payload: Payload) -> Payload:
    """The same as a station takes it: a known status, and the data if there is any."""
    status, data = transfer_answer(payload).value
    return {"status": status.value} if data is None else {"status": status.value, "data": data}
