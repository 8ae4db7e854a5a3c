"""Configuration of a virtual station as it holds: what the central set, over what the real station has."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sitectl.config.settings import OfflineUnknown
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.uplink import Right
from sitectl.ocpp.v16.configuration import KeyClass, boolean, csv, integer, key_class
from sitectl.ocpp.v16.virtual_keys import KEYS, is_number
from sitectl.uplinks import credentials
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.roots import MOST as MOST_ROOTS

FEATURES: Mapping[str, Collection[Right]] = {
    "FirmwareManagement": (Right.FIRMWARE, Right.READ),
    "LocalAuthListManagement": (Right.LISTS,),
    "RemoteTrigger": (Right.READ,),
    "Reservation": (Right.START_STOP,),
    "SmartCharging": (Right.PROFILES,),
}
"""What a virtual station offers beside the core, by the rights of which a central needs one for it."""


def value(rooms: Rooms, uplink: UplinkId, station: StationId, key: str) -> str:
    """One of `KEYS` as it holds now: as the central set it, else our own, else what the real station has."""
    text = rooms.virtual.variables(uplink, station).get(key, KEYS[key].default)
    if text is None:
        return station_value(rooms, station, key)
    return "false" if boolean(text) and key in withheld(rooms) else text


def withheld(rooms: Rooms) -> Collection[str]:
    """Keys that stay false whatever a central says, because the site's own rules are stricter."""
    rules = rooms.authorization()
    held = []
    if rules.offline_unknown is OfflineUnknown.REJECT:
        held.append("AllowOfflineTxForUnknownId")
    if rules.cache_days == 0:
        held.append("AuthorizationCacheEnabled")
    return held


def number(rooms: Rooms, uplink: UplinkId, station: StationId, key: str) -> int:
    """The same, of a key that is a whole number."""
    text = value(rooms, uplink, station, key)
    return int(text) if is_number(text.strip()) else int(KEYS[key].default or 0)


def flag(rooms: Rooms, uplink: UplinkId, station: StationId, key: str) -> bool:
    """The same, of a key that is yes or no."""
    read = boolean(value(rooms, uplink, station, key))
    return boolean(KEYS[key].default or "") is True if read is None else read


def station_number(rooms: Rooms, station: StationId, key: str) -> int:
    """A whole number that the real station has, 0 where it has none that can be read."""
    return integer(station_value(rooms, station, key)) or 0


def station_value(rooms: Rooms, station: StationId, key: str) -> str:
    """What the real station has, "" where that is not known."""
    known = rooms.facts.configuration(station).items()
    return next((text for name, (text, _) in known if name.lower() == key.lower()), "")


def is_known(rooms: Rooms, station: StationId, key: str) -> bool:
    """Whether the real station is known to have this key."""
    return key.strip().lower() in map(str.lower, rooms.facts.configuration(station))


def station_reserves(rooms: Rooms, station: StationId) -> bool:
    """Whether the real station says that it can hold reservations."""
    return "reservation" in csv(station_value(rooms, station, "SupportedFeatureProfiles").lower())


def reserves_any(rooms: Rooms, station: StationId) -> bool:
    """Whether any one EVSE of the station can be reserved: by the station where it holds reservations, else by us."""
    if not station_reserves(rooms, station):
        return True
    return boolean(station_value(rooms, station, "ReserveConnectorZeroSupported")) is True


def configuration(rooms: Rooms, asker: Asker) -> dict[str, tuple[str, bool]]:
    """All keys as the central sees them: key -> (value, read-only). Secrets are never among them."""
    uplink, station = asker.uplink, asker.station
    own = {name: (key.default, key.read_only) for name, key in KEYS.items() if key.default is not None}
    own["NumberOfConnectors"] = (str(max(rooms.facts.evses(station), default=1)), True)
    own["SupportedFeatureProfiles"] = (feature_profiles(asker.rights), True)
    own |= {key: (text, False) for key, text in rooms.virtual.variables(uplink, station).items()}
    # The interval that holds: the last boot or the last write said it.
    own["HeartbeatInterval"] = (str(int(asker.link.heartbeat_s)), False)
    own |= credentials.variables(rooms, uplink, station, asker.security_profile())
    own["CertificateStoreMaxLength"] = (str(MOST_ROOTS), True)
    own["ReserveConnectorZeroSupported"] = (str(reserves_any(rooms, station)).lower(), True)
    own |= dict.fromkeys(withheld(rooms), ("false", False))
    written = {key.lower() for key in own}
    shown = _shown(rooms.facts.configuration(station))
    return {**{key: held for key, held in shown.items() if key.lower() not in written}, **own}


def feature_profiles(rights: Collection[Right]) -> str:
    """What the virtual station offers to a central with these rights."""
    return ",".join(
        ["Core", *(name for name, opening in FEATURES.items() if any(right in rights for right in opening))]
    )


def _shown(values: Mapping[str, tuple[str, bool]]) -> dict[str, tuple[str, bool]]:
    """What may be shown of the real station's keys, with what this central may write."""
    kinds = {key: key_class(key) for key in values}
    return {
        key: (text, kinds[key] is not KeyClass.VIRTUAL and (fixed or kinds[key] is not KeyClass.BOTH))
        for key, (text, fixed) in values.items()
        if kinds[key] is not KeyClass.CREDENTIAL
    }
