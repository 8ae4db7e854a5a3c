"""Connections to peers by name, where perhaps no name service answers.

The lookups of the event loop itself share a few threads, which nobody can call back: one name that nobody answers for
holds up all others, those in /etc/hosts too, and with them the end of the process. Here each name that is looked up has
a thread of its own for which nothing waits, and all who ask for it meanwhile share its answer.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Any

MOST_LOOKUPS = 128
"""Under way at a time. A resolver gives a name up after 10 to 30 s."""

Place = tuple[socket.AddressFamily, Any]
"""A family and an address in its form."""

_under_way: dict[tuple[str, int], Future[list[Place]]] = {}
_lock = threading.Lock()


async def places(host: str, port: int) -> list[Place]:
    """Where a TCP peer may be reached; an address is its own place. Raises OSError: socket.gaierror where the name is
    not known. Give it a deadline of your own: who stops waiting leaves the lookup to the others."""
    try:
        return _found(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return await asyncio.wrap_future(_asked(host, port))


async def connected(host: str, port: int) -> socket.socket:
    """A socket that is connected to a peer, at the first of its places that takes it. Raises OSError."""
    failed: OSError | None = None
    for family, place in await places(host, port):
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(made, place)
        except OSError as error:
            made.close()
            failed = failed or error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failed or OSError(f"{host} has no address")


def _asked(host: str, port: int) -> Future[list[Place]]:
    with _lock:
        if (waiting := _under_way.get((host, port))) is not None:
            return waiting
        if len(_under_way) >= MOST_LOOKUPS:
            raise OSError(f"{host} is not looked up: {MOST_LOOKUPS} other names wait for an answer")
        answer = _under_way[host, port] = Future()
        answer.set_running_or_notify_cancel()  # from now on nobody who stops waiting cancels it
    try:
        threading.Thread(target=_look_up, args=(host, port, answer), name="sitectl-name", daemon=True).start()
    except RuntimeError as error:  # the machine has no thread left; the next who asks may be luckier
        _forget(host, port)
        raise OSError(f"{host} is not looked up: {error}") from error
    return answer


def _look_up(host: str, port: int, answer: Future[list[Place]]) -> None:
    try:
        found = _found(host, port)
    except Exception as error:
        _forget(host, port)
        answer.set_exception(error)
    else:
        _forget(host, port)
        answer.set_result(found)


def _forget(host: str, port: int) -> None:
    with _lock:
        del _under_way[host, port]


def _found(host: str, port: int, flags: int = 0) -> list[Place]:
    return [(found[0], found[4]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)]
