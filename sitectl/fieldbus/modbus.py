"""Modbus TCP over pymodbus, without its retries and reconnects.

What the library does by itself would hold a bus for seconds and leave gaps of minutes: it repeats requests, and it
waits up to five minutes before it reconnects. Here a request is asked once; a connection that was silent or answered
nonsense is closed, and the next request opens a new one. A new connection is a new client object, so an answer that
comes late on an old connection has nowhere to go.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from sitectl.base.clock import Clock
from sitectl.base.logging import WIRE
from sitectl.base.tasks import Tasks
from sitectl.fieldbus.bus import Fault, ReadFailed, Registers, refusal

TIMEOUT_S = 1.0
RETRY_S = 0.5
"""After a failed attempt to connect, requests fail without another: units behind a dead gateway must not queue up."""
REST_S = 3.0
"""A unit that was silent is left alone for so long where others share its bus: each silence costs them a time-out.
With the poll and the time-out that follow, it is read again within 5 s of its return."""
QUEUE = 64

HOLDING, INPUT = 3, 4
_CLOSED = ReadFailed(Fault.UNREACHABLE, "the bus is closed")
_BROKEN_OFF = ReadFailed(Fault.UNREACHABLE, "the read was broken off")

wire = logging.getLogger(f"{WIRE}.modbus")
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it logs every failed request; who reads says so once


@dataclass(frozen=True, slots=True)
class _Request:
    unit: int
    function: int
    address: int
    count: int
    answer: asyncio.Future[Registers | ReadFailed]

    def __str__(self) -> str:
        return f"unit {self.unit}, registers {self.address} to {self.address + self.count - 1}"


class ModbusTcpBus:
    """One Modbus TCP endpoint. `pause_s`: silence kept after each answer before the next request."""

    def __init__(
        self, host: str, port: int, clock: Clock, *, timeout_s: float = TIMEOUT_S, pause_s: float = 0.0
    ) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._queue: asyncio.Queue[_Request] = asyncio.Queue(QUEUE)
        self._running = Tasks()
        self._client: AsyncModbusTcpClient | None = None
        self._garbled = False
        self._closed = False
        self._quiet_until = 0.0
        self._retry_at = 0.0
        self._units: set[int] = set()
        self._resting: dict[int, float] = {}

    async def read(self, unit: int, function: int, address: int, count: int) -> Registers | ReadFailed:
        """See `Bus.read`. The queue is bounded: a request that finds it full is told so at once."""
        if self._closed:
            return _CLOSED
        request = _Request(unit, function, address, count, asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(request)
        except asyncio.QueueFull:
            return ReadFailed(Fault.BUSY, f"{QUEUE} requests wait for {self._host}:{self._port}")
        return await request.answer

    async def run(self) -> None:
        """Own the endpoint: ask one request after the other, until cancelled.

        Each request runs in a task of its own: the library waits with `asyncio.wait_for`, which on Python 3.11 loses a
        cancellation that meets its result, and an owner that lost it would never stop.
        """
        try:
            while True:
                request = await self._queue.get()
                await asyncio.wait({self._running.spawn(self._answer(request), f"read {self._host}: {request}")})
        finally:
            self._closed = True
            await self._running.cancel_all()
            self._disconnect()
            while not self._queue.empty():
                request = self._queue.get_nowait()
                if not request.answer.done():
                    request.answer.set_result(_CLOSED)

    async def _answer(self, request: _Request) -> None:
        if request.answer.done():  # its caller was cancelled meanwhile
            return
        outcome: Registers | ReadFailed = _BROKEN_OFF
        try:
            outcome = await self._serve(request)
        finally:
            if not request.answer.done():
                request.answer.set_result(outcome)

    async def _serve(self, request: _Request) -> Registers | ReadFailed:
        self._units.add(request.unit)
        if self._clock.monotonic() < self._resting.get(request.unit, 0.0):
            return ReadFailed(Fault.SILENT, f"unit {request.unit} was silent and is left alone for the others' sake")
        if (wait_s := self._quiet_until - self._clock.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        client = await self._connect()
        if isinstance(client, ReadFailed):
            return client
        outcome = await self._ask(client, request)
        now = self._clock.monotonic()
        self._quiet_until = now + self._pause_s
        if isinstance(outcome, ReadFailed):
            if not outcome.answered:
                self._disconnect()
            if outcome.fault in (Fault.SILENT, Fault.GATEWAY) and len(self._units) > 1:
                self._resting[request.unit] = now + REST_S
        return outcome

    async def _connect(self) -> AsyncModbusTcpClient | ReadFailed:
        if self._client is not None and self._client.connected:
            return self._client
        self._disconnect()
        failed = ReadFailed(Fault.UNREACHABLE, f"no connection to {self._host}:{self._port}")
        if self._clock.monotonic() < self._retry_at:
            return failed
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            timeout=self._timeout_s,
            retries=0,
            reconnect_delay=0,  # never in the background
            trace_packet=self._trace,
        )
        self._client = client
        if not await client.connect():
            self._disconnect()
            self._retry_at = self._clock.monotonic() + RETRY_S
            return failed
        return _CLOSED if self._closed else client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask(self, client: AsyncModbusTcpClient, request: _Request) -> Registers | ReadFailed:
        self._garbled = False
        read = client.read_holding_registers if request.function == HOLDING else client.read_input_registers
        try:
            reply = await read(request.address, count=request.count, device_id=request.unit)
        except ValueError as error:  # refused before it was sent
            return ReadFailed(Fault.SHEET, f"{request}: {error}")
        except (ModbusException, OSError) as error:
            if self._garbled:
                return ReadFailed(Fault.MALFORMED, f"{request}: the answer is no Modbus")
            if not client.connected:
                return ReadFailed(Fault.SILENT, f"{request}: the connection was closed before the answer")
            wire.debug("%s: %s", request, error)
            return ReadFailed(Fault.SILENT, f"{request}: no answer within {self._timeout_s:g} s")
        return _check(reply, request, self._clock.monotonic())

    def _trace(self, sending: bool, data: bytes) -> bytes:
        """The library's hook on raw bytes, both ways."""
        if wire.isEnabledFor(logging.DEBUG):
            wire.debug("%s:%d %s %s", self._host, self._port, ">" if sending else "<", data.hex(" "))
        if sending:
            return data
        sound = intact(data)
        self._garbled = self._garbled or len(sound) < len(data)
        return sound


def _check(reply: ModbusPDU, request: _Request, at: float) -> Registers | ReadFailed:
    """The library checks transaction and unit, but not that function and count are what was asked for."""
    if reply.isError():
        return refusal(reply.exception_code, str(request))
    if reply.function_code != request.function:
        return ReadFailed(Fault.MALFORMED, f"{request}: answered as function {reply.function_code}")
    if len(reply.registers) != request.count:
        return ReadFailed(Fault.MALFORMED, f"{request}: {len(reply.registers)} registers came instead")
    return Registers(tuple(reply.registers), at)


def intact(data: bytes) -> bytes:
    """`data` up to the first whole frame that is no answer to a read: the library's parser raises on such a frame, in
    a callback of the event loop, where nobody can catch it.

    A frame is transaction, protocol, length (2 bytes each), unit (1) and then `length - 1` bytes: function and either
    a byte count with that many bytes of registers, or an exception code (MODBUS Messaging on TCP/IP V1.0b, 3.1.3).
    """
    start = 0
    while start + 8 <= len(data):
        end = start + 6 + int.from_bytes(data[start + 4 : start + 6])
        if end > len(data):
            break  # the rest is still to come
        pdu = data[start + 7 : end]
        if len(pdu) < 2:
            return data[:start]
        refused = pdu[0] > 0x80
        if not refused and not (pdu[0] in (HOLDING, INPUT) and pdu[1] % 2 == 0 and pdu[1] <= len(pdu) - 2):
            return data[:start]
        start = end
    return data
