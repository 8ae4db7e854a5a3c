"""The shipped sheets against public facts, and against what the poller needs of a sheet."""

import pytest

from sitectl.meters.decode import CURRENTS, width
from tests.unit.meters.facts import THOUSANDS, facts
from tests.unit.meters.sheet_files import IDS, sheet


def test_the_models_of_the_first_release_are_there() -> None:
    assert {"eastron-sdm630", "janitza-umg604", "carlo-gavazzi-em24-e1"} <= set(IDS)


@pytest.mark.parametrize("name", IDS)
def test_registers_are_where_two_public_sources_say(name: str) -> None:
    known = facts(name)
    assert known
    registers = sheet(name).registers
    assert set(registers) == set(known)
    for quantity, register in registers.items():
        fact = known[quantity]
        assert (register.address, register.type) == (fact.address, fact.type), quantity
        assert register.scale * THOUSANDS.get(register.unit, 1.0) == pytest.approx(fact.scale), quantity
        assert fact.word_order in (register.word_order, "n/a"), quantity


@pytest.mark.parametrize("name", IDS)
def test_every_register_lies_whole_in_one_block_of_its_function(name: str) -> None:
    read = sheet(name)
    for quantity, register in read.registers.items():
        holding = [
            block
            for block in read.blocks
            if block.address <= register.address
            and register.address + width(register) <= block.address + block.count
            and block.function == facts(name)[quantity].function
        ]
        assert len(holding) == 1, quantity


@pytest.mark.parametrize("name", IDS)
def test_the_currents_come_in_one_block_with_an_anchor(name: str) -> None:
    """A block read at the wrong place must show at once, so the currents stand beside the voltages."""
    read = sheet(name)
    anchored = [
        block
        for block in read.blocks
        if all(
            block.address <= read.registers[quantity].address < block.address + block.count
            for quantity in (*CURRENTS, "l1_voltage", "l2_voltage", "l3_voltage")
        )
    ]
    assert len(anchored) == 1


@pytest.mark.parametrize("name", IDS)
def test_blocks_are_within_what_devices_answer_and_differ_in_length(name: str) -> None:
    """60 registers are the least of the known upper bounds; a late answer to another block shows by its length."""
    counts = [block.count for block in sheet(name).blocks]
    assert max(counts) <= 60
    assert len(set(counts)) == len(counts)


@pytest.mark.parametrize("name", IDS)
def test_sheets_name_their_sources(name: str) -> None:
    read = sheet(name)
    assert read.id == name
    assert len(read.sources) >= 2
    assert read.title
    assert all(isinstance(trap, str) for trap in read.traps)
