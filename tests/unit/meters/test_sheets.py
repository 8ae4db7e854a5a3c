"""The shipped sheets against public facts, and against what the poller needs of a sheet."""

import pytest

from sitectl.meters.decode import CURRENTS, width
from tests.unit.meters.facts import OTHER_SCALES, THOUSANDS, facts
from tests.unit.meters.sheet_files import ALL, CONFIRMED, IDS, USABLE, sheet


def test_the_models_of_the_first_release_are_there() -> None:
    assert {"eastron-sdm630", "janitza-umg604", "carlo-gavazzi-em24-e1"} <= set(IDS)


@pytest.mark.parametrize("name", IDS)
def test_registers_are_where_two_public_sources_say(name: str) -> None:
    known = facts(name)
    assert known
    registers = sheet(name).registers
    assert set(registers) == set(known)
    others = OTHER_SCALES.get(name, {})
    for quantity, register in registers.items():
        fact = known[quantity]
        assert (register.address, register.type) == (fact.address, fact.type), quantity
        other = others.get(quantity.split("_")[-1], 1.0)
        assert register.scale * THOUSANDS.get(register.unit, 1.0) * other == pytest.approx(fact.scale), quantity
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


APART = {"dsmr-p1-gateway", "sma-edmm", "sma-shm-2", "sma-inverter", "iskra-wm3", "solaredge-se-mtr-3y"}
"""Models whose voltages are too far away or not served."""


@pytest.mark.parametrize("name", sorted(set(USABLE) - APART))
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


SHORT_TWICE = {"janitza-umg604-native", "inepro-pro380", "wago-879-30xx", "orno-or-we-514", "chint-dtsu666-ct"}
"""Models with two values far apart, and nothing between to make one read longer."""


@pytest.mark.parametrize("name", IDS)
def test_blocks_are_within_what_devices_answer_and_neighbours_differ_in_length(name: str) -> None:
    """60 registers are the least of the known upper bounds, but for models whose phases stand further apart and that
    speak TCP; a late answer to the request before shows by its length."""
    read = sheet(name)
    counts = [block.count for block in read.blocks]
    assert max(counts) <= (84 if name in ("kostal-ksem", "tq-em300") else 60)
    assert max(counts) <= read.largest_read
    if len(counts) > 1 and name not in SHORT_TWICE:
        assert all(a != b for a, b in zip(counts, [*counts[1:], counts[0]], strict=True))


@pytest.mark.parametrize("name", ALL)
def test_sheets_name_their_sources(name: str) -> None:
    read = sheet(name)
    assert read.id == name
    assert read.title
    assert read.sources
    assert all(isinstance(trap, str) for trap in read.traps)
    if name in CONFIRMED:
        assert len(read.sources) >= 2


def test_what_two_sources_confirm_is_shipped() -> None:
    """53 profiles: 49 usable sheets and their twin with transformers, one that speaks UDP, three found by a scan."""
    assert len(set(CONFIRMED) - {"chint-dtsu666-ct"}) == 49
    assert {"victron-vm-3p75ct", "sunspec", "stations"} <= set(ALL)


@pytest.mark.parametrize("name", sorted(set(IDS) - set(USABLE)))
def test_what_cannot_guard_a_fuse_is_refused_with_what_to_take(name: str) -> None:
    refused = sheet(name).refused
    assert refused is not None
    assert any(word in refused for word in ("take", "put", "read it"))
