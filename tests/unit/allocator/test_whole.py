"""Who can only be started and stopped: all it can take, or nothing, and stopped only where it does not fit."""

from __future__ import annotations

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.model.limits import Allocation, Ceiling
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import ROOT, build, evse_id, moment

SITE = build({"grid": {"rated_a": 63}}, {name: {"max_a": 32} for name in "ABC"})


def shared(seen: SiteSnapshot) -> dict[str, float]:
    """The fair share of each."""
    allocation: Allocation = allocate(compile_site(SITE), seen, AllocatorMemory(), SharingRules())[0]
    return {str(evse.station): limit.limit_a for evse, limit in allocation.targets.items()}


def whole(**more: object) -> dict[str, object]:
    return {"whole": True, "counts_a": 32.0, "offered_a": 32.0, **more}


def test_it_gets_all_it_can_take_beside_others_who_share_the_rest() -> None:
    shares = shared(moment(SITE, {"A": whole()}))
    assert shares["A"] == 32.0
    assert shares["B"] + shares["C"] == 31.0


def test_two_of_them_where_one_fits_are_one() -> None:
    shares = shared(moment(SITE, {"A": whole(), "B": whole(), "C": {"offered_a": 6.0, "counts_a": 6.0}}))
    assert sorted((shares["A"], shares["B"])) == [0.0, 32.0]


def test_whoever_runs_is_not_stopped_for_somebody_who_waits() -> None:
    shares = shared(moment(SITE, {"A": whole(state_since=0.0), "B": {"offered_a": 0.0}, "C": {"offered_a": 0.0}}))
    assert shares["A"] == 32.0


def test_a_ceiling_that_leaves_less_than_all_leaves_nothing() -> None:
    seen = moment(SITE, {"A": whole()}, ceilings=(Ceiling("x", "operator", 20.0, evse=evse_id("A")),))
    assert shared(seen)["A"] == 0.0


def test_a_base_load_that_leaves_no_room_stops_it() -> None:
    seen = moment(SITE, {"A": whole()}, base_load_a={ROOT: (40.0, 0.0, 0.0)})
    assert shared(seen)["A"] == 0.0
