"""A reading of a grid meter came, or did not: what follows for the circuits that go by it."""

from __future__ import annotations

from collections.abc import Iterator

from sitectl.model import events
from sitectl.model.circuit import Circuit
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.records import replace
from sitectl.state import base_load, kirchhoff, rise, rotation, triangle
from sitectl.state.base_load import Draws
from sitectl.state.evse import EvseState
from sitectl.state.meter import MeterState, with_meter_reading, with_parts
from sitectl.state.site_state import SiteState
from sitectl.state.source import chain, compared, shown, source
from sitectl.state.station import StationState
from sitectl.state.trip import COLD, heated


def meter_read(state: SiteState, event: events.MeterRead) -> SiteState:
    """Take a reading. Circuits that go by this meter now take a sample of their base load."""
    reading, rules = event.reading, state.rules
    held = state.meters.get(reading.meter)
    if held is None:
        return state
    at, places = reading.at, list(_places(state, reading.meter))
    sums = {circuit.id: _summed(state, circuit, reading.current_a, at) for circuit in places}
    load_a = sum(sum(summed.least) for summed in sums.values())
    meters = dict(state.meters)
    taken = with_meter_reading(held, reading, load_a)
    meters[reading.meter] = with_parts(taken, rules.parts.get(reading.meter, ()), meters) if rules.parts else taken
    if rules.substitutes:
        meters = dict(compared(meters, rules.substitutes, reading.meter, at))
    bases, trips, rises = dict(state.bases), dict(state.trips), dict(state.rises)
    for circuit in places:
        assert circuit.meter is not None
        if source(meters, rules.substitutes, circuit.meter, at) != reading.meter:
            if meters[reading.meter].mistrust:  # with another in its place it may stand the test as well
                tested = _judged(state, circuit, meters, reading.meter, reading.current_a, at, sums[circuit.id])
                meters[reading.meter] = tested
            continue
        current_a = shown(meters, rules.substitutes, circuit.meter, at) or reading.current_a
        trips[circuit.id] = heated(trips.get(circuit.id, COLD), current_a, circuit.rated_a, at)
        if circuit.meter in rules.station_meters:
            continue
        limit_a, summed = _limit_a(state, circuit), sums[circuit.id]
        bases[circuit.id] = base_load.sampled(bases[circuit.id], current_a, at, circuit.rated_a, limit_a, summed)
        rises[circuit.id] = rise.learned(rises[circuit.id], bases[circuit.id], summed, at)
        meters[reading.meter] = _judged(state, circuit, meters, reading.meter, reading.current_a, at, summed)
    trace = rotation.with_meter_trace(state.meter_traces.get(reading.meter, ()), at, reading.current_a)
    traces = {**state.meter_traces, reading.meter: trace}
    state = replace(state, meters=meters, meter_traces=traces, bases=bases, trips=trips, rises=rises)
    return rotation.with_ends(state, at)


def meter_failed(state: SiteState, event: events.MeterFailed) -> SiteState:
    """Keep why; the last good reading ages on."""
    meter = state.meters.get(event.meter)
    if meter is None or meter.failure == event.why:
        return state
    return replace(state, meters={**state.meters, event.meter: replace(meter, failure=event.why)})


def _places(state: SiteState, meter: MeterId) -> Iterator[Circuit]:
    """The circuits that may go by this meter."""
    substitutes = state.rules.substitutes
    for circuit in state.topology.circuits.values():
        if circuit.meter == meter or (
            substitutes and circuit.meter is not None and meter in chain(circuit.meter, substitutes)
        ):
            yield circuit


def _limit_a(state: SiteState, circuit: Circuit) -> float:
    return min([circuit.rated_a, *(c.ceiling_a for c in state.ceilings.values() if c.circuit == circuit.id)])


def _below(state: SiteState, circuit: CircuitId) -> Iterator[tuple[EvseState, StationState]]:
    return ((state.evses[id], state.stations[id.station]) for id in state.below[circuit])


def _summed(state: SiteState, circuit: Circuit, current_a: PhaseCurrents, at: float) -> Draws:
    draws = triangle.draws if state.topology.wiring.is_triangle else base_load.draws
    return draws(_below(state, circuit.id), at, over=max(current_a) > _limit_a(state, circuit))


def _judged(
    state: SiteState,
    circuit: Circuit,
    meters: dict[MeterId, MeterState],
    meter: MeterId,
    current_a: PhaseCurrents,
    at: float,
    summed: Draws,
) -> MeterState:
    """Whether the meter can be right, by what flows below it."""
    held, is_triangle = meters[meter], state.topology.wiring.is_triangle
    floor_a = kirchhoff.by_meters_below(circuit.id, state.topology.circuits, meters, state.rules, at)
    if is_triangle:
        floor_a = triangle.at_least(floor_a)
    if kirchhoff.suspicious(circuit, held, current_a, summed):
        floor_a = floor_a.highest(kirchhoff.surely(_below(state, circuit.id), at, is_triangle=is_triangle))
    return kirchhoff.judged(circuit, held, current_a, floor_a, at)
