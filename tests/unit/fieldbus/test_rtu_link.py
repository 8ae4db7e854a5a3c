"""The guard against late answers, on virtual time over a wire in memory."""

import asyncio
from datetime import UTC, datetime

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus import rtu
from sitectl.fieldbus.bus import COILS, DISCRETE, HOLDING, WRITE_COIL, ReadFailed, Registers, Request
from sitectl.fieldbus.rtu_link import RtuLink
from sitectl.fieldbus.wires import Heard

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
BLOCK = Request(1, HOLDING, 100, 10)


class MemoryWire:
    """Keeps what was sent; answers come when the test says so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.opened_at: list[float] = []
        self.is_open = False
        self.heard: Heard = lambda data: None

    async def open(self, heard: Heard) -> str | None:
        self.is_open, self.heard = True, heard
        self.opened_at.append(CLOCK.monotonic())
        return None

    def send(self, data: bytes) -> str | None:
        self.sent.append(data)
        return None

    def close(self) -> None:
        self.is_open = False


def answer(request: Request, first: int) -> bytes:
    """The registers count up from `first`."""
    values = b"".join((first + n).to_bytes(2) for n in range(request.count))
    return rtu.sealed(bytes((request.unit, request.function, len(values))) + values)


def test_after_silence_requests_are_of_lengths_that_were_not_used_for_long() -> None:
    async def main() -> None:
        link = RtuLink("line", MemoryWire(), CLOCK, timeout_s=0.1)
        await link.open()
        assert link.before(BLOCK) is None
        request: Request | None = BLOCK
        lengths = []
        for _ in range(15):
            assert request is not None
            assert isinstance(await link.ask(request), ReadFailed)
            lengths.append(request.payload_bytes)
            request = link.before(BLOCK)
        assert len(set(lengths)) == 15
        bits = link.before(Request(1, DISCRETE, 0, 1))
        assert bits is not None
        assert bits.payload_bytes not in (1, *lengths)
        assert link.before(Request(2, HOLDING, 100, 10)) is None, "another device is not in doubt"

    run_virtual(main())


def test_an_answer_to_it_ends_the_doubt_and_a_late_one_does_not() -> None:
    async def main() -> None:
        wire = MemoryWire()
        link = RtuLink("line", wire, CLOCK, timeout_s=0.1)
        await link.open()
        await link.ask(BLOCK)
        first = link.before(BLOCK)
        assert first is not None
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, lambda: wire.heard(answer(BLOCK, 700)))  # what was asked before, late
        assert isinstance(await link.ask(first), ReadFailed)
        assert link.stray_bytes() == rtu.answer_bytes(BLOCK)
        second = link.before(BLOCK)
        assert second is not None
        loop.call_later(0.05, lambda: wire.heard(answer(first, 100) + answer(second, 100)))
        assert isinstance(await link.ask(second), Registers)
        assert link.before(BLOCK) is None

    run_virtual(main())


def test_after_a_close_it_stays_shut_for_as_long_as_a_frame_takes() -> None:
    async def main() -> None:
        wire = MemoryWire()
        link = RtuLink("line", wire, CLOCK, byte_s=0.001)
        await link.open()
        link.close()
        await link.open()
        assert wire.opened_at == [0.0, 0.256]

    run_virtual(main())


def test_a_line_full_of_noise_does_not_fill_the_memory() -> None:
    async def main() -> None:
        wire = MemoryWire()
        link = RtuLink("line", wire, CLOCK, timeout_s=0.1)
        await link.open()
        for step in range(9):
            asyncio.get_running_loop().call_later(0.01 * step, lambda: wire.heard(b"\xff" * 10_000))
        assert isinstance(await link.ask(BLOCK), ReadFailed)
        assert link.stray_bytes() == 90_000

    run_virtual(main())


def test_after_a_write_without_an_answer_coils_are_read_before_the_next() -> None:
    async def main() -> None:
        link = RtuLink("line", MemoryWire(), CLOCK, timeout_s=0.1)
        await link.open()
        write = Request(1, WRITE_COIL, 3, 1, on=True)
        assert isinstance(await link.ask(write), ReadFailed)
        before = link.before(write)
        assert before is not None
        assert before.function == COILS

    run_virtual(main())
