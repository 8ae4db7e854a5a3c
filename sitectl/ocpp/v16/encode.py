"""What we say to stations in OCPP 1.6: our commands as calls, and our answers to theirs. Never null."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sitectl.base.units import format_utc
from sitectl.model.commands import (
    ChangeAvailability,
    ClearFallback,
    Command,
    GetVariables,
    InstallFallback,
    OfferLimit,
    RelayCall,
    RequestStart,
    RequestStop,
    ResetKind,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
)
from sitectl.model.transaction import IdTokenInfo, Payload
from sitectl.ocpp.v16 import charging_profiles
from sitectl.ocpp.v16.charging_profiles import AMPERES, ProfileStyle
from sitectl.ocpp.v16.fields import without_nulls


def call(command: Command, style: ProfileStyle = AMPERES) -> tuple[str, Payload]:  # noqa: C901 (one case a command)
    """The action and payload that say a command."""
    match command:
        case OfferLimit() if not command.form.is_profile:
            return "RemoteStopTransaction", {"transactionId": command.station_transaction_id}
        case OfferLimit():
            return "SetChargingProfile", charging_profiles.dynamic(command, style)
        case InstallFallback():
            return "SetChargingProfile", charging_profiles.fallback(command, style)
        case ClearFallback():
            return "ClearChargingProfile", charging_profiles.without_defaults()
        case RequestStart(evse, id_token):
            return "RemoteStartTransaction", {"connectorId": evse.evse, "idTag": id_token}
        case RequestStop():
            return "RemoteStopTransaction", {"transactionId": command.station_transaction_id}
        case ResetStation():
            return "Reset", {"type": "Hard" if command.kind is ResetKind.IMMEDIATE else "Soft"}
        case TriggerMessage(evse, message):
            connector = {"connectorId": evse.evse} if evse.evse else {}
            return "TriggerMessage", {"requestedMessage": message, **connector}
        case ChangeAvailability(evse, operative):
            kind = "Operative" if operative else "Inoperative"
            return "ChangeAvailability", {"connectorId": evse.evse, "type": kind}
        case GetVariables():
            return "GetConfiguration", {"key": list(command.keys)} if command.keys else {}
        case SetVariable():
            return "ChangeConfiguration", {"key": command.key, "value": command.value}
        case UnlockConnector(evse):
            return "UnlockConnector", {"connectorId": evse.evse}
        case TransferData():
            payload = {"vendorId": command.vendor_id, "messageId": command.message_id, "data": command.data}
            return "DataTransfer", without_nulls(payload)
        case RelayCall():
            return command.action, without_nulls(command.payload)


# --- answers to the calls of stations ---


class Registration(StrEnum):
    """What we answer to a BootNotification."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


def boot_answer(status: Registration, now: datetime, interval_s: int) -> Payload:
    """The answer to BootNotification. `interval_s`: between heartbeats, or until the next attempt when not accepted."""
    return {"currentTime": format_utc(now), "interval": interval_s, "status": status.value}


def heartbeat_answer(now: datetime) -> Payload:
    """The answer to Heartbeat."""
    return {"currentTime": format_utc(now)}


def authorize_answer(info: IdTokenInfo) -> Payload:
    """The answer to Authorize."""
    return {"idTagInfo": id_tag_info(info)}


def start_answer(station_transaction_id: int, info: IdTokenInfo) -> Payload:
    """The answer to StartTransaction: always with our own id, also when the token is refused."""
    return {"transactionId": station_transaction_id, "idTagInfo": id_tag_info(info)}


def stop_answer(info: IdTokenInfo | None = None) -> Payload:
    """The answer to StopTransaction."""
    return {} if info is None else {"idTagInfo": id_tag_info(info)}


def transfer_answer(status: str = "UnknownVendorId", data: str | None = None) -> Payload:
    """The answer to DataTransfer."""
    return {"status": status} if data is None else {"status": status, "data": data}


def empty_answer() -> Payload:
    """The answer to MeterValues, StatusNotification and the two work statuses."""
    return {}


def id_tag_info(info: IdTokenInfo) -> Payload:
    """IdTagInfo."""
    payload: Payload = {"status": info.status.value}
    if info.expires is not None:
        payload["expiryDate"] = format_utc(info.expires)
    if info.parent is not None:
        payload["parentIdTag"] = info.parent[:20]
    return payload
