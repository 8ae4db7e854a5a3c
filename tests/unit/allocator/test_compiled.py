"""A topology, flat."""

from dataclasses import replace

import pytest

from sitectl.allocator.compiled import PHASE_MASK, compile_site, sum_up
from sitectl.model.electrical import Phase
from sitectl.model.ids import CircuitId, StationId
from tests.unit.allocator.site import build, evse_id

SITE = build(
    {"grid": {"rated_a": 100}, "garage": {"parent": "grid", "rated_a": 63.05}},
    {"B": {"circuit": "garage", "max_a": 32, "evses": 2}, "A": {"max_a": 16, "evse_max_a": 32, "priority": 3}},
)
PLAN = compile_site(SITE)


def names(rows: tuple[int, ...]) -> list[str]:
    return [PLAN.row_name[row] for row in rows]


def test_evses_are_numbered_by_id_whatever_the_order_of_the_file() -> None:
    assert PLAN.ids == (evse_id("A"), evse_id("B:1"), evse_id("B:2"))


def test_classes_are_ranked_the_larger_priority_first() -> None:
    assert (list(PLAN.rank), PLAN.ranks) == ([0, 1, 1], 2)


def test_a_station_with_one_evse_bounds_it_without_a_row() -> None:
    assert PLAN.maximum[0] == 160
    assert names(PLAN.path_rows[PLAN.node[0] * 8 + 0b001]) == ["circuit grid L1"]


def test_rows_of_an_evse_on_two_phases_go_up_to_the_root() -> None:
    mask = PHASE_MASK[Phase.L3, Phase.L1]
    path = names(PLAN.path_rows[PLAN.node[1] * 8 + mask])
    assert path == [
        f"{name} {phase}" for name in ("station B", "circuit garage", "circuit grid") for phase in ("L1", "L3")
    ]
    assert names(PLAN.leaf_rows[PLAN.node[1] * 8 + mask]) == ["station B L1", "station B L3"]


def test_ratings_are_rounded_down_to_tenths() -> None:
    garage = PLAN.circuit_node[CircuitId("garage")] * 3
    assert PLAN.rated[garage] == 630


def test_nothing_known_of_the_phases_counts_on_all() -> None:
    assert PHASE_MASK[()] == 0b111


def test_children_come_before_parents() -> None:
    assert all(above > below for below, above in enumerate(PLAN.parent) if above >= 0)
    assert all(row > below for row, children in enumerate(PLAN.row_children) for below in children)
    assert PLAN.parent[-1] == -1


def test_a_sum_goes_up_to_the_root_on_its_own_phase() -> None:
    rows = [0] * len(PLAN.rated)
    station, grid = PLAN.post_node[StationId("B")], PLAN.circuit_node[CircuitId("grid")]
    rows[station * 3], rows[grid * 3 + 2] = 160, 60
    sum_up(PLAN, rows)
    assert {name: rows[row] for row, name in enumerate(PLAN.row_name) if rows[row]} == {
        "station B L1": 160,
        "circuit garage L1": 160,
        "circuit grid L1": 160,
        "circuit grid L3": 60,
    }


def test_stations_that_are_not_installed_count_for_nothing() -> None:
    stations = {**SITE.stations, StationId("A"): replace(SITE.stations[StationId("A")], installed=False)}
    assert compile_site(replace(SITE, stations=stations)).ids == (evse_id("B:1"), evse_id("B:2"))


def test_a_post_on_two_circuits_is_refused() -> None:
    post = SITE.stations[StationId("B")]
    torn = replace(post, evses=(post.evses[0], replace(post.evses[1], circuit=CircuitId("grid"))))
    with pytest.raises(ValueError, match="station B"):
        compile_site(replace(SITE, stations={**SITE.stations, StationId("B"): torn}))
