"""How one meter is read: all its blocks, whatever the device lets be read in one go.

A device that keeps refusing a block (a variant without some registers, or one that answers fewer at once) is read in
smaller parts from then on. A part that is refused down to a single value is left out and tried again now and then, but
never a current: then it is no part that is missing but the device that is in trouble, and it is asked for the whole
again, as it is after it was away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sitectl.base.clock import Clock
from sitectl.fieldbus.bus import Bus, Fault, ReadFailed, Registers
from sitectl.meters import wiring
from sitectl.meters.decode import CURRENTS, Values, decode, width
from sitectl.meters.rota import Rota
from sitectl.model.sheets import Block, MeterSheet

DECLINED = (Fault.SHEET, Fault.BUSY, Fault.DEVICE)
REFUSALS = 3
"""So many in a row, or a gateway that begins anew would leave us with small parts."""
AGAIN_S = 600.0
"""A value that the device does not know is asked for again after so long: its settings may have been changed."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll brought, by the sheet that explains it. `at`: the receipt of its oldest part (monotonic s).

    `refused`: why a part is missing, None where none is.
    """

    sheet: MeterSheet
    values: Values
    at: float
    refused: str | None = None


class Reader(Protocol):
    """One meter on a bus."""

    async def read(self) -> Sample | str:
        """Read it once: the values, or why there are none."""

    async def wiring(self) -> tuple[str, ...]:
        """What the device says is wrong with its wiring or its settings, as clauses for people."""


class SheetReader:
    """Reads the blocks of a sheet."""

    def __init__(self, bus: Bus, unit: int, sheet: MeterSheet, clock: Clock, interval_s: float = 1.0) -> None:
        self._bus = bus
        self._unit = unit
        self._sheet = sheet
        self._clock = clock
        self._wiring = list(sheet.wiring)
        self._rota = Rota(sheet, interval_s)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._parts: list[Block] = list(self._sheet.blocks)
        self._refusals: dict[Block, int] = {}
        self._left_out: list[Block] = []
        self._left_out_until = 0.0
        self._why_left_out: str | None = None

    async def read(self) -> Sample | str:
        """See `Reader.read`. A block that is refused is no failure: whether that matters, the values say."""
        if self._left_out and self._clock.monotonic() >= self._left_out_until:
            self._parts += self._left_out
            self._left_out, self._why_left_out = [], None
        answers: list[tuple[Block, Registers]] = []
        refused: str | None = None
        for block in self._rota.turn(self._parts):
            began = self._clock.monotonic()
            outcome = await self._bus.read(self._unit, block.function, block.address, block.count)
            self._rota.took(block, self._clock.monotonic() - began)
            if isinstance(outcome, Registers):
                answers.append((block, outcome))
                self._refusals.pop(block, None)
            elif outcome.fault in DECLINED:
                refused = refused or outcome.why
                if outcome.fault is Fault.SHEET:
                    self._refused(block, outcome)
            else:
                self._begin_anew()
                return outcome.why
        refused = refused or self._why_left_out
        if not answers:
            return refused or "no block was answered"
        values = decode(self._sheet, [(block, registers.words) for block, registers in answers])
        if refused is not None and any(values.get(current) is None for current in CURRENTS):
            return refused
        return Sample(self._sheet, self._rota.completed(values), min(registers.at for _, registers in answers), refused)

    def _refused(self, block: Block, refusal: ReadFailed) -> None:
        """A block that keeps being refused is read in two parts from now on, one that holds a single value left out."""
        self._refusals[block] = self._refusals.get(block, 0) + 1
        if self._refusals[block] < REFUSALS or block not in self._parts:
            return
        del self._refusals[block]
        place = self._parts.index(block)
        parts = halves(self._sheet, block)
        if not parts and any(self._sheet.registers[q].address == block.address for q in CURRENTS):
            self._begin_anew()
            return
        self._parts[place : place + 1] = parts
        if not parts:
            self._left_out.append(block)
            self._why_left_out = refusal.why
            self._left_out_until = self._clock.monotonic() + AGAIN_S

    async def wiring(self) -> tuple[str, ...]:
        """See `Reader.wiring`. What is refused says nothing; what meets silence is never asked for again, because the
        wait for it costs everybody on the bus."""
        said: list[str] = []
        for fact in list(self._wiring):
            block = wiring.span(fact)
            outcome = await self._bus.read(self._unit, block.function, block.address, block.count)
            if isinstance(outcome, Registers):
                said += wiring.verdict(fact, block, outcome.words)
            elif not outcome.answered:
                self._wiring.remove(fact)
        return tuple(said)


def halves(sheet: MeterSheet, block: Block) -> list[Block]:
    """A block in two, each beginning and ending where a value does; nothing when it holds a single value."""
    values = sorted(
        (register.address, register.address + width(register))
        for register in (*sheet.registers.values(), *sheet.factors.values())
        if block.address <= register.address and register.address + width(register) <= block.address + block.count
    )
    if len(values) < 2:
        return []
    middle = len(values) // 2
    parts = values[:middle], values[middle:]
    return [Block(block.function, part[0][0], part[-1][1] - part[0][0]) for part in parts]
