"""Two connected transports in memory: the twin of a WebSocket, for tests and for virtual time."""

from __future__ import annotations

import asyncio
from collections import deque

from sitectl.wire.ports import TransportClosed


class MemoryTransport:
    """One end of a pair. What the far end does not read counts as our backlog.

    Faults for tests: `answers_pings = False` (a peer that never pongs), `cut()` (a cable that is pulled: nothing
    arrives any more and nobody is told).
    """

    def __init__(self, address: str) -> None:
        self.answers_pings = True
        self._address = address
        self._inbox: deque[bytes | str] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closed: TransportClosed | None = None
        self._unanswered: list[asyncio.Future[None]] = []
        self._cut = False
        self._far: MemoryTransport = self

    @property
    def address(self) -> str:
        return self._address

    async def recv(self) -> bytes | str:
        while not self._inbox:
            if self._closed is not None:
                raise self._closed
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return self._inbox.popleft()

    def send(self, text: str) -> None:
        self.send_raw(text)

    def send_raw(self, data: bytes | str) -> None:
        """Like `send`, for any bytes."""
        if self._closed is not None:
            raise TransportClosed("the connection is closing")
        if not self._cut:
            self._far._inbox.append(data)
            self._far._rouse()

    def backlog(self) -> int:
        return sum(map(len, self._far._inbox))

    async def ping(self) -> None:
        if self._closed is not None:
            raise self._closed
        if self._cut or not self._far.answers_pings:
            pong = asyncio.get_running_loop().create_future()
            self._unanswered.append(pong)
            await pong
        await asyncio.sleep(0)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._cut:
            self._far._end(TransportClosed(reason, code))
        self._end(TransportClosed(reason, code))

    def abort(self) -> None:
        if not self._cut:
            self._far._end(TransportClosed("connection lost"))
        self._end(TransportClosed("connection lost"))

    def cut(self) -> None:
        """Pull the cable: both ends stay open and hear nothing."""
        self._cut = self._far._cut = True

    def _end(self, closed: TransportClosed) -> None:
        if self._closed is None:
            self._closed = closed
            self._rouse()
            for pong in self._unanswered:
                if not pong.done():
                    pong.set_exception(closed)

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def pair(near: str = "near", far: str = "far") -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends of one connection; each end's `address` is where the other one is."""
    first, second = MemoryTransport(far), MemoryTransport(near)
    first._far, second._far = second, first
    return first, second
