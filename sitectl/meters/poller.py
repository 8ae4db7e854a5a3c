"""One meter, read once an interval, for as long as the process lives."""

from __future__ import annotations

import asyncio
import logging
import math

from sitectl.base.clock import Clock
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Bus
from sitectl.meters.checks import Checks
from sitectl.meters.decode import reading
from sitectl.meters.plausibility import Limits
from sitectl.meters.ports import SiteInbox
from sitectl.meters.readers import Reader, Sample, SheetReader
from sitectl.meters.scan import SunSpecReader
from sitectl.model.events import MeterFailed, MeterRead
from sitectl.model.metering import Freshness, MeterReading, freshness
from sitectl.model.sheets import MeterSheet, Protocol

log = logging.getLogger(__name__)

WIRING_EVERY_S = 60.0
WIRING_ROOM = 0.5
"""A poll that took this part of its interval leaves no room for more on the bus."""


def reader(settings: MeterSettings, bus: Bus, clock: Clock) -> Reader:
    """How this meter is read."""
    if settings.sheet.protocol is Protocol.SUNSPEC:
        return SunSpecReader(bus, settings.unit, settings.sheet, settings.device, settings.direction)
    return SheetReader(bus, settings.unit, settings.sheet, clock, settings.interval_s)


class MeterPoller:
    """Reads one meter and posts what came of it; a failure is posted too, and the next poll comes as always."""

    def __init__(self, settings: MeterSettings, bus: Bus, inbox: SiteInbox, clock: Clock) -> None:
        self._settings = settings
        self._bus = bus
        self._inbox = inbox
        self._clock = clock
        self._good_at = clock.monotonic()
        self._failing = False
        self._reader = reader(settings, bus, clock)
        self._limits = Limits(settings.rated_a, settings.max_a, settings.voltage_v)
        self._checks: tuple[MeterSheet, Checks] | None = None
        self._wiring: tuple[str, ...] = ()
        self._wiring_at: float | None = None
        self._telegram: tuple[float, float] | None = None
        self._doubts: tuple[str, ...] = ()

    async def run(self) -> None:
        """Poll on a grid of whole intervals from now on, until cancelled; points missed by a slow poll are left out."""
        start = self._clock.monotonic()
        point = 0
        while True:
            begun = self._clock.monotonic()
            good = await self.poll()
            now = self._clock.monotonic()
            if good and now - begun < self._settings.interval_s * WIRING_ROOM:
                await self.look_at_wiring()
                now = self._clock.monotonic()
            point = max(point, math.floor((now - start) / self._settings.interval_s)) + 1
            await asyncio.sleep(start + point * self._settings.interval_s - now)

    async def poll(self) -> bool:
        """Read once and post `MeterRead` or `MeterFailed`; whether it was good."""
        outcome = await self._read()
        if isinstance(outcome, MeterReading):
            self._recovered(outcome)
            self._inbox.post(MeterRead(outcome))
        else:
            now = self._clock.monotonic()
            self._failed(now, outcome)
            self._inbox.post(MeterFailed(self._settings.id, now, outcome))
        return isinstance(outcome, MeterReading)

    async def _read(self) -> MeterReading | str:
        """A good reading, or why there is none."""
        sample = await self._reader.read()
        if isinstance(sample, str):
            return sample
        checks = self._checks_of(sample.sheet)
        at = self._received(sample)
        if (why := checks.objection(sample.values, sample.at)) is not None:
            return why
        self._tell((*self._wiring, *checks.doubts(sample.at)))
        since = min(at, checks.unchanged_since)
        good = reading(self._settings.id, at, sample.sheet, sample.values, since, self._doubts)
        return good if good is not None else "a current is unknown"

    async def look_at_wiring(self) -> None:
        """Ask the device now and then what is wrong with its wiring; the next reading tells."""
        now = self._clock.monotonic()
        if self._wiring_at is None or now - self._wiring_at >= WIRING_EVERY_S:
            self._wiring_at = now
            self._wiring = await self._reader.wiring()

    def _checks_of(self, sheet: MeterSheet) -> Checks:
        """The checks so far, begun anew when a scan found another device."""
        if self._checks is None or self._checks[0] is not sheet:
            self._checks = (sheet, Checks(self._limits))
        return self._checks[1]

    def _received(self, sample: Sample) -> float:
        """When the values came to be known: a device that passes telegrams on serves an old one as long as no other
        comes, so the first receipt of each counts."""
        told = sample.values.get("telegram_time")
        if told is None:
            return sample.at
        if self._telegram is None or self._telegram[0] != told:
            self._telegram = (told, sample.at)
        return self._telegram[1]

    def _tell(self, doubts: tuple[str, ...]) -> None:
        for doubt in doubts:
            if doubt not in self._doubts:
                log.warning("meter %s: %s", self._settings.id, doubt)
        self._doubts = doubts

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
