"""Whether decoded values can be those of a live feeder; pure.

A block read at the wrong place, a word order turned round, or a gateway that answers zeros for a dead meter all decode
to numbers. The anchors (frequency and voltages, which every grid keeps within narrow bounds) tell them apart.
"""

from __future__ import annotations

from sitectl.meters.decode import CURRENTS, POWERS, VOLTAGES, Values

FREQUENCY_HZ = (45.0, 65.0)
VOLTAGE_V = (150.0, 270.0)
IDLE_A = 0.5
"""A phase without voltage is one that is not connected, unless it carries more than this."""
CURRENT_LIMIT_A = 10_000.0
POWER_LIMIT_W = 10_000_000.0


def objection(values: Values) -> str | None:
    """Why these values are no good reading, as a clause for people; None: they are one.

    A quantity that the device does not have is no anchor; an unknown current is always an objection.
    """
    return _currents(values) or _voltages(values) or _frequency(values) or _powers(values)


def _currents(values: Values) -> str | None:
    for quantity in CURRENTS:
        ampere = values.get(quantity)
        if ampere is None:
            return f"{_name(quantity)} is unknown"
        if abs(ampere) > CURRENT_LIMIT_A:
            return f"{_name(quantity)} of {ampere:.4g} A cannot be"
    return None


def _voltages(values: Values) -> str | None:
    live = False
    lowest, highest = VOLTAGE_V
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


def _powers(values: Values) -> str | None:
    for quantity in (*POWERS, "total_power"):
        watt = values.get(quantity)
        if watt is not None and abs(watt) > POWER_LIMIT_W:
            return f"{_name(quantity)} of {watt:.4g} W cannot be"
    return None


def _name(quantity: str) -> str:
    """`l1_current` → `L1 current`."""
    head, _, rest = quantity.partition("_")
    return f"{head.upper()} {rest}" if head[1:].isdigit() else quantity.replace("_", " ")
