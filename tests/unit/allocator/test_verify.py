"""The second check finds what must not go out."""

import pytest

from sitectl.allocator.verify import verify
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Ceiling, ChargingLimit
from sitectl.model.snapshot import SiteSnapshot
from tests.unit.allocator.site import build, evse_id, moment

SITE = build(
    {"grid": {"rated_a": 40}, "garage": {"parent": "grid", "rated_a": 32}},
    {
        "A": {"circuit": "garage", "max_a": 32, "phases": "L1"},
        "B": {"circuit": "garage", "max_a": 16, "phases": "L2L3L1"},
        "P": {"max_a": 20, "evse_max_a": 20, "phases": "L1", "evses": 2, "fallback_a": 0},
    },
)


def wrong(snapshot: SiteSnapshot, **offers: float) -> list[str]:
    named = {evse_id(name.replace("_", ":")): a for name, a in offers.items()}
    return verify(SITE, snapshot, {evse: ChargingLimit(evse, a, "") for evse, a in named.items()})


def test_what_fits_may_go_out() -> None:
    assert wrong(moment(SITE), A=16.0, B=16.0, P_1=8.0) == []


def test_a_circuit_is_kept_on_each_phase() -> None:
    assert wrong(moment(SITE), A=20.0, B=16.0) == ["circuit garage L1: 36 A may be drawn of 32 A"]


def test_the_root_counts_everything_below_it() -> None:
    assert wrong(moment(SITE), A=16.0, B=16.0, P_1=10.0) == ["circuit grid L1: 42 A may be drawn of 40 A"]


def test_what_is_still_in_force_counts_and_a_cut_frees_nothing_yet() -> None:
    snapshot = moment(SITE, {"A": {"offered_a": 26, "counts_a": 26}})
    assert wrong(snapshot, A=6.0, B=14.0) == ["circuit garage L1: 40 A may be drawn of 32 A"]


def test_a_circuit_that_is_over_already_lets_cuts_pass_and_nothing_rise() -> None:
    snapshot = moment(SITE, {"A": {"offered_a": 26, "counts_a": 26}}, {"garage": (10, 0, 0)})
    assert wrong(snapshot, A=6.0) == []
    assert wrong(snapshot, A=6.0, B=6.1) != []


def test_base_load_and_quarantine_count() -> None:
    assert wrong(moment(SITE, base_load_a={"grid": (0, 25, 0)}), B=16.0) == [
        "circuit grid L2: 16 A may be drawn of 15 A"
    ]
    assert wrong(moment(SITE, quarantine_reserve_a=32.0), B=9.0) != []


def test_a_post_is_kept() -> None:
    assert wrong(moment(SITE), P_1=12.0, P_2=12.0) == ["station P L1: 24 A may be drawn of 20 A"]


@pytest.mark.parametrize("offer", [5.9, 16.05, 16.1, -6.0])
def test_every_offer_is_nothing_or_within_its_bounds_on_the_grid(offer: float) -> None:
    assert wrong(moment(SITE), B=offer) != []
    assert wrong(moment(SITE), B=0.0) == []


def test_ceilings_hold() -> None:
    on_evse = Ceiling("1", "central", 10.0, evse=evse_id("B"))
    on_station = Ceiling("2", "central", 10.0, evse=evse_id("P:0"))
    on_circuit = Ceiling("3", "operator", 18.0, circuit=CircuitId("garage"))
    assert wrong(moment(SITE, ceilings=(on_evse,)), B=10.1) != []
    assert wrong(moment(SITE, ceilings=(on_station,)), P_1=6.0, P_2=6.0) != []
    assert wrong(moment(SITE, ceilings=(on_circuit,)), A=10.0, B=9.0) != []
    expired = Ceiling("1", "central", 10.0, evse=evse_id("B"), expires_at=1.0)
    assert wrong(moment(SITE, ceilings=(expired,)), B=10.1) == []


def test_nothing_charges_below_a_lost_meter_that_stops() -> None:
    snapshot = moment(SITE, circuits={"grid": {"stop": True}})
    assert wrong(snapshot, B=6.0) == ["B:1: nothing may charge here while the meter is lost"]
    assert wrong(snapshot, B=0.0) == []


def test_what_cannot_be_checked_may_not_go_out() -> None:
    assert wrong(moment(SITE, base_load_a={"grid": (float("nan"), 0, 0)})) != []
    assert wrong(moment(SITE), Z=6.0) != []
