"""What the stations that we play say to a central in OCPP 1.6: our calls, and our answers to its calls. Never null."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sitectl.base.units import format_utc
from sitectl.model.commands import Answered, NotSent, Outcome, Refused, Unanswered
from sitectl.model.metering import EvseReading
from sitectl.model.station import EvseStatus
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.central_security import NEGATIVE
from sitectl.ocpp.v16.fields import without_nulls
from sitectl.ocpp.v16.forms import formed
from sitectl.ocpp.v16.statuses import status_word
from sitectl.ocpp.versions import ErrorCode, error_code

NO_TRANSACTION = -1
"""Id of the messages of a transaction whose start the central never took (errata of 1.6, 3.18)."""

# --- our calls ---

_LONGEST: Mapping[str, Mapping[str, int]] = {
    "BootNotification": {
        "chargePointVendor": 20,
        "chargePointModel": 20,
        "chargePointSerialNumber": 25,
        "chargeBoxSerialNumber": 25,
        "firmwareVersion": 50,
        "iccid": 20,
        "imsi": 20,
        "meterType": 25,
        "meterSerialNumber": 25,
    },
    "StatusNotification": {"info": 50, "vendorId": 255, "vendorErrorCode": 50},
    "Authorize": {"idTag": 20},
    "StartTransaction": {"idTag": 20},
    "StopTransaction": {"idTag": 20},
    "DataTransfer": {"vendorId": 255, "messageId": 50},
    "SecurityEventNotification": {"type": 50, "techInfo": 255},
}
_FILLERS: Mapping[str, Mapping[str, Any]] = {
    "BootNotification": {"chargePointVendor": "unknown", "chargePointModel": "unknown"},
    "StatusNotification": {"connectorId": 0, "errorCode": "NoError", "status": "Unavailable"},
    "StartTransaction": {"connectorId": 1, "idTag": "", "meterStart": 0},
    "SecurityEventNotification": {"type": "Unknown"},
}


def presentable(action: str, payload: Payload) -> Payload:
    """A station's payload as a strict central takes it: no nulls, over-long texts cut, empty texts left out, the form
    that 1.6 gives transaction messages, and what a boot, status or start must have filled in. Everything else goes up
    as it came; signed values are not touched."""
    longest = _LONGEST.get(action, {})
    shown: Payload = dict(_FILLERS.get(action, {}))
    for key, value in formed(action, without_nulls(payload)).items():
        if not isinstance(value, str) or key not in longest:
            shown[key] = value
        elif cut := value.strip()[: longest[key]]:
            shown[key] = cut
    return shown


def with_transaction(action: str, payload: Payload, uplink_transaction_id: str | None) -> Payload:
    """The payload with the central's own id of the transaction bound in (None: it never took the start)."""
    number = NO_TRANSACTION if uplink_transaction_id is None else int(uplink_transaction_id)
    return presentable(action, {**payload, "transactionId": number})


def authorize(id_token: str) -> Payload:
    """Authorize."""
    return {"idTag": id_token[:20]}


def status(evse: int, value: EvseStatus, at: datetime) -> Payload:
    """StatusNotification from the model, for what no station said itself."""
    payload = {
        "connectorId": evse,
        "errorCode": value.error_code,
        "status": status_word(value),
        "timestamp": format_utc(at),
        "info": value.info[:50] or None,
        "vendorErrorCode": value.vendor_error_code[:50] or None,
    }
    return without_nulls(payload)


def unavailable(evse: int, at: datetime) -> Payload:
    """StatusNotification of a station that is away while its messages still wait for the central."""
    return {"connectorId": evse, "errorCode": "NoError", "status": "Unavailable", "timestamp": format_utc(at)}


def triggered_reading(reading: EvseReading, now: float, wall: datetime) -> tuple[str, Payload]:
    """MeterValues that a central asked for, of a reading on the monotonic clock, where it is `now` and `wall`.

    Without a transaction id: it is of no transaction's record, and must not stand between the messages of one.
    """
    at = wall - timedelta(seconds=max(0.0, now - reading.at))
    return "MeterValues", _meter_values(reading, at, _values(reading, "Trigger"))


def clock_reading(reading: EvseReading, at: datetime, measurands: Collection[str]) -> tuple[str, Payload] | None:
    """Clock-aligned MeterValues of a reading, with these measurands; None when it has none of them."""
    values = [value for value in _values(reading, "Sample.Clock") if value["measurand"] in measurands]
    return ("MeterValues", _meter_values(reading, at, values)) if values else None


def _meter_values(reading: EvseReading, at: datetime, values: list[Payload]) -> Payload:
    meter_value = {"timestamp": format_utc(at), "sampledValue": values}
    return {"connectorId": reading.evse.evse, "meterValue": [meter_value]}


def _values(reading: EvseReading, context: str) -> list[Payload]:
    currents, named = reading.current_a or (), reading.phases
    values = [
        *(_sampled("Current.Import", a, "A", context, f"L{n}") for n, a in enumerate(currents[:named], 1)),
        *(_sampled("Current.Import", a, "A", context) for a in currents[:1] if not named),
        _sampled("Power.Active.Import", reading.power_w, "W", context),
        _sampled("Energy.Active.Import.Register", reading.register_wh, "Wh", context),
        _sampled("Current.Offered", reading.offered_a, "A", context),
    ]
    return [value for value in values if value is not None]


def _sampled(measurand: str, number: float | None, unit: str, context: str, phase: str | None = None) -> Payload | None:
    if number is None:
        return None
    text = f"{number:.1f}".removesuffix(".0")
    value = {"value": text, "context": context, "measurand": measurand, "phase": phase, "unit": unit}
    return without_nulls(value)


# --- our answers ---

_NEGATIVE: Mapping[str, Payload] = {
    "CancelReservation": {"status": "Rejected"},
    "ChangeAvailability": {"status": "Rejected"},
    "ChangeConfiguration": {"status": "Rejected"},
    "ClearCache": {"status": "Rejected"},
    "ClearChargingProfile": {"status": "Unknown"},
    "DataTransfer": {"status": "Rejected"},
    "GetCompositeSchedule": {"status": "Rejected"},
    "GetConfiguration": {},
    "GetDiagnostics": {},
    "GetLocalListVersion": {"listVersion": -1},
    "RemoteStartTransaction": {"status": "Rejected"},
    "RemoteStopTransaction": {"status": "Rejected"},
    "ReserveNow": {"status": "Rejected"},
    "Reset": {"status": "Rejected"},
    "SendLocalList": {"status": "NotSupported"},
    "SetChargingProfile": {"status": "Rejected"},
    "TriggerMessage": {"status": "Rejected"},
    "UnlockConnector": {"status": "UnlockFailed"},
    "UpdateFirmware": {},
    **NEGATIVE,
}
_NOT_SUPPORTED: Mapping[str, Payload] = {
    "ChangeConfiguration": {"status": "NotSupported"},
    "SendLocalList": {"status": "NotSupported"},
    "SetChargingProfile": {"status": "NotSupported"},
    "TriggerMessage": {"status": "NotImplemented"},
    "UnlockConnector": {"status": "NotSupported"},
}
_CANNOT = (ErrorCode.NOT_SUPPORTED, ErrorCode.NOT_IMPLEMENTED)


def negative(action: str) -> Payload | None:
    """No, in the words of this action: centrals take a CALLERROR for a bug. None for what is no action of a central."""
    answer = _NEGATIVE.get(action)
    return None if answer is None else dict(answer)


def not_supported(action: str) -> Payload:
    """The station does not have what is asked for, in the words of this action (of those that have a word for it)."""
    return dict(_NOT_SUPPORTED[action])


def answer(word: str) -> Payload:
    """An answer that is a status."""
    return {"status": word}


def accepted() -> Payload:
    """Yes, where the answer is a status."""
    return {"status": "Accepted"}


def outcome(action: str, value: Outcome) -> Payload | None:
    """What came of a command at the station, as our answer: its own words when it answered, else no."""
    match value:
        case Answered():
            return without_nulls(value.payload)
        case Refused(code) if error_code(code) in _CANNOT and action in _NOT_SUPPORTED:
            return dict(_NOT_SUPPORTED[action])
        case Refused() | Unanswered() | NotSent():
            return negative(action)


def configuration(values: Mapping[str, tuple[str, bool]], unknown: Sequence[str] = ()) -> Payload:
    """The answer to GetConfiguration; values are (text, read-only)."""
    keys = [{"key": key, "readonly": fixed, "value": value[:500]} for key, (value, fixed) in values.items()]
    payload: Payload = {"configurationKey": keys} if keys else {}
    if unknown:
        payload["unknownKey"] = [key[:50] for key in unknown]
    return payload
