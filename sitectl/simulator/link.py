"""One end of an OCPP-J connection, as plain JSON lists: call, answer, stay silent or cut the wire."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

from sitectl.base.errors import PeerError

Payload = dict[str, Any]
Handler = Callable[[str, Payload], Payload | None]

CALL, RESULT, ERROR = 2, 3, 4

log = logging.getLogger(__name__)


class CallRefused(PeerError):
    """The peer answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class CallLost(PeerError):
    """No answer came: the connection ended, or the deadline passed."""


class Refusal(PeerError):
    """Raised by a handler to answer with this CALLERROR."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.description = description


Spoil = Callable[[str], str]
"""What becomes of the text of an answer before it leaves."""


def _as_it_is(text: str) -> str:
    return text


class Socket(Protocol):
    """What is used of a websocket, either end."""

    async def recv(self) -> str | bytes: ...

    async def send(self, message: str) -> None: ...

    async def close(self) -> None: ...

    @property
    def transport(self) -> asyncio.Transport: ...


class Link:
    """Calls and answers on one socket. `handle` gives the answer to an inbound call, `None` to leave it unanswered;
    `spoil` what becomes of its text."""

    def __init__(
        self, socket: Socket, handle: Handler, *, answer_within_s: float = 30.0, spoil: Spoil = _as_it_is
    ) -> None:
        self._socket = socket
        self._spoil = spoil
        self._handle = handle
        self._answer_within_s = answer_within_s
        self._waiting: dict[str, asyncio.Future[Payload]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._ids = count(1)
        self.closed = False

    async def run(self) -> None:
        """Read until the connection ends; calls that are still open are lost then."""
        try:
            with suppress(ConnectionClosed):
                while True:
                    await self._receive(await self._socket.recv())
        finally:
            self.closed = True
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(CallLost("the connection ended"))

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send one CALL and return the payload of its answer; raises CallRefused or CallLost."""
        async with self._one_at_a_time:
            if self.closed:
                raise CallLost("not connected")
            call_id = f"{action}-{next(self._ids)}"
            future = asyncio.get_running_loop().create_future()
            self._waiting[call_id] = future
            try:
                await self._socket.send(json.dumps([CALL, call_id, action, payload]))
                return await asyncio.wait_for(future, self._answer_within_s)
            except ConnectionClosed as error:
                raise CallLost("the connection ended") from error
            except TimeoutError as error:
                raise CallLost(f"{action} was not answered within {self._answer_within_s:g} s") from error
            finally:
                del self._waiting[call_id]

    async def close(self) -> None:
        await self._socket.close()

    def cut(self) -> None:
        """End the connection as a broken wire does: no close frame, nothing flushed."""
        self._socket.transport.abort()

    async def _receive(self, text: str | bytes) -> None:
        try:
            kind, call_id, *rest = json.loads(text)
        except (ValueError, TypeError):
            log.warning("not an OCPP-J frame: %.80r", text)
            return
        if kind == CALL and len(rest) == 2:
            await self._answer(call_id, rest[0], rest[1])
        elif (future := self._waiting.get(call_id)) is None or future.done():
            log.warning("an answer that nobody waits for: %.80r", text)
        elif kind == RESULT and rest:
            future.set_result(rest[0])
        elif kind == ERROR and len(rest) >= 2:
            future.set_exception(CallRefused(str(rest[0]), str(rest[1])))

    async def _answer(self, call_id: str, action: str, payload: Payload) -> None:
        try:
            answer = self._handle(action, payload)
            if answer is not None:
                await self._socket.send(self._spoil(json.dumps([RESULT, call_id, answer])))
        except Refusal as refusal:
            await self._socket.send(json.dumps([ERROR, call_id, refusal.code, refusal.description, {}]))
        except (KeyError, TypeError, ValueError) as error:
            log.warning("cannot read %s %r: %r", action, payload, error)
            await self._socket.send(json.dumps([ERROR, call_id, "FormationViolation", str(error)[:255], {}]))
