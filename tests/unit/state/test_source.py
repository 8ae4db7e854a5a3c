"""Two meters of one place: who is gone by, and what holds where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import Event
from sitectl.model.ids import MeterId
from sitectl.model.metering import Freshness, MeterReading
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import snapshot
from sitectl.state.source import chain, source
from tests.unit.state.small_site import GRID, MAIN, after, fresh

SPARE, THIRD = MeterId("spare"), MeterId("third")
RULES = SiteRules(meter_intervals_s={MAIN: 1.0, SPARE: 1.0}, substitutes={MAIN: SPARE})


def shows(meter: MeterId, at: float, *current_a: float) -> Event:
    values = current_a if len(current_a) == 3 else current_a * 3
    return events.MeterRead(MeterReading(meter, at, PhaseCurrents(*values)))


def both(main_a: float, spare_a: float, seconds: Iterable[int]) -> list[Event]:
    return [event for at in seconds for event in (shows(MAIN, float(at), main_a), shows(SPARE, at + 0.2, spare_a))]


def site(*happened: Event) -> SiteState:
    return after(fresh(rules=RULES), happened)


def seen(state: SiteState, now: float) -> tuple[Freshness | None, float | None]:
    circuit = snapshot(state, now)[0].circuits[GRID]
    return circuit.meter, circuit.measured_a.l1 if circuit.measured_a is not None else None


def goes_by(state: SiteState, now: float) -> MeterId:
    return source(state.meters, state.rules.substitutes, MAIN, now)


def test_the_substitute_is_taken_when_the_meter_is_stale_and_not_before() -> None:
    state = site(*both(20.0, 20.5, range(20)), *[shows(SPARE, float(at), 25.0) for at in range(20, 40)])
    assert seen(site(*both(20.0, 20.5, range(20)), shows(SPARE, 23.0, 25.0)), 23.1) == (Freshness.LATE, 20.0)
    assert goes_by(state, 39.5) == SPARE
    assert seen(state, 39.5) == (Freshness.FRESH, 25.0)
    base = snapshot(state, 39.5)[0].circuits[GRID]
    assert 25.0 <= base.base_load_a.l1 <= 27.0, "the base load is that of the substitute, not the worst"
    assert base.settled


def test_the_meter_is_gone_by_again_when_it_has_been_back_for_ten_seconds() -> None:
    lost = [*both(20.0, 20.0, range(20)), *[shows(SPARE, float(at), 20.0) for at in range(20, 60)]]
    state = site(*lost, *both(20.0, 20.0, range(60, 65)))
    assert goes_by(state, 64.5) == SPARE
    assert goes_by(after(state, both(20.0, 20.0, range(65, 72))), 71.5) == MAIN


def test_with_both_lost_the_meter_itself_counts_as_lost() -> None:
    state = site(*both(20.0, 20.0, range(20)))
    assert goes_by(state, 60.0) == MAIN
    assert seen(state, 60.0) == (Freshness.LOST, None)


def test_two_meters_that_differ_for_ten_seconds_count_at_the_larger_import() -> None:
    state = site(*both(20.0, 24.0, range(10)))
    assert not state.meters[MAIN].differs(9.5)
    assert seen(state, 9.5)[1] == 20.0
    state = after(state, both(20.0, 24.0, range(10, 14)))
    assert state.meters[MAIN].differs(13.5)
    assert seen(state, 13.5)[1] == 24.0
    assert snapshot(state, 13.5)[0].circuits[GRID].base_load_a.l1 >= 24.0
    agreed = after(state, both(20.0, 21.0, range(14, 17)))
    assert not agreed.meters[MAIN].differs(16.5)


def test_what_two_meters_may_differ_by() -> None:
    for main_a, spare_a, differ in (
        (20.0, 21.9, False),
        (200.0, 209.0, False),
        (200.0, 212.0, True),
        (0.5, 2.4, False),
    ):
        state = site(*both(main_a, spare_a, range(15)))
        assert state.meters[MAIN].differs(14.5) is differ, (main_a, spare_a)


def test_a_difference_to_a_meter_that_is_late_is_none() -> None:
    state = site(*both(20.0, 40.0, range(5)), *[shows(MAIN, float(at), 20.0) for at in range(5, 30)])
    assert not state.meters[MAIN].differs(29.5)


def test_substitutes_of_substitutes_and_circles() -> None:
    chained: Mapping[MeterId, MeterId] = {MAIN: SPARE, SPARE: THIRD, THIRD: MAIN}
    assert list(chain(MAIN, chained)) == [MAIN, SPARE, THIRD]


def test_a_reading_of_the_substitute_takes_no_sample_while_the_meter_is_good() -> None:
    state = site(*both(20.0, 80.0, range(5)))
    assert snapshot(state, 4.5)[0].circuits[GRID].base_load_a.l1 <= 21.5
