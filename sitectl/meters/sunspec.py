"""SunSpec: where the values of a meter or inverter stand in the models; pure.

A device is a row of blocks behind the letters "SunS": an id, a length, then that many registers. Block 1 says who it is
(several of them: several devices in a row), 101 to 103 are inverters, 201 to 204 meters in whole numbers with scale
factors, 211 to 214 the same meters in floats. The last digit: single phase, split, three phases, delta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sitectl.model.sheets import Block, MeterSheet, Register

BASES = (40000, 0, 50000)
MARK = (0x5375, 0x6E53)
"""The letters SunS."""

END = 0xFFFF
COMMON = 1
COMMON_READ = 66
"""Registers of block 1 that are read: its header, maker, model, options, version, serial number."""

INVERTERS = (101, 102, 103)
METERS = (201, 202, 203, 204, 211, 212, 213, 214)
WALK_MOST = 60
"""No device has so many blocks: whoever has walks in circles."""

_PHASES = ("l1", "l2", "l3")
_ABSENT = {1: ("l2", "l3"), 2: ("l3",)}
"""Phases that the device does not have, by the last digit of the model."""


@dataclass(frozen=True, slots=True)
class Device:
    """Who a device says it is (block 1)."""

    maker: str = ""
    model: str = ""
    serial: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.maker, self.model, self.serial) if part) or "a device without a name"


@dataclass(frozen=True, slots=True)
class Found:
    """One meter or inverter: its model, where its id register stands, and whose it is; `first`: who stands first at
    the unit."""

    model: int
    address: int
    device: Device
    first: Device

    @property
    def is_meter(self) -> bool:
        """Not an inverter."""
        return self.model in METERS


def device(words: Sequence[int]) -> Device:
    """Block 1, from its id register on."""
    return Device(_text(words[2:18]), _text(words[18:34]), _text(words[50:66]))


def _text(words: Sequence[int]) -> str:
    raw = b"".join(word.to_bytes(2) for word in words).partition(b"\0")[0]
    return "".join(letter for letter in raw.decode("ascii", "replace") if letter.isprintable()).strip()


def choice(found: Sequence[Found], wanted: int | None) -> Found | str:
    """The device that is meant: `wanted` counts meters from 1, then inverters. Or what to write."""
    ordered = [each for each in found if each.is_meter] + [each for each in found if not each.is_meter]
    listed = ", ".join(f"{number}: model {each.model} of {each.device}" for number, each in enumerate(ordered, 1))
    if not ordered:
        return "the scan found neither a meter (201 to 204, 211 to 214) nor an inverter (101 to 103)"
    if wanted is not None:
        return (
            ordered[wanted - 1] if wanted <= len(ordered) else f"there is no device {wanted}; the scan found {listed}"
        )
    meters = [each for each in ordered if each.is_meter]
    if len(meters) == 1 or len(ordered) == 1:
        return ordered[0]
    return f"the scan found several devices; write which one: device: 1, of {listed}"


def sign(found: Found, makers: Mapping[str, int], said: int | None) -> int | str:
    """+1 where import is positive, -1 where export is; or what to write. `said`: by the operator.

    An inverter's production is positive. A meter behind an inverter counts as the maker of the inverter does.
    """
    if said is not None:
        return said
    if not found.is_meter:
        return -1
    for who in (found.device, found.first):
        for maker, direction in makers.items():
            if who.maker.casefold().startswith(maker.casefold()):
                return direction
    return f"it is not known which direction {found.device} counts as positive; write positive: import or export"


def sheet_of(scanned: MeterSheet, found: Found, direction: int) -> MeterSheet:
    """The sheet of what the scan found, with the scale factors in the block of the values."""
    make = _inverter if not found.is_meter else _meter_in_floats if found.model > 210 else _meter
    registers, factors, count = make(found.address)
    return replace(
        scanned,
        title=f"{found.device}, model {found.model}",
        registers=registers,
        factors=factors,
        blocks=(Block(3, found.address, count),),
        power_sign=direction,
        current_signed=not found.is_meter,  # an inverter only feeds in
    )


def with_absent_phases(model: int, values: Mapping[str, float | None]) -> dict[str, float | None]:
    """A phase that the device does not have carries nothing: that is known, not unknown."""
    completed = dict(values)
    for phase in _ABSENT.get(model % 10, ()):
        if completed.get(f"{phase}_current") is None:
            completed[f"{phase}_current"] = 0.0
    return completed


Layout = tuple[dict[str, Register], dict[str, Register], int]


def _meter(address: int) -> Layout:
    registers: dict[str, Register] = {}
    for index, phase in enumerate(_PHASES):
        registers[f"{phase}_current"] = _scaled(f"{phase}_current", address + 3 + index, "i16", "A", "a")
        registers[f"{phase}_voltage"] = _scaled(f"{phase}_voltage", address + 8 + index, "i16", "V", "v")
        registers[f"{phase}_power"] = _scaled(f"{phase}_power", address + 19 + index, "i16", "W", "w")
    registers["frequency"] = _scaled("frequency", address + 16, "i16", "Hz", "hz")
    registers["total_power"] = _scaled("total_power", address + 18, "i16", "W", "w")
    registers["export_energy"] = _scaled("export_energy", address + 38, "acc32", "Wh", "wh")
    registers["import_energy"] = _scaled("import_energy", address + 46, "acc32", "Wh", "wh")
    return registers, _factors(address, {"a": 6, "v": 15, "hz": 17, "w": 22, "wh": 54}), 55


def _meter_in_floats(address: int) -> Layout:
    registers: dict[str, Register] = {}
    for index, phase in enumerate(_PHASES):
        registers[f"{phase}_current"] = Register(f"{phase}_current", address + 4 + 2 * index, "f32", unit="A")
        registers[f"{phase}_voltage"] = Register(f"{phase}_voltage", address + 12 + 2 * index, "f32", unit="V")
        registers[f"{phase}_power"] = Register(f"{phase}_power", address + 30 + 2 * index, "f32", unit="W")
    registers["frequency"] = Register("frequency", address + 26, "f32", unit="Hz")
    registers["total_power"] = Register("total_power", address + 28, "f32", unit="W")
    registers["export_energy"] = Register("export_energy", address + 60, "f32", unit="Wh")
    registers["import_energy"] = Register("import_energy", address + 68, "f32", unit="Wh")
    return registers, {}, 70


def _inverter(address: int) -> Layout:
    registers: dict[str, Register] = {}
    for index, phase in enumerate(_PHASES):
        registers[f"{phase}_current"] = _scaled(f"{phase}_current", address + 3 + index, "u16", "A", "a")
        registers[f"{phase}_voltage"] = _scaled(f"{phase}_voltage", address + 10 + index, "u16", "V", "v")
    registers["total_power"] = _scaled("total_power", address + 14, "i16", "W", "w")
    registers["frequency"] = _scaled("frequency", address + 16, "u16", "Hz", "hz")
    registers["export_energy"] = _scaled("export_energy", address + 24, "acc32", "Wh", "wh")
    return registers, _factors(address, {"a": 6, "v": 13, "w": 15, "hz": 17, "wh": 26}), 27


def _scaled(quantity: str, address: int, type_: str, unit: str, factor: str) -> Register:
    return Register(quantity, address, type_, unit=unit, exponent=factor)


def _factors(address: int, offsets: Mapping[str, int]) -> dict[str, Register]:
    return {name: Register(name, address + offset, "i16") for name, offset in offsets.items()}
