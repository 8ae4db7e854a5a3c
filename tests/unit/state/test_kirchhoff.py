"""A meter that shows less than what surely flows below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from sitectl.model import events
from sitectl.model.circuit import Circuit, topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import Event
from sitectl.model.ids import MeterId
from sitectl.model.metering import Freshness, MeterReading
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import A1, GARAGE, GRID, MAIN, after, charging, draws, fresh, meter, site

Shown = tuple[float, float, float]


def seconds(first: int, last: int, shown_a: Shown, drawn_a: float, reports_every_s: int = 10) -> list[Event]:
    """The meter every second, the station A every ten."""
    happened: list[Event] = []
    for at in range(first, last):
        if (at - first) % reports_every_s == 0:
            happened.append(draws(A1, float(at), drawn_a))
        happened.append(meter(at + 0.5, *shown_a))
    return happened


def after_all(happened: Iterable[Event], generation_a: float = 0.0) -> SiteState:
    state = charging(16.0)
    circuits = dict(state.topology.circuits)
    circuits[GRID] = replace(circuits[GRID], generation_a=generation_a)
    return after(replace(state, topology=replace(state.topology, circuits=circuits)), happened)


def believed(state: SiteState) -> bool:
    return not state.meters[MAIN].mistrust


def test_no_raise_rests_on_a_meter_that_shows_too_little_just_now() -> None:
    """It is not mistrusted for half a minute, and in that time a phase that vanished looked like free current."""
    well = after_all(seconds(1, 40, (22.0, 22.0, 22.0), 16.0))
    assert snapshot(well, 40.0)[0].circuits[GRID].settled
    lost = after(well, seconds(40, 42, (22.0, 0.0, 22.0), 16.0))
    assert believed(lost)
    assert not snapshot(lost, 42.0)[0].circuits[GRID].settled
    again = after(lost, seconds(42, 44, (22.0, 22.0, 22.0), 16.0))
    assert snapshot(again, 44.0)[0].circuits[GRID].settled


@pytest.mark.parametrize(
    ("shown_a", "phase"),
    [
        ((-20.0, 22.0, 22.0), "L1"),  # a transformer turned round
        ((2.2, 2.2, 2.2), "L1"),  # a wrong ratio
        ((22.0, 22.0, 6.0), "L3"),  # one on another conductor
    ],
)
def test_a_meter_that_shows_too_little_for_thirty_seconds_is_not_believed(shown_a: Shown, phase: str) -> None:
    assert believed(after_all(seconds(1, 30, shown_a, 16.0)))
    state = after_all(seconds(1, 33, shown_a, 16.0))
    assert f"on {phase} where what hangs below it draws at least 16 A" in state.meters[MAIN].mistrust
    circuit = snapshot(state, 33.0)[0].circuits[GRID]
    assert (circuit.meter, circuit.measured_a, circuit.base_load_a.l1) == (Freshness.LOST, None, 60.0)


@pytest.mark.parametrize("shown_a", [(16.0, 16.0, 16.0), (14.5, 14.5, 14.5), (90.0, 16.0, 16.0)])
def test_a_meter_that_shows_what_flows_is_believed(shown_a: Shown) -> None:
    assert believed(after_all(seconds(1, 120, shown_a, 16.0)))


def test_generation_may_hide_what_stations_draw() -> None:
    sunny = (-8.0, -8.0, -8.0)
    assert believed(after_all(seconds(1, 60, sunny, 16.0), generation_a=25.0))
    assert not believed(after_all(seconds(1, 60, sunny, 16.0), generation_a=20.0))


def test_a_car_that_stopped_since_its_last_reading_proves_nothing() -> None:
    assert believed(after_all(seconds(1, 120, (0.0, 0.0, 0.0), 16.0, reports_every_s=1000)))


def test_a_short_dip_between_two_readings_is_no_proof() -> None:
    happened = seconds(1, 20, (0.0, 0.0, 0.0), 16.0) + seconds(20, 22, (17.0, 17.0, 17.0), 16.0)
    assert believed(after_all(happened + seconds(22, 42, (0.0, 0.0, 0.0), 16.0)))


def test_it_is_believed_again_only_after_it_stood_the_test() -> None:
    state = after_all(seconds(1, 33, (-20.0, 22.0, 22.0), 16.0))
    idle = after(state, seconds(33, 200, (0.0, 0.0, 0.0), 0.0))
    assert not believed(idle), "with nothing flowing every meter is right"
    small = after(idle, seconds(200, 300, (7.0, 7.0, 7.0), 6.0))
    assert not believed(small)
    wrong = after(idle, seconds(200, 300, (-12.0, 12.0, 12.0), 12.0))
    assert not believed(wrong)
    right = after(idle, seconds(200, 259, (12.0, 12.0, 12.0), 12.0))
    assert not believed(right)
    right = after(right, seconds(259, 263, (12.0, 12.0, 12.0), 12.0))
    assert believed(right)
    circuit = snapshot(right, 263.0)[0].circuits[GRID]
    assert (circuit.meter, circuit.settled) == (Freshness.FRESH, False)
    assert circuit.base_load_a.l1 == 60.0, "and the way back is slow"


def two_meters(happened: Callable[[int], list[Event]], *, made_of_stations: bool = False) -> SiteState:
    below = MeterId("garage-meter")
    plain = site()
    circuits = {
        GRID: plain.circuits[GRID],
        GARAGE: Circuit(GARAGE, GRID, 63.0, below, base_load_worst_a=10.0),
    }
    tree = topology(circuits, plain.stations)
    worst = frozenset({below}) if made_of_stations else frozenset()
    state = fresh(tree, SiteRules(meter_intervals_s={MAIN: 1.0, below: 1.0}, worst_case_meters=worst))
    return after(state, [event for at in range(1, 60) for event in happened(at)])


def garage_meter(at: float, ampere: float) -> Event:
    return events.MeterRead(MeterReading(MeterId("garage-meter"), at, PhaseCurrents(ampere, ampere, ampere)))


def test_a_meter_below_that_shows_more_than_the_one_above() -> None:
    state = two_meters(lambda at: [garage_meter(float(at), 40.0), meter(at + 0.2, 10.0)])
    assert not believed(state)
    assert not state.meters[MeterId("garage-meter")].mistrust
    assert believed(two_meters(lambda at: [garage_meter(float(at), 40.0), meter(at + 0.2, 41.0)]))


def test_a_meter_below_that_is_lost_proves_nothing() -> None:
    assert believed(
        two_meters(lambda at: [*([garage_meter(float(at), 40.0)] if at < 20 else []), meter(at + 0.2, 10.0)])
    )


def test_a_meter_below_that_counts_silent_stations_whole_proves_nothing() -> None:
    assert believed(
        two_meters(lambda at: [garage_meter(float(at), 40.0), meter(at + 0.2, 10.0)], made_of_stations=True)
    )


def test_with_a_substitute_in_its_place_it_is_tested_all_the_same() -> None:
    spare = MeterId("spare")

    def spare_too(happened: Iterable[Event]) -> Iterable[Event]:
        for event in happened:
            yield event
            if isinstance(event, events.MeterRead):
                ampere = event.reading.at < 33 or event.reading.at >= 200
                shown_a = PhaseCurrents(*(17.0 if ampere else 0.0,) * 3)
                yield events.MeterRead(MeterReading(spare, event.reading.at + 0.1, shown_a))

    state = charging(16.0)
    rules = SiteRules(meter_intervals_s={MAIN: 1.0, spare: 1.0}, substitutes={MAIN: spare})
    state = replace(state, rules=rules, meters={**state.meters, spare: replace(state.meters[MAIN], reading=None)})
    state = after(state, spare_too(seconds(1, 33, (-20.0, 22.0, 22.0), 16.0)))
    assert not believed(state)
    circuit = snapshot(state, 33.0)[0].circuits[GRID]
    assert (circuit.meter, circuit.measured_a) == (Freshness.FRESH, (17.0, 17.0, 17.0))
    assert believed(after(state, spare_too(seconds(200, 270, (16.5, 16.5, 16.5), 16.0))))


def test_what_stations_say_is_no_base_load_and_is_not_judged() -> None:
    state = charging(16.0)
    rules = replace(state.rules, station_meters=frozenset({MAIN}))
    state = after(replace(state, rules=rules), seconds(1, 60, (5.0, 5.0, 5.0), 16.0))
    circuit = snapshot(state, 60.0)[0].circuits[GRID]
    assert (circuit.base_load_a.l1, circuit.measured_base_a, circuit.settled) == (60.0, (60.0, 60.0, 60.0), True)
    assert circuit.measured_a == (5.0, 5.0, 5.0)
    assert believed(state)
