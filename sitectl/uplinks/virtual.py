"""Configuration of a virtual station: what the central set, over what the real station has."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.model.commands import GetVariables, SetVariable, Urgency
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.configuration import KeyClass, key_class
from sitectl.uplinks.ports import Rooms

DEFAULTS: Mapping[str, tuple[str, bool]] = {
    "HeartbeatInterval": ("300", False),
    "WebSocketPingInterval": ("20", False),
    "MeterValueSampleInterval": ("60", False),
    "StopTransactionOnInvalidId": ("true", False),
    "TransactionMessageAttempts": ("3", False),
    "TransactionMessageRetryInterval": ("60", False),
    "AuthorizeRemoteTxRequests": ("false", False),
    "NumberOfConnectors": ("1", True),
    "SupportedFeatureProfiles": ("Core,SmartCharging,RemoteTrigger", True),
    "ChargeProfileMaxStackLevel": ("8", True),
    "ChargingScheduleAllowedChargingRateUnit": ("Current,Power", True),
    "ChargingScheduleMaxPeriods": ("24", True),
    "MaxChargingProfilesInstalled": ("20", True),
}
"""What a virtual station has of its own, whatever the real one says of these keys."""


def configuration(rooms: Rooms, uplink: UplinkId, station: StationId) -> dict[str, tuple[str, bool]]:
    """All keys as the central sees them: key -> (value, read-only). Secrets are never among them."""
    shown = {
        key: value
        for key, value in rooms.facts.configuration(station).items()
        if key_class(key) is not KeyClass.CREDENTIAL
    }
    connectors = str(max(rooms.facts.evses(station), default=1))
    shown.update({**DEFAULTS, "NumberOfConnectors": (connectors, True)})
    lower = {key.lower(): key for key in shown}
    for key, value in rooms.virtual.variables(uplink, station).items():
        shown[lower.get(key.lower(), key)] = (value, False)
    return shown


def get_variables(rooms: Rooms, uplink: UplinkId, asked: GetVariables) -> Payload:
    """Answer from what is known; the real station is not bothered."""
    known = configuration(rooms, uplink, asked.station)
    if not asked.keys:
        return central_encode.configuration(known)
    lower = {key.lower(): key for key in known}
    found: dict[str, tuple[str, bool]] = {}
    unknown: list[str] = []
    for key in asked.keys:
        name = lower.get(key.lower())
        if name is None:
            unknown.append(key)
        else:
            found[name] = known[name]
    return central_encode.configuration(found, unknown)


async def set_variable(rooms: Rooms, uplink: UplinkId, asked: SetVariable) -> Payload:
    """Keep it, pass it on, or refuse it, by the key's class."""
    match key_class(asked.key):
        case KeyClass.VIRTUAL:
            await rooms.virtual.set_variable(uplink, asked.station, asked.key, asked.value)
            return central_encode.accepted()
        case KeyClass.BOTH:
            outcome = await rooms.door.execute(asked.station, asked, Urgency.HOUSEKEEPING)
            answer = central_encode.outcome("ChangeConfiguration", outcome)
            if answer is not None and answer.get("status") in ("Accepted", "RebootRequired"):
                await rooms.virtual.set_variable(uplink, asked.station, asked.key, asked.value)
            return answer or {}
        case KeyClass.CREDENTIAL | KeyClass.READ_ONLY | KeyClass.REFUSED:
            return central_encode.negative("ChangeConfiguration") or {}
