"""A `websockets` connection as a `Transport`."""

from __future__ import annotations

from typing import Any

from websockets.asyncio.connection import Connection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.wire.ports import TransportClosed

WEBSOCKET_OPTIONS: dict[str, Any] = {
    "compression": None,  # 58 kB a connection with, 17 kB without
    "ping_interval": None,  # liveness is the peer's: any frame counts, not only a pong
    "ping_timeout": None,
    "max_size": MAX_LIMIT,  # beyond it: close code 1009
    "max_queue": 16,
    "close_timeout": 5,
}
"""Keyword arguments for `websockets.asyncio.server.serve` and `websockets.asyncio.client.connect`."""


class WebSocketTransport:
    """One open WebSocket, either end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # The library keeps both halves of the handshake for as long as the connection lives; nobody reads them again.
        for half in (connection.request, connection.response):
            if half is not None:
                half.headers.clear()

    @property
    def address(self) -> str:
        match self._connection.remote_address:
            case [str(host), int(port), *_]:
                return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            case _:
                return "unknown"

    async def recv(self) -> bytes:
        # Undecoded: bad UTF-8 is a bad frame, not the end of the connection.
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    def send(self, text: str) -> None:
        # `broadcast` is the library's way to write without waiting; to one connection it is a plain send.
        if self._connection.state is not State.OPEN:
            raise TransportClosed("the connection is closing")
        broadcast((self._connection,), text)

    def backlog(self) -> int:
        return self._connection.transport.get_write_buffer_size()

    async def ping(self) -> None:
        try:
            await (await self._connection.ping())
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._connection.close(code, reason.encode()[:120].decode(errors="ignore"))

    def abort(self) -> None:
        self._connection.transport.abort()


def _closed(closed: ConnectionClosed) -> TransportClosed:
    """The end as we tell it: the peer's close frame if there was one, else ours, else a broken connection."""
    if closed.rcvd is not None:
        return TransportClosed(closed.rcvd.reason or f"closed by the peer ({closed.rcvd.code})", closed.rcvd.code)
    if closed.sent is not None:
        return TransportClosed(closed.sent.reason or f"closed by us ({closed.sent.code})", closed.sent.code)
    return TransportClosed("connection lost")
