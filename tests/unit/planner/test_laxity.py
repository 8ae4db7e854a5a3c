"""How long a car could still wait: classes by laxity, from wishes."""

from dataclasses import replace

import pytest

from sitectl.model.limits import Wish
from sitectl.model.snapshot import EvseSnapshot
from sitectl.planner.laxity import REST, SOON, URGENT, best_rate_w, urgencies, urgency_of
from tests.unit.allocator.site import build, evse_id, moment

NOW = 10_000.0
SITE = build({"grid": {"rated_a": 40}}, {"A": {"max_a": 16, "phases": "L1L2L3"}, "B": {"max_a": 32, "phases": "L2"}})
MINUTE, HOUR = 60.0, 3600.0


def car(
    name: str = "A", *, leaves_in_s: float, energy_kwh: float | None = None, taken_kwh: float = 0.0
) -> EvseSnapshot:
    energy_wh = None if energy_kwh is None else energy_kwh * 1000.0
    wish = Wish(evse_id(name), NOW + leaves_in_s, energy_wh, "operator")
    return replace(moment(SITE).evses[evse_id(name)], wish=wish, taken_wh=taken_kwh * 1000.0)


def rank(view: EvseSnapshot) -> int | None:
    urgency = urgency_of(view, NOW, 230.0)
    return None if urgency is None else urgency.rank


def test_best_rate_by_phases() -> None:
    assert best_rate_w(car(leaves_in_s=1), 230.0) == 16 * 230 * 3
    assert best_rate_w(car("B", leaves_in_s=1), 230.0) == 32 * 230


def test_best_rate_of_a_dc_station_is_that_at_the_vehicle() -> None:
    view = car(leaves_in_s=1)
    assert best_rate_w(replace(view, plan=replace(view.plan, w_per_a=621.0)), 230.0) == 16 * 621


def test_time_left_less_the_reserve_and_what_the_energy_takes() -> None:
    urgency = urgency_of(car(leaves_in_s=4 * HOUR, energy_kwh=22.08, taken_kwh=11.04), NOW, 230.0)
    assert urgency is not None
    assert urgency.laxity_s == pytest.approx(4 * HOUR - 30 * MINUTE - HOUR)


def test_three_classes() -> None:
    assert rank(car(leaves_in_s=59 * MINUTE)) == URGENT
    assert rank(car(leaves_in_s=61 * MINUTE)) == SOON
    assert rank(car(leaves_in_s=151 * MINUTE)) == REST
    assert rank(car(leaves_in_s=4 * HOUR, energy_kwh=40.0)) == URGENT
    assert rank(car(leaves_in_s=4 * HOUR, energy_kwh=22.08)) == SOON


def test_who_said_nothing_is_late_or_has_enough_is_like_the_rest() -> None:
    assert rank(replace(car(leaves_in_s=HOUR), wish=None)) is None
    assert rank(car(leaves_in_s=0.0)) is None
    assert rank(car(leaves_in_s=HOUR, energy_kwh=10.0, taken_kwh=10.0)) is None
    assert rank(replace(car(leaves_in_s=HOUR), wants=False)) is None


def test_of_a_site_only_those_with_a_wish() -> None:
    snapshot = moment(SITE)
    view = car(leaves_in_s=HOUR)
    assert urgencies(snapshot, 230.0) == {}
    assert list(urgencies(replace(snapshot, evses={**snapshot.evses, view.id: view}), 230.0)) == [view.id]


def test_who_charges_is_more_urgent_for_longer() -> None:
    """So that two cars of nearly the same laxity do not take each other's place in turns."""

    def charging(leaves_in_s: float) -> int | None:
        return rank(replace(car(leaves_in_s=leaves_in_s), offered_a=6.0))

    assert charging(89 * MINUTE) == URGENT
    assert charging(91 * MINUTE) == SOON
    assert charging(209 * MINUTE) == SOON
    assert charging(211 * MINUTE) == REST
    assert rank(replace(car(leaves_in_s=61 * MINUTE), offered_a=0.0)) == SOON, "who is paused is like who waits"
