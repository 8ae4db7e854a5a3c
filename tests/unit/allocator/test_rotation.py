"""Who waits gets a turn."""

from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from sitectl.allocator.allocate import SharingRules, compile_site
from sitectl.model.limits import Urgency
from tests.unit.allocator.plant import Plant
from tests.unit.allocator.site import build, evse_id, moment

MINUTE = 60.0
QUANTUM = 15 * MINUTE


def queue(cars: int, places: int, priority: dict[str, int] | None = None, **evses: Any) -> Plant:
    """So many cars on one line, of which so many get their minimum at once."""
    names = [f"S{number:02}" for number in range(cars)]
    stations = {
        n: {"max_a": 16, "phases": "L1", "fallback_a": 0, "priority": (priority or {}).get(n, 1)} for n in names
    }
    site = build({"grid": {"rated_a": places * 6 + 3}}, stations)
    return Plant(compile_site(site), moment(site, evses))


@pytest.mark.parametrize(("waiting", "places"), [(1, 1), (3, 2), (6, 2), (5, 4)])
def test_everybody_who_waits_has_a_place_within_so_many_quanta(waiting: int, places: int) -> None:
    plant = queue(waiting + places, places)
    plant.run(ceil(waiting / places) * QUANTUM + 30.0)
    assert len(plant.first) == waiting + places


def test_nobody_is_paused_sooner_than_a_quantum() -> None:
    plant = queue(7, 2)
    plant.run(4 * 3600.0)
    assert len(plant.pauses) > 20
    assert min(ran for _, ran in plant.pauses) >= QUANTUM - 10.0


def test_over_a_day_equals_are_served_alike() -> None:
    plant = queue(7, 3)
    plant.run(12 * 3600.0)
    assert max(plant.served.values()) - min(plant.served.values()) <= 2 * QUANTUM + 60.0


def test_who_comes_late_waits_no_longer_than_the_others() -> None:
    plant = queue(6, 2)
    late = evse_id("S00")
    plant.change(late, wants=False, controllable=False)
    plant.run(6 * 3600.0)
    plant.change(late, wants=True, controllable=True)
    plant.began, plant.first = plant.snapshot.at, {}
    plant.run(3 * QUANTUM)
    assert plant.first[late] <= ceil(4 / 2) * QUANTUM + 60.0


def test_who_has_run_alone_for_hours_is_not_asked_for_them() -> None:
    plant = queue(2, 1)
    other = evse_id("S01")
    plant.change(other, wants=False, controllable=False)
    plant.run(5 * 3600.0)
    plant.change(other, wants=True, controllable=True)
    plant.run(QUANTUM - 60.0)
    assert plant.served[other] == 0.0
    plant.run(120.0)
    assert plant.served[other] > 0.0


def test_a_car_that_does_not_wake_keeps_its_place() -> None:
    plant = queue(2, 1, S00={"sleeps": True})
    plant.run(3600.0)
    assert plant.pauses == []


def test_a_car_that_draws_nothing_gives_its_place_without_a_quantum() -> None:
    plant = queue(3, 2)
    plant.run(6 * MINUTE)
    plant.change(evse_id("S01"), draws_at_most_a=0.0)
    plant.run(20.0)
    assert plant.pauses[0][0] == evse_id("S01")
    assert plant.snapshot.evses[evse_id("S02")].offered_a == 7.5


def test_its_run_minimum_comes_first() -> None:
    plant = queue(3, 2)
    plant.run(10.0)
    plant.change(evse_id("S01"), draws_at_most_a=0.0)
    plant.run(280.0)
    assert plant.pauses == []


def test_turns_are_taken_within_a_class_alone() -> None:
    plant = queue(3, 1, priority={"S02": 2})
    plant.run(2 * 3600.0)
    assert plant.served[evse_id("S00")] == plant.served[evse_id("S01")] == 0.0


def test_who_must_leave_soon_goes_first_when_the_others_have_run_for_their_time() -> None:
    plant = queue(2, 1)
    plant.run(MINUTE)
    plant.snapshot = replace(plant.snapshot, urgency={evse_id("S01"): Urgency(0, 600.0)})
    plant.run(200.0)
    assert plant.pauses == []
    plant.run(60.0)
    assert plant.pauses[0][0] == evse_id("S00")
    plant.run(2 * 3600.0)
    assert len(plant.pauses) == 1, "and keeps the place"


def test_three_one_phase_cars_make_room_for_one_on_three_phases() -> None:
    stations: dict[str, dict[str, Any]] = {
        f"S{n}": {"max_a": 16, "phases": f"L{n}", "fallback_a": 0} for n in (1, 2, 3)
    } | {"T": {"max_a": 16, "phases": "L1L2L3", "fallback_a": 0}}
    site = build({"grid": {"rated_a": 9}}, stations)
    plant = Plant(compile_site(site), moment(site))
    plant.run(QUANTUM + 30.0)
    assert plant.first[evse_id("T")] == pytest.approx(QUANTUM, abs=30.0)
    assert len(plant.pauses) == 3


def test_what_people_are_told() -> None:
    plant = queue(2, 1)
    plant.run(QUANTUM - 60.0)
    waiting = evse_id("S01")
    assert plant.allocation.waited_s[waiting] == pytest.approx(QUANTUM - 70.0)
    assert plant.allocation.targets[waiting].reason == "waiting: circuit grid L1 has 3 A left, 6 A needed"
    while not plant.pauses:
        plant.run(10.0)
    reason = plant.allocation.targets[evse_id("S00")].reason
    assert reason == "paused: others have waited longer for circuit grid L1; its turn comes again"


def test_no_turns_where_the_quantum_never_ends() -> None:
    plant = queue(3, 1)
    plant.rules = SharingRules(quantum_s=float("inf"))
    plant.run(3600.0)
    assert plant.pauses == []


def test_who_draws_nothing_gives_its_place_to_anybody_and_comes_last() -> None:
    """Also to a car of a lower class; a satisfied one is due again after an hour, and has its try for a short time."""
    plant = queue(2, 1, {"S00": 2})
    full, other = evse_id("S00"), evse_id("S01")
    plant.run(400.0)
    assert plant.snapshot.evses[full].offered_a
    assert not plant.snapshot.evses[other].offered_a
    plant.change(full, draws_at_most_a=0.1)
    plant.run(60.0)
    assert not plant.snapshot.evses[full].offered_a
    assert plant.snapshot.evses[other].offered_a
    plant.change(full, draws_at_most_a=None, satisfied=True)
    plant.run(3000.0)
    assert not plant.snapshot.evses[full].offered_a
