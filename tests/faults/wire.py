"""One end of an OCPP-J connection in raw frames: calls with ids of the caller's choice, one at a time, and answers.

What a peer says is kept as it came. Nothing here knows a message of OCPP, so that nothing here can be wrong about one
in the same way as the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

Payload = dict[str, Any]
Serve = Callable[[str, str, Payload], "Payload | None"]
"""(message id, action, payload) -> the answer; None leaves the call unanswered."""

CALL, RESULT, ERROR = 2, 3, 4
ANSWER_WITHIN_S = 20.0


class Lost(Exception):
    """No answer came: the connection ended, or the peer said nothing for too long."""


class CallError(Exception):
    """The peer answered with a CALLERROR."""


class Socket(Protocol):
    """What is used of a websocket, either end."""

    async def recv(self) -> str | bytes: ...

    async def send(self, message: str) -> None: ...

    @property
    def transport(self) -> asyncio.Transport: ...


class Wire:
    """Calls and answers on one socket. `answer_s`: how long this end waits with its answers,
    after it has done what was asked.
    """

    def __init__(self, socket: Socket, serve: Serve, answer_s: float = 0.0) -> None:
        self._socket = socket
        self._serve = serve
        self._answer_s = answer_s
        self._open: dict[str, asyncio.Future[Payload]] = {}
        self._turn = asyncio.Lock()
        self.closed = False

    async def run(self) -> None:
        """Read until the connection ends; calls that are still open are lost then."""
        answering: set[asyncio.Task[None]] = set()
        try:
            while True:
                kind, message_id, *rest = json.loads(await self._socket.recv())
                if kind == CALL:
                    task = asyncio.create_task(self._answer(message_id, *rest))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
                elif (waiting := self._open.get(message_id)) is not None and not waiting.done():
                    if kind == RESULT:
                        waiting.set_result(rest[0])
                    else:
                        waiting.set_exception(CallError(str(rest)))
        except ConnectionClosed:
            pass
        finally:
            self.closed = True
            for task in answering:
                task.cancel()
            for waiting in self._open.values():
                if not waiting.done():
                    waiting.set_exception(Lost("the connection ended"))
                    waiting.exception()  # whoever waited may be gone, and nobody needs to be told

    async def call(self, message_id: str, action: str, payload: Payload) -> Payload:
        """Make one call and wait for its answer. Raises Lost or CallError."""
        async with self._turn:
            if self.closed:
                raise Lost("not connected")
            self._open[message_id] = waiting = asyncio.get_running_loop().create_future()
            try:
                await self._socket.send(json.dumps([CALL, message_id, action, payload]))
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await waiting
            except ConnectionClosed:
                raise Lost("the connection ended") from None
            except TimeoutError:
                raise Lost(f"{action} was not answered within {ANSWER_WITHIN_S:g} s") from None
            finally:
                del self._open[message_id]

    def cut(self) -> None:
        """End the connection as a broken wire does: no close frame, nothing flushed."""
        self._socket.transport.abort()

    async def _answer(self, message_id: str, action: str, payload: Payload) -> None:
        answer = self._serve(message_id, action, payload)
        if self._answer_s:
            await asyncio.sleep(self._answer_s)
        if answer is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(json.dumps([RESULT, message_id, answer]))
