"""What may go out over time: small changes only where they last, whole ampere where a station makes them."""

from dataclasses import replace

from sitectl.allocator.allocate import compile_site
from tests.unit.allocator.plant import Plant
from tests.unit.allocator.site import build, evse_id, moment

A = evse_id("A")


def three(rated_a: float = 24.0) -> Plant:
    """Three cars, each a little below its share, and a dead band to spare in all."""
    stations = {name: {"max_a": 16, "phases": "L1"} for name in "ABC"}
    site = build({"grid": {"rated_a": rated_a}}, stations)
    below = {"A": {"offered_a": 7.4}, "B": {"offered_a": 7.4}, "C": {"offered_a": 7.5}}
    return Plant(
        compile_site(site), moment(site, {name: {**facts, "state_since": 0.0} for name, facts in below.items()})
    )


def offered(plant: Plant) -> list[float | None]:
    return [plant.snapshot.evses[evse_id(name)].offered_a for name in "ABC"]


def test_what_is_to_spare_for_two_minutes_is_given() -> None:
    plant = three()
    plant.run(120.0)
    assert offered(plant) == [7.4, 7.4, 7.5]
    plant.run(10.0)
    assert offered(plant) == [8.4, 7.4, 7.5]
    plant.run(300.0)
    assert offered(plant) == [8.4, 7.4, 7.5], "0.7 A are no dead band"


def test_the_two_minutes_begin_anew_when_it_was_not() -> None:
    plant, free = three(), three(23.0)
    plant.run(100.0)
    plant.plan = free.plan
    plant.run(10.0)
    plant.plan = three().plan
    plant.run(120.0)
    assert offered(plant) == [7.4, 7.4, 7.5]
    plant.run(10.0)
    assert offered(plant) == [8.4, 7.4, 7.5]


def test_every_row_above_must_have_it() -> None:
    stations = {name: {"max_a": 16, "phases": "L1", "circuit": "garage"} for name in "ABC"}
    site = build({"grid": {"rated_a": 40}, "garage": {"parent": "grid", "rated_a": 23}}, stations)
    plant = Plant(compile_site(site), moment(site, {n: {"offered_a": 7.4, "state_since": 0.0} for n in "ABC"}))
    plant.run(300.0)
    assert offered(plant) == [7.4, 7.4, 7.4]


def test_where_a_breaker_was_over_lately_nobody_waits_for_calm() -> None:
    plant = three()
    circuits = {id: replace(view, trips=(0.001, 0.0, 0.0)) for id, view in plant.snapshot.circuits.items()}
    plant.snapshot = replace(plant.snapshot, circuits=circuits)
    plant.run(10.0)
    assert offered(plant) == [8.4, 7.4, 7.5]
