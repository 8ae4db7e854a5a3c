"""Currents that their station tells without a phase."""

from __future__ import annotations

import pytest

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import EvseMetered
from sitectl.model.metering import EvseReading, Freshness
from sitectl.ocpp.v16.meter_values import meter_values
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteState
from sitectl.state.unnamed import placed
from tests.unit.state.small_site import A1, GRID, MAIN, charging, held, meter


def told(at: float, ampere: float, watt: float | None = None) -> EvseMetered:
    """What a station says that names no phase, as it is decoded."""
    values = [{"value": str(ampere), "measurand": "Current.Import", "unit": "A"}]
    if watt is not None:
        values.append({"value": str(watt), "measurand": "Power.Active.Import", "unit": "W"})
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "2026-11-20T06:11:00Z", "sampledValue": values}]}
    [sample] = meter_values(payload).value.samples
    return EvseMetered(sample.reading(A1, at))


def two_minutes(grid_a: tuple[float, float, float], ampere: float, watt: float | None) -> SiteState:
    state = charging(16.0)
    for at in range(1, 120):
        state = reduce(state, meter(float(at), *(a + 0.01 * (at % 7) for a in grid_a)))
        if at % 10 == 5:
            state = reduce(state, told(at + 0.3, ampere, watt))
    return state


@pytest.mark.parametrize("watt", [None, 3565.0])
def test_a_car_on_one_phase_makes_no_meter_a_liar_and_no_base_load_vanish(watt: float | None) -> None:
    state = two_minutes((18.5, 9.0, 3.0), 15.5, watt)
    assert state.meters[MAIN].state(119.5) is Freshness.FRESH, state.meters[MAIN].mistrust
    upper = state.bases[GRID].upper()
    assert upper is not None
    assert (upper.l2 >= 9.0, upper.l3 >= 3.0) == (True, True), upper


def test_a_car_whose_power_is_that_of_three_phases_is_not_counted_twice() -> None:
    upper = two_minutes((20.5, 20.5, 20.5), 15.5, 10_500.0).bases[GRID].upper()
    assert upper is not None
    assert max(upper) < 7.0, upper


@pytest.mark.parametrize(
    ("ampere", "watt", "phases"),
    [
        (16.0, 11_000.0, 3),
        (16.0, 9_300.0, 3),
        (16.0, 8_700.0, 0),
        (16.0, 3_680.0, 0),
        (16.0, 110_000.0, 0),
        (16.0, None, 0),
        (1.0, 690.0, 0),
        (0.0, 0.0, 0),
        (-16.0, -11_000.0, 0),
    ],
)
def test_on_how_many_phases_its_power_puts_a_current(ampere: float, watt: float | None, phases: int) -> None:
    reading = EvseReading(A1, 5.0, PhaseCurrents(ampere, ampere, ampere), 0, watt)
    assert placed(reading, 230.0) == reading._replace(phases=phases)


def test_what_names_its_phases_is_left_alone() -> None:
    reading = EvseReading(A1, 5.0, PhaseCurrents(16.0, 0.0, 0.0), 1, 11_000.0)
    assert placed(reading, 230.0) is reading


def test_a_station_that_names_its_first_phase_alone_says_nothing_of_the_others() -> None:
    state = charging(16.0)
    for at in range(5, 125, 10):
        reading = EvseReading(A1, float(at), PhaseCurrents(15.5, 0.0, 0.0), 1)
        state = reduce(state, EvseMetered(reading))
    assert len(held(state, A1).phases()) == 3, "its car may draw on all of them"
