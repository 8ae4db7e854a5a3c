"""Authorize, and the verdict on a token: by the central where one answers, else by what we know ourselves."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, time

from sitectl.base.units import parse_timestamp
from sitectl.config.settings import AuthorizationMode, AuthorizationSettings, OfflineUnknown
from sitectl.model.events import StartExpected
from sitectl.model.ids import EvseId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import decode, encode
from sitectl.stations.desk import RELAY_DEADLINE_S, Desk
from sitectl.stations.ports import TokenCache
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Reply

START_WITHIN_S = 120.0
"""After a token was accepted its car may begin to draw for so long (1.6: the usual ConnectionTimeOut)."""

SHORTEST_CACHED = 4
"""Shorter tokens are placeholders that stations of free-vend sites make up; what a central says of one is no fact."""

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
INVALID = IdTokenInfo(AuthorizationStatus.INVALID)
EXPIRED = IdTokenInfo(AuthorizationStatus.EXPIRED)


def authorize(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply | Awaitable[Reply]:
    """Authorize: has no durable effect; a yes reserves current for a start."""
    id_token = decode.authorize(call.payload).value
    if record.quarantined:
        return encode.authorize_answer(INVALID)
    if desk.authorization.mode is AuthorizationMode.UPLINK:
        return _ask(desk, record, id_token)
    return _answer(desk, record, local_verdict(desk.authorization, desk.cache, id_token, desk.clock.wall()))


async def _ask(desk: Desk, record: StationRecord, id_token: str) -> Reply:
    info = await desk.centrals.authorize(record.id, id_token, RELAY_DEADLINE_S)
    if info is None:
        info = local_verdict(desk.authorization, desk.cache, id_token, desk.clock.wall())
    else:
        remember(desk.cache, id_token, info)
    return _answer(desk, record, info)


def _answer(desk: Desk, record: StationRecord, info: IdTokenInfo) -> Reply:
    if info.status is AuthorizationStatus.ACCEPTED:
        now = desk.clock.monotonic()
        desk.inbox.post(StartExpected(EvseId(record.id, 0), now, now + START_WITHIN_S))
    return encode.authorize_answer(info)


def local_verdict(settings: AuthorizationSettings, cache: TokenCache, id_token: str, now: datetime) -> IdTokenInfo:
    """The verdict without a central: the tokens file, then what a central said once, then the rule for the unknown."""
    if settings.mode is AuthorizationMode.FREE:
        return ACCEPTED
    listed = settings.tokens.get(id_token)
    if listed is not None:
        if listed.valid_until is not None and _is_over(listed.valid_until, now):
            return EXPIRED
        return IdTokenInfo(AuthorizationStatus.ACCEPTED, parent=listed.parent)
    if settings.mode is AuthorizationMode.LIST:
        return INVALID
    remembered = cache.get(id_token)
    if remembered is not None:
        return EXPIRED if remembered.expires is not None and remembered.expires <= now else remembered
    return ACCEPTED if settings.offline_unknown is OfflineUnknown.ACCEPT and id_token else INVALID


def remember(cache: TokenCache, id_token: str, info: IdTokenInfo) -> None:
    """Keep what a central said, for when it is away. ConcurrentTx is of this moment only."""
    if len(id_token) >= SHORTEST_CACHED and info.status is not AuthorizationStatus.CONCURRENT_TX:
        cache.put(id_token, info)


def _is_over(valid_until: str, now: datetime) -> bool:
    """Whether this moment, or the whole of this day (UTC), has passed. What is no time never passes."""
    parsed = parse_timestamp(valid_until)
    if parsed is not None:
        return parsed[0] <= now
    try:
        day = datetime.fromisoformat(valid_until).date()
    except ValueError:
        return False
    return datetime.combine(day, time.max, UTC) < now
