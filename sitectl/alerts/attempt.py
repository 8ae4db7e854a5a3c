"""Blocking work with a deadline, in a thread of its own.

The standard library's HTTP and SMTP wait for each single step and know no deadline for all of them: a peer that sends a
byte now and then holds them for ever. When the time is up the socket is closed under them. A thread that hangs even so
(in the resolver) ends with the process and holds up nobody: it is a daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable

from sitectl.alerts.ports import NotSent, Outcome

DEADLINE_S = 30.0
STEP_S = 10.0
"""For a single step of it: a connection, an answer."""


class Line:
    """The socket of one attempt, once there is one: who waits no longer cuts it."""

    def __init__(self) -> None:
        self._socket: Callable[[], socket.socket | None] = lambda: None

    def is_at(self, where: Callable[[], socket.socket | None]) -> None:
        """Where the socket will be found."""
        self._socket = where

    def cut(self) -> None:
        """End whatever waits for it."""
        found = self._socket()
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


class Attempts:
    """One attempt after the other, each in a thread. `name`: of the threads."""

    def __init__(self, name: str, deadline_s: float = DEADLINE_S) -> None:
        self._name = name
        self._deadline_s = deadline_s
        self._turn = asyncio.Lock()
        self._hangs = False

    async def make(self, job: Callable[[Line], Outcome]) -> Outcome:
        """The outcome of `job`, or that it took too long. What it raises is an outcome, too."""
        async with self._turn:
            if self._hangs:
                return NotSent("the attempt before has not ended yet; is the name server away?")
            return await self._made(job)

    async def _made(self, job: Callable[[Line], Outcome]) -> Outcome:
        loop, line = asyncio.get_running_loop(), Line()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def tell(outcome: Outcome) -> None:
            self._hangs = False
            if not ended.done():
                ended.set_result(outcome)

        def work() -> None:
            try:
                outcome = job(line)
            except Exception as error:  # named by its type alone: its text may hold an address with its secret
                outcome = NotSent(f"failed by {type(error).__name__}")
            with contextlib.suppress(RuntimeError):  # the loop has gone
                loop.call_soon_threadsafe(tell, outcome)

        self._hangs = True
        threading.Thread(target=work, name=self._name, daemon=True).start()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await ended
        except TimeoutError:
            return NotSent(f"not done within {self._deadline_s:g} s")
        finally:
            if not ended.done() or ended.cancelled():
                line.cut()


def words(error: OSError) -> str:
    """What went wrong with a connection, without its address."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return f"the name is not known: {error.strerror}"
    return error.strerror or type(error).__name__
