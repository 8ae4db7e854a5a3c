"""The shipped sheets, read as the configuration reads them."""

from functools import cache
from pathlib import Path

from sitectl.config.sheets import load_sheet, shelf
from sitectl.model.sheets import MeterSheet

SHELF = shelf(Path("/nonexistent"))
ALL = SHELF.names()


@cache
def sheet(name: str) -> MeterSheet:
    path = SHELF.find(name)
    assert path is not None
    read = load_sheet(path)
    assert isinstance(read, MeterSheet), read
    return read


IDS = [name for name in ALL if sheet(name).registers]
"""Sheets of devices with fixed addresses."""

USABLE = [name for name in IDS if sheet(name).refused is None]
CONFIRMED = [name for name in USABLE if sheet(name).confirmed]
