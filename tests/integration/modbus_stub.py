"""A Modbus meter made of bare sockets, which misbehaves as told: on Modbus TCP, or with RTU frames over TCP.

It shares no code with the client under test. `behave` is what it does with each request; the default answers from the
register image. A behaviour is `async (stub, request, writer) -> None` and writes what it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pyModbusTCP.utils import crc16


@dataclass(frozen=True)
class Request:
    """One read request as it came."""

    transaction: int
    unit: int
    function: int
    address: int
    count: int


Behaviour = Callable[["ModbusStub", Request, asyncio.StreamWriter], Awaitable[None]]


class ModbusStub:
    """`async with ModbusStub(image) as stub:` serves 127.0.0.1:`stub.port`; `image` is registers by address."""

    def __init__(self, image: Mapping[int, int]) -> None:
        self.image = dict(image)
        self.behave: Behaviour = answer
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ModbusStub:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after a `stop` on the same port again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away with every connection; new ones are refused."""
        if self._server is not None:
            self._server.close()
            await self.drop()
            await self._server.wait_closed()
            self._server = None

    async def drop(self) -> None:
        """Cut every connection, but go on listening."""
        serving = set(self._serving)
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving)

    @property
    def open_connections(self) -> int:
        return len(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    request = await self.next_request(reader)
                    self.requests.append(request)
                    await self.behave(self, request, writer)
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def next_request(self, reader: asyncio.StreamReader) -> Request:
        """The next read request on a connection."""
        transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
        pdu = await reader.readexactly(length - 1)
        return Request(transaction, unit, *struct.unpack(">BHH", pdu))

    def frame(self, request: Request, pdu: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
        """A whole frame; transaction and unit are those of the request unless said otherwise."""
        number = request.transaction if transaction is None else transaction
        return struct.pack(">HHHB", number, 0, len(pdu) + 1, request.unit if unit is None else unit) + pdu

    def registers(self, request: Request) -> bytes:
        """The PDU of a right answer."""
        words = [self.image.get(address, 0) for address in range(request.address, request.address + request.count)]
        return struct.pack(f">BB{len(words)}H", request.function, 2 * len(words), *words)


class RtuStub(ModbusStub):
    """A converter that passes on RTU frames, with one line of devices behind it."""

    async def next_request(self, reader: asyncio.StreamReader) -> Request:
        data = await reader.readexactly(8)
        assert sealed(data[:-2]) == data, "the client's checksum is wrong"
        unit, *rest = struct.unpack(">BBHH", data[:-2])
        return Request(0, unit, *rest)

    def frame(self, request: Request, pdu: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
        return sealed(bytes((request.unit if unit is None else unit,)) + pdu)


def sealed(body: bytes) -> bytes:
    """With its checksum, computed by somebody else's code."""
    return body + crc16(body).to_bytes(2, "little")


async def answer(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """As a good device does."""
    writer.write(stub.frame(request, stub.registers(request)))


async def silence(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing."""


async def close_at_once(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Close the connection instead of answering."""
    writer.transport.abort()


async def half_frame(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Send the first half of the answer and then nothing."""
    whole = stub.frame(request, stub.registers(request))
    writer.write(whole[: len(whole) // 2])


async def close_in_mid_frame(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Send the first half of the answer and close."""
    await half_frame(stub, request, writer)
    await writer.drain()
    writer.close()


async def in_pieces(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """A right answer, dripping in byte by byte."""
    for byte in stub.frame(request, stub.registers(request)):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)


async def short(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Two registers fewer than asked for, in a frame that is whole."""
    fewer = Request(request.transaction, request.unit, request.function, request.address, request.count - 2)
    writer.write(stub.frame(request, stub.registers(fewer)))


async def long(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Two registers more than asked for."""
    more = Request(request.transaction, request.unit, request.function, request.address, request.count + 2)
    writer.write(stub.frame(request, stub.registers(more)))


async def other_function(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """The right registers as the answer to the other read function."""
    pdu = stub.registers(request)
    writer.write(stub.frame(request, bytes((7 - request.function,)) + pdu[1:]))


async def foreign_transaction(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """A whole answer that belongs to another request."""
    writer.write(stub.frame(request, stub.registers(request), transaction=request.transaction + 1000))


async def wrong_unit(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """A whole answer from another device on the bus."""
    writer.write(stub.frame(request, stub.registers(request), unit=request.unit + 1))


async def byte_count_too_large(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """A byte count that promises more than the frame holds."""
    pdu = stub.registers(request)
    writer.write(stub.frame(request, bytes((pdu[0], 0xFE)) + pdu[2:]))


async def unknown_function(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """A function that no library knows."""
    writer.write(stub.frame(request, b"\x63" + stub.registers(request)[1:]))


async def no_modbus(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Another service listens on this port."""
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


async def bad_checksum(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """A right answer with one bit turned over on the way."""
    whole = bytearray(stub.frame(request, stub.registers(request)))
    whole[5] ^= 0x10
    writer.write(bytes(whole))


async def echo(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """An adapter that hears itself, with a stray byte as its driver switches."""
    body = struct.pack(">BBHH", request.unit, request.function, request.address, request.count)
    writer.write(sealed(body) + b"\x00" + stub.frame(request, stub.registers(request)))


async def flood(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
    """Far more bytes than any frame has."""
    writer.write(b"\xff" * 100_000)


def exception(code: int) -> Behaviour:
    """Answer every request with an exception."""

    async def behave(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(stub.frame(request, bytes((request.function | 0x80, code))))

    return behave


def late(delay_s: float) -> Behaviour:
    """Answer rightly, but after `delay_s`; the connection reads on meanwhile, as gateways do."""

    async def behave(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
        whole = stub.frame(request, stub.registers(request))

        def send() -> None:
            if not writer.is_closing():
                writer.write(whole)

        asyncio.get_running_loop().call_later(delay_s, send)

    return behave


def only_unit(unit: int) -> Behaviour:
    """Answer for one device; the others behind this gateway are dead."""

    async def behave(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.unit == unit:
            await answer(stub, request, writer)

    return behave
