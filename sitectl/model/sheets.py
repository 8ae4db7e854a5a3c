"""Sheets: facts about device models, as data. This file holds their types; the facts are files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Protocol(StrEnum):
    """How a meter of a sheet is read: registers at fixed addresses, models that a scan finds, or no device at all (the
    sum of what the stations of its circuit say)."""

    MODBUS = "modbus"
    SUNSPEC = "sunspec"
    STATIONS = "stations"


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a Modbus register map. `address` counts from 0 as on the wire; multiply the raw value by `scale`.

    What else makes the value, each the name of a factor of the same sheet: `times` (ratios of transformers),
    `exponent` (a power of ten), `negative_if` (a word that is 1 where the value is negative).
    """

    quantity: str
    address: int
    type: str
    scale: float = 1.0
    word_order: str = "big"
    unit: str = ""
    not_available: tuple[int, ...] = ()
    times: tuple[str, ...] = ()
    exponent: str | None = None
    negative_if: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Registers read in one request. `function` is 3 (holding) or 4 (input)."""

    function: int
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class WiringFact:
    """A register in which a device says what is wrong with its wiring or settings, in one of four notations.

    `bits` (number of the bit), `codes` (whole value), `nibbles` (value of any four bits) lead to a clause for people;
    `expect`: every other value leads to `otherwise`. `only_if`: another register of the same function, and the value
    it must have for this one to mean anything.
    """

    function: int
    register: Register
    bits: Mapping[int, str] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)
    nibbles: Mapping[int, str] = field(default_factory=dict)
    expect: tuple[int, ...] = ()
    otherwise: str = ""
    only_if: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A register that holds one of `values` on this model."""

    function: int
    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MeterSheet:
    """One meter model: registers by quantity, blocks to read, sign rules, traps, and where it is known from.

    * `confirmed`: two sources agree on the currents. Where not, the operator must say which direction is positive.
    * `explicit_sign`: the same, because the direction depends on how the device was set up.
    * `refused`: why it cannot guard a fuse, and what to take instead.
    * `probe`: where a device of this model names it.
    * `makers`: for a scan, +1 where a maker counts import as positive, -1 where export.
    """

    id: str
    title: str
    registers: Mapping[str, Register]
    blocks: tuple[Block, ...]
    unit: int = 1
    current_signed: bool = False
    power_sign: int = 1
    pause_s: float = 0.0
    traps: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    protocol: Protocol = Protocol.MODBUS
    factors: Mapping[str, Register] = field(default_factory=dict)
    wiring: tuple[WiringFact, ...] = ()
    largest_read: int = 125
    confirmed: bool = True
    explicit_sign: bool = False
    refused: str | None = None
    makers: Mapping[str, int] = field(default_factory=dict)
    probe: Probe | None = None
