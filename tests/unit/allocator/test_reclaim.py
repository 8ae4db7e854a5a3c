"""What a car does not use goes to those who can, by a lower offer."""

from dataclasses import replace
from typing import Any

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.model.limits import Allocation
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import build, evse_id, moment

SITE = build(
    {"grid": {"rated_a": 40}},
    {"A": {"max_a": 32, "phases": "L1"}, "B": {"max_a": 32, "phases": "L1"}, "C": {"max_a": 32, "phases": "L2"}},
)
PLAN, RULES = compile_site(SITE), SharingRules()
USES = {"offered_a": 20.0, "counts_a": 20.0}


def now(at: float, a: dict[str, Any], b: dict[str, Any] | None = None) -> SiteSnapshot:
    return moment(
        SITE, {"A": {**USES, **a}, "B": {**USES, **(b or {})}, "C": {"offered_a": 32.0, "counts_a": 32.0}}, at=at
    )


def share(snapshot: SiteSnapshot, memory: AllocatorMemory) -> tuple[Allocation, AllocatorMemory]:
    return allocate(PLAN, snapshot, memory, RULES)


def offers(allocation: Allocation) -> dict[str, float]:
    return {evse.station: limit.limit_a for evse, limit in allocation.offers.items()}


def lowered() -> AllocatorMemory:
    """A draws 8 A of 20 and B is short: in the second cycle, which knows that, A is lowered."""
    _, memory = share(now(10_000.0, {"draws_at_most_a": 8.0}), AllocatorMemory())
    allocation, memory = share(now(10_001.0, {"draws_at_most_a": 8.0}), memory)
    assert offers(allocation) == {"A": 10.0}
    return memory


def test_its_draw_and_two_amperes_where_somebody_else_is_short() -> None:
    assert lowered().reclaimed[evse_id("A")].cap == 100


def test_the_others_rise_when_it_has_shown_to_obey() -> None:
    held = {"offered_a": 10.0, "counts_a": 10.0, "draws_at_most_a": 8.0, "last_cut_at": 10_001.0}
    allocation, _ = share(now(10_012.0, held), lowered())
    assert offers(allocation) == {"B": 30.0}
    reason = allocation.targets[evse_id("A")].reason
    assert reason == "it has drawn at most 8.0 A, and others are short"


def test_nothing_is_taken_where_nobody_could_use_it() -> None:
    memory = AllocatorMemory()
    for second in range(3):
        modest = {"offered_a": 20.0, "counts_a": 20.0, "draws_at_most_a": 8.0}
        allocation, memory = share(now(10_000.0 + second, modest, {"draws_at_most_a": 6.0}), memory)
        assert offers(allocation) == {}, "both use less than they have"


def test_never_below_the_minimum() -> None:
    _, memory = share(now(10_000.0, {"draws_at_most_a": 0.0}), AllocatorMemory())
    allocation, _ = share(now(10_001.0, {"draws_at_most_a": 0.0}), memory)
    assert offers(allocation) == {"A": 6.0}


def test_less_than_a_dead_band_is_not_worth_a_command() -> None:
    _, memory = share(now(10_000.0, {"draws_at_most_a": 17.5}), AllocatorMemory())
    allocation, _ = share(now(10_001.0, {"draws_at_most_a": 17.5}), memory)
    assert offers(allocation) == {}


def test_who_reaches_it_has_its_share_back_at_once() -> None:
    memory = lowered()
    held = {"offered_a": 10.0, "counts_a": 10.0, "last_cut_at": 10_001.0}
    free = now(10_020.0, held, {"offered_a": 20.0})
    allocation, after = share(free, memory)
    assert offers(allocation) == {"A": 20.0}, "no hold after that cut"
    assert after.reclaimed[evse_id("A")].until == 10_080.0
    other = replace(free.evses[evse_id("A")], last_cut_at=10_001.0)
    allocation, _ = share(replace(free, evses={**free.evses, evse_id("A"): other}), AllocatorMemory())
    assert offers(allocation) == {}, "after any other cut it waits"


def test_who_draws_less_than_its_minimum_is_tried_every_five_minutes() -> None:
    held = {"offered_a": 10.0, "counts_a": 10.0, "draws_at_most_a": 5.9, "last_cut_at": 10_001.0}
    allocation, memory = share(now(10_300.0, held), lowered())
    assert offers(allocation) == {"A": 7.9} | {"B": 30.0}
    allocation, _ = share(now(10_301.0, held), memory)
    assert allocation.targets[evse_id("A")].limit_a == 20.0


def test_who_draws_more_is_not_its_2_A_are_the_try() -> None:
    held = {"offered_a": 10.0, "counts_a": 10.0, "draws_at_most_a": 8.0, "last_cut_at": 10_001.0}
    allocation, _ = share(now(19_000.0, held), lowered())
    assert allocation.targets[evse_id("A")].limit_a == 10.0


def test_another_transaction_begins_anew() -> None:
    other = {"offered_a": 10.0, "counts_a": 10.0, "draws_at_most_a": 8.0, "transaction": "another"}
    allocation, _ = share(now(10_002.0, other), lowered())
    assert allocation.targets[evse_id("A")].limit_a == 20.0
