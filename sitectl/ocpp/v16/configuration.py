"""Configuration keys of OCPP 1.6 (section 9): what a central may do with them, and how their values are read.

A central talks to its virtual station. Some keys steer only that; some are passed on to the real one; some are
credentials of our connection to the central; what would point the station elsewhere or change its fuse is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum

from sitectl.ocpp.v16.fields import as_boolean, as_number


class KeyClass(Enum):
    """What happens to a ChangeConfiguration of a central."""

    VIRTUAL = "virtual"
    """Kept for the virtual station; the real one keeps our value."""
    BOTH = "both"
    """Kept, and written to the station."""
    CREDENTIAL = "credential"
    """Configures our own connection to that central; never reaches the station, whose own is never shown."""
    READ_ONLY = "read-only"
    """A fact of the station; writing is refused."""
    REFUSED = "refused"
    """Neither written nor kept."""


def _keys(names: str, kind: KeyClass) -> dict[str, KeyClass]:
    return {name.lower(): kind for name in names.split()}


_CLASSES: Mapping[str, KeyClass] = {
    **_keys(
        "HeartbeatInterval WebSocketPingInterval ConnectionTimeOut MeterValueSampleInterval MeterValuesSampledData"
        " MeterValuesAlignedData ClockAlignedDataInterval StopTxnSampledData StopTxnAlignedData"
        " TransactionMessageAttempts TransactionMessageRetryInterval AuthorizationCacheEnabled LocalPreAuthorize"
        " LocalAuthorizeOffline AllowOfflineTxForUnknownId LocalAuthListEnabled AuthorizeRemoteTxRequests"
        " StopTransactionOnInvalidId MaxEnergyOnInvalidId ConnectorPhaseRotation",
        KeyClass.VIRTUAL,
    ),
    **_keys(
        "StopTransactionOnEVSideDisconnect UnlockConnectorOnEVSideDisconnect MinimumStatusDuration LightIntensity"
        " BlinkRepeat",
        KeyClass.BOTH,
    ),
    **_keys("AuthorizationKey SecurityProfile CpoName AdditionalRootCertificateCheck", KeyClass.CREDENTIAL),
    **_keys(
        "ChargeProfileMaxStackLevel ChargingScheduleAllowedChargingRateUnit ChargingScheduleMaxPeriods"
        " MaxChargingProfilesInstalled ConnectorSwitch3to1PhaseSupported GetConfigurationMaxKeys NumberOfConnectors"
        " MessageTimeout ResetRetries"
        " ConnectorPhaseRotationMaxLength MeterValuesAlignedDataMaxLength MeterValuesSampledDataMaxLength"
        " StopTxnAlignedDataMaxLength StopTxnSampledDataMaxLength SupportedFeatureProfiles"
        " SupportedFeatureProfilesMaxLength SupportedFileTransferProtocols LocalAuthListMaxLength"
        " SendLocalListMaxLength ReserveConnectorZeroSupported CertificateStoreMaxLength CertificateSignedMaxChain",
        KeyClass.READ_ONLY,
    ),
}


def key_class(key: str, allowed: Collection[str] = ()) -> KeyClass:
    """The class of a key, whatever its case. Vendor keys are refused unless they are on the site's list `allowed`."""
    known = _CLASSES.get(key.strip().lower())
    if known is not None:
        return known
    return KeyClass.BOTH if key in allowed else KeyClass.REFUSED


START_KEYS = (
    "LocalPreAuthorize",
    "LocalAuthorizeOffline",
    "AllowOfflineTxForUnknownId",
    "LocalAuthListEnabled",
    "AuthorizationCacheEnabled",
)
"""Each lets a station start a transaction that we did not see coming, unless it is false or unknown to the station."""

_FREE_VEND = ("freevend", "freecharg", "freemode", "autostart", "autocharge", "plugandcharge", "plug&charge")


def starts_pass_us(values: Mapping[str, str], unknown: Iterable[str] = ()) -> bool:
    """Whether every start must pass us: the five keys read back false or unknown, and no free-vend key true.

    What was not read back, and what is no boolean, counts as true.
    """
    read = {key.lower(): as_boolean(value) for key, value in values.items()}
    missing = {key.lower() for key in unknown}
    barred = all(read[key] is False if (key := name.lower()) in read else key in missing for name in START_KEYS)
    return barred and not any(
        value is not False for key, value in read.items() if any(word in _squeezed(key) for word in _FREE_VEND)
    )


def bars_starts(key: str, value: str) -> bool:
    """Whether starts go on to pass us when this key gets this value."""
    free = any(word in _squeezed(key.lower()) for word in _FREE_VEND)
    guards = free or key.strip().lower() in {name.lower() for name in START_KEYS}
    return not guards or as_boolean(value) is False


def _squeezed(key: str) -> str:
    return "".join(c for c in key if c.isalnum() or c == "&")


def csv(value: str) -> tuple[str, ...]:
    """A comma-separated list, tolerant of quotes, blanks and empty places."""
    items = (item.strip().strip("\"'").strip() for item in value.strip().strip("\"'").split(","))
    return tuple(item for item in items if item)


def boolean(value: str) -> bool | None:
    """A boolean, tolerant of case, quotes and blanks; None when it is none."""
    return as_boolean(value)


def integer(value: str) -> int | None:
    """A whole number, tolerant of quotes, blanks and a fraction; None when it is none."""
    number = as_number(value.strip().strip("\"'").strip())
    return None if number is None else int(number)
