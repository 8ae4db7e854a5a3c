"""The SunSpec scan, and the reader that reads what it found.

What was found is kept until the device was away or something else stands at its place: then it is looked for again.
"""

from __future__ import annotations

import logging

from sitectl.fieldbus.bus import Bus, ReadFailed, Registers
from sitectl.meters import sunspec
from sitectl.meters.decode import decode
from sitectl.meters.readers import Sample
from sitectl.meters.sunspec import Device, Found
from sitectl.model.sheets import MeterSheet

log = logging.getLogger(__name__)

LAST_ADDRESS = 65535


async def scan(bus: Bus, unit: int) -> list[Found] | str:
    """All meters and inverters at a unit in the order of their addresses, or why nothing can be said."""
    for base in sunspec.BASES:
        mark = await bus.read(unit, 3, base, 2)
        if isinstance(mark, Registers):
            if mark.words == sunspec.MARK:
                return await _walk(bus, unit, base + 2)
        elif not mark.answered:
            return mark.why
    return f"unit {unit} does not spell SunS at any of {', '.join(map(str, sunspec.BASES))}"


async def _walk(bus: Bus, unit: int, address: int) -> list[Found] | str:
    found: list[Found] = []
    devices: list[Device] = []
    for _ in range(sunspec.WALK_MOST):
        if address + 1 > LAST_ADDRESS:
            break
        header = await bus.read(unit, 3, address, 2)
        if isinstance(header, ReadFailed):
            if header.answered:  # the row ends without its end mark
                break
            return header.why
        model, length = header.words
        if model == sunspec.END:
            break
        if model == sunspec.COMMON:
            common = await bus.read(unit, 3, address, min(sunspec.COMMON_READ, length + 2))
            devices.append(sunspec.device(common.words) if isinstance(common, Registers) else Device())
        elif model in sunspec.METERS or model in sunspec.INVERTERS:
            own, first = (devices[-1], devices[0]) if devices else (Device(), Device())
            found.append(Found(model, address, own, first))
        address += 2 + length
    return found


class SunSpecReader:
    """Reads the meter that a scan finds. `device`: which one; `direction`: what the operator says is positive."""

    def __init__(self, bus: Bus, unit: int, sheet: MeterSheet, device: int | None, direction: int | None) -> None:
        self._bus = bus
        self._unit = unit
        self._scanned = sheet
        self._device = device
        self._direction = direction
        self._found: Found | None = None
        self._sheet = sheet

    async def read(self) -> Sample | str:
        """See `Reader.read`. Scale factors may change at run time, so they come with the values every time."""
        if self._found is None and (why := await self._look()) is not None:
            return why
        assert self._found is not None
        (block,) = self._sheet.blocks
        outcome = await self._bus.read(self._unit, block.function, block.address, block.count)
        if isinstance(outcome, ReadFailed):
            self._found = None
            return outcome.why
        if outcome.words[0] != self._found.model:
            why = f"model {self._found.model} is no longer at register {block.address}: it is looked for again"
            self._found = None
            return why
        values = sunspec.with_absent_phases(self._found.model, decode(self._sheet, [(block, outcome.words)]))
        return Sample(self._sheet, values, outcome.at)

    async def _look(self) -> str | None:
        found = await scan(self._bus, self._unit)
        if isinstance(found, str):
            return found
        chosen = sunspec.choice(found, self._device)
        if isinstance(chosen, str):
            return chosen
        direction = sunspec.sign(chosen, self._scanned.makers, self._direction)
        if isinstance(direction, str):
            return direction
        self._found = chosen
        self._sheet = sunspec.sheet_of(self._scanned, chosen, direction)
        log.info("unit %d: found %s at register %d", self._unit, self._sheet.title, chosen.address)
        return None

    async def wiring(self) -> tuple[str, ...]:
        """The models say nothing of it."""
        return ()
