"""Serve the interface on a Unix socket that we bind ourselves: readable by owner and group only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from sitectl.api.roles import with_peer
from sitectl.base.errors import EnvironmentFault

log = logging.getLogger(__name__)

SOCKET_MODE = 0o660
PROBE_S = 1.0
STREAMS_END_S = 1


class _Connection(H11Protocol):
    """One connection, whose requests know who called."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = with_peer(self.app_state, transport.get_extra_info("socket"))


def bind(path: Path, group: int | None = None) -> socket.socket:
    """Bind the socket with its mode set before anybody can connect. Raises EnvironmentFault with the cure.

    `group`: who may open it beside the owner, where we may say so; else our own group.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            listener.bind(str(path))
            listener.listen(64)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
    except OSError as error:
        raise EnvironmentFault(f"cannot listen on {path}: {error.strerror or error}; set api.socket") from error
    if group is not None and group != path.stat().st_gid:
        try:
            os.chown(path, -1, group)
        except OSError as error:
            log.warning("%s cannot be given to the viewers' group (api.groups.viewer): %s", path, error.strerror)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on. One that is listened on is another daemon, answering or not: leave it."""
    if not path.is_socket():
        if path.exists():
            raise OSError(None, "what stands there is no socket, and is left alone")
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise OSError(None, "another sitectl answers there")


class ApiServer:
    """One uvicorn server on one bound socket, without signal handlers of its own."""

    def __init__(self, app: FastAPI, path: Path, closing: asyncio.Event, group: int | None = None) -> None:
        self._app = app
        self._path = path
        self._closing = closing
        self._group = group
        self._listener: socket.socket | None = None
        self._server: uvicorn.Server | None = None

    def open(self) -> None:
        """Bind: whoever connects from now on is answered as soon as it serves. Raises EnvironmentFault."""
        self._listener = bind(self._path, self._group)

    async def serve(self) -> None:
        """Serve until stopped; after a failure it may be called again."""
        if self._listener is None:
            self.open()
        assert self._listener is not None
        config = uvicorn.Config(
            self._app,
            http=_Connection,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STREAMS_END_S,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        try:
            await self._server._serve([self._listener])  # serve() would take over the process's signals
        finally:
            self.close()

    def stop(self) -> None:
        """Ask it to end: open streams end, answers under way are given."""
        self._closing.set()
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Leave no socket behind."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()  # before it is closed, while it is surely ours
            listener.close()
