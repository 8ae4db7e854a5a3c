"""Readings: of grid meters and of the meters inside stations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, MeterId


class Freshness(StrEnum):
    """Age of a meter's last good reading, by the table of times: 2 cycles, 5 s, 10 s."""

    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"
    LOST = "lost"


FRESH_CYCLES = 2.0
LATE_S = 5.0
STALE_S = 10.0


def freshness(age_s: float | None, interval_s: float) -> Freshness:
    """What a last good reading of this age is worth, for a meter polled every `interval_s`; None: there never was one.

    The table of times: fresh up to two cycles, late up to 5 s, stale up to 10 s, then lost. A slow poll makes nothing
    fresh or late for longer than that, because the fuse does not wait for it.
    """
    if age_s is None or age_s > STALE_S:
        return Freshness.LOST
    if age_s > LATE_S:
        return Freshness.STALE
    return Freshness.FRESH if age_s <= FRESH_CYCLES * interval_s else Freshness.LATE


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One good reading of a grid meter. Currents are signed: import positive. `at` is its receipt (monotonic s).

    `unchanged_since` is the receipt of the first of the readings in a row whose measured values (not the energy
    registers) are bit-identical to this one's, `at` itself when this one differs; None when nobody compared.
    `doubts`: what is odd about the meter, as clauses for people; its currents are usable all the same.
    """

    meter: MeterId
    at: float
    current_a: PhaseCurrents
    power_w: float | None = None
    voltage_v: PhaseCurrents | None = None
    frequency_hz: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    unchanged_since: float | None = None
    doubts: tuple[str, ...] = ()


class EvseReading(NamedTuple):
    """One reading by a station of one of its EVSEs, phases as the station names them. `at` is its receipt.

    `current_a` is None when the station sent no current: then nothing is known of the draw. `phases` says which of its
    phases the station named; 0: it named none, and its one value stands on every phase.
    """

    evse: EvseId
    at: float
    current_a: PhaseCurrents | None = None
    phases: int = 3
    power_w: float | None = None
    register_wh: float | None = None
    offered_a: float | None = None


class MeterSample(NamedTuple):
    """What a station's meter said at one moment of its own clock. `sampled` None: it gave no readable time.

    Fields as in `EvseReading`. `signed`: it carries signed data, which only its verifier may interpret. `zoned`: the
    time names its zone.
    """

    sampled: datetime | None = None
    context: str = "Sample.Periodic"
    current_a: PhaseCurrents | None = None
    phases: int = 3
    power_w: float | None = None
    register_wh: float | None = None
    offered_a: float | None = None
    signed: bool = False
    zoned: bool = True

    def reading(self, evse: EvseId, at: float) -> EvseReading:
        """The sample as the reading of an EVSE, received `at`."""
        return EvseReading(evse, at, self.current_a, self.phases, self.power_w, self.register_wh, self.offered_a)


@dataclass(frozen=True, slots=True)
class RiseDay:
    """One day of a circuit's base load: how much of it was seen (s), and the largest rise within each of the spans of
    time that `state.rise` knows (ampere per phase)."""

    seen_s: float
    rises_a: tuple[tuple[float, float, float], ...]
