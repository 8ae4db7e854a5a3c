"""Open a connection to a central as one of our stations, and make a peer of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from sitectl.base.clock import Clock
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId, UplinkId
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.ocpp.versions import Version
from sitectl.security.tls import client_context
from sitectl.uplinks.connecting import Dial, DialFailed
from sitectl.wire.outcomes import Handler, Notice
from sitectl.wire.peer import Peer
from sitectl.wire.ports import Tap
from sitectl.wire.websocket import WEBSOCKET_OPTIONS, WebSocketTransport

OPEN_TIMEOUT_S = 15.0
AT_ONCE = 32
"""Handshakes under way with one central: after an outage all stations want to be back, and neither end is served by a
thousand TLS handshakes in one second."""

TapOf = Callable[[StationId, UplinkId], Tap]

_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


def identity(settings: UplinkSettings, station: StationId) -> str:
    """The name under which the central knows a station."""
    return settings.identities.get(station, station)


def url(settings: UplinkSettings, station: StationId) -> str:
    """Where this station dials in: the template filled, or the identity appended; percent-encoded."""
    name = quote(identity(settings, station), safe="")
    if "{station}" in settings.url:
        return settings.url.replace("{station}", name)
    return f"{settings.url.rstrip('/')}/{name}"


class Dialer:
    """Dials one central for all stations. `word` gives a new random word, the prefix of a connection's message ids;
    `tap_of` who hears the frames of a station.

    Raises ConfigurationError when the certificates of the uplink cannot be used.
    """

    def __init__(
        self, settings: UplinkSettings, clock: Clock, word: Callable[[], str], tap_of: TapOf | None = None
    ) -> None:
        self._settings = settings
        self._tap_of = tap_of
        self._clock = clock
        self._word = word
        secure = settings.url.startswith("wss://")
        # One for all: a context holds every authority of the system.
        self._context = client_context(settings.ca, settings.certificate, settings.key) if secure else None
        self._gate = asyncio.Semaphore(AT_ONCE)

    def of(self, station: StationId) -> Dial:
        """A function that dials for this station."""

        async def dial(handler: Handler, notice: Callable[[Notice], None]) -> Peer:
            async with self._gate:
                connection = await self._open(station)
            endpoint = Endpoint(Version.V16, message_ids(self._word()), limit=MAX_LIMIT)  # local lists are long
            name = f"{self._settings.id}/{station}"
            transport = WebSocketTransport(connection)
            tap = None if self._tap_of is None else self._tap_of(station, self._settings.id)
            return Peer(transport, endpoint, handler, clock=self._clock, name=name, notice=notice, tap=tap)

        return dial

    async def _open(self, station: StationId) -> ClientConnection:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                return await connect(
                    url(self._settings, station),
                    subprotocols=[Version.V16.subprotocol],  # type: ignore[list-item]
                    additional_headers=self._headers(station),
                    ssl=self._context,
                    open_timeout=None,
                    proxy=None,
                    user_agent_header=None,
                    **WEBSOCKET_OPTIONS,
                )
        except InvalidStatus as error:
            status = error.response.status_code
            refused = 400 <= status < 500 and status not in _BUSY
            raise DialFailed(f"the central answered HTTP {status}", refused=refused) from error
        except (OSError, EOFError, UnicodeError, WebSocketException) as error:
            why = "no answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            raise DialFailed(f"cannot connect: {why}") from error

    def _headers(self, station: StationId) -> dict[str, str]:
        password = self._settings.passwords.get(station)
        if password is None:
            return {}
        text = f"{identity(self._settings, station)}:{password}"
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
