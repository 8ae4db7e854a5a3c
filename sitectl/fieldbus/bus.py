"""What a field bus gives: registers, or the reason why there are none.

A `Bus` is one endpoint with everything behind it; whoever reads waits in one queue with all others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

COILS, DISCRETE, HOLDING, INPUT = 1, 2, 3, 4
"""The functions that read. The first two give single bits, the others 16-bit registers."""
FUNCTIONS = (COILS, DISCRETE, HOLDING, INPUT)
WRITE_COIL = 5
"""The one function that writes: a single coil, of a relay. Its answer repeats what was asked."""


@dataclass(frozen=True, slots=True)
class Registers:
    """An answer: exactly as many 16-bit words (bits: 0 or 1 each) as were asked for, received at `at` (monotonic s)."""

    words: tuple[int, ...]
    at: float


class Fault(StrEnum):
    """Why a read failed."""

    UNREACHABLE = "unreachable"
    """No connection could be had."""
    SILENT = "silent"
    """No answer to this request within its time."""
    MALFORMED = "malformed"
    """An answer that is not one to this request."""
    CHECKSUM = "checksum"
    """An answer whose checksum is wrong: noise, two devices at once, or another speed or parity."""
    SHEET = "sheet"
    """Exceptions 1, 2, 3: the device does not know the function, the address or the count. Its sheet is wrong."""
    BUSY = "busy"
    """Exceptions 5, 6 (or our own queue is full): the same request may succeed a moment later."""
    DEVICE = "device"
    """Exception 4 and all others: the device itself is in trouble."""
    GATEWAY = "gateway"
    """Exceptions 10, 11: the gateway answers, the device behind it does not."""


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """No registers, or nothing written. `why` is a clause for people."""

    fault: Fault
    why: str

    @property
    def answered(self) -> bool:
        """An exception was the answer: the line works, and other requests may well succeed."""
        return self.fault in (Fault.SHEET, Fault.BUSY, Fault.DEVICE, Fault.GATEWAY)


Answer = Registers | ReadFailed


@dataclass(frozen=True, slots=True)
class Request:
    """One read, or the writing of one coil (`on` says of what), and who waits for it."""

    unit: int
    function: int
    address: int
    count: int
    answer: asyncio.Future[Answer] | None = None
    on: bool = False

    @property
    def payload_bytes(self) -> int:
        """How many bytes of values its answer has."""
        if self.function == WRITE_COIL:
            return 3
        return 2 * self.count if self.function in (HOLDING, INPUT) else (self.count + 7) // 8

    def __str__(self) -> str:
        if self.function == WRITE_COIL:
            return f"unit {self.unit}, coil {self.address} {'on' if self.on else 'off'}"
        what = {COILS: "coils", DISCRETE: "inputs"}.get(self.function, "registers")
        return f"unit {self.unit}, {what} {self.address} to {self.address + self.count - 1}"


class Bus(Protocol):
    """One endpoint, as who reads there sees it."""

    async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
        """Read `count` values from `address` (from 0) with one of the `FUNCTIONS`.

        Always returns, at the latest when every request queued before it has had its time. A caller that is cancelled
        abandons its answer; the request itself runs to its end.
        """


class CoilBus(Bus, Protocol):
    """One endpoint, as who switches relays there sees it."""

    async def write_coil(self, unit: int, address: int, on: bool) -> Answer:
        """Set one coil. An answer is no proof: some adapters repeat what is sent; read it back."""


class Link(Protocol):
    """How one endpoint is spoken to. One request at a time; its bus is its only user."""

    @property
    def connected(self) -> bool:
        """Whether requests can be asked without opening it first."""

    async def open(self) -> str | None:
        """Open it; why that is not possible, None when it is open. Never raises."""

    def close(self) -> None:
        """Close it; nothing that arrives from now on is an answer."""

    def before(self, request: Request) -> Request | None:
        """What has to be answered first, so that an answer to `request` can be told from a late one to another."""

    async def ask(self, request: Request) -> Answer:
        """Ask once; ends with an answer to just this request, or without one within the link's time. Never raises."""

    def stray_bytes(self) -> int:
        """How many bytes came since the last look that belong to no answer."""


_EXCEPTIONS = {
    1: (Fault.SHEET, "illegal function"),
    2: (Fault.SHEET, "illegal address"),
    3: (Fault.SHEET, "illegal count"),
    4: (Fault.DEVICE, "device failure"),
    5: (Fault.BUSY, "acknowledged, still working"),
    6: (Fault.BUSY, "busy"),
    10: (Fault.GATEWAY, "gateway path unavailable"),
    11: (Fault.GATEWAY, "no answer from the device behind the gateway"),
}


def refusal(code: int, request: object) -> ReadFailed:
    """An exception reply to `request`, by what to do about it (MODBUS Application Protocol V1.1b3, section 7)."""
    fault, meaning = _EXCEPTIONS.get(code, (Fault.DEVICE, "unknown exception"))
    return ReadFailed(fault, f"{request} answered with exception {code} ({meaning})")
