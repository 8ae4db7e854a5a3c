"""The bound on imbalance at its very edges: levels, who waits, who is paused, what goes out in part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sitectl.allocator.allocate import SharingRules, allocate, compile_site
from sitectl.allocator.rules import AllocatorMemory
from sitectl.allocator.verify import verify
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.limits import Allocation
from tests.unit.allocator.site import build, evse_id, moment
from tests.unit.allocator.test_imbalance import BALANCED, base, on, targets

NOW, RULES = 10_000.0, SharingRules()
LONG_AGO = {"state_since": 0.0}


def shared(
    stations: Mapping[str, Mapping[str, Any]],
    seen: Mapping[str, Mapping[str, Any]] | None = None,
    average: tuple[float, float, float] = (0, 0, 0),
    circuits: Mapping[str, Mapping[str, Any]] = BALANCED,
    rules: SharingRules = RULES,
    **more: Any,
) -> Allocation:
    site = build(circuits, stations)
    snapshot = moment(site, seen, circuits=base(*average) | more)
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    assert verify(site, snapshot, allocation.offers, rules.step_a) == []
    return allocation


def offers(allocation: Allocation) -> dict[str, float]:
    return {evse.station: limit.limit_a for evse, limit in allocation.offers.items()}


def runs(a: float, for_s: float = 9000.0, **more: Any) -> dict[str, Any]:
    return {"offered_a": a, "counts_a": a, "state_since": NOW - for_s, **more}


# --- levels ---


@pytest.mark.parametrize(
    ("max_a", "base_a", "shares"),
    [
        ((32, 8), 0.0, (12.0, 8.0)),
        ((32, 9), 0.0, (11.0, 9.0)),
        ((32, 32), 0.0, (10.0, 10.0)),
        ((32, 32), 4.3, (7.0, 7.0)),
        ((32, 16, 7), 0.0, (6.0, 6.0, 6.0)),
        ((13.5, 6.5), 0.0, (13.5, 6.5)),
        ((13.6, 6.5), 0.0, (13.0, 6.5)),
    ],
)
def test_the_largest_go_down_to_the_highest_whole_ampere_that_is_enough(
    max_a: tuple[float, ...], base_a: float, shares: tuple[float, ...]
) -> None:
    names = "ABC"[: len(max_a)]
    found = shared({n: on("L1", a) for n, a in zip(names, max_a, strict=True)}, average=(base_a, 0, 0))
    assert targets(found) == dict(zip(names, shares, strict=True))


def test_nobody_is_held_below_its_minimum_and_the_others_pay_for_it() -> None:
    assert targets(shared({"A": on("L1", min_a=13), "B": on("L1")})) == {"A": 13.0, "B": 7.0}


def test_a_bound_below_and_one_above_both_hold() -> None:
    circuits = BALANCED | {"garage": {"parent": "grid", "rated_a": 50, "imbalance_a": 16}}
    found = shared({"A": on("L1", circuit="garage"), "B": on("L1")}, circuits=circuits)
    assert targets(found) == {"A": 10.0, "B": 10.0}


def test_a_car_on_two_phases_is_not_trimmed_for_what_one_of_them_is_above_the_other() -> None:
    assert targets(shared({"A": on("L1L2")}, average=(25, 0, 25))) == {"A": 20.0}


def test_who_is_not_on_the_heavy_phase_is_left_alone() -> None:
    assert targets(shared({"A": on("L1"), "B": on("L2"), "T": on("L1L2L3")})) == {"A": 20.0, "B": 20.0, "T": 32.0}


# --- who begins ---


@pytest.mark.parametrize(("base_a", "share"), [(14.0, 6.0), (14.1, 0.0)])
def test_who_begins_needs_room_for_its_minimum(base_a: float, share: float) -> None:
    assert targets(shared({"A": on("L1")}, average=(base_a, 0, 0))) == {"A": share}


def test_of_those_who_would_begin_the_last_id_of_the_lowest_class_waits() -> None:
    alike = {name: on("L1") for name in "ABC"}
    assert targets(shared(alike, average=(7, 0, 0))) == {"A": 6.0, "B": 6.0, "C": 0.0}
    first = {"A": on("L1"), "B": on("L1", priority=2), "C": on("L1", priority=2)}
    assert targets(shared(first, average=(7, 0, 0))) == {"A": 0.0, "B": 6.0, "C": 6.0}


def test_who_would_begin_waits_before_anybody_who_runs_is_paused() -> None:
    found = shared({"A": on("L1"), "C": on("L1")}, {"C": runs(6.0)}, (14, 0, 0))
    assert targets(found) == {"A": 0.0, "C": 6.0}


def test_nobody_comes_in_the_place_of_who_waits() -> None:
    circuits = BALANCED | {"garage": {"parent": "grid", "rated_a": 6}}
    found = shared({n: on("L1", circuit="garage") for n in "ABCDEF"}, average=(16, 0, 0), circuits=circuits)
    assert targets(found) == dict.fromkeys("ABCDEF", 0.0)
    assert "phase imbalance of circuit grid" in found.targets[evse_id("B")].reason


@pytest.mark.parametrize(("base_a", "share"), [(10.1, 9.0), (14.0, 6.0), (14.1, 0.0)])
def test_but_one_whose_minimum_fits_does(base_a: float, share: float) -> None:
    circuits = BALANCED | {"garage": {"parent": "grid", "rated_a": 10}}
    stations = {"A": on("L1", circuit="garage", min_a=10), "B": on("L1", circuit="garage")}
    assert targets(shared(stations, average=(base_a, 0, 0), circuits=circuits)) == {"A": 0.0, "B": share}


def test_who_hangs_elsewhere_does() -> None:
    circuits = {"grid": {"rated_a": 6}, "garage": {"parent": "grid", "rated_a": 50, "imbalance_a": 8}}
    found = shared(
        {"A": on("L1", circuit="garage"), "B": on("L1")},
        circuits=circuits,
        garage={"average_base_a": (4.0, 0.0, 0.0)},
    )
    assert targets(found) == {"A": 0.0, "B": 6.0}


def test_of_equals_who_is_on_the_lightest_phase_of_its_circuit_begins() -> None:
    half = {"parent": "grid", "rated_a": 50, "imbalance_a": 20}
    circuits = {"grid": {"rated_a": 8}, "one": half, "two": half}
    stations = {"A": on("L1", circuit="one"), "B": on("L1", circuit="two")}

    def place(one: tuple[float, ...], two: tuple[float, ...]) -> dict[str, float]:
        more = {"one": {"average_base_a": one}, "two": {"average_base_a": two}}
        return targets(shared(stations, circuits=circuits, **more))

    assert place((3.0, 0.0, 0.0), (0.0, 0.0, 0.0)) == {"A": 0.0, "B": 8.0}
    assert place((3.0, 0.0, 4.0), (3.0, 4.0, 4.0)) == {"A": 0.0, "B": 8.0}
    assert place((0.0, 0.0, 0.0), (3.0, 0.0, 0.0)) == {"A": 8.0, "B": 0.0}
    assert place((3.0, 0.0, 0.0), (5.0, 5.0, 5.0)) == {"A": 0.0, "B": 8.0}, "what is alike is not lighter"


# --- who is paused ---


@pytest.mark.parametrize(("base_a", "share"), [(14.0, 6.0), (14.1, 0.0), (20.0, 0.0), (20.1, 6.0)])
def test_who_runs_is_paused_only_where_that_is_enough(base_a: float, share: float) -> None:
    assert targets(shared({"A": on("L1")}, {"A": runs(6.0)}, (base_a, 0, 0))) == {"A": share}


@pytest.mark.parametrize(("ran_s", "share"), [(RULES.dwell_s - 1.0, 6.0), (RULES.dwell_s, 0.0)])
def test_and_only_after_its_least_run(ran_s: float, share: float) -> None:
    assert targets(shared({"A": on("L1")}, {"A": runs(6.0, ran_s)}, (18, 0, 0))) == {"A": share}


def test_only_as_many_as_it_takes_are_paused_the_last_id_of_the_lowest_class_first() -> None:
    running = {name: runs(6.0) for name in "ABC"}

    def served(stations: Mapping[str, Mapping[str, Any]]) -> list[str]:
        return [name for name, a in targets(shared(stations, running, (3, 0, 0))).items() if a]

    assert served({n: on("L1") for n in "ABC"}) == ["A", "B"]
    assert served({"A": on("L1"), "B": on("L1", priority=2), "C": on("L1", priority=2)}) == ["B", "C"]


@pytest.mark.parametrize(("base_a", "share"), [(8.1, 11.0), (10.0, 10.0), (10.1, 9.0), (14.0, 6.0)])
def test_who_goes_on_keeps_what_a_pause_set_free(base_a: float, share: float) -> None:
    found = shared({"A": on("L1", 16), "B": on("L1", 16)}, {"A": runs(6.0), "B": runs(6.0)}, (base_a, 0, 0))
    assert targets(found) == {"A": share, "B": 0.0}


def test_and_is_not_trimmed_at_all_where_that_is_enough() -> None:
    stations = {"A": on("L1", 6.4), "B": on("L1", 13), "C": on("L1", 13, min_a=13)}
    found = shared(stations, {"A": runs(6.4), "B": runs(6.0), "C": runs(13.0)}, (0, 0, 0))
    assert targets(found) == {"A": 6.4, "B": 13.0, "C": 0.0}


def test_who_waits_for_long_holds_nobody_down() -> None:
    waits = {"offered_a": 0.0} | LONG_AGO
    found = shared({"A": on("L1", 16), "B": on("L1", 16)}, {"A": runs(10.0), "B": waits}, (10, 0, 0))
    assert (targets(found), offers(found)) == ({"A": 10.0, "B": 0.0}, {})


def test_nobody_pauses_because_one_that_is_refused_took_the_place_of_who_lifts_the_light_phase() -> None:
    """F is first and may not begin; without it R charges, and lifts L2 so far that S may go on."""
    circuits = BALANCED | {"garage": {"parent": "grid", "rated_a": 50, "imbalance_a": 8}}
    stations = {"F": on("L1", circuit="garage", priority=2), "R": on("L1L2", min_a=8), "S": on("L3", 10)}
    site = build(circuits, stations)
    seen = {"F": runs(0.0), "R": runs(10.0), "S": runs(10.0)}
    average = base(0, 0, 18) | {"garage": {"average_base_a": PhaseCurrents(4, 0, 0)}}
    snapshot = moment(site, seen, {"grid": (87, 0, 0)}, average)
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), RULES)
    assert targets(allocation) == {"F": 0.0, "R": 13.0, "S": 10.0}


@pytest.mark.parametrize(("garage_a", "shares"), [(8.0, (0.0, 8.0)), (8.1, (6.0, 8.0))])
def test_of_two_bounds_that_cannot_both_be_met_none_pauses_one_after_the_other(
    garage_a: float, shares: tuple[float, float]
) -> None:
    """Without A the grid is level. Where then the garage is not, B had to go, too, and the grid was as before."""
    circuits = {
        "grid": {"rated_a": 100, "imbalance_a": 8},
        "garage": {"parent": "grid", "rated_a": 50, "imbalance_a": 16},
    }
    stations = {"A": on("L1", circuit="garage"), "B": on("L2L3", 8, circuit="garage", min_a=8)}
    average = {"average_base_a": PhaseCurrents(0, 0, garage_a)}
    found = shared(stations, {"A": runs(6.0), "B": runs(8.0)}, (12, 0, 0), circuits, garage=average)
    assert targets(found) == dict(zip("AB", shares, strict=True))


# --- what goes out ---

LADDER = {"A": on("L1"), "B": on("L2", 16), "C": on("L3", 10)}


def held_back(a: float | None, average: tuple[float, float, float] = (0, 0, 0), **rules: Any) -> float | None:
    """What A is told while B stays at 6 A for now: 26 A are as much as is level with it."""
    seen = {"A": runs(a or 0.0), "B": runs(6.0, last_raise_at=NOW - 10.0), "C": runs(10.0)}
    return offers(shared(LADDER, seen, average, rules=SharingRules(**rules))).get("A")


def test_a_raise_goes_out_in_part_where_that_is_worth_a_message() -> None:
    assert held_back(10.0) == 26.0
    assert held_back(25.0) == 26.0, "a dead band"
    assert held_back(25.1) is None


def test_a_first_offer_goes_out_in_part_from_the_minimum_on() -> None:
    assert held_back(0.0, (19.5, 0, 0)) == 6.5
    assert held_back(0.0, (20.0, 0, 0)) == 6.0
    assert held_back(0.0, (20.1, 0, 0)) is None


@pytest.mark.parametrize(
    ("b", "c", "told"),
    [
        (runs(9.5), runs(10.0), {"A": 30.0, "B": 10.0}),
        (runs(9.5), runs(9.5), {"A": 30.0, "B": 10.0, "C": 10.0}),
        (runs(9.5), runs(9.5, last_raise_at=NOW - 10.0), {}),
        (runs(9.5, rounds_up=True), runs(10.0), {}),
        (runs(9.5, counts_a=9.9), runs(10.0), {"A": 30.0, "B": 10.0}),
    ],
)
def test_a_raise_too_small_for_a_message_goes_out_where_another_waits_for_it(
    b: dict[str, Any], c: dict[str, Any], told: dict[str, float]
) -> None:
    stations = {"A": on("L1", 30, min_a=30), "B": on("L2", 10), "C": on("L3", 10)}
    assert offers(shared(stations, {"A": runs(0.0), "B": b, "C": c})) == told


def test_but_only_as_far_as_there_is_room_for_it_now() -> None:
    circuits = BALANCED | {"garage": {"parent": "grid", "rated_a": 19.5}}
    stations = {"A": on("L1", 30, min_a=30), "B": on("L2", 10, circuit="garage"), "C": on("L3", 10), "D": on("L2", 9)}
    stations["D"]["circuit"] = "garage"
    seen = {"A": runs(0.0), "B": runs(9.5), "C": runs(10.0), "D": runs(9.0) | {"counts_a": 10.0}}
    assert "A" in offers(shared(stations, seen | {"D": runs(9.0)}, (0, -9, 0), circuits))
    assert "A" not in offers(shared(stations, seen, (0, -9, 0), circuits))


def test_a_part_lies_on_the_grid_of_limits() -> None:
    assert held_back(10.0, (0.55, 0, 0)) == 25.4
    assert held_back(10.0, (0.5, 0, 0), step_a=1.0) == 25.0


def test_raises_count_by_what_everybody_is_told_not_by_what_is_still_in_force() -> None:
    found = shared({"A": on("L1"), "B": on("L1")}, {"A": runs(10.0) | {"counts_a": 16.0}})
    assert offers(found)["B"] == 10.0


def test_who_follows_no_limits_counts_at_what_it_may_draw() -> None:
    deaf = {"controllable": False, "counts_a": 11.0, "offered_a": 16.0}
    assert offers(shared({"A": on("L1"), "B": on("L1")}, {"B": deaf})) == {"A": 9.0}
    gone = {"wants": False, "counts_a": 11.0, "offered_a": 16.0}
    assert offers(shared({"A": on("L1"), "B": on("L1")}, {"B": gone})) == {"A": 9.0}


def test_who_waits_for_a_row_is_told_of_that_row_though_others_are_trimmed() -> None:
    circuits = BALANCED | {"garage": {"parent": "grid", "rated_a": 6}}
    stations = {"A": on("L1"), "B": on("L1", circuit="garage"), "C": on("L1", circuit="garage")}
    found = shared(stations, circuits=circuits)
    assert targets(found) == {"A": 14.0, "B": 6.0, "C": 0.0}
    assert found.targets[evse_id("C")].reason == "waiting: circuit garage L1 has 0 A left, 6 A needed"


def test_in_the_last_pass_nobody_who_was_to_get_nothing_comes_in_the_place_of_others() -> None:
    """Two that charge untold (they draw a tenth of an ampere) had nothing when all were trimmed for the last time, were
    therefore not held there, and got what that had set free."""
    waiting = {name: on("L1", 10) for name in ("A", "A2", "A3", "B", "B2", "C", "D")}
    stations = waiting | {"E": on("L2L3", 10), "F": on("L1", 10, priority=2), "G": on("L1", 10), "H": on("L1", 10)}
    seen = {name: {"counts_a": 0.1 if name in "GH" else 0.0} for name in stations}
    circuits = {"grid": {"rated_a": 24.1, "imbalance_a": 8}}
    found = targets(shared(stations, seen, circuits=circuits, rules=SharingRules(mode="strict-priority")))
    drawn = sum(a for name, a in found.items() if name != "E")
    assert drawn <= found["E"] + 8 or all(a <= 6 for name, a in found.items() if name != "E"), found
