"""Which blocks are read where a bus is too short for all of them."""

import asyncio
from datetime import UTC, datetime

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus.bus import Answer
from sitectl.fieldbus.memory import MemoryBus
from sitectl.meters.decode import CURRENTS
from sitectl.meters.readers import Sample, SheetReader
from sitectl.meters.rota import Rota
from sitectl.model.sheets import Block
from tests.unit.meters.facts import SUNNY_NOON, image
from tests.unit.meters.sheet_files import IDS, sheet

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
GAVAZZI = sheet("carlo-gavazzi-em24-e1")
FAST = Block(4, 0, 24)


def test_with_room_everything_is_read_every_time() -> None:
    rota = Rota(GAVAZZI, 1.0)
    for block in GAVAZZI.blocks:
        rota.took(block, 0.15)
    assert rota.turn(GAVAZZI.blocks) == list(GAVAZZI.blocks)


def test_without_room_what_a_fuse_is_shared_by_is_read_every_time_and_the_rest_takes_turns() -> None:
    rota = Rota(GAVAZZI, 1.0)
    for block in GAVAZZI.blocks:
        rota.took(block, 0.2)
    turns = [rota.turn(GAVAZZI.blocks) for _ in range(4)]
    assert all(turn[0] == FAST and len(turn) == 2 for turn in turns)
    assert {turn[1] for turn in turns[:2]} == {turn[1] for turn in turns[2:]} == set(GAVAZZI.blocks) - {FAST}
    rota.took(FAST, 0.05)
    assert rota.turn(GAVAZZI.blocks) == list(GAVAZZI.blocks), "there is room again"


@pytest.mark.parametrize("name", IDS)
def test_every_sheet_reads_the_currents_of_all_phases_each_time(name: str) -> None:
    one = sheet(name)
    rota = Rota(one, 1.0)
    for block in one.blocks:
        rota.took(block, 10.0)
    now = rota.turn(one.blocks)
    wanted = [one.registers[quantity] for quantity in CURRENTS if quantity in one.registers]
    assert all(any(b.address <= register.address < b.address + b.count for b in now) for register in wanted)


class Slow(MemoryBus):
    """An old serial line: each block takes a while."""

    async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
        await asyncio.sleep(0.3)
        return await super().read(unit, function, address, count)


def test_on_a_slow_line_a_reading_comes_in_time_and_keeps_the_counters() -> None:
    async def main() -> None:
        gavazzi = Slow({(1, 4): image("carlo-gavazzi-em24-e1")}, CLOCK)
        other = SheetReader(gavazzi, 1, GAVAZZI, CLOCK, interval_s=1.0)
        assert isinstance(await other.read(), Sample)
        gavazzi.images[1, 4].update(image("carlo-gavazzi-em24-e1", {**SUNNY_NOON, "l1_current": 20.0}))
        for _ in range(4):
            began = CLOCK.monotonic()
            sample = await other.read()
            assert isinstance(sample, Sample)
            assert CLOCK.monotonic() - began == pytest.approx(0.6)
            assert sample.values["l1_current"] == pytest.approx(20.0)
            assert sample.values["import_energy"] == pytest.approx(123_456_000.0)
            assert sample.values["frequency"] == pytest.approx(50.0)
            assert sample.values["total_power"] is None, "the phases add up to it"

    run_virtual(main())
