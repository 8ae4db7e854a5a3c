"""Small decisions on which much rests, each at its edge."""

from __future__ import annotations

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.safe import safe_allocation
from sitectl.model.limits import Urgency
from tests.unit.allocator.site import build, evse_id, moment


def test_a_maximum_off_the_grid_is_put_down_on_it_and_one_on_it_stays() -> None:
    site = build({"grid": {"rated_a": 200}}, {"A": {"max_a": 20.5, "fallback_a": 0}})
    for step_a, most_a in ((1.0, 20.0), (0.1, 20.5)):
        allocation, _ = allocate(compile_site(site), moment(site), AllocatorMemory(), SharingRules(step_a=step_a))
        assert allocation.targets[evse_id("A")].limit_a == most_a


def test_who_was_never_offered_more_than_0_is_remembered_over_another_tree() -> None:
    site = build({"grid": {"rated_a": 5}}, {"A": {"max_a": 16, "fallback_a": 0}})
    _, memory = allocate(compile_site(site), moment(site), AllocatorMemory(), SharingRules())
    assert memory.unstarted
    assert memory.over_another_tree().unstarted == memory.unstarted


def test_strangers_are_reserved_at_the_root_alone_when_the_safe_plan_goes_out() -> None:
    site = build(
        {"grid": {"rated_a": 50}, "garage": {"parent": "grid", "rated_a": 12}},
        {
            "A": {"max_a": 16, "circuit": "garage", "fallback_a": 6},
            "B": {"max_a": 16, "circuit": "garage", "fallback_a": 6},
        },
    )
    plan = safe_allocation(site, moment(site, quarantine_reserve_a=32.0), "a test")
    assert {limit.limit_a for limit in plan.offers.values()} == {6.0}


def test_only_who_charges_is_borne_with_in_a_short_overload() -> None:
    """A cold breaker bears a while of too little room: for those who have their minimum, not for one that waits."""
    site = build(
        {"grid": {"rated_a": 13, "meter": "main"}}, {n: {"max_a": 16, "fallback_a": 0} for n in ("A", "B", "C")}
    )
    charging = {"offered_a": 6.0, "counts_a": 6.0, "state_since": 0.0}
    waiting = {"offered_a": 0.0, "counts_a": 0.0, "state_since": 0.0}
    seen = moment(site, {"A": charging, "B": charging, "C": waiting}, {"grid": (1.5, 1.5, 1.5)})
    allocation, _ = allocate(compile_site(site), seen, AllocatorMemory(), SharingRules())
    assert allocation.targets[evse_id("C")].limit_a == 0.0


def test_what_is_left_beside_the_minimums_goes_to_those_in_a_hurry_first() -> None:
    """Between cars of one priority; the others keep their minimum."""
    site = build({"grid": {"rated_a": 30}}, {n: {"max_a": 16, "fallback_a": 0} for n in ("A", "B", "C")})
    late = moment(site, urgency={evse_id("B"): Urgency(0, 600.0)})
    allocation, _ = allocate(compile_site(site), late, AllocatorMemory(), SharingRules())
    assert {str(e.station): t.limit_a for e, t in allocation.targets.items()} == {"A": 7.0, "B": 16.0, "C": 7.0}
