"""Whether decoded values can be those of a live feeder; pure.

A block read at the wrong place, a word order turned round, or a gateway that answers zeros for a dead meter all decode
to numbers. The anchors (frequency and voltages, which every grid keeps within narrow bounds) tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.meters.decode import CURRENTS, POWERS, VOLTAGES, Values

FREQUENCY_HZ = (45.0, 65.0)
VOLTAGE_V = (150.0, 270.0)
IDLE_A = 0.5
"""A phase without voltage is one that is not connected, unless it carries more than this."""
CURRENT_LIMIT_A = 10_000.0
POWER_LIMIT_W = 10_000_000.0
OVER_RATED_TIMES = 3.0
"""Those two are for feeders as they mostly are; on a larger one an overload must still be a reading."""

RATED_TIMES = 10.0
"""A fuse trips at once far below this many times its rating: a current above it is not one of a live feeder."""
MAXIMUM_TIMES = 1.2
"""What a meter or its transformers can show, as a multiple of what they are rated for."""

POWER_PART = 0.05
POWER_LEAST_W = 50.0
STEP_A = 1.0
"""A phase's power may be above voltage times current by so much: they are not measured at one moment, and some devices
show whole amperes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the place of a meter says of its readings. `rated_a`: of the smallest circuit that it measures; `max_a`: of
    the meter itself or of its current transformers (None: not known); `voltage_v`: between which a phase in use stands.
    """

    rated_a: float | None = None
    max_a: float | None = None
    voltage_v: tuple[float, float] = VOLTAGE_V

    def highest_a(self) -> float:
        """The most that can be a reading."""
        bounds = [max(CURRENT_LIMIT_A, OVER_RATED_TIMES * (self.rated_a or 0.0))]
        if self.max_a is not None:
            bounds.append(self.max_a * MAXIMUM_TIMES)
        elif self.rated_a is not None:
            bounds.append(self.rated_a * RATED_TIMES)
        return min(bounds)

    def highest_w(self) -> float:
        """The same of a power, of a phase or in all."""
        return max(POWER_LIMIT_W, 3.0 * self.voltage_v[1] * OVER_RATED_TIMES * (self.rated_a or 0.0))


def objection(values: Values, limits: Limits = Limits()) -> str | None:
    """Why these values are no good reading, as a clause for people; None: they are one.

    A quantity that the device does not have is no anchor; an unknown current is always an objection.
    """
    return (
        _absent(values)
        or _currents(values, limits.highest_a())
        or _voltages(values, limits.voltage_v)
        or _frequency(values)
        or _powers(values, limits.highest_w())
        or _consistency(values)
    )


def _absent(values: Values) -> str | None:
    return "the device says that its meter is not there" if values.get("meter_present") == 0 else None


def _currents(values: Values, highest_a: float) -> str | None:
    for quantity in CURRENTS:
        ampere = values.get(quantity)
        if ampere is None:
            return f"{_name(quantity)} is unknown"
        if abs(ampere) > highest_a:
            return f"{_name(quantity)} of {ampere:.4g} A cannot be"
    return None


def _voltages(values: Values, bounds: tuple[float, float]) -> str | None:
    live = False
    lowest, highest = bounds
    for voltage, current in zip(VOLTAGES, CURRENTS, strict=True):
        volt = values.get(voltage)
        if volt is None:
            continue
        used = abs(values.get(current) or 0.0) > IDLE_A
        if volt > highest or volt < 0 or (volt < lowest and used):
            return f"{_name(voltage)} of {volt:.4g} V is outside {lowest:g} to {highest:g} V"
        live = live or volt >= lowest
    if not live and any(values.get(voltage) is not None for voltage in VOLTAGES):
        return "no phase has voltage"
    return None


def _frequency(values: Values) -> str | None:
    hertz = values.get("frequency")
    lowest, highest = FREQUENCY_HZ
    if hertz is not None and not lowest <= hertz <= highest:
        return f"a frequency of {hertz:.4g} Hz is outside {lowest:g} to {highest:g} Hz"
    return None


def _powers(values: Values, highest_w: float) -> str | None:
    for quantity in (*POWERS, "total_power"):
        watt = values.get(quantity)
        if watt is not None and abs(watt) > highest_w:
            return f"{_name(quantity)} of {watt:.4g} W cannot be"
    return None


def _consistency(values: Values) -> str | None:
    """No phase's real power is above its apparent power: then one of the three is not what it seems."""
    for voltage, current, power in zip(VOLTAGES, CURRENTS, POWERS, strict=True):
        volt, ampere, watt = values.get(voltage), values.get(current), values.get(power)
        if volt is None or ampere is None or watt is None:
            continue
        apparent = abs(volt * ampere)
        if abs(watt) > apparent + max(POWER_PART * apparent, POWER_LEAST_W + STEP_A * abs(volt)):
            return f"{_name(power)} of {watt:.4g} W does not go with {volt:.4g} V and {ampere:.4g} A"
    return None


def _name(quantity: str) -> str:
    """`l1_current` → `L1 current`."""
    head, _, rest = quantity.partition("_")
    return f"{head.upper()} {rest}" if head[1:].isdigit() else quantity.replace("_", " ")
