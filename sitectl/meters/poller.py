"""One meter, read once an interval, for as long as the process lives."""

from __future__ import annotations

import asyncio
import logging
import math

from sitectl.base.clock import Clock
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Bus, Fault, ReadFailed, Registers
from sitectl.meters.decode import CURRENTS, ENERGIES, Values, decode, reading
from sitectl.meters.plausibility import objection
from sitectl.meters.ports import SiteInbox
from sitectl.model.events import MeterFailed, MeterRead
from sitectl.model.metering import Freshness, MeterReading, freshness
from sitectl.model.sheets import Block

log = logging.getLogger(__name__)

DECLINED = (Fault.SHEET, Fault.BUSY, Fault.DEVICE)


class MeterPoller:
    """Reads one meter and posts what came of it; a failure is posted too, and the next poll comes as always."""

    def __init__(self, settings: MeterSettings, bus: Bus, inbox: SiteInbox, clock: Clock) -> None:
        self._settings = settings
        self._bus = bus
        self._inbox = inbox
        self._clock = clock
        self._good_at = clock.monotonic()
        self._failing = False
        self._measured: Values | None = None
        self._unchanged_since = 0.0

    async def run(self) -> None:
        """Poll on a grid of whole intervals from now on, until cancelled; points missed by a slow poll are left out."""
        start = self._clock.monotonic()
        point = 0
        while True:
            await self.poll()
            now = self._clock.monotonic()
            point = max(point, math.floor((now - start) / self._settings.interval_s)) + 1
            await asyncio.sleep(start + point * self._settings.interval_s - now)

    async def poll(self) -> None:
        """Read once and post `MeterRead` or `MeterFailed`."""
        outcome = await self._read()
        if isinstance(outcome, MeterReading):
            self._recovered(outcome)
            self._inbox.post(MeterRead(outcome))
        else:
            now = self._clock.monotonic()
            self._failed(now, outcome)
            self._inbox.post(MeterFailed(self._settings.id, now, outcome))

    async def _read(self) -> MeterReading | str:
        """A good reading, or why there is none."""
        sheet = self._settings.sheet
        answers: list[tuple[Block, Registers]] = []
        refused: ReadFailed | None = None
        for block in sheet.blocks:
            outcome = await self._bus.read(self._settings.unit, block.function, block.address, block.count)
            if isinstance(outcome, Registers):
                answers.append((block, outcome))
            elif outcome.fault in DECLINED:  # a variant without this block: whether that matters, the values say
                refused = refused or outcome
            else:
                return outcome.why
        values = decode(sheet, [(block, registers.words) for block, registers in answers])
        if (why := objection(values)) is not None:
            return refused.why if refused and any(values.get(current) is None for current in CURRENTS) else why
        at = min(registers.at for _, registers in answers)  # no younger than its oldest value
        good = reading(self._settings.id, at, sheet, values, self._since(values, at))
        return good if good is not None else "a current is unknown"

    def _since(self, values: Values, at: float) -> float:
        """The receipt of the first of the bit-identical measurements that end with these."""
        measured = {quantity: value for quantity, value in values.items() if quantity not in ENERGIES}
        if measured != self._measured:
            self._measured = measured
            self._unchanged_since = at
        return self._unchanged_since

    def _failed(self, now: float, why: str) -> None:
        """One lost poll is none; what is no longer fresh is said, once."""
        if not self._failing and freshness(now - self._good_at, self._settings.interval_s) is not Freshness.FRESH:
            self._failing = True
            log.warning("meter %s gives no good reading: %s", self._settings.id, why)

    def _recovered(self, good: MeterReading) -> None:
        if self._failing:
            self._failing = False
            log.info("meter %s reads again after %.1f s", self._settings.id, good.at - self._good_at)
        self._good_at = good.at
