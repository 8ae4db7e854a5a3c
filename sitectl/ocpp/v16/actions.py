"""The actions of OCPP 1.6, 28 of the core and 11 of the security extension (white paper, edition 3).

Who may start them, which belong to a transaction, which right a central needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sitectl.model.uplink import Right


class Sender(Enum):
    """Who may start an action."""

    STATION = "station"
    CENTRAL = "central"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `right` is what an uplink needs to start it (None: centrals do not start it)."""

    name: str
    sender: Sender
    transactional: bool = False
    right: Right | None = None


ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("Authorize", Sender.STATION),
        Action("BootNotification", Sender.STATION),
        Action("DiagnosticsStatusNotification", Sender.STATION),
        Action("FirmwareStatusNotification", Sender.STATION),
        Action("Heartbeat", Sender.STATION),
        Action("MeterValues", Sender.STATION, transactional=True),
        Action("StartTransaction", Sender.STATION, transactional=True),
        Action("StatusNotification", Sender.STATION),
        Action("StopTransaction", Sender.STATION, transactional=True),
        Action("DataTransfer", Sender.BOTH, right=Right.CONFIGURATION),
        Action("CancelReservation", Sender.CENTRAL, right=Right.START_STOP),
        Action("ChangeAvailability", Sender.CENTRAL, right=Right.RESET),
        Action("ChangeConfiguration", Sender.CENTRAL, right=Right.CONFIGURATION),
        Action("ClearCache", Sender.CENTRAL, right=Right.LISTS),
        Action("ClearChargingProfile", Sender.CENTRAL, right=Right.PROFILES),
        Action("GetCompositeSchedule", Sender.CENTRAL, right=Right.READ),
        Action("GetConfiguration", Sender.CENTRAL, right=Right.READ),
        Action("GetDiagnostics", Sender.CENTRAL, right=Right.READ),
        Action("GetLocalListVersion", Sender.CENTRAL, right=Right.READ),
        Action("RemoteStartTransaction", Sender.CENTRAL, right=Right.START_STOP),
        Action("RemoteStopTransaction", Sender.CENTRAL, right=Right.START_STOP),
        Action("ReserveNow", Sender.CENTRAL, right=Right.START_STOP),
        Action("Reset", Sender.CENTRAL, right=Right.RESET),
        Action("SendLocalList", Sender.CENTRAL, right=Right.LISTS),
        Action("SetChargingProfile", Sender.CENTRAL, right=Right.PROFILES),
        Action("TriggerMessage", Sender.CENTRAL, right=Right.READ),
        Action("UnlockConnector", Sender.CENTRAL, right=Right.START_STOP),
        Action("UpdateFirmware", Sender.CENTRAL, right=Right.FIRMWARE),
    )
}

SECURITY_ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("LogStatusNotification", Sender.STATION),
        Action("SecurityEventNotification", Sender.STATION),
        Action("SignCertificate", Sender.STATION),
        Action("SignedFirmwareStatusNotification", Sender.STATION),
        Action("CertificateSigned", Sender.CENTRAL, right=Right.CONFIGURATION),
        Action("DeleteCertificate", Sender.CENTRAL, right=Right.CONFIGURATION),
        Action("ExtendedTriggerMessage", Sender.CENTRAL, right=Right.READ),
        Action("GetInstalledCertificateIds", Sender.CENTRAL, right=Right.READ),
        Action("GetLog", Sender.CENTRAL, right=Right.READ),
        Action("InstallCertificate", Sender.CENTRAL, right=Right.CONFIGURATION),
        Action("SignedUpdateFirmware", Sender.CENTRAL, right=Right.FIRMWARE),
    )
}
"""The security extension: four that stations start, seven that centrals start."""

FROM_STATION = frozenset(a.name for a in ACTIONS.values() if a.sender is not Sender.CENTRAL)
"""The ten that stations start."""

FROM_CENTRAL = frozenset(a.name for a in ACTIONS.values() if a.sender is not Sender.STATION)
"""The nineteen that centrals start."""

TRANSACTIONAL = frozenset(a.name for a in ACTIONS.values() if a.transactional)
"""Messages of a transaction: durable before the reply, in order, and repeated by stations until answered."""
