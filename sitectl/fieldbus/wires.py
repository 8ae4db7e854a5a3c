"""Wires that carry bare bytes: a serial port, or a TCP connection to a converter that passes on what it hears."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import serial

from sitectl.base.names import connected
from sitectl.model.connection import SerialConnection, TcpConnection

CONNECT_S = 1.0
AT_ONCE = 4096

Heard = Callable[[bytes], None]


class Wire(Protocol):
    """Bytes out, bytes in."""

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""

    async def open(self, heard: Heard) -> str | None:
        """Open it; from now on `heard` gets what arrives, and b"" when the other end closes.

        Why that is not possible, or None. Never raises.
        """

    def send(self, data: bytes) -> str | None:
        """Send all of it; why not, or None."""

    def close(self) -> None:
        """Close it; `heard` gets nothing more."""


class SerialWire:
    """A serial port, for us alone."""

    def __init__(self, connection: SerialConnection) -> None:
        self._connection = connection
        self._port: serial.Serial | None = None
        self._heard: Heard = _ignore

    @property
    def is_open(self) -> bool:
        return self._port is not None

    async def open(self, heard: Heard) -> str | None:
        self.close()
        line = self._connection
        try:
            port = serial.Serial(
                line.device,
                line.baud,
                parity=line.parity,
                stopbits=line.stop,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
            port.reset_input_buffer()
        except (OSError, ValueError) as error:  # pyserial's own errors are OSErrors
            return unopened(line.device, error)
        self._port, self._heard = port, heard
        asyncio.get_running_loop().add_reader(port.fileno(), self._readable)
        return None

    def send(self, data: bytes) -> str | None:
        if self._port is None:
            return f"{self._connection.device} is closed"
        try:
            sent = self._port.write(data)  # 8 bytes, which the system's buffer takes at once
        except OSError as error:
            return f"{self._connection.device}: {error}"
        return None if sent == len(data) else f"{self._connection.device} takes no more bytes"

    def close(self) -> None:
        if self._port is not None:
            asyncio.get_running_loop().remove_reader(self._port.fileno())
            with suppress(OSError):
                self._port.close()
            self._port = None

    def _readable(self) -> None:
        assert self._port is not None
        try:
            data = self._port.read(AT_ONCE)
        except OSError:  # unplugged
            data = b""
        if data:
            self._heard(data)
        else:
            self.close()
            self._heard(b"")


class TcpWire:
    """A connection to a converter."""

    def __init__(self, connection: TcpConnection) -> None:
        self._connection = connection
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def open(self, heard: Heard) -> str | None:
        self.close()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                made = await connected(self._connection.host, self._connection.port)
                try:
                    self._transport, _ = await loop.create_connection(lambda: _Ear(heard), sock=made)
                except BaseException:
                    made.close()
                    raise
        except OSError:  # a time-out is one, too
            return f"no connection to {self._connection.endpoint}"
        return None

    def send(self, data: bytes) -> str | None:
        if self._transport is None or self._transport.is_closing():
            return f"the connection to {self._connection.endpoint} was closed"
        self._transport.write(data)
        return None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class _Ear(asyncio.Protocol):
    """Passes on what arrives. After an abort no bytes come."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def data_received(self, data: bytes) -> None:
        self._heard(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard(b"")


def unopened(device: str, error: Exception) -> str:
    """Why a serial port cannot be used, with the cure."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return f"there is no {device}: plug the adapter in, or correct the connection"
    if number in (errno.EACCES, errno.EPERM):
        return f"no permission for {device}: put the daemon's user into the group that owns it (dialout)"
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "exclusively lock" in str(error):
        return f"{device} is in use by another program: two masters on one line garble each other"
    if number in (errno.ENOTTY, errno.EINVAL) or "configure port" in str(error):
        return f"{device} is no serial port, or cannot run at this speed"
    return f"{device} cannot be opened: {error}"


def _ignore(data: bytes) -> None:
    """Before anybody listens."""
