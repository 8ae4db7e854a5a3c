"""Modbus RTU, over a serial port or raw over TCP: nothing but the answer to the request that waits is ever taken.

RTU has no number that ties an answer to its request, and a device that answers after we gave up would have its answer
taken for the next one: another address, and nobody could tell. Three guards, in this order:

* after a request without an answer the wire is closed, and for as long as the longest frame takes it stays closed;
* the first request to that unit then is one of another length (`before`), and only after its answer are answers of the
  old length believed, because a device answers in order;
* an answer counts only if unit, function and length are those of the request and its checksum is right.

Libraries that speak RTU check less than that, so the frames are read here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from sitectl.base.clock import Clock
from sitectl.base.logging import WIRE
from sitectl.fieldbus import rtu
from sitectl.fieldbus.bus import COILS, WRITE_COIL, Answer, Fault, ReadFailed, Registers, Request, refusal
from sitectl.fieldbus.wires import Wire

TIMEOUT_S = 0.7
"""From the request's last bit to the answer's first, far above the slowest device known (0.5 s)."""
TCP_TIMEOUT_S = 1.0
SETTLE_S = 0.03
"""So long after its last byte a wrong answer is over: frames have no gaps, but adapters deliver in portions."""
DOUBTS = 20
"""So many lengths are not used again while an answer of theirs may still come."""
LENGTHS = tuple(range(2, 62, 2))
"""Even: many meters serve values of two registers and nothing else."""
BITS = tuple(range(9, 257, 8))
MOST_NOISE = 4 * rtu.LONGEST_FRAME

wire_log = logging.getLogger(f"{WIRE}.modbus")


class RtuLink:
    """One line with RTU frames. `byte_s`: how long a byte takes on it. Meets `Link`."""

    def __init__(
        self, name: str, wire: Wire, clock: Clock, *, byte_s: float = 0.0, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._name = name
        self._wire = wire
        self._clock = clock
        self._byte_s = byte_s
        self._timeout_s = timeout_s
        self._data = bytearray()
        self._asking = False
        self._came = asyncio.Event()
        self._stray = 0
        self._shut_until = 0.0
        self._doubted: dict[int, deque[int]] = {}

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self._wire.is_open

    async def open(self) -> str | None:
        """Open the wire, not before the longest frame that may still be on it is over."""
        if (wait_s := self._shut_until - self._clock.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        return await self._wire.open(self._heard)

    def close(self) -> None:
        """Close it; what is still to come is heard by nobody."""
        if self._wire.is_open:
            self._shut_until = self._clock.monotonic() + rtu.LONGEST_FRAME * self._byte_s
        self._wire.close()

    def before(self, request: Request) -> Request | None:
        """After a request to this unit without an answer: one of another length, which has to be answered first."""
        lengths = self._doubted.get(request.unit)
        if not lengths:
            return None
        function = COILS if request.function == WRITE_COIL else request.function
        mine = Request(request.unit, function, request.address, request.count)
        bits = mine.payload_bytes != 2 * mine.count
        others = (Request(mine.unit, mine.function, mine.address, n) for n in (BITS if bits else LENGTHS))
        return next(other for other in others if other.payload_bytes not in (*lengths, mine.payload_bytes))

    def stray_bytes(self) -> int:
        """Bytes since the last look that belonged to no answer."""
        stray, self._stray = self._stray, 0
        return stray

    async def ask(self, request: Request) -> Answer:
        """Ask once."""
        self._stray += len(self._data)
        self._data.clear()
        if self._wire.is_open and (refused := self._send(rtu.encoded(request))) is not None:
            return ReadFailed(Fault.UNREACHABLE, refused)
        self._asking = True
        try:
            outcome = await self._answer(request)
        finally:
            self._asking = False
        if isinstance(outcome, Registers) or outcome.answered:
            self._doubted.pop(request.unit, None)
        else:
            self._doubted.setdefault(request.unit, deque(maxlen=DOUBTS)).append(request.payload_bytes)
        return outcome

    async def _answer(self, request: Request) -> Answer:
        on_wire_s = (rtu.answer_bytes(request) + 8) * self._byte_s
        deadline = self._clock.monotonic() + self._timeout_s + on_wire_s
        while True:
            found = rtu.find(bytes(self._data), request)
            if found is not None:
                return self._taken(found, request)
            left_s = deadline - self._clock.monotonic()
            over = rtu.is_spoilt(bytes(self._data), request)
            if left_s <= 0 or not self._wire.is_open:
                return self._without(request)
            if not await self._more(min(left_s, SETTLE_S) if over else left_s) and over:
                return self._without(request)

    async def _more(self, within_s: float) -> bool:
        """Wait for bytes; whether some came."""
        self._came.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._came.wait()
        except TimeoutError:
            return False
        return True

    def _taken(self, found: rtu.Frame, request: Request) -> Answer:
        self._stray += found.stray
        self._data.clear()
        if found.exception is not None:
            return refusal(found.exception, request)
        return Registers(rtu.values(found.payload, request), self._clock.monotonic())

    def _without(self, request: Request) -> ReadFailed:
        """No answer came; what came instead says why."""
        came = bytes(self._data)
        self._stray += len(came)
        self._data.clear()
        if rtu.is_sound_frame_in(came):
            return ReadFailed(Fault.MALFORMED, f"{request}: an answer came that is not to this request")
        if came:
            return ReadFailed(Fault.CHECKSUM, f"{request}: {len(came)} bytes came that are no sound answer")
        if not self._wire.is_open:
            return ReadFailed(Fault.SILENT, f"{request}: {self._name} was closed before the answer")
        return ReadFailed(Fault.SILENT, f"{request}: no answer within {self._timeout_s:g} s")

    def _send(self, data: bytes) -> str | None:
        wire_log.debug("%s > %s", self._name, data.hex(" "))
        return self._wire.send(data)

    def _heard(self, data: bytes) -> None:
        wire_log.debug("%s < %s", self._name, data.hex(" "))
        if not self._asking:  # nobody waits for it
            self._stray += len(data)
            return
        self._data += data
        if len(self._data) > MOST_NOISE:  # a line full of noise must not fill the memory
            over = len(self._data) - MOST_NOISE
            self._stray += over
            del self._data[:over]
        self._came.set()
