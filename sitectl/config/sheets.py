"""Sheets of meter models: YAML files of facts, shipped beside the meters room or put by the operator into `meters.d/`.

A sheet names its model, the blocks to read and the registers in them. Function and word order may be said once for all
or, word order, at a single register. A sheet of the operator goes before a shipped one of the same name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sitectl.config import document, files, shape
from sitectl.config.document import Document
from sitectl.config.fields import Section, Text, fault
from sitectl.config.issues import Findings, Issue, did_you_mean, shown
from sitectl.model.sheets import Block, MeterSheet, Register

DIRECTORY = "meters.d"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LIMIT_BYTES = 256 * 1024
_REGISTERS_IN_TYPE = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4}
_CURRENTS = ("l1_current", "l2_current", "l3_current")

Quantity = Literal[
    "l1_voltage", "l2_voltage", "l3_voltage",
    "l1_current", "l2_current", "l3_current",
    "l1_power", "l2_power", "l3_power",
    "total_power", "frequency", "import_energy", "export_energy",
]  # fmt: skip


def _code(value: object) -> object:
    """A code of a sheet: `0x7FFFFFFF`, with or without quotes."""
    if isinstance(value, str):
        if not re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", value):
            raise fault(f"{shown(value)} is not a hexadecimal number", "write it as 0x7FFFFFFF")
        return int(value, 16)
    return value


Address = Annotated[int, Field(ge=0, le=65535)]
Code = Annotated[int, BeforeValidator(_code), Field(ge=0, lt=2**64)]
WordOrder = Literal["big", "little"]
Function = Literal[3, 4]


class BlockSection(Section):
    """Registers read in one request; Modbus allows 125."""

    function: Function | None = None
    address: Address
    count: Annotated[int, Field(ge=1, le=125)]


class RegisterSection(Section):
    """One value: multiply the raw number by `scale` to get `unit`."""

    address: Address
    type: Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    word_order: WordOrder | None = None
    unit: Literal["", "V", "mV", "A", "mA", "W", "kW", "MW", "Hz", "mHz", "Wh", "kWh", "MWh"] = ""
    not_available: list[Code] = Field(default=[])


class Sheet(Section):
    """One meter model."""

    id: Text
    title: Text
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    function: Function = 3
    word_order: WordOrder = "big"
    current_signed: bool = False
    power_sign: Literal[1, -1] = 1
    pause_s: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.0
    blocks: Annotated[list[BlockSection], Field(min_length=1)]
    registers: dict[Quantity, RegisterSection]
    traps: list[str] = Field(default=[])
    sources: list[str] = Field(default=[])
    defaults: dict[str, str] = Field(default={})


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where sheets are looked for: the operator's own directory, then what is shipped."""

    own: FilePath
    shipped: FilePath

    def names(self) -> list[str]:
        """Every sheet there is."""
        return sorted({path.stem for place in (self.own, self.shipped) for path in _listed(place)})

    def find(self, name: str) -> FilePath | None:
        """The file of the sheet `name`."""
        if not _NAME.fullmatch(name):
            return None
        candidates = (place / f"{name}.yaml" for place in (self.own, self.shipped))
        return next((path for path in candidates if _is_file(path)), None)

    def cure(self, name: str) -> str:
        """What to say of a sheet that is not there."""
        return did_you_mean(name, self.names())


def shelf(directory: FilePath) -> Shelf:
    """The sheets for a configuration in `directory`. The shipped ones are data of the package, found, not imported."""
    return Shelf(directory / DIRECTORY, FilePath(str(package_files("sitectl") / "meters" / "sheets")))


def load_sheet(path: FilePath) -> MeterSheet | list[Issue]:
    """Read one sheet; every fault of it when it cannot be used."""
    content = files.read(path, _LIMIT_BYTES)
    if isinstance(content, files.Unreadable):
        return [Issue(str(path), None, None, "", content.reason, content.cure)]
    read = document.parse(content.data, str(path))
    if not isinstance(read.data, dict):
        return read.errors or [Issue(read.file, 1, 1, "", "not a sheet", "begin with id: and title:")]
    return _checked(read, read.data, path.stem)


def _checked(read: Document, data: dict[str, object], stem: str) -> MeterSheet | list[Issue]:
    findings = Findings(read.marks, read.file, list(read.errors), lost=read.lost)
    sheet = shape.validate(Sheet, data, findings)
    if sheet is None or findings.errors:
        return findings.errors
    if sheet.id != stem:
        findings.error(("id",), f"{shown(sheet.id)} is not the name of the file", f"write id: {stem}")
    for quantity in _CURRENTS:
        if quantity not in sheet.registers:
            findings.error(("registers", quantity), "required, but absent", "a fuse needs the current of every phase")
    for quantity, register in sheet.registers.items():
        end = register.address + _REGISTERS_IN_TYPE[register.type]
        if not any(b.address <= register.address and end <= b.address + b.count for b in sheet.blocks):
            message = f"registers {register.address} to {end - 1} are in no block"
            findings.error(("registers", quantity, "address"), message, "add a block or correct the address")
    return findings.errors or _frozen(sheet)


def _frozen(sheet: Sheet) -> MeterSheet:
    registers = {
        str(quantity): Register(
            quantity=quantity,
            address=register.address,
            type=register.type,
            scale=register.scale,
            word_order=register.word_order or sheet.word_order,
            unit=register.unit,
            not_available=tuple(register.not_available),
        )
        for quantity, register in sheet.registers.items()
    }
    blocks = tuple(Block(block.function or sheet.function, block.address, block.count) for block in sheet.blocks)
    return MeterSheet(
        id=sheet.id,
        title=sheet.title,
        registers=registers,
        blocks=blocks,
        unit=sheet.unit,
        current_signed=sheet.current_signed,
        power_sign=sheet.power_sign,
        pause_s=sheet.pause_s,
        traps=tuple(sheet.traps),
        sources=tuple(sheet.sources),
        defaults=dict(sheet.defaults),
    )


def _listed(directory: FilePath) -> list[FilePath]:
    try:
        return [path for path in directory.iterdir() if path.suffix == ".yaml"]
    except OSError:
        return []


def _is_file(path: FilePath) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
