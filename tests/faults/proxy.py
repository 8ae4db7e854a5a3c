"""A TCP proxy that does to connections what networks do: delay, dribble, truncate, reset, and fall silent.

It knows nothing of what passes. A way (towards the server, towards the client) may be slow; a connection may be broken
at once, or after so many bytes of the next piece, with a reset as seen from both ends; and it may go half-open: both
ends believe in it, nothing arrives, and not even its end is told. New connections are well unless refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

LINGER_NOT = struct.pack("ii", 1, 0)
PIECE = 65536
CUT_AFTER_S = 0.02
"""Time for the part of a piece to arrive: a reset overtakes what lies in buffers."""


@dataclass
class Way:
    """One direction. `cut_after`: the next piece is cut after so many bytes, and its connection broken."""

    delay_s: float = 0.0
    dribble_s: float = 0.0
    cut_after: int | None = None

    def heal(self) -> None:
        """Pass everything at once again."""
        self.delay_s, self.dribble_s, self.cut_after = 0.0, 0.0, None


class _Connection:
    """One connection through the proxy: a socket to each end."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.silent = False
        self._ends = (client, server)

    def reset(self) -> None:
        """Break it: both ends see a reset."""
        for end in self._ends:
            if not end.transport.is_closing():
                end.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                end.transport.abort()


class Proxy:
    """Listens on a port of its own; `target` gives the port to pass connections on to, None while there is none."""

    def __init__(self, target: Callable[[], int | None]) -> None:
        self.port = 0
        self.refuses = False
        self.to_server = Way()
        self.to_client = Way()
        self.passed = 0
        self._target = target
        self._connections: dict[_Connection, None] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and break everything."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    # --- faults ------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Break every connection."""
        for connection in list(self._connections):
            connection.reset()

    def fall_silent(self) -> None:
        """Every connection that is open now becomes half-open."""
        for connection in self._connections:
            connection.silent = True

    @property
    def silent(self) -> bool:
        """Whether the newest connection is half-open."""
        return bool(self._connections) and list(self._connections)[-1].silent

    def heal(self) -> None:
        """No faults from now on; what is half-open breaks."""
        self.refuses = False
        self.to_server.heal()
        self.to_client.heal()
        for connection in list(self._connections):
            if connection.silent:
                connection.reset()

    # --- what passes -------------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        port = self._target()
        if port is None or self.refuses:
            to_client.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            to_client.transport.abort()
            return
        connection = _Connection(to_client, to_server)
        self._connections[connection] = None
        try:
            await asyncio.gather(
                self._pass(connection, from_client, to_server, self.to_server),
                self._pass(connection, from_server, to_client, self.to_client),
            )
        finally:
            connection.reset()
            del self._connections[connection]

    async def _pass(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        """Pass on what comes until it ends."""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                if way.delay_s:
                    await asyncio.sleep(way.delay_s)
                if way.cut_after is not None and not connection.silent:
                    cut_after, way.cut_after = way.cut_after, None
                    await self._write(writer, piece[:cut_after])
                    await asyncio.sleep(CUT_AFTER_S)
                    connection.reset()
                elif way.dribble_s:
                    for byte in piece:
                        await asyncio.sleep(way.dribble_s)
                        if not connection.silent:
                            await self._write(writer, bytes((byte,)))
                elif not connection.silent:
                    await self._write(writer, piece)
        if not connection.silent and not writer.transport.is_closing():
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        if piece and not writer.transport.is_closing():
            self.passed += len(piece)
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def proxy(target: Callable[[], int | None]) -> AsyncIterator[Proxy]:
    """A proxy that listens."""
    between = Proxy(target)
    await between.open()
    try:
        yield between
    finally:
        await between.close()
