"""A meter looked at once, for a person who stands before it: every value, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.base.clock import Clock
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Bus
from sitectl.meters.decode import Values, signed_currents
from sitectl.meters.plausibility import Limits, objection
from sitectl.meters.poller import reader
from sitectl.meters.readers import Reader
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.sheets import MeterSheet

_UNITS = {"voltage": "V", "current": "A", "power": "W", "energy": "Wh", "frequency": "Hz"}


@dataclass(frozen=True, slots=True)
class Look:
    """What one reading brought. `current_a`: import positive; `objection`: why it is no good one; `took_s`: its time
    on the bus, waiting for others included; `refused`: why a part is missing."""

    at: float
    took_s: float
    sheet: MeterSheet
    values: Values
    current_a: PhaseCurrents | None
    objection: str | None
    refused: str | None = None


class Looker:
    """Reads one meter for a person, as its poller would."""

    def __init__(self, settings: MeterSettings, bus: Bus, clock: Clock) -> None:
        self._clock = clock
        self._reader: Reader = reader(settings, bus, clock)
        self._limits = Limits(settings.rated_a, settings.max_a, settings.voltage_v)

    async def look(self) -> Look | str:
        """Read it once; why nothing came, where nothing did."""
        began = self._clock.monotonic()
        sample = await self._reader.read()
        if isinstance(sample, str):
            return sample
        now = self._clock.monotonic()
        current_a, why = signed_currents(sample.sheet, sample.values), objection(sample.values, self._limits)
        return Look(now, now - began, sample.sheet, sample.values, current_a, why, sample.refused)

    async def wiring(self) -> tuple[str, ...]:
        """What the device itself says is wrong with its wiring or settings."""
        return await self._reader.wiring()


def unit_of(quantity: str) -> str:
    """The unit of a decoded quantity; none for what has none."""
    return _UNITS.get(quantity.rpartition("_")[2], "")
