"""Sheets: facts about device models, as data. This file holds their types; the facts are files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a Modbus register map. `address` counts from 0 as on the wire; multiply the raw value by `scale`."""

    quantity: str
    address: int
    type: str
    scale: float = 1.0
    word_order: str = "big"
    unit: str = ""
    not_available: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Registers read in one request. `function` is 3 (holding) or 4 (input)."""

    function: int
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class MeterSheet:
    """One meter model: registers by quantity, blocks to read, sign rules, traps, and where it is known from."""

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
