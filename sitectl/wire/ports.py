"""What a connection can do, by shape: met by a WebSocket and by its twin in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sitectl.base.errors import PeerError


class TransportClosed(PeerError):
    """The connection is over. `code` is the WebSocket close code, None when there was none."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


Tap = Callable[[float, bool, bytes | str], None]
"""Hears every frame of a connection: when (monotonic s), whether it left us, its text. Never waits, never raises."""


class Transport(Protocol):
    """An open connection that carries text frames in both directions."""

    @property
    def address(self) -> str:
        """Where the peer is, as host:port, for logs."""

    async def recv(self) -> bytes | str:
        """The next frame; raises `TransportClosed` at the end. One reader at a time."""

    def send(self, text: str) -> None:
        """Hand one frame over, without waiting. Raises `TransportClosed` when it can no longer leave."""

    def backlog(self) -> int:
        """Bytes handed over that the peer's side has not taken yet."""

    async def ping(self) -> None:
        """Send a ping and wait for its pong, without a time limit. Raises `TransportClosed`."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say good-bye and wait a bounded time for the end. Never raises for a connection that is over."""

    def abort(self) -> None:
        """End the connection at once, without good-bye: for a peer that does not hear anyway."""
