"""Certificates and security events: what is named and compared, never what is secret. In the words of OCPP 2.x."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SecurityEventType(StrEnum):
    """Security events that OCPP has a name for and we can see (1.6 security white paper; the same words in 2.x)."""

    FIRMWARE_UPDATED = "FirmwareUpdated"
    FAILED_TO_AUTHENTICATE = "FailedToAuthenticateAtCentralSystem"
    CENTRAL_FAILED_TO_AUTHENTICATE = "CentralSystemFailedToAuthenticate"
    SETTING_SYSTEM_TIME = "SettingSystemTime"
    STARTUP = "StartupOfTheDevice"
    RESET_OR_REBOOT = "ResetOrReboot"
    RECONFIGURATION = "ReconfigurationOfSecurityParameters"
    INVALID_MESSAGES = "InvalidMessages"
    INVALID_FIRMWARE_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    INVALID_CENTRAL_CERTIFICATE = "InvalidCentralSystemCertificate"
    INVALID_STATION_CERTIFICATE = "InvalidChargePointCertificate"


TAMPER_ALARMS = frozenset({"tamperdetectionactivated"})
"""Security events (lower case) of a station that somebody has opened: they stand until a person has looked."""


class CertificateUse(StrEnum):
    """What a root certificate is trusted for (2.x: InstallCertificateUseEnumType, as far as 1.6 knows it)."""

    CSMS_ROOT = "CSMSRootCertificate"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"


class HashAlgorithm(StrEnum):
    """HashAlgorithmEnumType."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


@dataclass(frozen=True, slots=True)
class CertificateHash:
    """CertificateHashDataType: a certificate by its issuer and serial number, as OCSP names it. All in lower-case hex.

    The serial number has no leading zeros (OCPP 2.0.1 part 2, 2.7), so equal certificates have equal hash data.
    """

    algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
