"""Registers and a sheet give values by quantity; pure.

What a device cannot say is None, never 0: a fuse must not be shared on a current that nobody measured.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import MeterId
from sitectl.model.metering import MeterReading
from sitectl.model.sheets import Block, MeterSheet, Register

Values = Mapping[str, float | None]
"""By quantity, in V, A, W, Wh, Hz, with the device's own signs. None: the device does not say."""

CURRENTS = ("l1_current", "l2_current", "l3_current")
VOLTAGES = ("l1_voltage", "l2_voltage", "l3_voltage")
POWERS = ("l1_power", "l2_power", "l3_power")
ENERGIES = ("import_energy", "export_energy")

_FORMATS = {
    "u16": ">H",
    "i16": ">h",
    "u32": ">I",
    "i32": ">i",
    "u64": ">Q",
    "i64": ">q",
    "f32": ">f",
    "f64": ">d",
    "acc32": ">I",
    "t5": ">I",
    "t6": ">I",
}
_MULTIPLES = {"k": 1000.0, "M": 1_000_000.0, "m": 0.001}
_EXPONENTS = range(-10, 11)
_NETTED = (*POWERS, "total_power")


def width(register: Register) -> int:
    """How many registers a value takes."""
    return struct.calcsize(_FORMATS[register.type]) // 2


def decode(sheet: MeterSheet, answers: Iterable[tuple[Block, tuple[int, ...]]]) -> Values:
    """Every quantity of the sheet; those that no answered block holds are None.

    Of a device that counts import and export apart, the net of both is added.
    """
    answered = list(answers)
    factors = _numbers(sheet.factors, answered)
    values = _numbers(sheet.registers, answered)
    for quantity, register in sheet.registers.items():
        values[quantity] = _made(register, values[quantity], factors)
    for net in _NETTED:
        taken, given = f"{net}_import", f"{net}_export"
        if net not in values and taken in values and given in values:
            values[net] = _difference(values[taken], values[given])
    if (frequency_hz := values.get("frequency")) is not None and frequency_hz > 100.0:
        values["frequency"] = frequency_hz / 10  # some firmware serves it times ten; no grid has 450 to 650 Hz
    return values


def _numbers(
    registers: Mapping[str, Register], answers: list[tuple[Block, tuple[int, ...]]]
) -> dict[str, float | None]:
    values: dict[str, float | None] = dict.fromkeys(registers)
    for block, words in answers:
        for quantity, register in registers.items():
            start = register.address - block.address
            if start >= 0 and start + width(register) <= len(words):
                values[quantity] = number(register, words[start : start + width(register)])
    return values


def _made(register: Register, value: float | None, factors: Values) -> float | None:
    """A value with its factors; None when one of them is unknown or cannot be (a ratio of 0)."""
    for name in register.times:
        ratio = factors[name]
        value = None if value is None or ratio is None or ratio <= 0 else value * ratio
    if register.exponent is not None:
        exponent = factors[register.exponent]
        known = value is not None and exponent is not None and exponent in _EXPONENTS
        value = value * 10.0**exponent if known and value is not None and exponent is not None else None
    if register.negative_if is not None:
        sign = factors[register.negative_if]
        value = None if value is None or sign is None else -value if sign == 1 else value
    return value


def _difference(taken: float | None, given: float | None) -> float | None:
    return None if taken is None or given is None else taken - given


def number(register: Register, words: tuple[int, ...]) -> float | None:
    """One value in its base unit.

    None for NaN and infinities, for the sheet's codes (compared as unsigned, high word first), and for an integer at
    an end of its type's range (0x7FFF.., 0x8000.., all ones of an unsigned; 0 of an accumulator): that is either the
    maker's "not available" or a saturated value, and in neither case a measurement.
    """
    ordered = words if register.word_order == "big" else words[::-1]
    raw = struct.pack(f">{len(ordered)}H", *ordered)
    if int.from_bytes(raw) in register.not_available:
        return None
    if register.type in ("t5", "t6"):
        value: float = _decimal(raw, signed=register.type == "t6")
    else:
        (value,) = struct.unpack(_FORMATS[register.type], raw)
        if register.type[0] != "f" and value in _ends(register.type):
            return None
    scaled = float(value) * register.scale * _multiple(register.unit)
    return scaled if math.isfinite(scaled) else None


def _decimal(raw: bytes, *, signed: bool) -> float:
    """A float of 32 bits: a signed exponent of ten in the first byte, the mantissa in the other three."""
    return float(int.from_bytes(raw[1:], signed=signed)) * 10.0 ** int.from_bytes(raw[:1], signed=True)


def _ends(type_: str) -> tuple[int, ...]:
    if type_ == "acc32":
        return (0, 2**32 - 1)
    bits = int(type_[1:])
    return (2**bits - 1,) if type_[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _multiple(unit: str) -> float:
    """`kWh` counts thousands; `V`, `Hz`, none at all count ones."""
    return _MULTIPLES.get(unit[:1], 1.0) if len(unit) > 1 else 1.0


def signed_currents(sheet: MeterSheet, values: Values) -> PhaseCurrents | None:
    """Currents with import positive, or None when any phase is unknown.

    Most meters serve a magnitude whatever their list says, so the sign is that of the phase's power unless the sheet
    vouches for the current's own. An unknown power counts as import, the safe side.
    """
    signed: list[float] = []
    for current, power in zip(CURRENTS, POWERS, strict=True):
        ampere = values.get(current)
        if ampere is None:
            return None
        if sheet.current_signed:
            signed.append(ampere * sheet.power_sign)
        else:
            exported = (values.get(power) or 0.0) * sheet.power_sign < 0
            signed.append(-abs(ampere) if exported else abs(ampere))
    return PhaseCurrents(*signed)


def reading(
    meter: MeterId,
    at: float,
    sheet: MeterSheet,
    values: Values,
    unchanged_since: float | None = None,
    doubts: tuple[str, ...] = (),
) -> MeterReading | None:
    """The values as a reading with import positive, or None when a current is unknown."""
    current_a = signed_currents(sheet, values)
    if current_a is None:
        return None
    return MeterReading(
        meter=meter,
        at=at,
        current_a=current_a,
        power_w=_power(sheet, values),
        voltage_v=_phases([values.get(voltage) for voltage in VOLTAGES]),
        frequency_hz=values.get("frequency"),
        import_wh=values.get("import_energy"),
        export_wh=values.get("export_energy"),
        unchanged_since=unchanged_since,
        doubts=doubts,
    )


def _power(sheet: MeterSheet, values: Values) -> float | None:
    total = values.get("total_power")
    if total is None and (phases := _phases([values.get(power) for power in POWERS])) is not None:
        total = sum(phases)
    return None if total is None else total * sheet.power_sign


def _phases(values: list[float | None]) -> PhaseCurrents | None:
    known = [value for value in values if value is not None]
    return PhaseCurrents(*known) if len(known) == 3 else None
