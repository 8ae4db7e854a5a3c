"""A car that draws nothing keeps nothing from those who would."""

from dataclasses import replace
from typing import Any

import pytest

from sitectl.allocator.allocate import SharingRules, compile_site
from sitectl.model.limits import Urgency
from tests.unit.allocator.plant import Plant
from tests.unit.allocator.site import build, evse_id, moment

MINUTE, HOUR = 60.0, 3600.0
FULL, HUNGRY = evse_id("F"), evse_id("H")


def pair(rated_a: float = 20.0, hungry_max_a: float = 32.0, **full: Any) -> Plant:
    """A full car and a hungry one on one line; the full one has run for ten minutes at its minimum."""
    stations = {
        "F": {"max_a": 32, "phases": "L1", "fallback_a": 0},
        "H": {"max_a": hungry_max_a, "phases": "L1", "fallback_a": 0},
    }
    site = build({"grid": {"rated_a": rated_a}}, stations)
    idle = {"draws_at_most_a": 0.0, "idle_since": 9_700.0, "taken_wh": 9_000.0, "state_since": 9_400.0}
    runs = {"offered_a": 6.0, "counts_a": 6.0} | idle | full
    return Plant(compile_site(site), moment(site, {"F": runs, "H": {"offered_a": 14.0, "counts_a": 14.0}}))


def offered(plant: Plant, evse: Any) -> float | None:
    return plant.snapshot.evses[evse].offered_a


def test_its_minimum_goes_to_who_can_use_it() -> None:
    plant = pair()
    plant.run(2 * MINUTE)
    assert (offered(plant, FULL), offered(plant, HUNGRY)) == (0.0, 20.0)
    reason = plant.allocation.targets[FULL].reason
    assert reason == "resting: it draws nothing, and others can use what it would hold; it is tried again every hour"
    assert FULL not in plant.allocation.waited_s, "who rests earns no turn"


def test_it_keeps_it_where_nobody_can() -> None:
    plant = pair(rated_a=20.0, hungry_max_a=14.0)
    plant.run(10 * MINUTE)
    assert plant.pauses == []


@pytest.mark.parametrize(
    "facts",
    [
        {"idle_since": 9_701.0},
        {"idle_since": None, "draws_at_most_a": 3.0},
        {"state_since": 9_701.0},
        {"sleeps": True},
        {"whole": True, "draws_at_most_a": None, "offered_a": 32.0, "counts_a": 32.0},
    ],
    ids=["not for long enough", "it draws", "its run minimum", "would not wake", "a person would have to start it"],
)
def test_who_does_not_rest(facts: dict[str, Any]) -> None:
    plant = pair(rated_a=50.0 if "whole" in facts else 20.0, **facts)
    plant.run(1.0, 1.0)
    assert plant.allocation.targets[FULL].limit_a >= 6.0


def test_it_has_it_back_when_more_than_that_is_left() -> None:
    plant = pair(rated_a=20.0)
    plant.run(6 * MINUTE)
    plant.change(FULL, satisfied=True, idle_since=None, draws_at_most_a=None)
    plant.change(HUNGRY, wants=False, controllable=False, counts_a=11.5, offered_a=None)
    plant.run(MINUTE)
    assert offered(plant, FULL) == 0.0, "8.5 A are left: not 3 A beside its minimum"
    plant.change(HUNGRY, counts_a=11.0)
    plant.run(MINUTE)
    assert offered(plant, FULL) == 6.0


def rested() -> Plant:
    """The same, with the full car at rest for an hour but a minute."""
    plant = pair()
    plant.run(2 * MINUTE)
    plant.change(FULL, satisfied=True, idle_since=None, draws_at_most_a=None)
    plant.run(57 * MINUTE)
    assert offered(plant, FULL) == 0.0
    return plant


def test_it_is_tried_every_hour_at_its_minimum_for_a_short_time() -> None:
    plant = rested()
    plant.run(2 * MINUTE)
    assert (offered(plant, FULL), offered(plant, HUNGRY)) == (6.0, 14.0)
    plant.change(FULL, idle_since=plant.snapshot.at - 60.0, draws_at_most_a=0.1)
    plant.run(2 * MINUTE)
    assert (offered(plant, FULL), offered(plant, HUNGRY)) == (0.0, 20.0)
    plant.change(FULL, idle_since=None, draws_at_most_a=None)
    plant.run(55 * MINUTE)
    assert offered(plant, FULL) == 0.0


def test_who_never_charged_is_tried_at_its_share() -> None:
    """It may be one that begins at 8, 10 or 13 A only."""
    plant = rested()
    plant.change(FULL, taken_wh=0.0)
    plant.run(2 * MINUTE)
    assert offered(plant, FULL) == 10.0


def test_who_draws_again_has_its_share() -> None:
    plant = rested()
    plant.run(2 * MINUTE)
    plant.change(FULL, satisfied=False)
    plant.run(5 * MINUTE)
    assert offered(plant, FULL) == 10.0


def test_its_try_takes_nobodys_place_before_hours() -> None:
    plant = pair(rated_a=8.0)
    plant.change(HUNGRY, offered_a=0.0, counts_a=0.0, state_since=9_000.0)
    plant.run(MINUTE)
    assert (offered(plant, FULL), offered(plant, HUNGRY)) == (0.0, 8.0)
    plant.change(FULL, satisfied=True, idle_since=None, draws_at_most_a=None)
    plant.run(4 * HOUR)
    assert offered(plant, FULL) == 0.0
    plant.run(1.2 * HOUR)
    assert offered(plant, FULL) == 8.0 or len(plant.pauses) > 1


def test_in_strict_priority_it_comes_after_all_classes_too() -> None:
    plant = pair()
    plant.rules = SharingRules(mode="strict-priority")
    plant.run(2 * MINUTE)
    assert (offered(plant, FULL), offered(plant, HUNGRY)) == (0.0, 20.0)


def test_who_said_when_it_leaves_waits_for_its_laxity_not_for_a_turn() -> None:
    stations = {name: {"max_a": 16, "phases": "L1", "fallback_a": 0} for name in "AB"}
    site = build({"grid": {"rated_a": 9}}, stations)
    plant = Plant(compile_site(site), moment(site))
    plant.snapshot = replace(plant.snapshot, urgency={evse_id(name): Urgency(2, 9_000.0) for name in "AB"})
    plant.run(3.9 * HOUR)
    assert plant.pauses == []
    plant.run(0.2 * HOUR)
    assert len(plant.pauses) == 1
