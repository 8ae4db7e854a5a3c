"""How warm breakers make the sharing careful, and cold ones patient."""

from dataclasses import replace
from typing import Any

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.limits import Allocation, Ceiling
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import ROOT, build, evse_id, moment

SITE = build(
    {"grid": {"rated_a": 40}},
    {
        "A": {"max_a": 32, "phases": "L1"},
        "B": {"max_a": 32, "phases": "L1"},
        "C": {"max_a": 32, "phases": "L2"},
    },
)
RUNNING = {name: {"offered_a": 16.0, "counts_a": 16.0} for name in "ABC"}
AT_MINIMUM = {name: {"offered_a": 6.0, "counts_a": 6.0} for name in "ABC"}
RULES = SharingRules()


def share(snapshot: SiteSnapshot, memory: AllocatorMemory | None = None) -> tuple[Allocation, AllocatorMemory]:
    return allocate(compile_site(SITE), snapshot, memory or AllocatorMemory(), RULES)


def targets(allocation: Allocation) -> dict[str, float]:
    return {evse.station: limit.limit_a for evse, limit in allocation.targets.items()}


def warm(used: float, over: float | None = None, evses: dict[str, Any] | None = None) -> SiteSnapshot:
    facts = {"trips": (used, 0.0, 0.0), "over_since": (over, None, None)}
    return moment(SITE, evses or RUNNING, circuits={"grid": facts})


def test_below_two_per_cent_nothing_changes() -> None:
    assert share(warm(0.02)) == share(warm(0.0))


def test_above_two_per_cent_some_is_kept_free_on_that_phase() -> None:
    allocation, _ = share(warm(0.03))
    assert targets(allocation) == {"A": 19.0, "B": 19.0, "C": 32.0}
    assert allocation.alarms == ()


def test_above_five_per_cent_everybody_behind_it_has_the_minimum() -> None:
    allocation, _ = share(warm(0.06))
    assert targets(allocation) == {"A": 6.0, "B": 6.0, "C": 32.0}
    assert {e.station: o.limit_a for e, o in allocation.offers.items() if e.station != "C"} == {"A": 6.0, "B": 6.0}
    reason = allocation.targets[evse_id("A")].reason
    assert reason == "its minimum: circuit grid L1 must rest, its breaker has used 6% of its trip time"


def test_above_ten_per_cent_the_lowest_class_is_paused_while_it_is_still_over() -> None:
    site = build(
        {"grid": {"rated_a": 40}}, {n: {"max_a": 32, "phases": "L1", "priority": int(n[1])} for n in ("A1", "A2", "A3")}
    )
    plan = compile_site(site)

    def at(used: float, over: float | None) -> tuple[dict[str, float], tuple[str, ...]]:
        facts = {"trips": (used, 0.0, 0.0), "over_since": (over, None, None)}
        now = moment(
            site, {n: {"offered_a": 6.0, "counts_a": 6.0} for n in ("A1", "A2", "A3")}, circuits={"grid": facts}
        )
        allocation, _ = allocate(plan, now, AllocatorMemory(), RULES)
        return targets(allocation), allocation.alarms

    assert at(0.12, None) == ({"A1": 6.0, "A2": 6.0, "A3": 6.0}, ())
    assert at(0.12, 9_990.0)[0] == {"A1": 0.0, "A2": 6.0, "A3": 6.0}
    assert at(0.16, 9_990.0)[0] == {"A1": 0.0, "A2": 0.0, "A3": 6.0}
    assert at(0.30, 9_990.0)[0] == {"A1": 0.0, "A2": 0.0, "A3": 0.0}
    assert at(0.12, 9_990.0)[1] == ("circuit grid L1: its breaker has used 12% of its trip time and is still over",)


def inrush(base_a: float, measured_a: float, over_since: float | None, at: float = 10_000.0) -> SiteSnapshot:
    facts = {"measured_a": PhaseCurrents(measured_a, 6.0, 0.0), "over_since": (over_since, None, None)}
    return moment(SITE, AT_MINIMUM, {"grid": (base_a, 0, 0)}, {"grid": facts}, at=at)


def test_an_inrush_of_three_seconds_pauses_nobody() -> None:
    memory = AllocatorMemory()
    for second in range(3):
        allocation, memory = share(inrush(35.0, 47.0, 10_000.0, 10_000.0 + second), memory)
        assert targets(allocation)["A"] == targets(allocation)["B"] == 6.0
    for second in range(3, 25):  # it is over, and the estimate of the base load still remembers it
        allocation, memory = share(inrush(35.0, 30.0, None, 10_000.0 + second), memory)
        assert targets(allocation)["A"] == targets(allocation)["B"] == 6.0
    for second in range(25, 31):
        allocation, memory = share(inrush(35.0, 30.0, None, 10_000.0 + second), memory)
    assert sorted(targets(allocation)[name] for name in "AB") == [0.0, 0.0]


def test_an_overload_that_stays_pauses() -> None:
    allocation, memory = share(inrush(35.0, 47.0, 10_000.0))
    allocation, _ = share(inrush(35.0, 47.0, 10_000.0, 10_003.0), memory)
    assert targets(allocation) == {"A": 0.0, "B": 0.0, "C": 32.0}


def test_beyond_twenty_per_cent_nobody_waits() -> None:
    allocation, _ = share(inrush(41.0, 53.0, 10_000.0))
    assert sorted(targets(allocation)[name] for name in "AB") == [0.0, 6.0], "one of them is within 20 %"


def test_who_has_more_than_the_minimum_is_cut_at_once() -> None:
    facts = {"measured_a": PhaseCurrents(47.0, 6.0, 0.0), "over_since": (10_000.0, None, None)}
    allocation, _ = share(moment(SITE, RUNNING, {"grid": (35, 0, 0)}, {"grid": facts}))
    assert [allocation.offers[evse_id(name)].limit_a for name in "AB"] == [6.0, 6.0]


def test_a_ceiling_is_obeyed_at_once() -> None:
    now = replace(inrush(0.0, 12.0, None), ceilings=(Ceiling("1", "operator", 8.0, circuit=ROOT),))
    allocation, _ = share(now)
    assert sorted(targets(allocation)[name] for name in "AB") == [0.0, 8.0]


def test_a_warm_breaker_has_no_patience() -> None:
    now = inrush(35.0, 47.0, 10_000.0)
    circuits = {name: replace(circuit, trips=(0.021, 0.0, 0.0)) for name, circuit in now.circuits.items()}
    allocation, _ = share(replace(now, circuits=circuits))
    assert [targets(allocation)[name] for name in "AB"] == [0.0, 0.0]


def test_who_was_told_nothing_yet_waits() -> None:
    now = inrush(35.0, 47.0, 10_000.0)
    evses = {e: replace(view, offered_a=None) for e, view in now.evses.items()}
    allocation, _ = share(replace(now, evses=evses))
    assert [targets(allocation)[name] for name in "AB"] == [0.0, 0.0]


def test_through_a_row_that_bears_too_much_nothing_rises_for_a_minute() -> None:
    _, memory = share(inrush(35.0, 47.0, 10_000.0))
    allocation, memory = share(inrush(5.0, 17.0, None, 10_001.0), memory)
    assert targets(allocation)["A"] == 17.5
    assert [evse.station for evse in allocation.offers] == ["C"], "on another phase"
    allocation, _ = share(inrush(5.0, 17.0, None, 10_061.0), memory)
    assert sorted(evse.station for evse in allocation.offers) == ["A", "B", "C"]


def names_served(now: SiteSnapshot) -> list[str]:
    return [name for name, a in targets(share(now)[0]).items() if a]


def test_twenty_per_cent_is_borne_and_no_more() -> None:
    assert names_served(inrush(36.0, 48.0, 10_000.0)) == ["A", "B", "C"]
    assert names_served(inrush(36.1, 48.1, 10_000.0)) == ["A", "C"]


def test_two_per_cent_of_a_trip_is_cold() -> None:
    now = inrush(35.0, 47.0, 10_000.0)
    circuits = {name: replace(circuit, trips=(0.02, 0.0, 0.0)) for name, circuit in now.circuits.items()}
    assert names_served(replace(now, circuits=circuits)) == ["A", "B", "C"]


def test_a_row_that_is_full_and_no_more_is_not_asked_to_bear() -> None:
    """The garage has no meter, and so no patience; but it has room."""
    site = build(
        {"grid": {"rated_a": 40}, "garage": {"parent": "grid", "rated_a": 6}},
        {"A": {"max_a": 32, "phases": "L1", "circuit": "garage"}, "B": {"max_a": 32, "phases": "L1"}},
    )
    facts = {"measured_a": PhaseCurrents(47.0, 0.0, 0.0), "over_since": (10_000.0, None, None)}
    now = moment(site, {n: {"offered_a": 6.0, "counts_a": 6.0} for n in "AB"}, {"grid": (35, 0, 0)}, {"grid": facts})
    allocation, _ = allocate(compile_site(site), now, AllocatorMemory(), RULES)
    assert targets(allocation) == {"A": 6.0, "B": 6.0}


def test_a_post_bears_nothing() -> None:
    site = build({"grid": {"rated_a": 40}}, {"P": {"max_a": 9, "phases": "L1", "evses": 2}})
    facts = {"measured_a": PhaseCurrents(12.0, 0.0, 0.0)}
    running = {n: {"offered_a": 6.0, "counts_a": 6.0} for n in ("P", "P:2")}
    allocation, _ = allocate(
        compile_site(site), moment(site, running, circuits={"grid": facts}), AllocatorMemory(), RULES
    )
    assert [limit.limit_a for limit in allocation.targets.values()] == [9.0, 0.0]


def test_without_a_neutral_what_lacks_is_counted_on_the_lines() -> None:
    """One car between L1 and L2 at 6 A; a fifth of 20 A may lack, and no more."""
    site = build({"grid": {"rated_a": 20, "wiring": "delta"}}, {"A": {"max_a": 32, "phases": "L1L2"}})
    facts = {"measured_a": PhaseCurrents(23.0, 23.0, 0.0), "over_since": (10_000.0, 10_000.0, None)}

    def target(base_a: float) -> float:
        now = moment(site, {"A": {"offered_a": 6.0, "counts_a": 6.0}}, {"grid": (base_a, base_a, 0)}, {"grid": facts})
        return targets(allocate(compile_site(site), now, AllocatorMemory(), RULES)[0])["A"]

    assert (target(17.0), target(17.9), target(18.1)) == (6.0, 6.0, 0.0)


def test_people_are_told_why_a_class_is_paused() -> None:
    allocation, _ = share(warm(0.12, 9_990.0))
    assert targets(allocation) == {"A": 0.0, "B": 0.0, "C": 32.0}
    assert allocation.targets[evse_id("A")].reason == (
        "paused: circuit grid L1 is above its rating, its breaker has used 12% of its trip time"
    )


def test_of_two_reasons_that_bound_alike_the_nearest_is_told() -> None:
    site = build(
        {"grid": {"rated_a": 40}, "garage": {"parent": "grid", "rated_a": 40}},
        {"A": {"max_a": 32, "phases": "L1", "circuit": "garage"}},
    )
    facts = {name: {"trips": (0.06, 0.0, 0.0)} for name in ("grid", "garage")}
    allocation, _ = allocate(compile_site(site), moment(site, circuits=facts), AllocatorMemory(), RULES)
    assert allocation.targets[evse_id("A")].reason.startswith("its minimum: circuit garage L1 must rest")
