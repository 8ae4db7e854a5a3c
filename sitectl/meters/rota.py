"""Which blocks of a meter are read this time, where its bus is too short for all of them; pure.

What a fuse is shared by (currents and powers of the phases, and what they are computed with) is read every time. The
rest (energies, totals, the frequency) takes turns, one block a reading, while all together would take more than half of
the interval: other meters on the line, and the next reading of this one, must find room.
"""

from __future__ import annotations

from collections.abc import Sequence

from sitectl.meters.decode import CURRENTS, ENERGIES, POWERS, VOLTAGES, Values, width
from sitectl.model.sheets import Block, MeterSheet, Register

SHORT = 0.5
KEPT = (*ENERGIES, *VOLTAGES, "frequency")
"""What hardly changes between two turns, so that the last value stands. All else that takes turns (a total power) is
left out: now there and now not, it would make a frozen device look alive."""


class Rota:
    """The turns of one meter that is read every `interval_s`."""

    def __init__(self, sheet: MeterSheet, interval_s: float) -> None:
        self._sheet = sheet
        self._interval_s = interval_s
        self._took_s: dict[Block, float] = {}
        self._turns = 0
        self._kept: dict[str, float | None] = {}
        self._others: list[Block] = []

    def turn(self, parts: Sequence[Block]) -> list[Block]:
        """Those of `parts` that are read this time, the urgent ones first."""
        urgent = [part for part in parts if self.is_urgent(part)]
        others = [part for part in parts if part not in urgent]
        took_s = sum(self._took_s.get(part, 0.0) for part in parts)
        if not others or not urgent or took_s <= SHORT * self._interval_s:
            self._others = []
            return list(parts)
        self._others = others
        self._turns += 1
        return [*urgent, others[self._turns % len(others)]]

    def took(self, part: Block, seconds: float) -> None:
        """How long a part took, waiting for others on the bus included."""
        self._took_s[part] = seconds

    def completed(self, values: Values) -> Values:
        """`values` as they stand where some of them took turns."""
        self._kept |= {quantity: values[quantity] for quantity in KEPT if values.get(quantity) is not None}
        if not self._others:
            return values
        registers = self._sheet.registers.items()
        turns = {quantity for quantity, register in registers if any(_holds(part, register) for part in self._others)}
        return {
            quantity: self._kept.get(quantity) if quantity in turns else value for quantity, value in values.items()
        }

    def is_urgent(self, part: Block) -> bool:
        """Whether a part holds something that is read every time."""
        return any(_holds(part, register) for register in self._urgent())

    def _urgent(self) -> list[Register]:
        registers = [self._sheet.registers[each] for each in (*CURRENTS, *POWERS) if each in self._sheet.registers]
        if (telegram := self._sheet.registers.get("telegram_time")) is not None:
            registers.append(telegram)
        factors = {name for each in registers for name in (*each.times, each.exponent, each.negative_if) if name}
        return [*registers, *(self._sheet.factors[name] for name in factors)]


def _holds(part: Block, register: Register) -> bool:
    end = register.address + width(register)
    return part.address <= register.address and end <= part.address + part.count
