from dataclasses import replace

from sitectl.model.ids import EvseId, StationId
from sitectl.state import fallback_room
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import A1, B1, A, B, fresh, plan, site


def standing(state: SiteState, installed: dict[EvseId, float | None]) -> SiteState:
    """The same site with these fallbacks accepted by the stations."""
    evses = {
        id: replace(evse, entry=replace(evse.entry, fallback_a=installed.get(id))) for id, evse in state.evses.items()
    }
    return replace(state, evses=evses)


def test_a_fallback_rises_only_into_what_the_others_leave_free_now() -> None:
    state = fresh(site(plan(A, fallback_a=20.0), plan(B, fallback_a=6.0), rated_a=100.0, worst_a=60.0))
    assert fallback_room.fits(standing(state, {A1: 6.0, B1: 6.0}), A1)
    assert fallback_room.fits(standing(state, {A1: 6.0, B1: 20.0}), A1)
    assert not fallback_room.fits(standing(state, {A1: 6.0, B1: 21.0}), A1), "until B has taken its lower one"


def test_a_station_that_was_never_told_may_draw_its_maximum() -> None:
    state = fresh(site(plan(A, fallback_a=10.0), plan(B, fallback_a=6.0), rated_a=100.0, worst_a=60.0))
    assert not fallback_room.fits(standing(state, {A1: 6.0}), A1)


def test_a_post_never_draws_more_than_its_own_cable() -> None:
    post = plan(B, evses=2, fallback_a=6.0)
    state = fresh(site(plan(A, fallback_a=8.0), post, rated_a=100.0, worst_a=60.0))
    assert fallback_room.fits(standing(state, {A1: 6.0}), A1), "two EVSEs of 32 A behind one cable of 32 A"
    assert EvseId(StationId("B"), 2) in state.evses
