"""Readings: of grid meters and of the meters inside stations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, MeterId


class Freshness(StrEnum):
    """Age of a meter's last good reading, by the table of times: 2 cycles, 5 s, 10 s."""

    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One good reading of a grid meter. Currents are signed: import positive. `at` is its receipt (monotonic s)."""

    meter: MeterId
    at: float
    current_a: PhaseCurrents
    power_w: float | None = None
    voltage_v: PhaseCurrents | None = None
    frequency_hz: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None


@dataclass(frozen=True, slots=True)
class EvseReading:
    """One reading by a station of one of its EVSEs, phases as the station names them. `at` is its receipt.

    `current_a` is None when the station sent no current: then nothing is known of the draw. `phases` says which of its
    phases the station named; a single value without a phase counts on every phase.
    """

    evse: EvseId
    at: float
    current_a: PhaseCurrents | None = None
    phases: int = 3
    power_w: float | None = None
    register_wh: float | None = None
    offered_a: float | None = None
