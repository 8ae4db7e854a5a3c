"""What stations say in OCPP 1.6: their ten calls, and their answers to ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sitectl.model.commands import Answered
from sitectl.model.ids import EvseId, StationId
from sitectl.model.metering import MeterSample
from sitectl.model.station import EvseStatus, StationIdentity
from sitectl.model.transaction import ClockQuality, Payload, TransactionStart, TransactionStop
from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.ocpp.v16 import statuses
from sitectl.ocpp.v16.fields import Decoded, Fields
from sitectl.ocpp.v16.meter_values import samples

_ERROR_CODES = frozenset(
    (
        "ConnectorLockFailure",
        "EVCommunicationError",
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "LocalListConflict",
        "NoError",
        "OtherError",
        "OverCurrentFailure",
        "PowerMeterFailure",
        "PowerSwitchFailure",
        "ReaderFailure",
        "ResetFailure",
        "UnderVoltage",
        "OverVoltage",
        "WeakSignal",
    )
)
_STATUS_WORDS = {
    word.lower(): word
    for word in (
        "Accepted",
        "Failed",
        "Faulted",
        "NotImplemented",
        "NotSupported",
        "Occupied",
        "RebootRequired",
        "Rejected",
        "Scheduled",
        "Unavailable",
        "Unknown",
        "UnknownMessageId",
        "UnknownVendorId",
        "UnlockFailed",
        "Unlocked",
        "VersionMismatch",
    )
}


def boot(payload: Payload) -> Decoded[StationIdentity]:
    """BootNotification: who the station is. Over-long texts are kept as they are."""
    fields = Fields(payload)
    vendor = fields.text("chargePointVendor", required=True) or ""
    model = fields.text("chargePointModel", required=True) or ""
    firmware = fields.text("firmwareVersion") or ""
    serial = fields.text("chargePointSerialNumber") or fields.text("chargeBoxSerialNumber") or ""
    return fields.decoded(StationIdentity(vendor, model, firmware, serial))


def authorize(payload: Payload) -> Decoded[str]:
    """Authorize: the token; "" when there is none."""
    fields = Fields(payload)
    return fields.decoded(fields.text("idTag", required=True) or "")


def start_transaction(
    payload: Payload, station: StationId, received: datetime, message_id: str = ""
) -> Decoded[TransactionStart]:
    """StartTransaction. Without a readable time it started when it was `received`, and the clock is not trusted.

    EVSE 0 stands for a missing connector id; reservation 0 for none.
    """
    fields = Fields(payload)
    moment = fields.moment("timestamp", required=True)
    start = TransactionStart(
        evse=EvseId(station, fields.integer("connectorId", required=True) or 0),
        id_token=fields.text("idTag", required=True) or "",
        started=received if moment is None else moment[0],
        started_raw=_raw(payload),
        meter_start_wh=(meter_wh := fields.integer("meterStart", required=True)) or 0,
        reservation_id=fields.integer("reservationId") or None,
        message_id=message_id,
        clock=quality(moment),
        meter_known=meter_wh is not None,
    )
    return fields.decoded(start)


def quality(moment: tuple[datetime, bool] | None) -> ClockQuality:
    """What a timestamp is worth by its form."""
    if moment is None:
        return ClockQuality.RECEIPT
    return ClockQuality.STATION if moment[1] else ClockQuality.ZONE


def _raw(payload: Payload) -> str:
    """The timestamp as the station wrote it: part of a transaction's content key."""
    return str(payload.get("timestamp", ""))[:64]


def stop_transaction(
    payload: Payload, station: StationId, received: datetime, message_id: str = ""
) -> Decoded[TransactionStop]:
    """StopTransaction; the reason defaults to Local as the standard has it. See `stop_samples` for its meter values."""
    fields = Fields(payload)
    moment = fields.moment("timestamp", required=True)
    stop = TransactionStop(
        station=station,
        station_transaction_id=fields.integer("transactionId", required=True),
        stopped=received if moment is None else moment[0],
        stopped_raw=_raw(payload),
        meter_stop_wh=(meter_wh := fields.integer("meterStop", required=True)) or 0,
        reason=fields.text("reason") or "Local",
        id_token=fields.text("idTag"),
        message_id=message_id,
        clock=quality(moment),
        meter_known=meter_wh is not None,
    )
    return fields.decoded(stop)


def stop_samples(payload: Payload) -> Decoded[tuple[MeterSample, ...]]:
    """The meter values that came with a StopTransaction."""
    fields = Fields(payload)
    return fields.decoded(samples(fields, "transactionData", required=False))


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A StatusNotification. `evse` 0 is the station as a whole; `reported` is the station's own time."""

    evse: int
    status: EvseStatus
    reported: datetime | None = None


def status_notification(payload: Payload) -> Decoded[StatusReport]:
    """StatusNotification. An unknown status counts as about to start, an unknown error code as OtherError."""
    fields = Fields(payload)
    evse = fields.integer("connectorId", required=True) or 0
    word = fields.text("status", required=True) or ""
    if word and not statuses.known(word):
        fields.deviate("status", "enum", f"status has no value {word}")
    error_code = fields.text("errorCode", required=True) or "NoError"
    info = fields.text("info") or ""
    if error_code not in _ERROR_CODES:
        fields.deviate("errorCode", "enum", f"errorCode has no value {error_code}")
        info = info if error_code in info else f"{error_code}: {info}" if info else error_code
        error_code = "OtherError"
    moment = fields.moment("timestamp")
    status = statuses.evse_status(word, error_code, fields.text("vendorErrorCode") or "", info)
    return fields.decoded(StatusReport(evse, status, None if moment is None else moment[0]))


@dataclass(frozen=True, slots=True)
class DataTransfer:
    """A DataTransfer of a station."""

    vendor_id: str
    message_id: str | None = None
    data: str | None = None


def data_transfer(payload: Payload) -> Decoded[DataTransfer]:
    """DataTransfer."""
    fields = Fields(payload)
    vendor = fields.text("vendorId", required=True) or ""
    return fields.decoded(DataTransfer(vendor, fields.text("messageId"), fields.text("data", longest=MAX_LIMIT)))


def work_status(payload: Payload) -> Decoded[str]:
    """DiagnosticsStatusNotification and FirmwareStatusNotification: the word, as it came; "" when there is none."""
    fields = Fields(payload)
    return fields.decoded(fields.text("status", required=True) or "")


# --- answers to our calls ---


def answered(payload: Payload) -> Answered:
    """Any answer: its status word in the standard's capitals ("" where there is none), and the payload as it came."""
    word = payload.get("status")
    word = word.strip() if isinstance(word, str) else ""
    return Answered(_STATUS_WORDS.get(word.lower(), word), payload)


@dataclass(frozen=True, slots=True)
class ConfigurationRead:
    """What GetConfiguration told: key as the station writes it -> (value, read-only). A missing value is ""."""

    values: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


def configuration(payload: Payload) -> Decoded[ConfigurationRead]:
    """The answer to GetConfiguration; a `readonly` that is not a boolean is read from its text."""
    fields = Fields(payload)
    values: dict[str, tuple[str, bool]] = {}
    for part in fields.parts("configurationKey"):
        key = part.text("key", required=True)
        if key is not None:
            values[key] = (part.text("value") or "", part.boolean("readonly", required=True) or False)
    return fields.decoded(ConfigurationRead(values, frozenset(fields.texts("unknownKey"))))
