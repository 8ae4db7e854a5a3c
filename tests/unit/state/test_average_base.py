"""The slow average of the base load, by which an imbalance of phases is judged."""

from __future__ import annotations

import pytest

from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import GRID, after, fresh, meter


def test_it_follows_a_step_in_its_time_and_keeps_the_sign() -> None:
    state = after(fresh(), [meter(float(at), -10.0, 0.0, 4.0) for at in range(10)])
    assert snapshot(state, 9.0)[0].circuits[GRID].average_base_a == pytest.approx((-10.0, 0.0, 4.0))
    state = after(state, [meter(float(at), 10.0, 0.0, 4.0) for at in range(10, 55)])
    average = snapshot(state, 54.0)[0].circuits[GRID].average_base_a
    assert average is not None
    assert average.l1 == pytest.approx(2.6, abs=0.3), "63 % of the way after 45 s"


def test_without_its_meter_nothing_is_known() -> None:
    state = after(fresh(), [meter(1.0, 10.0, 0.0, 4.0)])
    assert snapshot(state, 100.0)[0].circuits[GRID].average_base_a is None
