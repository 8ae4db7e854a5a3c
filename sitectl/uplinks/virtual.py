"""Configuration of a virtual station: what the central set, over what the real station has."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import OfflineUnknown
from sitectl.model.commands import Answered, GetVariables, SetVariable, Urgency
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import Payload
from sitectl.model.uplink import Right
from sitectl.ocpp.v16 import central_encode, decode
from sitectl.ocpp.v16.configuration import KeyClass, boolean, integer, key_class
from sitectl.ocpp.v16.security import LONGEST_PEM
from sitectl.uplinks import credentials
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.roots import MOST as MOST_ROOTS

LONGEST_LIST = 10_000
"""Tokens of one local list."""

LONGEST_LIST_SENT = 1000
"""Entries of one SendLocalList: a frame of them stays below the longest that we read."""

FEATURES: Mapping[Right, str] = {
    Right.PROFILES: "SmartCharging",
    Right.READ: "RemoteTrigger",
    Right.LISTS: "LocalAuthListManagement",
}
"""What a virtual station offers beside the core, by the right that a central needs for it."""

DEFAULTS: Mapping[str, tuple[str, bool]] = {
    "ConnectionTimeOut": ("60", False),
    "HeartbeatInterval": ("300", False),
    "WebSocketPingInterval": ("20", False),
    "MeterValueSampleInterval": ("60", False),
    "StopTransactionOnInvalidId": ("true", False),
    "TransactionMessageAttempts": ("3", False),
    "TransactionMessageRetryInterval": ("60", False),
    "AuthorizeRemoteTxRequests": ("false", False),
    "LocalPreAuthorize": ("false", False),
    "LocalAuthorizeOffline": ("true", False),
    "LocalAuthListEnabled": ("true", False),
    "AuthorizationCacheEnabled": ("true", False),
    "AllowOfflineTxForUnknownId": ("true", False),
    "MaxEnergyOnInvalidId": ("0", False),
    "LocalAuthListMaxLength": (str(LONGEST_LIST), True),
    "SendLocalListMaxLength": (str(LONGEST_LIST_SENT), True),
    "NumberOfConnectors": ("1", True),
    "SupportedFeatureProfiles": ("Core", True),
    "ChargeProfileMaxStackLevel": ("8", True),
    "ChargingScheduleAllowedChargingRateUnit": ("Current,Power", True),
    "ChargingScheduleMaxPeriods": ("24", True),
    "MaxChargingProfilesInstalled": ("20", True),
    "CertificateSignedMaxChain": (str(LONGEST_PEM), True),
    "CertificateStoreMaxLength": (str(MOST_ROOTS), True),
}
"""What a virtual station has of its own, whatever the real one says of these keys."""

LARGEST = 2**31 - 1


def value(rooms: Rooms, uplink: UplinkId, station: StationId, key: str) -> str:
    """One of `DEFAULTS` as it holds now."""
    text = rooms.virtual.variables(uplink, station).get(key, DEFAULTS[key][0])
    return "false" if boolean(text) and key in _withheld(rooms) else text


def _withheld(rooms: Rooms) -> Collection[str]:
    """Keys that stay false whatever a central says, because the site's own rules are stricter."""
    rules = rooms.authorization()
    withheld = []
    if rules.offline_unknown is OfflineUnknown.REJECT:
        withheld.append("AllowOfflineTxForUnknownId")
    if rules.cache_days == 0:
        withheld.append("AuthorizationCacheEnabled")
    return withheld


def number(rooms: Rooms, uplink: UplinkId, station: StationId, key: str) -> int:
    """The same, of a key that is a whole number."""
    text = value(rooms, uplink, station, key)
    return int(text) if _is_number(text) else int(DEFAULTS[key][0])


def station_number(rooms: Rooms, station: StationId, key: str) -> int:
    """A whole number that the real station has, 0 where it has none that can be read."""
    return integer(station_value(rooms, station, key)) or 0


def station_value(rooms: Rooms, station: StationId, key: str) -> str:
    """What the real station has, "" where that is not known."""
    known = rooms.facts.configuration(station).items()
    return next((text for name, (text, _) in known if name.lower() == key.lower()), "")


def flag(rooms: Rooms, uplink: UplinkId, station: StationId, key: str) -> bool:
    """The same, of a key that is yes or no."""
    read = boolean(value(rooms, uplink, station, key))
    return boolean(DEFAULTS[key][0]) is True if read is None else read


# --- reading ---------------------------------------------------------------------------------------------------------


def configuration(rooms: Rooms, asker: Asker) -> dict[str, tuple[str, bool]]:
    """All keys as the central sees them: key -> (value, read-only). Secrets are never among them."""
    uplink, station = asker.uplink, asker.station
    shown = _shown(rooms.facts.configuration(station))
    connectors = str(max(rooms.facts.evses(station), default=1))
    own = {**DEFAULTS, "NumberOfConnectors": (connectors, True)}
    own |= {key: (text, False) for key, text in rooms.virtual.variables(uplink, station).items()}
    # The interval that holds: the last boot or the last write said it.
    own["HeartbeatInterval"] = (str(int(asker.link.heartbeat_s)), False)
    own |= credentials.variables(rooms, uplink, station, asker.security_profile())
    own["SupportedFeatureProfiles"] = (feature_profiles(asker.rights), True)
    own |= dict.fromkeys(_withheld(rooms), ("false", False))
    written = {key.lower() for key in own}
    return {**{key: held for key, held in shown.items() if key.lower() not in written}, **own}


def feature_profiles(rights: Collection[Right]) -> str:
    """What the virtual station offers to a central with these rights."""
    return ",".join(["Core", *(name for right, name in FEATURES.items() if right in rights)])


def _shown(values: Mapping[str, tuple[str, bool]]) -> dict[str, tuple[str, bool]]:
    """What may be shown of the real station's keys, with what this central may write."""
    kinds = {key: key_class(key) for key in values}
    writable = (KeyClass.VIRTUAL, KeyClass.BOTH)
    return {
        key: (text, fixed or kinds[key] not in writable)
        for key, (text, fixed) in values.items()
        if kinds[key] is not KeyClass.CREDENTIAL
    }


async def get_variables(rooms: Rooms, asker: Asker, asked: GetVariables) -> Payload:
    """Answer from what is known; the real station is asked only for what is not, and for all when all is asked."""
    known = configuration(rooms, asker)
    lower = {key.lower(): key for key in known}
    unknown = [key for key in dict.fromkeys(asked.keys) if key.lower() not in lower]
    foreign = tuple(key for key in unknown if key_class(key) is not KeyClass.CREDENTIAL)
    if (foreign or not asked.keys) and rooms.facts.online(asked.station):
        fresh = await _ask(rooms, GetVariables(asked.station, foreign))
        known = {**{key: held for key, held in fresh.items() if key.lower() not in lower}, **known}
        lower = {key.lower(): key for key in known}
    if not asked.keys:
        return central_encode.configuration(known)
    found = {lower[key.lower()]: known[lower[key.lower()]] for key in asked.keys if key.lower() in lower}
    return central_encode.configuration(found, [key for key in unknown if key.lower() not in lower])


async def _ask(rooms: Rooms, question: GetVariables) -> dict[str, tuple[str, bool]]:
    outcome = await rooms.door.execute(question.station, question, Urgency.HOUSEKEEPING)
    return _shown(decode.configuration(outcome.payload).value.values) if isinstance(outcome, Answered) else {}


# --- writing ---------------------------------------------------------------------------------------------------------


async def set_variable(rooms: Rooms, uplink: UplinkId, asked: SetVariable) -> Payload:
    """Keep it, pass it on, or refuse it, by the key's class."""
    kind = key_class(asked.key)
    if not _fits(asked.key, asked.value) or (boolean(asked.value) and canonical(asked.key) in _withheld(rooms)):
        return central_encode.negative("ChangeConfiguration") or {}
    match kind:
        case KeyClass.VIRTUAL:
            return await _keep(rooms, uplink, asked, central_encode.accepted())
        case KeyClass.BOTH:
            outcome = await rooms.door.execute(asked.station, asked, Urgency.HOUSEKEEPING)
            answer = central_encode.outcome("ChangeConfiguration", outcome) or {}
            if isinstance(outcome, Answered) and outcome.accepted:
                return await _keep(rooms, uplink, asked, answer)
            return answer
        case KeyClass.REFUSED if asked.key.lower() not in map(str.lower, rooms.facts.configuration(asked.station)):
            return central_encode.not_supported("ChangeConfiguration")
        case _:
            return central_encode.negative("ChangeConfiguration") or {}


async def _keep(rooms: Rooms, uplink: UplinkId, asked: SetVariable, answer: Payload) -> Payload:
    """Under one spelling of the key, so that there is one of it."""
    held = {key.lower(): key for key in rooms.virtual.variables(uplink, asked.station)}
    key = held.get(asked.key.strip().lower(), canonical(asked.key))
    try:
        await rooms.virtual.set_variable(uplink, asked.station, key, asked.value.strip())
    except EnvironmentFault:
        return central_encode.negative("ChangeConfiguration") or {}
    return answer


_SPELLED = {key.lower(): key for key in DEFAULTS}


def canonical(key: str) -> str:
    """A key as the standard writes it, where we know it."""
    return _SPELLED.get(key.strip().lower(), key.strip())


def _fits(key: str, text: str) -> bool:
    """Whether a value is of its key's kind: a number for a number, yes or no for yes or no."""
    default = DEFAULTS.get(canonical(key))
    if default is None:
        return True
    if _is_number(default[0]):
        return _is_number(text)
    return boolean(default[0]) is None or boolean(text) is not None


def _is_number(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdigit() and int(text) <= LARGEST
