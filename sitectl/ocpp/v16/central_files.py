"""GetDiagnostics and UpdateFirmware of a central, and the notifications of how they go.

What the station is told is written anew from what was understood; a location of a kind that nobody should follow is
noted in the order, for the central has to hear of it.
"""

from __future__ import annotations

import re
from datetime import datetime

from sitectl.base.units import format_utc
from sitectl.model.commands import Answered, Outcome, RelayCall
from sitectl.model.files import FileKind, FileOrder, Transfer
from sitectl.model.ids import StationId
from sitectl.model.transaction import OutboxKind, OutboxMessage, Payload
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.versions import ErrorCode, Version

PROTOCOLS = "FTP,FTPS,HTTP,HTTPS,SFTP"
"""SupportedFileTransferProtocols of a virtual station."""

LONGEST_LOCATION = 2000
LONGEST_FILE_NAME = 255
MOST_RETRIES = 100

ORDERS = {FileKind.DIAGNOSTICS: "GetDiagnostics", FileKind.FIRMWARE: "UpdateFirmware"}
STATUSES = {
    FileKind.DIAGNOSTICS: "DiagnosticsStatusNotification",
    FileKind.FIRMWARE: "FirmwareStatusNotification",
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


def _retries(fields: Fields, location: str) -> tuple[Payload, float]:
    order: Payload = {"location": location}
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


def order_command(station: StationId, order: FileOrder) -> RelayCall:
    """The order as the station gets it."""
    return RelayCall(station, ORDERS[order.kind], order.payload)


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


def status_copy(kind: FileKind, status: str) -> OutboxMessage:
    """A notification for the central that ordered it."""
    return OutboxMessage(STATUSES[kind], {"status": status}, Version.V16.value, OutboxKind.EVENT)


# --- on disk ---


def document(transfer: Transfer) -> Payload:
    """A transfer as it is kept."""
    order = transfer.order
    return {
        "order": ORDERS[order.kind],
        "payload": order.payload,
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
    diagnostics = fields.text("order") == ORDERS[FileKind.DIAGNOSTICS]
    order = diagnostics_ordered(payload) if diagnostics else firmware_ordered(payload)
    if isinstance(order, Invalid):
        return None
    sent, over = document.get("sent") is True, document.get("over") is True
    return Transfer(order, ordered, due, sent, fields.text("status") or "", over, changed)


def _moment(fields: Fields, key: str) -> datetime | None:
    read = fields.moment(key)
    return None if read is None else read[0]
