"""A DC station is measured by its power: its amperes are those of the vehicle's side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.metering import EvseReading
from sitectl.model.station import StationKind, dc_watts_per_ampere
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import A1, A, after, arrives, begins, fallback, fresh, held, meter, plan, site

PER_A = dc_watts_per_ampere(230.0)


def charging() -> SiteState:
    made = plan(A)
    evse = replace(made.evses[0], kind=StationKind.DC, max_w=19_000.0, w_per_a=PER_A)
    return after(fresh(site(replace(made, evses=(evse,)))), [*arrives(A), *fallback(A1), begins(A1)])


def reads(state: SiteState, at: float, current_a: float | None, power_w: float | None) -> SiteState:
    own = None if current_a is None else PhaseCurrents(current_a, current_a, current_a)
    return after(state, [events.EvseMetered(EvseReading(A1, at, own, power_w=power_w))])


def test_it_draws_its_power_by_its_efficiency_on_three_phases() -> None:
    state = reads(charging(), 9.0, 40.0, 12_420.0)
    assert held(state, A1).measured_grid() == pytest.approx((20.0, 20.0, 20.0))
    assert len(held(state, A1).phases()) == 3


def test_direct_current_alone_says_nothing() -> None:
    assert held(reads(charging(), 9.0, 40.0, None), A1).reading is None


def test_power_into_the_grid_is_no_draw() -> None:
    assert held(reads(charging(), 9.0, None, -5_000.0), A1).measured_grid() == PhaseCurrents(0.0, 0.0, 0.0)


def test_what_it_draws_is_no_base_load() -> None:
    state = charging()
    for at in range(1, 40):
        state = reads(state, float(at), 40.0, 12_420.0)
        state = after(state, [meter(float(at), 30.0)])
    base = next(iter(state.bases.values())).upper()
    assert base is not None
    assert base.l1 == pytest.approx(11.0, abs=0.1)
