"""Progressive filling with weights, minimums and several bottlenecks."""

from sitectl.allocator.admission import Shares
from sitectl.allocator.allocate import AllocatorMemory, compile_site
from sitectl.allocator.demand import read_demand
from sitectl.allocator.headroom import headroom, read_ceilings
from sitectl.allocator.share import fill
from sitectl.model.circuit import Topology
from tests.unit.allocator.site import build, moment


def filled(site: Topology, weights: list[int] | None = None, step: int = 1) -> tuple[list[int], Shares]:
    plan, snapshot = compile_site(site), moment(site)
    ceilings = read_ceilings(plan, snapshot)
    demand = read_demand(plan, snapshot, ceilings, AllocatorMemory(), step)
    shares = Shares(list(demand.minimum), headroom(plan, snapshot, ceilings).room)
    for number, key in enumerate(demand.key):
        for row in plan.path_rows[key]:
            shares.slack[row] -= demand.minimum[number]
    fill(plan, demand, demand.taking, shares, step, weights)
    return shares.target, shares


def one_phase(max_a: float = 32, **more: object) -> dict[str, object]:
    return {"max_a": max_a, "phases": "L1", **more}


def test_equal_shares_of_one_bottleneck() -> None:
    site = build({"grid": {"rated_a": 45}}, {"A": one_phase(), "B": one_phase(), "C": one_phase()})
    assert filled(site)[0] == [150, 150, 150]


def test_what_one_cannot_take_the_others_share() -> None:
    site = build({"grid": {"rated_a": 45}}, {"A": one_phase(10), "B": one_phase(), "C": one_phase()})
    assert filled(site)[0] == [100, 175, 175]


def test_weights_bend_the_shares_between_minimum_and_cap() -> None:
    site = build({"grid": {"rated_a": 45}}, {"A": one_phase(), "B": one_phase()})
    assert filled(site, [1, 2])[0] == [150, 300]
    assert filled(site, [1, 8])[0] == [130, 320]
    assert filled(build({"grid": {"rated_a": 30}}, {"A": one_phase(), "B": one_phase()}), [1, 8])[0] == [60, 240]


def test_a_larger_minimum_waits_for_the_level_to_reach_it() -> None:
    site = build({"grid": {"rated_a": 26}}, {"A": one_phase(), "B": one_phase(), "C": one_phase(min_a=13)})
    assert filled(site)[0] == [65, 65, 130]


def test_a_larger_minimum_rises_once_the_level_is_there() -> None:
    site = build({"grid": {"rated_a": 45}}, {"A": one_phase(), "B": one_phase(10), "C": one_phase(min_a=13)})
    assert filled(site)[0] == [175, 100, 175]


def test_a_bottleneck_below_frees_the_one_above() -> None:
    circuits = {"grid": {"rated_a": 50}, "garage": {"parent": "grid", "rated_a": 20}}
    stations = {"A": one_phase(circuit="garage"), "B": one_phase(circuit="garage"), "C": one_phase()}
    targets, shares = filled(build(circuits, stations))
    assert targets == [100, 100, 300]
    plan = compile_site(build(circuits, stations))
    assert {n: plan.row_name[row] for n, row in shares.bound_by.items()} == {
        0: "circuit garage L1",
        1: "circuit garage L1",
        2: "circuit grid L1",
    }


def test_phases_are_bottlenecks_of_their_own() -> None:
    stations = {
        "A": {"max_a": 32, "phases": "L3L1L2"},
        "B": {"max_a": 32, "phases": "L2"},
        "C": {"max_a": 32, "phases": "L1"},
    }
    site = build({"grid": {"rated_a": 30}}, {**stations, "D": {"max_a": 32, "phases": "L1"}})
    assert filled(site)[0] == [100, 200, 100, 100]


def test_left_over_steps_go_to_the_largest_loss_then_by_number() -> None:
    site = build({"grid": {"rated_a": 32}}, {name: one_phase(min_a=6) for name in "ABC"})
    assert filled(site, step=10)[0] == [110, 110, 100]


def test_rows_never_go_below_nothing() -> None:
    site = build({"grid": {"rated_a": 44.4}}, {name: one_phase() for name in "ABCDEFG"})
    targets, shares = filled(site, [1, 2, 3, 4, 5, 6, 7])
    assert sum(targets) == 444
    assert min(shares.slack) == 0
