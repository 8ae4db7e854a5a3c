"""Modbus TCP over pymodbus, without its retries and reconnects.

What the library does by itself would hold a bus for seconds and leave gaps of minutes: it repeats requests, and it
waits up to five minutes before it reconnects. Here a request is asked once. A new connection is a new client object, so
an answer that comes late on an old connection has nowhere to go; within one, its transaction number tells it.
"""

from __future__ import annotations

import asyncio
import logging

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from sitectl.base.clock import Clock
from sitectl.base.logging import WIRE
from sitectl.base.names import places
from sitectl.fieldbus.bus import (
    COILS,
    DISCRETE,
    FUNCTIONS,
    HOLDING,
    INPUT,
    WRITE_COIL,
    Answer,
    Fault,
    ReadFailed,
    Registers,
    Request,
    refusal,
)

TIMEOUT_S = 1.0

wire = logging.getLogger(f"{WIRE}.modbus")
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it logs every failed request; who reads says so once


class ModbusTcpLink:
    """One Modbus TCP endpoint. Meets `Link`."""

    def __init__(self, host: str, port: int, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._timeout_s = timeout_s
        self._client: AsyncModbusTcpClient | None = None
        self._garbled = False
        self._stray = 0

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._client is not None and self._client.connected

    async def open(self) -> str | None:
        """Connect anew; why not, or None."""
        self.close()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await places(self._host, self._port)
        except OSError:  # a time-out is one, too
            return f"no connection to {self._host}:{self._port}: nobody knows this name"
        for _, place in found:
            client = self._client = self._made(place[0])
            if await client.connect():
                return None
            self.close()
        return f"no connection to {self._host}:{self._port}"

    def _made(self, address: str) -> AsyncModbusTcpClient:
        return AsyncModbusTcpClient(
            address,
            port=self._port,
            timeout=self._timeout_s,
            retries=0,
            reconnect_delay=0,  # never in the background
            trace_packet=self._trace,
        )

    def close(self) -> None:
        """Drop the connection with whatever is still to come on it."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def before(self, request: Request) -> None:
        """Nothing: answers carry the number of their request."""

    def stray_bytes(self) -> int:
        """Bytes since the last look that were no Modbus."""
        stray, self._stray = self._stray, 0
        return stray

    async def ask(self, request: Request) -> Answer:
        """Ask once."""
        client = self._client
        if client is None:
            return ReadFailed(Fault.UNREACHABLE, f"no connection to {self._host}:{self._port}")
        self._garbled = False
        try:
            reply = await self._reply(client, request)
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

    async def _reply(self, client: AsyncModbusTcpClient, request: Request) -> ModbusPDU:
        if request.function == WRITE_COIL:
            return await client.write_coil(request.address, request.on, device_id=request.unit)
        read = {
            COILS: client.read_coils,
            DISCRETE: client.read_discrete_inputs,
            HOLDING: client.read_holding_registers,
            INPUT: client.read_input_registers,
        }[request.function]
        return await read(request.address, count=request.count, device_id=request.unit)

    def _trace(self, sending: bool, data: bytes) -> bytes:
        """The library's hook on raw bytes, both ways."""
        if wire.isEnabledFor(logging.DEBUG):
            wire.debug("%s:%d %s %s", self._host, self._port, ">" if sending else "<", data.hex(" "))
        if sending:
            return data
        sound = intact(data)
        self._stray += len(data) - len(sound)
        self._garbled = self._garbled or len(sound) < len(data)
        return sound


def _check(reply: ModbusPDU, request: Request, at: float) -> Answer:
    """The library checks transaction and unit, but not that function and count are what was asked for."""
    if reply.isError():
        return refusal(reply.exception_code, request)
    if reply.function_code != request.function:
        return ReadFailed(Fault.MALFORMED, f"{request}: answered as function {reply.function_code}")
    if request.function == WRITE_COIL:
        if (reply.address, reply.bits[:1]) != (request.address, [request.on]):
            return ReadFailed(Fault.MALFORMED, f"{request}: answered for another coil")
        return Registers((int(request.on),), at)
    if request.function in (COILS, DISCRETE):  # eight a byte, the last ones filled up
        if len(reply.bits) != 8 * request.payload_bytes:
            return ReadFailed(Fault.MALFORMED, f"{request}: {len(reply.bits)} bits came instead")
        return Registers(tuple(int(bit) for bit in reply.bits[: request.count]), at)
    if len(reply.registers) != request.count:
        return ReadFailed(Fault.MALFORMED, f"{request}: {len(reply.registers)} registers came instead")
    return Registers(tuple(reply.registers), at)


def intact(data: bytes) -> bytes:
    """`data` up to the first whole frame that is no answer to us: the library's parser raises on such a frame, in
    a callback of the event loop, where nobody can catch it.

    A frame is transaction, protocol, length (2 bytes each), unit (1) and then `length - 1` bytes: function and either
    a byte count with that many bytes of values, or an exception code (MODBUS Messaging on TCP/IP V1.0b, 3.1.3).
    """
    start = 0
    while start + 8 <= len(data):
        end = start + 6 + int.from_bytes(data[start + 4 : start + 6])
        if end > len(data):
            break  # the rest is still to come
        pdu = data[start + 7 : end]
        if len(pdu) < 2 or not (pdu[0] > 0x80 or _is_answer(pdu)):
            return data[:start]
        start = end
    return data


def _is_answer(pdu: bytes) -> bool:
    if pdu[0] == WRITE_COIL:
        return len(pdu) == 5
    whole = pdu[0] in (COILS, DISCRETE) or pdu[1] % 2 == 0
    return pdu[0] in FUNCTIONS and whole and pdu[1] <= len(pdu) - 2
