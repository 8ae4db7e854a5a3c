"""The sockets on which stations are awaited: plain and TLS, opened at the start and opened anew by a changed
configuration, without a moment in which nobody listens and without touching the connections that are open.

Sockets that the service manager has kept open across a restart, or opened itself, are taken over where they listen at
an address of the configuration: who has connected meanwhile waits in them, and is served.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import Address, OcppSettings
from sitectl.model.health import Finding
from sitectl.security.tls import server_context, trust
from sitectl.stations import awaited
from sitectl.stations.handshake import Admitted
from sitectl.wire.websocket import WEBSOCKET_OPTIONS

log = logging.getLogger(__name__)

HANDSHAKE_S = 5.0
TLS_HANDSHAKE_S = 10.0
BACKLOG = 1024

LISTENERS = ("ocpp", "ocpp-tls")
"""What plain and encrypted ones are called outside."""

Serve = Callable[[ServerConnection], Awaitable[None]]
Judge = Callable[[ServerConnection, Request], Awaitable[Response | None]]
Doors = Mapping[tuple[bool, Address], Server]
"""Open listeners by whether they are encrypted, and by the address that the configuration gives."""


class StationSocket(ServerConnection):
    """A connection of a station; `admitted` is set once its request was judged."""

    most: int
    admitted: Admitted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self.server.handler_tasks) > self.most:
            log.warning("more than %d connections: the newest was dropped", self.most)
            self.transport.abort()


class Listeners:
    """The listeners of one configuration, in the order plain, TLS."""

    def __init__(self, serve: Serve, judge: Judge, authority: Callable[[], str | None] = lambda: None) -> None:
        """`authority` gives the certificate (PEM) of the site's own authority; None while there is none."""
        self._serve = serve
        self._judge = judge
        self._authority = authority
        self._contexts: WeakSet[ssl.SSLContext] = WeakSet()
        self._open: Doors = {}
        self._inherited: dict[tuple[str, int], socket.socket] = {}
        self._left: list[Server] = []
        """Closed for newcomers; their connections live on."""

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where they listen; the ports are the real ones."""
        return [server.sockets[0].getsockname()[:2] for server in self._open.values() if server.sockets]

    @property
    def sockets(self) -> Sequence[tuple[str, int]]:
        """What listens, for the service manager to keep: `ocpp` or `ocpp-tls`, and the number of the open file."""
        return [
            (LISTENERS[encrypted], listening.fileno())
            for (encrypted, _), server in self._open.items()
            for listening in server.sockets
        ]

    def inherit(self, given: Sequence[tuple[str, socket.socket]], settings: OcppSettings) -> None:
        """Take over those of these that listen where this configuration wants it; the others are closed.

        One may come twice: kept for us, and held by a socket unit.
        """
        wanted = {
            (where.host, where.port) for where in (settings.listen, settings.tls and settings.tls.listen) if where
        }
        for name, listening in given:
            address = listening.getsockname()[:2]
            if address in wanted and address not in self._inherited:
                self._inherited[address] = listening
                continue
            if address not in wanted:
                held = "%s:%s was held open for stations (%s) and is no address of the configuration: closed"
                log.warning(f"{held}; where sitectl-ocpp.socket holds it, name ocpp.listen there", *address, name)
            listening.close()

    def findings(self) -> Iterator[Finding]:
        """Where stations cannot come, because this machine has not got the address."""
        return awaited.findings({where.host: None for _, where in self._open})

    async def prepare(self, settings: OcppSettings, most: int, *, ahead: bool = False) -> Doors:
        """Open what a configuration wants, beside what is open; nothing stays open when one of them is not to be had.

        An address that is open already is shared until `take`. Raises EnvironmentFault when an address is not to be
        had, ConfigurationError for bad TLS files. `most`: connections at a time, half-open ones counted. `ahead`: an
        address that this machine has not got yet is listened on all the same.
        """
        tls = settings.tls
        context = None
        if tls is not None:
            context = server_context(tls.certificate, tls.key, tls.client_ca)
            self._contexts.add(context)
            self._let_trust(context)
        opened: dict[tuple[bool, Address], Server] = {}
        try:
            opened[False, settings.listen] = await self._listen(settings.listen, None, most, ahead)
            if tls is not None:
                opened[True, tls.listen] = await self._listen(tls.listen, context, most, ahead)
        except BaseException:
            for server in opened.values():
                server.close()
            raise
        return opened

    def take(self, opened: Doors) -> None:
        """From now on newcomers come through these alone."""
        for server in self._open.values():
            server.close(close_connections=False)
            self._left.append(server)
        self._left = [server for server in self._left if server.connections]
        self._open = opened

    def trust(self) -> None:
        """The site's own authority has been made: newcomers may show its certificates."""
        for context in self._contexts:
            self._let_trust(context)

    def _let_trust(self, context: ssl.SSLContext) -> None:
        if (authority := self._authority()) is not None:
            trust(context, authority)

    async def close(self) -> None:
        """Close the listeners and every connection, politely."""
        closing = [connection.close(1001) for server in self._left for connection in server.connections]
        for server in self._open.values():
            server.close(code=1001)
        await asyncio.gather(*closing, *(server.wait_closed() for server in (*self._open.values(), *self._left)))
        self._open = {}
        self._left.clear()

    async def _listen(self, where: Address, context: ssl.SSLContext | None, most: int, ahead: bool) -> Server:
        options: dict[str, Any] = {} if context is None else {"ssl": context, "ssl_handshake_timeout": TLS_HANDSHAKE_S}
        held = self._open.get((context is not None, where))
        try:
            if (given := self._inherited.pop((where.host, where.port), None)) is not None:
                options["sock"] = given
            elif held is not None:  # the same socket under a second name: it never stops listening
                options["sock"] = held.sockets[0].dup()
            elif ahead and awaited.is_absent(where.host):
                log.warning("%s is no address of this machine yet: stations can connect once it is", where.host)
                options["sock"] = awaited.bound_ahead(where)
            else:
                options |= {"host": where.host, "port": where.port}
            return await serve(
                self._serve,
                process_request=self._judge,
                select_subprotocol=_chosen,
                server_header=None,
                open_timeout=HANDSHAKE_S,
                backlog=BACKLOG,
                create_connection=type("BoundedSocket", (StationSocket,), {"most": most}),
                **options,
                **WEBSOCKET_OPTIONS,
            )
        except OSError as error:
            raise EnvironmentFault(awaited.refusal(where, error)) from error


def _chosen(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The subprotocol that the handshake decided on. (The library's own choice refuses clients that offer none.)"""
    name = station_socket(connection).admitted.subprotocol
    return None if name is None else Subprotocol(name)


def station_socket(connection: ServerConnection) -> StationSocket:
    """The same, by its own type."""
    assert isinstance(connection, StationSocket)
    return connection
