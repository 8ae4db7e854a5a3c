"""What overloads do to a breaker, by what its meter shows."""

import pytest

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId
from sitectl.state.reconfigure import reconfigured
from sitectl.state.site_state import SiteRules
from sitectl.state.snapshot import snapshot
from sitectl.state.trip import COLD, TripState, heated
from tests.unit.state.small_site import MAIN, after, fresh, meter, site


def lasting(trip: TripState, seconds: int, *current_a: float, from_s: float = 0.0) -> TripState:
    currents = current_a if len(current_a) == 3 else current_a * 3
    for second in range(seconds + 1):
        trip = heated(trip, PhaseCurrents(*currents), 100.0, from_s + second)
    return trip


def test_a_tenth_of_the_trip_time_is_a_tenth() -> None:
    trip = lasting(COLD, 29, 145.0)
    assert trip.used[0] == pytest.approx(29 / 293, rel=0.01)


def test_phases_are_counted_each_for_itself() -> None:
    trip = lasting(COLD, 10, 50.0, 180.0, 120.0)
    assert trip.used[0] == 0.0
    assert trip.used[1] == pytest.approx(10 / 33, rel=0.02)
    assert trip.used[2] == pytest.approx(10 / 1967, rel=0.01)


def test_it_cools_with_ten_minutes_below_the_conventional_current() -> None:
    hot = TripState((0.08, 0.08, 0.08), (0.0, 0.0, 0.0), 0.0)
    cooled = lasting(hot, 600, 90.0)
    assert cooled.used[0] == pytest.approx(0.08 / 2.718, rel=0.01)
    assert lasting(hot, 60, 120.0).used[0] > 0.08, "above it it does not"


def test_more_than_all_of_it_is_never_used() -> None:
    wild = heated(
        heated(COLD, PhaseCurrents(50.0, 50.0, 50.0), 100.0, 0.0), PhaseCurrents(800.0, 50.0, 50.0), 100.0, 1.0
    )
    assert wild.used[0] == 1.0
    assert lasting(wild, 1500, 50.0, from_s=2.0).used[0] < 0.1, "a site is whole again after 25 min"


def test_an_inrush_of_three_seconds_is_next_to_nothing() -> None:
    trip = lasting(lasting(COLD, 3, 119.0), 1, 80.0, from_s=4.0)
    assert 0.0 < trip.used[0] < 0.003


def test_between_two_readings_the_higher_one_counts() -> None:
    rising = heated(heated(COLD, PhaseCurrents(90.0, 0.0, 0.0), 100.0, 0.0), PhaseCurrents(180.0, 0.0, 0.0), 100.0, 1.0)
    assert rising.used[0] == pytest.approx(1 / 33, rel=0.02)
    falling = heated(rising, PhaseCurrents(90.0, 0.0, 0.0), 100.0, 2.0)
    assert falling.used[0] == pytest.approx(2 / 33, rel=0.02)


def test_of_a_gap_only_ten_seconds_count() -> None:
    before = heated(COLD, PhaseCurrents(120.0, 0.0, 0.0), 100.0, 0.0)
    after_gap = heated(before, PhaseCurrents(20.0, 0.0, 0.0), 100.0, 3600.0)
    assert after_gap.used[0] == pytest.approx(10 / 1967, rel=0.01)


def test_fed_back_current_heats_as_well() -> None:
    assert lasting(COLD, 10, -150.0).used[0] > 0.03


def test_since_when_it_is_over() -> None:
    trip = lasting(COLD, 3, 50.0, 110.0, 50.0, from_s=7.0)
    assert trip.over_since == (None, 7.0, None)
    assert lasting(trip, 0, 50.0, from_s=11.0).over_since == (None, None, None)


def test_the_site_keeps_it_for_every_circuit_of_the_meter() -> None:
    state = after(fresh(), [meter(float(second), 300.0, 20.0, 20.0) for second in range(3)])
    circuit = snapshot(state, 2.0)[0].circuits[CircuitId("grid")]
    assert circuit.trip == circuit.trips[0] > 0.5
    assert circuit.over_since[0] == 0.0
    lost = snapshot(state, 60.0)[0].circuits[CircuitId("grid")]
    assert lost.trip == circuit.trip, "nobody saw it cool"
    assert lost.over_since == (None, None, None), "nor that it is still over"


def test_another_configuration_keeps_it_while_the_breaker_is_the_same() -> None:
    rules = SiteRules(meter_intervals_s={MAIN: 1.0})
    state = after(fresh(), [meter(float(second), 300.0) for second in range(3)])
    same = reconfigured(state, site(), rules, 3.0, keeps_strangers=True)
    assert same.trips == state.trips
    other = reconfigured(state, site(), rules, 3.0, keeps_strangers=True, new_meters=frozenset({MAIN}))
    assert not other.trips
