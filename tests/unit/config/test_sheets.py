from pathlib import Path

import pytest

from sitectl.config.sheets import load_sheet, shelf
from sitectl.model.sheets import Block, MeterSheet
from tests.unit.config.sites import broken, loaded, without_directory, write

SHIPPED = shelf(Path("/nonexistent"))
OWN = """
id: mine
title: My meter
function: 4
word_order: little
blocks:
  - {address: 0, count: 6}
  - {function: 3, address: 100, count: 2}
registers:
  l1_current: {address: 0, type: i32, scale: 0.001, unit: A, not_available: [0x7FFFFFFF, "0x80000000"]}
  l2_current: {address: 2, type: i32, scale: 0.001, unit: A, word_order: big}
  l3_current: {address: 4, type: i32, scale: 0.001, unit: A}
  total_power: {address: 100, type: f32, unit: W}
"""
SITE = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 40, meter: main}
meters:
  main: {sheet: mine, connection: "tcp://10.0.0.5"}
"""


@pytest.mark.parametrize("name", SHIPPED.names())
def test_every_shipped_sheet_is_sound(name: str) -> None:
    path = SHIPPED.find(name)
    assert path is not None
    sheet = load_sheet(path)
    assert isinstance(sheet, MeterSheet), sheet
    assert sheet.sources


def test_the_sheets_that_are_promised_are_shipped() -> None:
    assert {"eastron-sdm630", "janitza-umg604", "carlo-gavazzi-em24-e1"} <= set(SHIPPED.names())


def test_a_sheet_of_the_operator(tmp_path: Path) -> None:
    write(tmp_path, OWN, "meters.d/mine.yaml")
    sheet = next(iter(loaded(tmp_path, SITE).settings.meters.values())).sheet
    assert sheet.blocks == (Block(4, 0, 6), Block(3, 100, 2))
    assert sheet.registers["l1_current"].not_available == (0x7FFFFFFF, 0x80000000)
    assert [sheet.registers[name].word_order for name in ("l1_current", "l2_current")] == ["little", "big"]


def test_it_goes_before_a_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, OWN.replace("id: mine", "id: janitza-umg604"), "meters.d/janitza-umg604.yaml")
    site = SITE.replace("mine", "janitza-umg604")
    assert next(iter(loaded(tmp_path, site).settings.meters.values())).sheet.title == "My meter"


def faults(tmp_path: Path, text: str) -> list[str]:
    read = load_sheet(write(tmp_path, text, "mine.yaml"))
    assert isinstance(read, list)
    return without_directory(tuple(read), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("id: mine", "id: yours", 'mine.yaml:2:5: id: "yours" is not the name of the file'),
        ("count: 6", "count: 126", "mine.yaml:7:25: blocks[0].count: 126 is not at most 125"),
        ("type: f32", "type: float", 'registers.total_power.type: "float" is not possible here'),
        ("address: 4", "address: 5", "registers.l3_current.address: registers 5 to 6 are in no block"),
        ("l3_current", "l4_current", "registers.l4_current: "),
        ("l3_current: ", "frequency: ", "registers.l3_current: required, but absent"),
        ("title: My meter", "title: [", "broken YAML"),
        ('"0x80000000"', '"80000000"', 'not_available[1]: "80000000" is not a hexadecimal number'),
        ("word_order: little", "word_order: middle", "word_order"),
        (
            "id: mine",
            "id: mine\nlargest_read: 5",
            "mine.yaml:8:25: blocks[0].count: 6 registers, and the device answers 5",
        ),
        ("address: 2,", "address: 1,", "registers.l2_current.address: overlaps registers.l1_current at register 1"),
        ("title: My meter", "title: My meter\ncolour: red", "mine.yaml:4:1: colour: "),
        ("unit: A", "unit: A, exponent: sf", 'registers.l1_current.exponent: no factor "sf"'),
        ("blocks:", "blocks: []\nno_blocks:", "no_blocks: "),
    ],
)
def test_faults_in_a_sheet_have_their_place_in_it(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert any(fault in told for told in faults(tmp_path, OWN.replace(old, new)))


def test_what_is_no_sheet(tmp_path: Path) -> None:
    assert faults(tmp_path, "- a\n") == ["mine.yaml:1:1: not a sheet; begin with id: and title:"]
    assert isinstance(load_sheet(tmp_path / "nowhere.yaml"), list)
    assert SHIPPED.find("../sheets/janitza-umg604") is None


def test_a_broken_sheet_breaks_the_configuration_once(tmp_path: Path) -> None:
    write(tmp_path, OWN.replace("count: 6", "count: 0"), "meters.d/mine.yaml")
    errors = broken(tmp_path, SITE + '  spare: {sheet: mine, connection: "tcp://10.0.0.6"}\n')
    assert [error.partition(": ")[0] for error in errors] == ["meters.d/mine.yaml:7:25"]
