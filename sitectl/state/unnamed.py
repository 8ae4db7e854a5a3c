"""A current that its station told without a phase: nobody knows on how many phases it flows, unless its power says so.

Taken for a current on every phase it would be a one-phase car's on two phases where there is none: base load would look
smaller by it, and the grid meter would show less than what surely flows. Taken for one on the first phase alone it
would be a three-phase car's counted twice, as its own and as base load. The power, which is that of all phases, tells
which it is, but never that it is one phase: some stations tell that of their first phase alone.
"""

from __future__ import annotations

from sitectl.model.metering import EvseReading

TELLS_FROM_A = 2.0
"""Below this neither value is exact enough."""

LEAST, MOST = 2.5, 3.6
"""Three phases make so many times nominal voltage times current: 17 % are left for a low voltage and a poor power
factor, and two phases stay below that at 120 % of the voltage. More is no power of this current."""


def placed(reading: EvseReading, nominal_voltage_v: float) -> EvseReading:
    """The reading, as one of three phases where its power is that of three."""
    if reading.phases or reading.current_a is None or reading.power_w is None:
        return reading
    one_phase_w = nominal_voltage_v * max(reading.current_a)
    tells = one_phase_w >= TELLS_FROM_A * nominal_voltage_v
    return reading._replace(phases=3) if tells and LEAST <= reading.power_w / one_phase_w <= MOST else reading
