"""Looks for devices on a connection, and for sheets that fit them.

A device that is there answers any request, be it with an exception. A sheet fits when its blocks are answered and what
they decode to can be a live feeder. Several may, because makers copy each other's register maps: a person decides,
unless the device names its model where the sheet says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from sitectl.fieldbus.bus import HOLDING, INPUT, Answer, Bus, Fault, ReadFailed, Registers
from sitectl.meters import scan
from sitectl.meters.decode import VOLTAGES, Values, decode, signed_currents
from sitectl.meters.plausibility import objection
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.sheets import Block, MeterSheet

USUAL_UNITS = (*range(1, 17), 33, 43, 71, 100, 126, 200, 240, 247, 255)
"""What devices leave the factory with, and what installers count up to."""

MOST_SILENCES = 4
"""A device that does not answer so many blocks, instead of refusing them, is asked no more."""

_ABSENT = (Fault.UNREACHABLE, Fault.SILENT, Fault.GATEWAY, Fault.CHECKSUM, Fault.MALFORMED)


@dataclass(frozen=True, slots=True)
class Fit:
    """A sheet that fits: how many of its values are known, and the currents by it (import positive). `named`: the
    device says itself that it is this model."""

    sheet: MeterSheet
    known: int
    current_a: PhaseCurrents | None
    named: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A unit at which something is. `trouble`: it answers, but not soundly: two devices with one number, or noise."""

    unit: int
    trouble: str | None = None


async def models(bus: Bus, unit: int) -> list[str]:
    """What a SunSpec device says that it is: a clause for each meter or inverter in it, in the order of `device:`."""
    found = await scan.scan(bus, unit)
    if isinstance(found, str):
        return []
    ordered = [each for each in found if each.is_meter] + [each for each in found if not each.is_meter]
    return [f"{each.device}: {'meter' if each.is_meter else 'inverter'}, model {each.model}" for each in ordered]


async def find_units(bus: Bus, units: Iterable[int]) -> AsyncIterator[Found | str]:
    """Every unit that answers, as they are found; a text where nothing can be reached at all, and that is the end."""
    for unit in units:
        outcome = await bus.read(unit, HOLDING, 0, 2)
        if not isinstance(outcome, Registers) and outcome.fault is Fault.SILENT:
            outcome = await bus.read(unit, INPUT, 0, 2)
        if isinstance(outcome, Registers) or outcome.fault not in _ABSENT:
            yield Found(unit)
        elif outcome.fault in (Fault.CHECKSUM, Fault.MALFORMED):
            yield Found(unit, outcome.why)
        elif outcome.fault is Fault.UNREACHABLE:
            yield outcome.why
            return


async def fits(bus: Bus, unit: int, sheets: Sequence[MeterSheet]) -> list[Fit]:
    """The sheets that fit a device, the one that explains most first. Equal blocks of several sheets are read once."""
    answers: dict[Block, Answer] = {}
    silences = 0
    found: list[Fit] = []
    for sheet in sheets:
        got: list[tuple[Block, tuple[int, ...]]] = []
        for block in sheet.blocks:
            outcome = answers.get(block)
            if outcome is None and silences < MOST_SILENCES:
                outcome = answers[block] = await bus.read(unit, block.function, block.address, block.count)
                silences += isinstance(outcome, ReadFailed) and outcome.fault is Fault.SILENT
            if isinstance(outcome, Registers):
                got.append((block, outcome.words))
        values = decode(sheet, got)
        known = sum(value is not None for value in values.values())
        if got and objection(values) is None and _live(values):
            found.append(Fit(sheet, known, signed_currents(sheet, values), await _names(bus, unit, sheet)))
    return sorted(found, key=lambda fit: (not fit.named, -fit.known, fit.sheet.id))


async def _names(bus: Bus, unit: int, sheet: MeterSheet) -> bool:
    """Whether the register in which this model names itself says so."""
    if sheet.probe is None:
        return False
    answer = await bus.read(unit, sheet.probe.function, sheet.probe.address, 1)
    return isinstance(answer, Registers) and answer.words[0] in sheet.probe.values


def _live(values: Values) -> bool:
    """Without an anchor (a voltage, the frequency) any numbers would fit."""
    return any(values.get(anchor) for anchor in (*VOLTAGES, "frequency"))
