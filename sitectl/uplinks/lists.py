"""Local lists and the cache, as a central manages them on one virtual station. Nothing of it reaches the station.

Applied whole and on disk before the answer, whether the station is there or not: it is we who decide by them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import RelayCall, Urgency
from sitectl.model.ids import StationId
from sitectl.model.transaction import IdTokenInfo
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.central_lists import (
    CacheCleared,
    ListSent,
    ListStatus,
    ListVersionAsked,
    list_answer,
    list_version,
)
from sitectl.ocpp.v16.configuration import boolean
from sitectl.ocpp.v16.virtual_keys import LONGEST_LIST, LONGEST_LIST_SENT
from sitectl.uplinks import virtual
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import note
from sitectl.wire.outcomes import Reply

log = logging.getLogger(__name__)

_CACHE_KEY = "AuthorizationCacheEnabled"


class Lists:
    """The lists and the cache of one central, for all its stations."""

    __slots__ = ("_rooms", "_turns")

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._turns: dict[StationId, asyncio.Lock] = {}

    def serve(self, asker: Asker, asked: ListVersionAsked | ListSent | CacheCleared) -> Reply | Awaitable[Reply]:
        """Answer one call."""
        match asked:
            case ListVersionAsked():
                return self._version(asker)
            case ListSent():
                return self._send(asker, asked)
            case CacheCleared():
                return self._clear_cache(asker)

    def _version(self, asker: Asker) -> Reply:
        """GetLocalListVersion: -1 where there is none, 0 for an empty one."""
        held = self._rooms.lists.of(asker.uplink, asker.station)
        return list_version(held.version if self._enabled(asker) else -1)

    async def _send(self, asker: Asker, sent: ListSent) -> Reply:
        """SendLocalList. One after the other: each is checked against what the one before it left."""
        if not self._enabled(asker):
            return list_answer(ListStatus.NOT_SUPPORTED)
        if sent.wrong:
            self._refused(asker, sent.wrong)
            return list_answer(ListStatus.FAILED)
        async with self._turns.setdefault(asker.station, asyncio.Lock()):
            try:
                return list_answer(await self._apply(asker, sent))
            except EnvironmentFault as fault:
                log.warning("%s/%s: a local list is not on disk: %s", asker.uplink, asker.station, fault)
                return list_answer(ListStatus.FAILED)

    async def _apply(self, asker: Asker, sent: ListSent) -> ListStatus:
        uplink, station, lists = asker.uplink, asker.station, self._rooms.lists
        held = lists.of(uplink, station)
        put: dict[str, IdTokenInfo] = {token: info for token, info in sent.tokens.items() if info is not None}
        gone = [token for token, info in sent.tokens.items() if info is None]
        if len(sent.tokens) > LONGEST_LIST_SENT:
            self._refused(asker, f"more than {LONGEST_LIST_SENT} entries at once")
            return ListStatus.FAILED
        if not sent.full and sent.version <= held.version:
            return ListStatus.VERSION_MISMATCH
        left = 0 if sent.full else held.count_without([*put, *gone])
        if left + len(put) > LONGEST_LIST:
            self._refused(asker, f"more than {LONGEST_LIST} tokens")
            return ListStatus.FAILED
        if sent.full:
            await lists.replace(uplink, station, sent.version, put)
        elif sent.tokens:  # one without entries changes nothing (OCPP 1.6, 5.15)
            await lists.change(uplink, station, sent.version, put, gone)
        data = {"uplink": uplink, "version": sent.version, "full": sent.full, "tokens": left + len(put)}
        self._rooms.journal.record("authorization.list_changed", station, data=data)
        return ListStatus.ACCEPTED

    def _refused(self, asker: Asker, why: str) -> None:
        data = {"uplink": asker.uplink, "why": why}
        self._rooms.journal.record("authorization.list_refused", asker.station, data=data)

    async def _clear_cache(self, asker: Asker) -> Reply:
        """ClearCache: what this central has said of tokens is forgotten, on all stations; others keep theirs.

        Without a cache the answer is no (errata of 1.6, 3.23). The station's own cache is cleared where it uses one.
        """
        rooms, no = self._rooms, central_encode.negative("ClearCache") or {}
        if not virtual.flag(rooms, asker.uplink, asker.station, _CACHE_KEY):
            return no
        try:
            await rooms.tokens.clear(asker.uplink)
        except EnvironmentFault as fault:
            log.warning("%s: the cleared cache is not on disk: %s", asker.uplink, fault)
            return no
        note(rooms, asker, "authorization.cache_cleared", "ClearCache")
        caches = boolean(virtual.station_value(rooms, asker.station, _CACHE_KEY)) is True
        if caches and rooms.facts.online(asker.station):
            order = RelayCall(asker.station, "ClearCache", {})
            clearing = rooms.door.execute(asker.station, order, Urgency.HOUSEKEEPING)
            rooms.spawn(clearing, f"cache of {asker.station}")
        return central_encode.accepted()

    def _enabled(self, asker: Asker) -> bool:
        return virtual.flag(self._rooms, asker.uplink, asker.station, "LocalAuthListEnabled")
