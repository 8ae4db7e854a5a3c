"""Serve the interface on a Unix socket that we bind ourselves: readable by owner and group only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from sitectl.base.errors import EnvironmentFault

SOCKET_MODE = 0o660


def bind(path: Path) -> socket.socket:
    """Bind the socket with its mode set before anybody can connect. Raises EnvironmentFault with the cure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        raise EnvironmentFault(f"cannot listen on {path}: {error.strerror or error}; set api.socket") from error
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody answers on. One that answers is another daemon: leave it."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise OSError(None, "another sitectl answers there")


class ApiServer:
    """One uvicorn server on one bound socket, without signal handlers of its own."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=2, ws="none"
        )
        self._server = uvicorn.Server(config)
        self._listener = listener

    async def serve(self) -> None:
        """Serve until cancelled; open streams get two seconds to end."""
        with contextlib.suppress(asyncio.CancelledError):
            await self._server._serve([self._listener])  # serve() would take over the process's signals

    def stop(self) -> None:
        """Ask it to end."""
        self._server.should_exit = True
