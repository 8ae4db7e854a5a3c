"""How long each step of a file transfer may take, and what a central is told when nothing is heard of it.

A station that cannot reach the place, refuses, or never says anything must not leave the central waiting for ever.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sitectl.model.files import FileKind, FileOrder, Transfer

BEGIN_WITHIN_S = 300.0
"""From the order (or the time that it names) to the first word of it; firmware may wait in a queue of the station."""

BEGIN_FIRMWARE_WITHIN_S = 900.0
MOVE_WITHIN_S = 3600.0
"""Uploading, downloading or installing, without another word."""

INSTALL_WITHIN_S = 86_400.0
"""Downloaded firmware may wait until nobody charges."""

DEFERRED_S = 86_400.0
"""How long a station that is away may stay so until an update that waits for it has failed."""

LATE_S = 86_400.0
"""A word that comes so long after the last one is still of this order; later ones are nobody's."""

LONGEST_RETRIES_S = 86_400.0
IDLE = "Idle"
REBOOTS = frozenset({"Installing", "InstallRebooting"})

_ENDS = frozenset(
    {
        *("Uploaded", "UploadFailed", "DownloadFailed", "Installed", "InstallationFailed"),
        *("UploadFailure", "BadMessage", "NotSupportedOperation", "PermissionDenied"),
        *("InvalidSignature", "InstallVerificationFailed"),
    }
)
_FETCHED = frozenset({"Downloaded", "SignatureVerified", "InstallScheduled", *REBOOTS})
_WAITS = frozenset({"Downloaded", "SignatureVerified", "InstallScheduled", "DownloadScheduled", "DownloadPaused"})


def begun(order: FileOrder, now: datetime, *, online: bool, number: int | None = None) -> Transfer:
    """A transfer that was ordered now. Firmware may wait for a station that is away, diagnostics do not."""
    due = max(now, order.begins or now) + timedelta(seconds=DEFERRED_S)
    waiting = Transfer(order, now, due, number=number)
    return told(waiting, now) if online else waiting


def told(transfer: Transfer, now: datetime) -> Transfer:
    """The station is told."""
    begins = max(now, transfer.order.begins or now)
    return replace(transfer, sent=True, due=begins + timedelta(seconds=_begin_s(transfer.order)))


def _begin_s(order: FileOrder) -> float:
    first_s = BEGIN_WITHIN_S if order.kind.is_upload else BEGIN_FIRMWARE_WITHIN_S
    return first_s + min(order.retries_s, LONGEST_RETRIES_S)


def heard(transfer: Transfer, status: str, now: datetime) -> Transfer | None:
    """The station said how it stands; None: that is no news for the central.

    Idle is the answer to a trigger, and what comes long after the last word is not of this order.
    """
    last = transfer.changed or transfer.ordered
    if not status or status in (IDLE, transfer.status) or not transfer.sent:
        return None
    if transfer.over and now - last > timedelta(seconds=LATE_S):
        return None
    patience_s = INSTALL_WITHIN_S if status in _WAITS else MOVE_WITHIN_S
    patience_s += min(transfer.order.retries_s, LONGEST_RETRIES_S)
    over = status in _ENDS
    begins = max(now, transfer.order.begins or now) if status == "DownloadScheduled" else now
    return replace(transfer, status=status, over=over, changed=now, due=begins + timedelta(seconds=patience_s))


def failed(transfer: Transfer, now: datetime, *, unsupported: bool = False) -> Transfer:
    """Nothing came of it: what the central is told then. `unsupported`: the station cannot do it at all."""
    match transfer.order.kind:
        case FileKind.DIAGNOSTICS:
            status = "UploadFailed"
        case FileKind.LOG:
            status = "NotSupportedOperation" if unsupported else "UploadFailure"
        case _:
            status = "InstallationFailed" if transfer.status in _FETCHED else "DownloadFailed"
    return replace(transfer, status=status, over=True, changed=now)


def last_known(transfer: Transfer | None, now: datetime) -> str:
    """What a central that asks is told: the last word. That of an upload is forgotten after a day."""
    if transfer is None or not transfer.status:
        return IDLE
    age = now - (transfer.changed or transfer.ordered)
    if transfer.order.kind.is_upload and transfer.over and age > timedelta(seconds=LATE_S):
        return IDLE
    return transfer.status
