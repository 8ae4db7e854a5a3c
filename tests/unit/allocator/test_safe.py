"""The fallback plan: only cuts, to what surely fits."""

from sitectl.allocator.safe import safe_allocation
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Ceiling
from tests.unit.allocator.site import build, evse_id, moment

SITE = build(
    {"grid": {"rated_a": 20}},
    {
        "A": {"max_a": 32, "phases": "L1"},
        "B": {"max_a": 32, "phases": "L1"},
        "C": {"max_a": 32, "phases": "L1", "priority": 2},
        "D": {"max_a": 32, "phases": "L1"},
    },
)
CHARGING = {name: {"offered_a": 16} for name in "ABCD"}


def offers(**more: object) -> dict[str, float]:
    evses = {**CHARGING, **more.pop("evses", {})}  # type: ignore[dict-item]
    allocation = safe_allocation(SITE, moment(SITE, evses, **more), "a test")  # type: ignore[arg-type]
    return {str(evse): limit.limit_a for evse, limit in allocation.offers.items()}


def test_minimums_as_far_as_they_fit_by_priority_then_id() -> None:
    assert offers() == {"A:1": 6.0, "B:1": 6.0, "C:1": 6.0, "D:1": 0.0}


def test_who_cannot_be_cut_is_counted_first() -> None:
    gone = {"A": {"controllable": False, "online": False, "counts_a": 10.0}}
    assert offers(evses=gone) == {"B:1": 0.0, "C:1": 6.0, "D:1": 0.0}


def test_nobody_is_raised() -> None:
    assert offers(evses={"A": {"offered_a": 0}, "C": {"offered_a": 6}}) == {"B:1": 6.0, "D:1": 6.0}
    assert offers(evses={"A": {"offered_a": None, "counts_a": 0}})["A:1"] == 0.0


def test_base_load_ceilings_and_lost_meters_hold() -> None:
    assert set(offers(base_load_a={"grid": (18, 0, 0)}).values()) == {0.0}
    assert set(offers(circuits={"grid": {"stop": True}}).values()) == {0.0}
    low = Ceiling("1", "operator", 7.0, circuit=CircuitId("grid"))
    assert offers(ceilings=(low,)) == {"A:1": 0.0, "B:1": 0.0, "C:1": 6.0, "D:1": 0.0}
    assert set(offers(ceilings=(Ceiling("1", "x", float("nan"), circuit=CircuitId("grid")),)).values()) == {0.0}
    assert offers(ceilings=(Ceiling("1", "x", 5.0, evse=evse_id("C")),))["C:1"] == 0.0


def test_a_snapshot_that_is_broken_pauses_everybody_and_says_why() -> None:
    snapshot = moment(SITE, CHARGING)
    allocation = safe_allocation(SITE, type(snapshot)(snapshot.at, {}, snapshot.evses, {}, {}), "no circuits")
    assert {limit.limit_a for limit in allocation.offers.values()} == {0.0}
    assert allocation.alarms == ("the fallback plan is in force: no circuits",)
