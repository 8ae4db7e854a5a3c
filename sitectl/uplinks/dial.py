"""Open a connection to a central as one of our stations, and make a peer of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from sitectl.base.clock import Clock
from sitectl.base.errors import ConfigurationError
from sitectl.base.names import connected
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.ocpp.versions import Version
from sitectl.security.credentials import basic_header
from sitectl.uplinks.connecting import Dial, DialFailed
from sitectl.uplinks.contexts import Contexts
from sitectl.uplinks.legs import Failure, Leg, Legs
from sitectl.wire.outcomes import Handler, Notice
from sitectl.wire.peer import Peer
from sitectl.wire.ports import Tap
from sitectl.wire.websocket import WEBSOCKET_OPTIONS, WebSocketTransport

OPEN_TIMEOUT_S = 15.0
AT_ONCE = 32
"""Handshakes under way with one central: after an outage all stations want to be back, and neither end is served by a
thousand TLS handshakes in one second."""

TapOf = Callable[[StationId, UplinkId], Tap]

_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


def identity(settings: UplinkSettings, station: StationId) -> str:
    """The name under which the central knows a station."""
    return settings.identities.get(station, station)


def url(settings: UplinkSettings, station: StationId, *, encrypted: bool = False) -> str:
    """Where this station dials in: the template filled, or the identity appended; percent-encoded.

    `encrypted`: over TLS, at the same place, whatever is configured.
    """
    name = quote(identity(settings, station), safe="")
    base = settings.url
    if encrypted and base.startswith("ws://"):
        base = f"wss://{base.removeprefix('ws://')}"
    return base.replace("{station}", name) if "{station}" in base else f"{base.rstrip('/')}/{name}"


class Dialer:
    """Dials one central for all stations. `word` gives a new random word, the prefix of a connection's message ids;
    `tap_of` who hears the frames of a station.

    `legs` says how each of them proves who it is, and hears what came of it; `refused` hears why somebody did not trust
    the other: we the central's certificate, or it ours or our password.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        legs: Legs,
        contexts: Contexts,
        clock: Clock,
        word: Callable[[], str],
        refused: Callable[[StationId, SecurityEventType, str], None],
        tap_of: TapOf | None = None,
    ) -> None:
        self._settings = settings
        self._legs = legs
        self._contexts = contexts
        self._tap_of = tap_of
        self._clock = clock
        self._word = word
        self._refused = refused
        self._complained: set[StationId] = set()
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
        leg = self._legs.attempt(station)
        try:
            connection = await self._connect(station, leg)
        except InvalidStatus as error:
            status = error.response.status_code
            why = f"the central answered HTTP {status}"
            if status in _DENIED:
                self._complain(station, SecurityEventType.FAILED_TO_AUTHENTICATE, why)
            self._legs.failed(station, Failure.DENIED if status in _DENIED else Failure.UNREACHABLE)
            raise DialFailed(why, refused=400 <= status < 500 and status not in _BUSY) from error
        except ConfigurationError as error:
            self._legs.failed(station, Failure.BROKEN)
            raise DialFailed(str(error), refused=True) from error
        except (OSError, EOFError, UnicodeError, WebSocketException) as error:
            why = "no answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            if isinstance(error, ssl.SSLCertVerificationError):
                self._complain(station, SecurityEventType.INVALID_CENTRAL_CERTIFICATE, error.verify_message)
            self._legs.failed(station, _failure(error))
            raise DialFailed(f"cannot connect: {why}") from error
        self._legs.opened(station, leg)
        self._complained.discard(station)
        return connection

    async def _connect(self, station: StationId, leg: Leg) -> ClientConnection:
        context = await self._contexts.of(station, leg)
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            return await _Connect(
                url(self._settings, station, encrypted=context is not None),
                subprotocols=[Version.V16.subprotocol],  # type: ignore[list-item]
                additional_headers=self._headers(station, leg),
                ssl=context,
                open_timeout=None,
                proxy=None,
                user_agent_header=None,
                **WEBSOCKET_OPTIONS,
            )

    def _complain(self, station: StationId, event: SecurityEventType, why: str) -> None:
        """Once, until a connection comes about: it is told when there is one."""
        if station not in self._complained:
            self._complained.add(station)
            self._refused(station, event, why)

    def _headers(self, station: StationId, leg: Leg) -> dict[str, str]:
        password = leg.password
        return {} if password is None else {"Authorization": basic_header(identity(self._settings, station), password)}


class _Connect(connect):
    """The library's, but for how the name is looked up; at every step of a redirection."""

    async def open_tcp_connection(self) -> ClientConnection:
        made = await connected(self.ws_uri.host, self.ws_uri.port)
        settings = self.create_connection_kwargs
        self.create_connection_kwargs = settings | {"sock": made}
        try:
            return await super().open_tcp_connection()
        except BaseException:
            made.close()
            raise
        finally:
            self.create_connection_kwargs = settings


def _failure(error: Exception) -> Failure:
    """Whether the other end was reached at all. (A refused certificate shows as an end in the middle, in TLS 1.3.)"""
    if isinstance(error, ssl.SSLError | ConnectionResetError | EOFError | WebSocketException):
        return Failure.BROKEN
    return Failure.UNREACHABLE
