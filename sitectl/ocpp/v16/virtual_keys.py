"""Configuration keys that a virtual station has of its own (OCPP 1.6, section 9), whatever the real one has of them.

They steer what a central is told, how often, and what holds while it is away; the real station keeps our values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sitectl.ocpp.v16.central_files import PROTOCOLS
from sitectl.ocpp.v16.configuration import boolean, csv
from sitectl.ocpp.v16.meter_values import MEASURANDS
from sitectl.ocpp.v16.security import LONGEST_PEM

DAY_S = 86_400
LARGEST = 2**31 - 1

MOST_KEYS = 100
"""GetConfigurationMaxKeys: keys that one GetConfiguration may name."""

MOST_PERIODS = 24
HIGHEST_STACK = 8
MOST_PROFILES = 20
LONGEST_LIST = 10_000
"""Tokens of one local list."""

LONGEST_LIST_SENT = 1000
"""Entries of one SendLocalList: a frame of them stays below the longest that we read."""


class Form(Enum):
    """What a value looks like."""

    NUMBER = "a whole number"
    FLAG = "true or false"
    MEASURANDS = "a list of measurands"
    TEXT = "any text"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its value until a central sets another one (None: what the real station has), and what it takes."""

    default: str | None
    form: Form = Form.TEXT
    lowest: int = 0
    highest: int = LARGEST
    read_only: bool = False

    def takes(self, value: str) -> bool:
        """Whether a value is one of this key's."""
        text = value.strip()
        match self.form:
            case Form.NUMBER:
                return is_number(text) and self.lowest <= int(text) <= self.highest
            case Form.FLAG:
                return boolean(text) is not None
            case Form.MEASURANDS:
                return set(csv(text)) <= MEASURANDS
            case Form.TEXT:
                return True


def _number(default: int, lowest: int = 0, highest: int = LARGEST) -> Key:
    return Key(str(default), Form.NUMBER, lowest, highest)


def _flag(default: bool) -> Key:
    return Key("true" if default else "false", Form.FLAG)


def _fact(value: object) -> Key:
    return Key(str(value), read_only=True)


KEYS: Mapping[str, Key] = {
    # how our connection lives
    "HeartbeatInterval": _number(300, 1, DAY_S),
    "WebSocketPingInterval": _number(20, 0, DAY_S),
    "TransactionMessageAttempts": _number(3, 0, 100),
    "TransactionMessageRetryInterval": _number(60, 0, DAY_S),
    # what goes up
    "MinimumStatusDuration": _number(0, 0, DAY_S),
    "MeterValueSampleInterval": _number(60, 0, DAY_S),
    "ClockAlignedDataInterval": _number(0, 0, DAY_S),
    "MeterValuesSampledData": Key(None, Form.MEASURANDS),
    "MeterValuesAlignedData": Key("Energy.Active.Import.Register", Form.MEASURANDS),
    "StopTxnSampledData": Key(None, Form.MEASURANDS),
    "StopTxnAlignedData": Key(None, Form.MEASURANDS),
    # who may charge
    "AuthorizeRemoteTxRequests": _flag(False),
    "ConnectionTimeOut": _number(60, 1, DAY_S),
    "LocalPreAuthorize": _flag(False),
    "LocalAuthorizeOffline": _flag(True),
    "LocalAuthListEnabled": _flag(True),
    "AuthorizationCacheEnabled": _flag(True),
    "AllowOfflineTxForUnknownId": _flag(True),
    "StopTransactionOnInvalidId": _flag(True),
    "MaxEnergyOnInvalidId": _number(0),
    # what it is
    "GetConfigurationMaxKeys": _fact(MOST_KEYS),
    "NumberOfConnectors": _fact(1),
    "SupportedFeatureProfiles": _fact("Core"),
    "SupportedFileTransferProtocols": _fact(PROTOCOLS),
    "CertificateSignedMaxChain": _fact(LONGEST_PEM),
    "LocalAuthListMaxLength": _fact(LONGEST_LIST),
    "SendLocalListMaxLength": _fact(LONGEST_LIST_SENT),
    "ChargeProfileMaxStackLevel": _fact(HIGHEST_STACK),
    "ChargingScheduleAllowedChargingRateUnit": _fact("Current,Power"),
    "ChargingScheduleMaxPeriods": _fact(MOST_PERIODS),
    "MaxChargingProfilesInstalled": _fact(MOST_PROFILES),
    "ConnectorSwitch3to1PhaseSupported": _fact("false"),
}

_SPELLED = {key.lower(): key for key in KEYS}


def canonical(key: str) -> str:
    """A key as the standard writes it, where we know it."""
    return _SPELLED.get(key.strip().lower(), key.strip())


def is_number(text: str) -> bool:
    """Whether a text is a whole number that is not negative and fits."""
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= LARGEST
