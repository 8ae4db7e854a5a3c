"""Open a connection to a central as one of our stations, and make a peer of it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from sitectl.base.clock import Clock
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.versions import Version
from sitectl.security.tls import client_context
from sitectl.uplinks.link import Dial, DialFailed
from sitectl.wire.outcomes import Handler
from sitectl.wire.peer import Peer
from sitectl.wire.websocket import WEBSOCKET_OPTIONS, WebSocketTransport

OPEN_TIMEOUT_S = 15.0
REFUSALS = (401, 403, 404)


def identity(settings: UplinkSettings, station: StationId) -> str:
    """The name under which the central knows a station."""
    return settings.identities.get(station, station)


def url(settings: UplinkSettings, station: StationId) -> str:
    """Where this station dials in: the template filled, or the identity appended; percent-encoded."""
    name = quote(identity(settings, station), safe="")
    if "{station}" in settings.url:
        return settings.url.replace("{station}", name)
    return f"{settings.url.rstrip('/')}/{name}"


def _headers(settings: UplinkSettings, station: StationId) -> dict[str, str]:
    password = settings.passwords.get(station)
    if password is None:
        return {}
    text = f"{identity(settings, station)}:{password}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def dialer(settings: UplinkSettings, station: StationId, clock: Clock, word: Callable[[], str]) -> Dial:
    """A function that dials. `word` gives a new random word, the prefix of a connection's message ids."""
    context: ssl.SSLContext | None = None
    if settings.url.startswith("wss://"):
        context = client_context(settings.ca, settings.certificate, settings.key)
    target = url(settings, station)

    async def dial(handler: Handler) -> Peer:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                connection = await connect(
                    target,
                    subprotocols=[Version.V16.subprotocol],  # type: ignore[list-item]
                    additional_headers=_headers(settings, station),
                    ssl=context,
                    open_timeout=None,
                    proxy=None,
                    user_agent_header=None,
                    **WEBSOCKET_OPTIONS,
                )
        except InvalidStatus as error:
            status = error.response.status_code
            raise DialFailed(f"the central answered HTTP {status}", refused=status in REFUSALS) from error
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, EOFError) as error:
            raise DialFailed(f"cannot connect: {str(error) or type(error).__name__}") from error
        endpoint = Endpoint(Version.V16, message_ids(word()))
        return Peer(WebSocketTransport(connection), endpoint, handler, clock=clock, name=f"{settings.id}/{station}")

    return dial
