"""The wire of a station that opens a connection for every message of its own, and closes it when that is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from websockets.exceptions import WebSocketException

from sitectl.base.tasks import Tasks
from sitectl.simulator.link import CallLost, Handler, Link, Payload, Socket

Open = Callable[[], AbstractAsyncContextManager[Socket]]


class Visits:
    """Calls like a `Link`. What it is called meanwhile is answered, if it comes while a connection is open."""

    closed = False

    def __init__(self, open: Open, handle: Handler) -> None:
        self._open = open
        self._handle = handle
        self._one_at_a_time = asyncio.Lock()

    async def call(self, action: str, payload: Payload) -> Payload:
        """As `Link.call`, on a connection of its own."""
        tasks = Tasks()
        try:
            async with self._one_at_a_time, self._open() as socket:
                link = Link(socket, self._handle)
                tasks.spawn(link.run(), f"visit for {action}")
                return await link.call(action, payload)
        except (OSError, WebSocketException, TimeoutError) as error:
            raise CallLost(f"no connection: {error}") from error
        finally:
            await tasks.cancel_all()

    def cut(self) -> None:
        """There is nothing that stays open."""
