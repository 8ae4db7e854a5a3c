"""What a field bus gives: registers, or the reason why there are none.

A `Bus` is one endpoint with everything behind it; whoever reads waits in one queue with all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Registers:
    """An answer: exactly as many 16-bit words as were asked for, received at `at` (monotonic s)."""

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
    """No registers. `why` is a clause for people."""

    fault: Fault
    why: str

    @property
    def answered(self) -> bool:
        """An exception was the answer: the line works, and other requests may well succeed."""
        return self.fault in (Fault.SHEET, Fault.BUSY, Fault.DEVICE, Fault.GATEWAY)


class Bus(Protocol):
    """One endpoint, read-only."""

    async def read(self, unit: int, function: int, address: int, count: int) -> Registers | ReadFailed:
        """Read `count` registers from `address` (from 0) with `function` 3 (holding) or 4 (input).

        Always returns, at the latest when every request queued before it has had its time. A caller that is cancelled
        abandons its answer; the request itself runs to its end.
        """


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


def refusal(code: int, request: str) -> ReadFailed:
    """An exception reply to `request`, by what to do about it (MODBUS Application Protocol V1.1b3, section 7)."""
    fault, meaning = _EXCEPTIONS.get(code, (Fault.DEVICE, "unknown exception"))
    return ReadFailed(fault, f"{request} answered with exception {code} ({meaning})")
