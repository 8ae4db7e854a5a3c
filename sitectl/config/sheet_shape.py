"""The shape of a sheet: every key, its type and bounds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sitectl.config.fields import Section, Text, fault
from sitectl.config.issues import shown

REGISTERS_IN_TYPE = {
    "u16": 1,
    "i16": 1,
    "u32": 2,
    "i32": 2,
    "f32": 2,
    "acc32": 2,
    "t5": 2,
    "t6": 2,
    "u64": 4,
    "i64": 4,
    "f64": 4,
}

Quantity = Literal[
    "l1_voltage", "l2_voltage", "l3_voltage",
    "l1_current", "l2_current", "l3_current",
    "l1_power", "l2_power", "l3_power",
    "l1_power_import", "l2_power_import", "l3_power_import",
    "l1_power_export", "l2_power_export", "l3_power_export",
    "total_power", "total_power_import", "total_power_export",
    "frequency", "import_energy", "export_energy",
    "meter_present", "telegram_time",
]  # fmt: skip


def _code(value: object) -> object:
    """A code of a sheet: `0x7FFFFFFF`, with or without quotes."""
    if isinstance(value, str):
        if not re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", value):
            raise fault(f"{shown(value)} is not a hexadecimal number", "write it as 0x7FFFFFFF")
        return int(value, 16)
    return value


def _key(value: object) -> object:
    """A number as a key of a mapping, where every key is text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else _code(value)


Address = Annotated[int, Field(ge=0, le=65535)]
Code = Annotated[int, BeforeValidator(_code), Field(ge=0, lt=2**64)]
CodeKey = Annotated[int, BeforeValidator(_key), Field(ge=0, lt=2**32)]
WordOrder = Literal["big", "little"]
Function = Literal[3, 4]
Type = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "acc32", "t5", "t6"]
Sign = Literal[1, -1]


class BlockSection(Section):
    """Registers read in one request; Modbus allows 125."""

    function: Function | None = None
    address: Address
    count: Annotated[int, Field(ge=1, le=125)]


class FactorSection(Section):
    """A number that makes others: the ratio of a transformer, a power of ten, a sign."""

    address: Address
    type: Type
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    word_order: WordOrder | None = None
    not_available: list[Code] = Field(default=[])


class RegisterSection(FactorSection):
    """One value: multiply the raw number by `scale`, and by what the factors say, to get `unit`."""

    unit: Literal["", "V", "mV", "A", "mA", "W", "kW", "MW", "Hz", "mHz", "Wh", "kWh", "MWh", "s"] = ""
    times: list[Text] = Field(default=[])
    exponent: Text | None = None
    negative_if: Text | None = None


class OnlyIf(Section):
    """Another register, and the value it must have."""

    address: Address
    equals: Code


class WiringSection(Section):
    """A register in which the device says what is wrong with its wiring or its settings."""

    address: Address
    type: Type = "u16"
    function: Function | None = None
    word_order: WordOrder | None = None
    bits: dict[CodeKey, Text] = Field(default={})
    codes: dict[CodeKey, Text] = Field(default={})
    nibbles: dict[CodeKey, Text] = Field(default={})
    expect: list[Code] = Field(default=[])
    otherwise: str = ""
    only_if: OnlyIf | None = None


class ProbeSection(Section):
    """A register whose value names the model: a scan looks there. Another value there says nothing."""

    address: Address
    function: Function | None = None
    values: Annotated[list[Code], Field(min_length=1)]


class Sheet(Section):
    """One meter model."""

    id: Text
    title: Text
    protocol: Literal["modbus", "sunspec", "stations"] = "modbus"
    confirmed: bool = True
    refused: Text | None = None
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    function: Function = 3
    word_order: WordOrder = "big"
    current_signed: bool = False
    power_sign: Sign = 1
    explicit_sign: bool = False
    pause_s: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.0
    largest_read: Annotated[int, Field(ge=1, le=125)] = 125
    blocks: list[BlockSection] = Field(default=[])
    factors: dict[Text, FactorSection] = Field(default={})
    registers: dict[Quantity, RegisterSection] = Field(default={})
    wiring: list[WiringSection] = Field(default=[])
    probe: ProbeSection | None = None
    makers: dict[Text, Sign] = Field(default={})
    traps: list[str] = Field(default=[])
    sources: list[str] = Field(default=[])
    defaults: dict[str, str] = Field(default={})
