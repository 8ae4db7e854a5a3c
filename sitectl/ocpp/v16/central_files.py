"""Orders of a central to send or fetch a file, and the notifications of how they go: GetDiagnostics and UpdateFirmware,
and their successors of the security extension, GetLog and SignedUpdateFirmware.

What the station is told is written anew from what was understood; a location of a kind that nobody should follow is
noted in the order, for the central has to hear of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from sitectl.base.units import format_utc
from sitectl.model.commands import Answered, Outcome, RelayCall
from sitectl.model.files import FileKind, FileOrder, Transfer
from sitectl.model.ids import StationId
from sitectl.model.transaction import OutboxKind, OutboxMessage, Payload
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.v16.security import LONGEST_PEM
from sitectl.ocpp.versions import ErrorCode, Version

PROTOCOLS = "FTP,FTPS,HTTP,HTTPS,SFTP"
"""SupportedFileTransferProtocols of a virtual station."""

LONGEST_LOCATION = 2000
LONGEST_FILE_NAME = 255
MOST_RETRIES = 100

ORDERS = {
    FileKind.DIAGNOSTICS: "GetDiagnostics",
    FileKind.FIRMWARE: "UpdateFirmware",
    FileKind.LOG: "GetLog",
    FileKind.SIGNED_FIRMWARE: "SignedUpdateFirmware",
}
STATUSES = {
    FileKind.DIAGNOSTICS: "DiagnosticsStatusNotification",
    FileKind.FIRMWARE: "FirmwareStatusNotification",
    FileKind.LOG: "LogStatusNotification",
    FileKind.SIGNED_FIRMWARE: "SignedFirmwareStatusNotification",
}
KINDS = {action: kind for kind, action in STATUSES.items()}
"""Which kind of transfer a notification is about."""

_WORDS = {
    FileKind.DIAGNOSTICS: ("Idle", "Uploaded", "UploadFailed", "Uploading"),
    FileKind.FIRMWARE: (
        "Downloaded",
        "DownloadFailed",
        "Downloading",
        "Idle",
        "InstallationFailed",
        "Installing",
        "Installed",
    ),
    FileKind.LOG: (
        "BadMessage",
        "Idle",
        "NotSupportedOperation",
        "PermissionDenied",
        "Uploaded",
        "UploadFailure",
        "Uploading",
    ),
    FileKind.SIGNED_FIRMWARE: (
        "Downloaded",
        "DownloadFailed",
        "Downloading",
        "DownloadPaused",
        "DownloadScheduled",
        "Idle",
        "InstallationFailed",
        "Installed",
        "Installing",
        "InstallRebooting",
        "InstallScheduled",
        "InstallVerificationFailed",
        "InvalidSignature",
        "SignatureVerified",
    ),
}
_LOCATION = re.compile(
    r"(?:ftps?|https?|sftp)://(?:[^\s/?#]*@)?"  # the scheme, and perhaps a user
    r"(?:[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"  # the host
    r"(?:[/?#][!-~]*)?",
    re.ASCII | re.IGNORECASE,
)


def diagnostics_ordered(payload: Payload) -> FileOrder | Invalid:
    """Read a GetDiagnostics."""
    fields = Fields(payload)
    location = fields.text("location", required=True, longest=LONGEST_LOCATION + 1)
    if location is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    order, retries_s = _retries(fields, location)
    for key in ("startTime", "stopTime"):
        if (moment := fields.moment(key)) is not None:
            order[key] = format_utc(moment[0])
    return FileOrder(FileKind.DIAGNOSTICS, order, None, retries_s, _refused(location))


def firmware_ordered(payload: Payload) -> FileOrder | Invalid:
    """Read an UpdateFirmware."""
    fields = Fields(payload)
    location = fields.text("location", required=True, longest=LONGEST_LOCATION + 1)
    moment = fields.moment("retrieveDate", required=True)
    if location is None or moment is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    order, retries_s = _retries(fields, location)
    order["retrieveDate"] = format_utc(moment[0])
    return FileOrder(FileKind.FIRMWARE, order, moment[0], retries_s, _refused(location))


def log_ordered(payload: Payload) -> FileOrder | Invalid:
    """Read a GetLog (security extension)."""
    fields = Fields(payload)
    kind, request_id = fields.text("logType", required=True), fields.integer("requestId", required=True)
    log = fields.part("log", required=True)
    location = None if log is None else log.text("remoteLocation", required=True, longest=LONGEST_LOCATION + 1)
    if kind is None or request_id is None or log is None or location is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    order, retries_s = _retries(fields)
    told: Payload = {"remoteLocation": location}
    for key in ("oldestTimestamp", "latestTimestamp"):
        if (moment := log.moment(key)) is not None:
            told[key] = format_utc(moment[0])
    order |= {"logType": kind, "log": told}
    return FileOrder(FileKind.LOG, order, None, retries_s, _refused(location), request_id)


def signed_firmware_ordered(payload: Payload) -> FileOrder | Invalid:
    """Read a SignedUpdateFirmware (security extension). Who signed it and the signature are passed on as they came."""
    fields = Fields(payload)
    request_id, firmware = fields.integer("requestId", required=True), fields.part("firmware", required=True)
    if request_id is None or firmware is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    location = firmware.text("location", required=True, longest=LONGEST_LOCATION + 1)
    certificate = firmware.text("signingCertificate", required=True, longest=LONGEST_PEM)
    signature = firmware.text("signature", required=True, longest=LONGEST_PEM)
    moment = firmware.moment("retrieveDateTime", required=True)
    if location is None or certificate is None or signature is None or moment is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    order, retries_s = _retries(fields)
    told = {"location": location, "retrieveDateTime": format_utc(moment[0])}
    if (install := firmware.moment("installDateTime")) is not None:
        told["installDateTime"] = format_utc(install[0])
    # Not a byte of these two may change: the one is what the other proves.
    given = payload["firmware"]
    order["firmware"] = {**told, **{key: given[key] for key in ("signingCertificate", "signature")}}
    return FileOrder(FileKind.SIGNED_FIRMWARE, order, moment[0], retries_s, _refused(location), request_id)


_READ: Mapping[str, Callable[[Payload], FileOrder | Invalid]] = {
    "GetDiagnostics": diagnostics_ordered,
    "GetLog": log_ordered,
    "SignedUpdateFirmware": signed_firmware_ordered,
    "UpdateFirmware": firmware_ordered,
}


def _retries(fields: Fields, location: str | None = None) -> tuple[Payload, float]:
    order: Payload = {} if location is None else {"location": location}
    retries, interval_s = fields.integer("retries"), fields.integer("retryInterval")
    if retries is not None and 0 <= retries <= MOST_RETRIES:
        order["retries"] = retries
    if interval_s is not None and interval_s >= 0:
        order["retryInterval"] = interval_s
    return order, float(order.get("retries", 0) * order.get("retryInterval", 0))


def _refused(location: str) -> str:
    """Why a location is not to be followed. It may carry a password, so it is not repeated."""
    if len(location) > LONGEST_LOCATION:
        return "the location is too long"
    return "" if _LOCATION.fullmatch(location) else f"the location is none of {PROTOCOLS} on a host"


def order_command(station: StationId, order: FileOrder, number: int | None = None) -> RelayCall:
    """The order as the station gets it, under our `number` where its kind has one."""
    payload = order.payload if number is None else {**order.payload, "requestId": number}
    return RelayCall(station, ORDERS[order.kind], payload)


def order_answer(order: FileOrder, outcome: Outcome) -> Payload:
    """The answer to the central: the name of the file, where there is one to come."""
    name = outcome.payload.get("fileName") if isinstance(outcome, Answered) else None
    if order.kind is FileKind.DIAGNOSTICS and isinstance(name, str) and name.strip():
        return {"fileName": name.strip()[:LONGEST_FILE_NAME]}
    return {}


def status_told(action: str, payload: Payload) -> str:
    """The word of a notification of a station, as the standard writes it; "" when it is none of this kind."""
    word = (Fields(payload).text("status") or "").lower()
    return next((known for known in _WORDS[KINDS[action]] if known.lower() == word), "")


def is_security_log(order: FileOrder) -> bool:
    """Whether a station is asked for what it has seen of attacks, rather than of faults."""
    return order.payload.get("logType") == "SecurityLog"


def signer(order: FileOrder) -> str:
    """Who has signed the firmware of an order, in PEM."""
    firmware = order.payload.get("firmware")
    certificate = firmware.get("signingCertificate") if isinstance(firmware, dict) else None
    return certificate if isinstance(certificate, str) else ""


def number_told(payload: Payload) -> int | None:
    """The number of the order that a notification is about; None when it names none."""
    return Fields(payload).integer("requestId")


def status_payload(status: str, request_id: int | None = None) -> Payload:
    """How an order stands, by the central's own number of it."""
    return {"status": status} if request_id is None else {"status": status, "requestId": request_id}


def status_copy(kind: FileKind, status: str, request_id: int | None = None) -> OutboxMessage:
    """A notification for the central that ordered it."""
    payload = status_payload(status, request_id)
    return OutboxMessage(STATUSES[kind], payload, Version.V16.value, OutboxKind.EVENT)


# --- on disk ---


def document(transfer: Transfer) -> Payload:
    """A transfer as it is kept."""
    order = transfer.order
    return {
        "order": ORDERS[order.kind],
        "payload": order.payload if order.request_id is None else {**order.payload, "requestId": order.request_id},
        "number": transfer.number,
        "ordered": format_utc(transfer.ordered),
        "due": format_utc(transfer.due),
        "sent": transfer.sent,
        "status": transfer.status,
        "over": transfer.over,
        "changed": None if transfer.changed is None else format_utc(transfer.changed),
    }


def transfer_of(document: Payload) -> Transfer | None:
    """What was kept; None when it cannot be read."""
    fields = Fields(document)
    payload = document.get("payload")
    ordered, due, changed = (_moment(fields, key) for key in ("ordered", "due", "changed"))
    if not isinstance(payload, dict) or ordered is None or due is None:
        return None
    read = _READ.get(fields.text("order") or "")
    order = None if read is None else read(payload)
    if order is None or isinstance(order, Invalid):
        return None
    sent, over = document.get("sent") is True, document.get("over") is True
    status, number = fields.text("status") or "", fields.integer("number")
    return Transfer(order, ordered, due, sent, status, over, changed, number)


def _moment(fields: Fields, key: str) -> datetime | None:
    read = fields.moment(key)
    return None if read is None else read[0]
