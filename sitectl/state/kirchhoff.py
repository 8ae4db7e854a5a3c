"""A meter cannot show less than what surely flows below it.

What the stations below a circuit reported just now, and what the meters of the circuits below it show, flows through
its meter too, less what generation below may feed in. A meter that shows less for long measures another place, has a
current transformer turned round or on another phase, or a wrong ratio; or the phases of the stations or the generation
are not as they are written down. It is not believed from then on: the circuit is shared as if it had lost its meter. It
is believed again when it has stood the test of at least half of that load for a while: with nothing flowing every meter
is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sitectl.model.circuit import Circuit
from sitectl.model.electrical import ALL_PHASES, NO_CURRENT, PhaseCurrents
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.metering import Freshness
from sitectl.state import base_load, triangle
from sitectl.state.base_load import Draws
from sitectl.state.evse import EvseState
from sitectl.state.meter import MeterState
from sitectl.state.site_state import SiteRules
from sitectl.state.source import source
from sitectl.state.station import StationState

RECENT_S = 15.0
"""A station's reading that is older proves nothing: its car may have stopped."""

SHORT_S = 30.0
BELIEVED_S = 60.0
TOLERANCE_PART, TOLERANCE_LEAST_A = 0.1, 2.0

Below = Iterable[tuple[EvseState, StationState]]


def surely(below: Below, at: float, *, is_triangle: bool) -> PhaseCurrents:
    """What the stations surely draw, by what they reported just now."""
    recent = [pair for pair in below if pair[0].reading is not None and at - pair[0].reading.at <= RECENT_S]
    draws = triangle.draws if is_triangle else base_load.draws
    return PhaseCurrents(*draws(recent, at, over=False).least)


def suspicious(circuit: Circuit, meter: MeterState, shown_a: PhaseCurrents, summed: Draws) -> bool:
    """Whether a closer look is worth it: it costs a second sum over all stations."""
    return bool(meter.mistrust) or meter.short_since is not None or _short(circuit, shown_a, summed.least) is not None


def by_meters_below(
    circuit: CircuitId,
    circuits: Mapping[CircuitId, Circuit],
    meters: Mapping[MeterId, MeterState],
    rules: SiteRules,
    at: float,
) -> PhaseCurrents:
    """What flows into the circuits right below, by those of their meters that are fresh and measure."""
    summed = NO_CURRENT
    for child in circuits.values():
        if child.parent != circuit or child.meter is None:
            continue
        read = source(meters, rules.substitutes, child.meter, at)
        held, proves = meters[read], read not in rules.worst_case_meters and child.meter != circuits[circuit].meter
        if proves and held.reading is not None and held.state(at) is Freshness.FRESH:
            summed = summed.plus(held.reading.current_a)
    return summed


def judged(
    circuit: Circuit, meter: MeterState, shown_a: PhaseCurrents, floor_a: PhaseCurrents, at: float
) -> MeterState:
    """The meter after a reading, with what surely flows below it."""
    if meter.mistrust:
        return _cleared(circuit, meter, shown_a, floor_a, at)
    phase = _short(circuit, shown_a, floor_a)
    if phase is None:
        return meter if meter.short_since is None else replace(meter, short_since=None)
    since = at if meter.short_since is None else meter.short_since
    if at - since < SHORT_S:
        return replace(meter, short_since=since)
    name = ALL_PHASES[phase].name
    why = (
        f"shows {shown_a[phase]:.0f} A on {name} where what hangs below it draws at least {floor_a[phase]:.0f} A: "
        "its current transformers, the phases of the stations or generation_a are not as they are written down"
    )
    return replace(meter, mistrust=why, short_since=None, short_a=floor_a[phase], short_phase=phase, proved_since=None)


def _cleared(
    circuit: Circuit, meter: MeterState, shown_a: PhaseCurrents, floor_a: PhaseCurrents, at: float
) -> MeterState:
    tested = floor_a[meter.short_phase] >= meter.short_a / 2.0
    if not tested:
        return meter
    if _short(circuit, shown_a, floor_a) is not None:
        return replace(meter, proved_since=None)
    since = at if meter.proved_since is None else meter.proved_since
    if at - since < BELIEVED_S:
        return replace(meter, proved_since=since)
    return replace(meter, mistrust="", short_a=0.0, proved_since=None, back_at=at)


def _short(circuit: Circuit, shown_a: Iterable[float], floor_a: Iterable[float]) -> int | None:
    """The phase on which too little is shown."""
    for phase, (shown, floor) in enumerate(zip(shown_a, floor_a, strict=True)):
        if shown < floor - circuit.generation_a - max(TOLERANCE_LEAST_A, TOLERANCE_PART * floor):
            return phase
    return None
