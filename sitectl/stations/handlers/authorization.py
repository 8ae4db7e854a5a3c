"""Authorize, and the verdict on a token: by the central where one answers, else by what is known here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time

from sitectl.base.units import parse_timestamp
from sitectl.config.settings import AuthorizationMode, AuthorizationSettings, OfflineUnknown
from sitectl.model.events import StartExpected
from sitectl.model.ids import EvseId, StationId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import decode, encode
from sitectl.routing.verdicts import ACCEPTED, INVALID, RESERVED, Source, Verdict, at_once, by_list, offline
from sitectl.stations.desk import Desk, relay_deadline_s
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Reply

START_WITHIN_S = 120.0
"""After a token was accepted its car may begin to draw for so long (1.6: the usual ConnectionTimeOut)."""

Ask = Callable[[], Awaitable[IdTokenInfo | None]]
"""Ask the authoritative central; None when it is away or does not answer in time."""


def authorize(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply | Awaitable[Reply]:
    """Authorize: has no durable effect; a yes reserves current for a start."""
    if record.quarantined:
        return encode.authorize_answer(INVALID)
    return _authorize(desk, record, decode.authorize(call.payload).value)


async def _authorize(desk: Desk, record: StationRecord, id_token: str) -> Reply:
    asked = False

    async def ask() -> IdTokenInfo | None:
        nonlocal asked
        asked = True
        return await desk.centrals.authorize(record.id, id_token, relay_deadline_s(record))

    verdict = await judge(desk, record.id, id_token, ask)
    if not asked and verdict.source in (Source.LIST, Source.CACHE):
        desk.centrals.verify(record.id, id_token)
    if verdict.info.status is AuthorizationStatus.ACCEPTED:
        if desk.centrals.bars(EvseId(record.id, 0), id_token, verdict.info.parent):
            return encode.authorize_answer(RESERVED)
        now = desk.clock.monotonic()
        desk.inbox.post(StartExpected(EvseId(record.id, 0), now, now + START_WITHIN_S))
    return encode.authorize_answer(verdict.info)


async def judge(desk: Desk, station: StationId, id_token: str, ask: Ask) -> Verdict:
    """The verdict on a token: by whoever decides on this site, and by what is known here while the central is away."""
    rules, now = desk.authorization, desk.clock.wall()
    if rules.mode is AuthorizationMode.FREE:
        return Verdict(ACCEPTED, Source.RULE)
    on_file = listed(rules, id_token, now)
    if rules.mode is AuthorizationMode.LIST:
        return by_list(on_file)
    known = at_once(on_file, desk.centrals.remembered(station, id_token), now)
    if known is not None:
        return known
    told = await ask()
    if told is not None:
        return Verdict(told, Source.CENTRAL)
    accept_unknown = rules.offline_unknown is OfflineUnknown.ACCEPT
    remembered = desk.centrals.remembered(station, id_token)
    return offline(on_file, remembered, now, named=bool(id_token), accept_unknown=accept_unknown)


def listed(rules: AuthorizationSettings, id_token: str, now: datetime) -> IdTokenInfo | None:
    """What the tokens file says of a token, letter by letter; None when it does not hold it."""
    token = rules.tokens.get(id_token)
    if token is None:
        return None
    over = token.valid_until is not None and _is_over(token.valid_until, now)
    return IdTokenInfo(AuthorizationStatus.EXPIRED if over else AuthorizationStatus.ACCEPTED, parent=token.parent)


def parent_of(desk: Desk, station: StationId, id_token: str) -> str | None:
    """The parent of a token, as far as it is known here: by the file, else as a central told it."""
    on_file = desk.authorization.tokens.get(id_token)
    if on_file is not None and on_file.parent is not None:
        return on_file.parent
    return desk.centrals.remembered(station, id_token).parent


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
