"""Configuration keys of a simulated station (OCPP 1.6, chapter 9), with defaults as stations are shipped.

Several defaults let a station start without asking anybody (LocalAuthorizeOffline, AuthorizationCacheEnabled): a
central that wants every start to pass it has to say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "SoC",
)

_FLAGS = {
    "AllowOfflineTxForUnknownId": "false",
    "AuthorizationCacheEnabled": "true",
    "AuthorizeRemoteTxRequests": "false",
    "LocalAuthListEnabled": "true",
    "LocalAuthorizeOffline": "true",
    "LocalPreAuthorize": "false",
    "StopTransactionOnEVSideDisconnect": "true",
    "StopTransactionOnInvalidId": "true",
    "UnlockConnectorOnEVSideDisconnect": "true",
}
_NUMBERS = {
    "ClockAlignedDataInterval": "0",
    "ConnectionTimeOut": "60",
    "HeartbeatInterval": "300",
    "MeterValueSampleInterval": "60",
    "MinimumStatusDuration": "0",
    "ResetRetries": "1",
    "TransactionMessageAttempts": "1000000",
    "TransactionMessageRetryInterval": "2",
    "WebSocketPingInterval": "20",
}
_MEASURAND_LISTS = {
    "MeterValuesAlignedData": "Energy.Active.Import.Register",
    "MeterValuesSampledData": "Energy.Active.Import.Register",
    "StopTxnAlignedData": "",
    "StopTxnSampledData": "",
}
_READ_ONLY = {
    "ChargeProfileMaxStackLevel": "8",
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": "24",
    "ConnectorSwitch3to1PhaseSupported": "false",
    "GetConfigurationMaxKeys": "50",
    "LocalAuthListMaxLength": "500",
    "MaxChargingProfilesInstalled": "20",
    "MeterValuesSampledDataMaxLength": str(len(MEASURANDS)),
    "NumberOfConnectors": "1",
    "ReserveConnectorZeroSupported": "false",
    "SendLocalListMaxLength": "500",
    "SupportedFeatureProfiles": (
        "Core,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger,FirmwareManagement"
    ),
}


class Configuration:
    """Key and value texts of one station; they survive reboots."""

    def __init__(self, fixed: Mapping[str, str]) -> None:
        self._read_only = {**_READ_ONLY, **fixed}
        self._values = {**_FLAGS, **_NUMBERS, **_MEASURAND_LISTS}

    def flag(self, key: str) -> bool:
        return self._values[key] == "true"

    def number(self, key: str) -> int:
        return int(self._values[key])

    def measurands(self, key: str) -> list[str]:
        return [measurand for measurand in self._values[key].split(",") if measurand]

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """GetConfiguration.conf for `keys`, or for all of them."""
        asked = list(keys) or sorted(self._values | self._read_only)
        known = [
            {"key": key, "readonly": key in self._read_only, "value": value}
            for key in asked
            if (value := self._values.get(key, self._read_only.get(key))) is not None
        ]
        unknown = [key for key in asked if key not in self._values and key not in self._read_only]
        return {"configurationKey": known, **({"unknownKey": unknown} if unknown else {})}

    def change(self, key: str, value: str) -> str:
        """The status of ChangeConfiguration.conf; a value takes effect at once."""
        if key in self._read_only:
            return "Rejected"
        if key not in self._values:
            return "NotSupported"
        if key in _FLAGS:
            value = value.lower()
            valid = value in ("true", "false")
        elif key in _NUMBERS:
            valid = value.isdecimal()
        else:
            value = ",".join(part.strip() for part in value.split(",") if part.strip())
            valid = set(value.split(",")) <= {*MEASURANDS, ""}
        if valid:
            self._values[key] = value
        return "Accepted" if valid else "Rejected"
