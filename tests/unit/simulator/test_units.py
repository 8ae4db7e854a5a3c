"""Each simulated unit does what its sheet states: so the two can be tried against each other."""

from pathlib import Path

import pytest

from sitectl.config.station_sheets import load_sheet, shelf
from sitectl.model.station import StationIdentity
from sitectl.quirks.match import match
from sitectl.quirks.sheet import StationSheet
from sitectl.simulator.units import UNITS, Unit, without_its_sheet

SHELF = shelf(Path())
SHEETS = {
    name: sheet for name in SHELF.names() if isinstance(sheet := load_sheet(SHELF.find(name) or Path()), StationSheet)
}


def identity(unit: Unit) -> StationIdentity:
    return StationIdentity(unit.vendor, unit.model, unit.firmware)


@pytest.mark.parametrize("unit", UNITS.values(), ids=list(UNITS))
def test_a_unit_misbehaves_by_the_flags_of_the_sheets_that_fit_it(unit: Unit) -> None:
    found = match(identity(unit), SHEETS.values())
    assert found.flags == unit.misbehaviour.flags


@pytest.mark.parametrize("unit", [u for u in UNITS.values() if u.sheet], ids=lambda unit: unit.name)
def test_a_unit_whose_sheet_must_be_named_is_known_by_it_before_it_boots(unit: Unit) -> None:
    sheet = SHEETS[unit.sheet or ""]
    assert match(StationIdentity(), SHEETS.values(), sheet).flags == unit.misbehaviour.flags


def test_under_another_name_no_sheet_fits() -> None:
    assert not match(identity(without_its_sheet(UNITS["huawei"])), SHEETS.values()).sheets
