"""What a central has told of tokens, for when it is away or wants not to be asked: its local list and its verdicts.

The central's own keys say how that is used (OCPP 1.6, 9.1 and 9.2); the site's `authorization` bounds them.
"""

from __future__ import annotations

from datetime import timedelta

from sitectl.model.authorization import Remembered
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import IdTokenInfo
from sitectl.routing.tokens import memorable
from sitectl.uplinks import virtual
from sitectl.uplinks.ports import Rooms


def remembered(rooms: Rooms, uplink: UplinkId, station: StationId, id_token: str) -> Remembered:
    """What this central has told of a token, as it wants that used on this station."""

    def flag(key: str) -> bool:
        return virtual.flag(rooms, uplink, station, key)

    return Remembered(
        listed=_listed(rooms, uplink, station, id_token),
        cached=_cached(rooms, uplink, id_token) if flag("AuthorizationCacheEnabled") else None,
        pre_authorize=flag("LocalPreAuthorize"),
        offline=flag("LocalAuthorizeOffline"),
        unknown=flag("AllowOfflineTxForUnknownId"),
    )


def parent_of(rooms: Rooms, uplink: UplinkId, station: StationId, id_token: str) -> str | None:
    """The parent of a token: by the site's file, else as this central has told it."""
    on_file = rooms.authorization().tokens.get(id_token)
    if on_file is not None and on_file.parent is not None:
        return on_file.parent
    return remembered(rooms, uplink, station, id_token).parent


def remember(rooms: Rooms, uplink: UplinkId, station: StationId, id_token: str, info: IdTokenInfo | None) -> None:
    """Keep a verdict that this central gave. A token of the local list is never cached (OCPP 1.6, 3.5.3).

    Where list and verdict differ, people are told: the central has to send its list again.
    """
    if info is None or not memorable(id_token, info):
        return
    listed = _listed(rooms, uplink, station, id_token)
    if listed is None:
        if virtual.flag(rooms, uplink, station, "AuthorizationCacheEnabled"):
            rooms.tokens.put(uplink, id_token, info)
    elif listed.status is not info.status:
        data = {"uplink": uplink, "listed": listed.status.value, "verdict": info.status.value}
        rooms.journal.record("authorization.list_conflict", station, data=data)


def _listed(rooms: Rooms, uplink: UplinkId, station: StationId, id_token: str) -> IdTokenInfo | None:
    if not virtual.flag(rooms, uplink, station, "LocalAuthListEnabled"):
        return None
    return rooms.lists.of(uplink, station).get(id_token)


def _cached(rooms: Rooms, uplink: UplinkId, id_token: str) -> IdTokenInfo | None:
    return rooms.tokens.get(uplink, id_token, timedelta(days=rooms.authorization().cache_days))
