"""Devices that refuse parts of a read, on virtual time."""

from datetime import UTC, datetime

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus.bus import Fault, ReadFailed, Registers, refusal
from sitectl.fieldbus.memory import MemoryBus
from sitectl.meters.readers import Sample, SheetReader, halves
from sitectl.model.sheets import Block
from tests.unit.meters.facts import SUNNY_NOON, image
from tests.unit.meters.sheet_files import USABLE, sheet

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
NAME = "eastron-sdm72d-m-v2"


class ShortBus(MemoryBus):
    """Refuses to answer more than `most` registers at once."""

    most = 10

    async def read(self, unit: int, function: int, address: int, count: int) -> Registers | ReadFailed:
        if count > self.most:
            self.requests.append((unit, function, address, count))
            return refusal(3, f"{count} registers")
        return await super().read(unit, function, address, count)


def test_a_device_that_answers_few_registers_is_read_in_parts_from_then_on() -> None:
    async def main() -> None:
        bus = ShortBus({(1, 4): image(NAME)}, CLOCK)
        reader = SheetReader(bus, 1, sheet(NAME), CLOCK)
        for _ in range(3):
            assert isinstance(await reader.read(), str)
        sample = await reader.read()
        assert isinstance(sample, Sample)
        assert sample.refused is None
        assert [sample.values[quantity] for quantity in SUNNY_NOON] == pytest.approx(
            list(SUNNY_NOON.values()), rel=1e-6
        )
        bus.requests.clear()
        await reader.read()
        assert bus.requests == [(1, 4, 0, 8), (1, 4, 8, 10), (1, 4, 52, 2), (1, 4, 70, 6)]

    run_virtual(main())


def test_a_value_that_is_not_there_is_left_out_and_tried_again_after_ten_minutes() -> None:
    async def main() -> None:
        name = "carlo-gavazzi-em24"
        bus = MemoryBus({(1, 4): {k: v for k, v in image(name).items() if k not in (92, 93)}}, CLOCK)
        reader = SheetReader(bus, 1, sheet(name), CLOCK)
        for _ in range(3):
            first = await reader.read()
            assert isinstance(first, Sample)
            assert first.values["export_energy"] is None
            assert first.refused is not None
        bus.requests.clear()
        again = await reader.read()
        assert isinstance(again, Sample)
        assert (1, 4, 92, 2) not in bus.requests
        reader._left_out_until = 0.0
        bus.images[1, 4] = image(name)
        whole = await reader.read()
        assert isinstance(whole, Sample)
        assert whole.values["export_energy"] == pytest.approx(SUNNY_NOON["export_energy"])

    run_virtual(main())


def test_a_device_that_refused_everything_for_a_while_is_read_whole_again() -> None:
    async def main() -> None:
        bus = MemoryBus({(1, 4): image(NAME)}, CLOCK)
        reader = SheetReader(bus, 1, sheet(NAME), CLOCK)
        for polls in range(1, 40):
            bus.failure = refusal(2, "everything")
            for _ in range(polls):
                assert isinstance(await reader.read(), str)
            bus.failure = None
            sample = await reader.read()
            assert isinstance(sample, Sample), f"after {polls} refused polls"
            assert sample.values["l1_current"] is not None
        bus.failure = ReadFailed(Fault.SILENT, "away")
        await reader.read()
        bus.failure = None
        bus.requests.clear()
        await reader.read()
        assert bus.requests[0] == (1, 4, 0, 18)

    run_virtual(main())


def test_a_busy_device_keeps_its_blocks() -> None:
    async def main() -> None:
        bus = MemoryBus({(1, 4): image(NAME)}, CLOCK)
        reader = SheetReader(bus, 1, sheet(NAME), CLOCK)
        bus.failure = ReadFailed(Fault.BUSY, "busy")
        assert await reader.read() == "busy"
        bus.failure = None
        bus.requests.clear()
        await reader.read()
        assert bus.requests[0] == (1, 4, 0, 18)

    run_virtual(main())


@pytest.mark.parametrize("name", USABLE)
def test_every_block_of_every_sheet_can_be_divided_down_to_single_values(name: str) -> None:
    read = sheet(name)
    open_ends, singles = list(read.blocks), 0
    while open_ends:
        block = open_ends.pop()
        parts = halves(read, block)
        assert all(block.address <= p.address and p.address + p.count <= block.address + block.count for p in parts)
        open_ends += parts
        singles += not parts
    assert singles == len(read.registers) + len(read.factors)


def test_what_the_device_says_of_its_wiring() -> None:
    async def main() -> None:
        name = "carlo-gavazzi-em340"
        settings = {4355: 1, 4356: 0, 4357: 0b10_0101}
        bus = MemoryBus({(1, 4): {**image(name), 50: 0xFFFF}, (1, 3): settings}, CLOCK)
        reader = SheetReader(bus, 1, sheet(name), CLOCK)
        assert await reader.wiring() == (
            "the voltage sequence is wrong",
            "the current transformer of L2 is reversed",
            "L1 and L3 are exchanged",
            "the phase sequence is reversed",
        )
        bus.images[1, 3].update({4356: 1, 4355: 0})
        bus.images[1, 4][50] = 0
        (mode,) = await reader.wiring()
        assert mode.startswith("measuring mode A: ")

    run_virtual(main())


def test_a_phase_field_in_floats_and_nibbles_of_a_verdict() -> None:
    async def main() -> None:
        left = {19052: 0xBF80, 19053: 0}
        bus = MemoryBus({(1, 3): left}, CLOCK)
        janitza = SheetReader(bus, 1, sheet("janitza-umg604"), CLOCK)
        assert await janitza.wiring() == ("the phases turn left: two of them are exchanged",)
        bus.images[1, 3] = {19052: 0x3F80, 19053: 0}
        assert await janitza.wiring() == ()
        bus.images[1, 3] = {36003: 0x0121}
        inverter = SheetReader(bus, 1, sheet("goodwe-et"), CLOCK)
        assert await inverter.wiring() == ("a current transformer is reversed, by the inverter's own test",)

    run_virtual(main())


def test_a_setting_that_meets_silence_is_not_asked_for_again() -> None:
    async def main() -> None:
        bus = MemoryBus({(1, 4): image("carlo-gavazzi-em24-e1")}, CLOCK)
        reader = SheetReader(bus, 1, sheet("carlo-gavazzi-em24-e1"), CLOCK)
        assert await reader.wiring() == ()
        assert await reader.wiring() == ()
        assert bus.requests == [(1, 3, 40960, 1)]

    run_virtual(main())


def test_blocks_are_halved_where_values_begin() -> None:
    assert halves(sheet("janitza-umg604"), Block(3, 19068, 10)) == [Block(3, 19068, 2), Block(3, 19076, 2)]
    assert halves(sheet("janitza-umg604"), Block(3, 19068, 2)) == []
