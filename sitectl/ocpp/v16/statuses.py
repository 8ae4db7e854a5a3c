"""ChargePointStatus of OCPP 1.6 (section 7.7), one word for plug and power, and the two words of the model."""

from __future__ import annotations

from sitectl.model.station import ChargingState, ConnectorStatus, EvseStatus

_READ: dict[str, tuple[ConnectorStatus, ChargingState | None, bool]] = {
    "available": (ConnectorStatus.AVAILABLE, ChargingState.IDLE, False),
    "preparing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED, True),
    "charging": (ConnectorStatus.OCCUPIED, ChargingState.CHARGING, False),
    "suspendedevse": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE, False),
    "suspendedev": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV, False),
    "finishing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED, False),
    "reserved": (ConnectorStatus.RESERVED, ChargingState.IDLE, False),
    "unavailable": (ConnectorStatus.UNAVAILABLE, None, False),
    "faulted": (ConnectorStatus.FAULTED, None, False),
}

# Nobody knows what it is about to do, so it counts as about to start.
_UNKNOWN = (ConnectorStatus.OCCUPIED, None, True)

_SUSPENDED = {
    ChargingState.CHARGING: "Charging",
    ChargingState.SUSPENDED_EVSE: "SuspendedEVSE",
    ChargingState.SUSPENDED_EV: "SuspendedEV",
}


def known(word: str) -> bool:
    """Whether 1.6 has this status, in whatever case."""
    return word.lower() in _READ


def evse_status(word: str, error_code: str = "NoError", vendor_error_code: str = "", info: str = "") -> EvseStatus:
    """The model's status for a word of 1.6."""
    connector, charging, preparing = _READ.get(word.lower(), _UNKNOWN)
    return EvseStatus(connector, charging, preparing, error_code, vendor_error_code, info)


def status_word(status: EvseStatus) -> str:
    """The word of 1.6 for a status of the model."""
    if status.connector_status is not ConnectorStatus.OCCUPIED:
        return status.connector_status.value
    if status.preparing:
        return "Preparing"
    return _SUSPENDED.get(status.charging_state, "Finishing") if status.charging_state else "Finishing"
