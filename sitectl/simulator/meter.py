"""A Modbus TCP meter with the register image of an Eastron SDM630 (function 4, 32-bit floats, high word first).

The server is a small one of its own, so that it is independent of the library that reads it and can fall silent,
freeze or answer nonsense. Registers: vendor's list 1.5, chapter 1.1 (input registers).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from enum import Enum
from math import nan

from sitectl.simulator.electrical import ZERO, Phases
from sitectl.simulator.vehicle import NOMINAL_V

READ_INPUT_REGISTERS = 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
REGISTERS = 382
LARGEST_READ = 80
FREQUENCY_HZ = 50.0
CLOSED_WITHIN_S = 5.0


class MeterFault(Enum):
    NONE = "none"
    SILENT = "silent"
    NAN = "nan"
    FROZEN = "frozen"


SHEET = "eastron-sdm630"
"""The sheet that reads it."""


class SimulatedMeter:
    """What the meter measures, and the server that shows it. Import from the grid is positive."""

    def __init__(self, unit: int = 1) -> None:
        self.fault = MeterFault.NONE
        self.host = "127.0.0.1"
        self.port = 0
        self.reads = 0
        self._unit = unit
        self._currents: Phases = ZERO
        self._import_wh = 0.0
        self._export_wh = 0.0
        self._image = self._encode()
        self._server: asyncio.Server | None = None
        self._conversations: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    def measure(self, dt_s: float, currents: Phases) -> None:
        """`currents` (negative: exported) have flown for `dt_s`."""
        self._currents = currents
        energy_wh = sum(currents) * NOMINAL_V * dt_s / 3600
        self._import_wh += max(0.0, energy_wh)
        self._export_wh += max(0.0, -energy_wh)
        if self.fault is not MeterFault.FROZEN:
            self._image = self._encode()

    async def open(self) -> None:
        """Listen; the first time on a free port if none was chosen, later on the same."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Vanish, with every connection."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._conversations:
            writer.transport.abort()
        ending = [task for task in self._conversations.values() if task is not None]
        if ending:  # else the end of the loop cancels them, and asyncio logs that with a traceback
            await asyncio.wait(ending, timeout=CLOSED_WITHIN_S)
        await self._server.wait_closed()
        self._server = None

    def _encode(self) -> bytes:
        values = dict.fromkeys(range(0, REGISTERS, 2), 0.0)
        watts = [a * NOMINAL_V for a in self._currents]
        for phase, a in enumerate(self._currents):
            values[2 * phase] = NOMINAL_V
            values[6 + 2 * phase] = abs(a)  # the device shows a magnitude; the sign stands in the power
            values[12 + 2 * phase] = watts[phase]
            values[18 + 2 * phase] = abs(watts[phase])
            values[30 + 2 * phase] = 1.0 if a >= 0 else -1.0
        values[48] = sum(abs(a) for a in self._currents)
        values[52] = sum(watts)
        values[56] = sum(abs(w) for w in watts)
        values[70] = FREQUENCY_HZ
        values[72] = self._import_wh / 1000
        values[74] = self._export_wh / 1000
        return struct.pack(f">{REGISTERS // 2}f", *(values[address] for address in range(0, REGISTERS, 2)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._conversations[writer] = asyncio.current_task()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                pdu = await reader.readexactly(length - 1)
                if unit == self._unit and (reply := self._reply(pdu)) is not None:
                    writer.write(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)
                    await writer.drain()
        self._conversations.pop(writer, None)
        writer.close()

    def _reply(self, pdu: bytes) -> bytes | None:
        if self.fault is MeterFault.SILENT:
            return None
        function = pdu[0]
        if function != READ_INPUT_REGISTERS or len(pdu) != 5:
            return bytes((function | 0x80, ILLEGAL_FUNCTION))
        start, count = struct.unpack(">HH", pdu[1:])
        if not 1 <= count <= LARGEST_READ:
            return bytes((function | 0x80, ILLEGAL_VALUE))
        if start + count > REGISTERS:
            return bytes((function | 0x80, ILLEGAL_ADDRESS))
        self.reads += 1
        image = struct.pack(">f", nan) * (REGISTERS // 2) if self.fault is MeterFault.NAN else self._image
        return bytes((function, 2 * count)) + image[2 * start : 2 * (start + count)]
