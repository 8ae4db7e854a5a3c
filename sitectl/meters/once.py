"""A meter looked at once, for a person who stands before it: every value, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.base.clock import Clock
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Bus, Fault, ReadFailed, Registers
from sitectl.meters.decode import Values, decode, signed_currents
from sitectl.meters.plausibility import objection
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.sheets import Block, MeterSheet

_UNITS = {"voltage": "V", "current": "A", "power": "W", "energy": "Wh", "frequency": "Hz"}
_DECLINED = (Fault.SHEET, Fault.BUSY, Fault.DEVICE)


@dataclass(frozen=True, slots=True)
class Look:
    """What one reading brought. `current_a`: import positive; `objection`: why it is no good one; `took_s`: its time
    on the bus, waiting for others included."""

    at: float
    took_s: float
    sheet: MeterSheet
    values: Values
    current_a: PhaseCurrents | None
    objection: str | None


async def look(settings: MeterSettings, bus: Bus, clock: Clock) -> Look | str:
    """Read a meter once; why nothing came, where nothing did."""
    began = clock.monotonic()
    answers: list[tuple[Block, Registers]] = []
    refused: ReadFailed | None = None
    for block in settings.sheet.blocks:
        outcome = await bus.read(settings.unit, block.function, block.address, block.count)
        if isinstance(outcome, Registers):
            answers.append((block, outcome))
        elif outcome.fault in _DECLINED:
            refused = refused or outcome
        else:
            return outcome.why
    if not answers:
        return refused.why if refused is not None else "its sheet names nothing to read"
    values = decode(settings.sheet, [(block, registers.words) for block, registers in answers])
    now = clock.monotonic()
    return Look(now, now - began, settings.sheet, values, signed_currents(settings.sheet, values), objection(values))


def unit_of(quantity: str) -> str:
    """The unit of a decoded quantity; none for what has none."""
    return _UNITS.get(quantity.rpartition("_")[2], "")
