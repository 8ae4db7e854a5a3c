"""The picture of a moment, and that a second look at the same costs nothing and misses nothing."""

from __future__ import annotations

from dataclasses import replace

from sitectl.model import events
from sitectl.model.electrical import UNKNOWN_ROTATION, Phase, PhaseCurrents, PhaseRotation
from sitectl.model.ladder import LadderStep
from sitectl.model.limits import OfferKind
from sitectl.model.station import Obeys, ProfileStorage
from sitectl.state.reduce import aged
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import NOTHING_SEEN, snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    GRID,
    MAIN,
    A,
    B,
    accepted,
    after,
    arrives,
    begins,
    charging,
    draws,
    fallback,
    fresh,
    meter,
    plan,
    site,
    told,
)


def test_who_takes_part_and_who_hears_us() -> None:
    state = after(charging(), [*arrives(B), begins(B1, "t2"), events.StationDisconnected(B, 5.0, "")])
    seen, _ = snapshot(state, 6.0)
    assert (seen.evses[A1].wants, seen.evses[A1].controllable) == (True, True)
    assert (seen.evses[B1].wants, seen.evses[B1].controllable) == (True, False)
    assert not snapshot(charging(), 0.0)[0].evses[B1].wants


def test_a_station_that_refused_is_left_alone_for_a_while() -> None:
    refused = events.LimitRefused(A1, 4, OfferKind.DYNAMIC, 10.0, "Rejected")
    state = after(charging(), [events.LimitOffered(told(A1, 4, 8.0, 10.0)), refused])
    assert [snapshot(state, at)[0].evses[A1].controllable for at in (39.0, 40.0)] == [False, True]


def test_one_that_refuses_for_good_is_still_asked_now_and_then() -> None:
    state = after(fresh(site(replace(plan(A), control=LadderStep.TX_PROFILE))), [*arrives(A), begins(A1)])
    for seq in range(4, 13):
        at = 100.0 * seq
        refused = events.LimitRefused(A1, seq, OfferKind.DYNAMIC, at, "Rejected")
        state = after(state, [events.LimitOffered(told(A1, seq, 8.0, at)), refused])
    seen = [snapshot(state, at)[0].evses[A1] for at in (1259.0, 1320.0)]
    assert [view.controllable for view in seen] == [False, True]
    assert seen[0].obeys is Obeys.UNCONTROLLED


def test_what_people_are_shown_of_a_limit() -> None:
    state = after(charging(16.0), [draws(A1, 10.0, 15.0), events.LimitOffered(told(A1, 4, 8.0, 11.0))])
    view = snapshot(state, 12.0)[0].evses[A1]
    assert (view.offered_a, view.acknowledged_a, view.counts_a, view.offer_seq) == (8.0, 16.0, 16.0, 4)
    assert (view.measured_at, view.fallback_installed_a) == (10.0, 6.0)
    idle = snapshot(state, 12.0)[0].evses[B1]
    assert (idle.offered_a, idle.acknowledged_a) == (None, 6.0)


def test_people_are_shown_a_draw_on_the_station_s_own_phases_while_nobody_knows_its_wiring() -> None:
    def shown(rotation: PhaseRotation, *own: float, phases: int = 3) -> tuple[PhaseCurrents | None, ...]:
        here = fresh(site(plan(A, rotation=rotation)))
        state = after(here, [*arrives(A), begins(A1), draws(A1, 10.0, *own, phases=phases)])
        view = snapshot(state, 12.0)[0].evses[A1]
        return view.measured_a, view.shown_a

    assert shown(UNKNOWN_ROTATION, 15.0, 0.0, 0.0) == ((15.0, 15.0, 15.0), (15.0, 0.0, 0.0))
    assert shown(UNKNOWN_ROTATION, 15.0, phases=0) == ((15.0, 15.0, 15.0), (15.0, 15.0, 15.0))
    known = PhaseRotation((Phase.L2, Phase.L3, Phase.L1))
    assert shown(known, 15.0, 0.0, 0.0) == ((0.0, 15.0, 0.0), (0.0, 15.0, 0.0))


def test_lifetimes_follow_where_a_station_keeps_its_profiles() -> None:
    stations = plan(A, storage=ProfileStorage.RAM), plan(B, evses=2)
    seen, _ = snapshot(fresh(site(*stations)), 0.0)
    lives = {id: (s.shortest_lifetime_s, s.profile_lifetime_s, s.profiles_in_ram) for id, s in seen.stations.items()}
    assert lives == {A: (240, 300, True), B: (612, 1800, False)}


def test_where_death_is_to_be_proven_the_worst_base_load_is_reckoned_with() -> None:
    rules = SiteRules(meter_intervals_s={MAIN: 1.0}, proven=True)
    state = after(fresh(rules=rules), [meter(1.0, 9.0)])
    base_a = snapshot(state, 1.0)[0].circuits[GRID].base_load_a.l1
    assert 45.0 < base_a < 55.0, "60 A, less what the breaker bears until limits lapse"
    usual = after(fresh(), [meter(1.0, 9.0)])
    assert snapshot(usual, 1.0)[0].circuits[GRID].base_load_a.l1 == 10.0


def test_what_has_not_changed_is_not_looked_at_again() -> None:
    state = charging()
    before, pictures = snapshot(state, 1.0)
    changed = after(aged(state, 2.0, pictures), [draws(A1, 2.0, 15.0)])
    now, _ = snapshot(changed, 2.0, pictures)
    assert now.evses[B1] is before.evses[B1]
    assert now.stations[A] is before.stations[A]
    assert now.evses[A1].measured_at == 2.0


def test_looking_with_and_without_memory_shows_the_same_at_any_time() -> None:
    """Also where nothing but time passes: limits lapse, expectations and refusals end, readings grow old."""
    refused = events.LimitRefused(B1, 9, OfferKind.DYNAMIC, 5.0, "Rejected")
    state = after(
        charging(16.0),
        [
            draws(A1, 3.0, 15.0),
            *accepted(told(A1, 4, 8.0, 4.0, lives_s=100.0), 4.5),
            begins(B1, "t2", 4.0),
            events.LimitOffered(told(B1, 9, 6.0, 5.0)),
            refused,
            events.StationDisconnected(A, 20.0, ""),
        ],
    )
    remembered: SiteState = state
    pictures = NOTHING_SEEN
    for tick in range(300):
        now = 20.0 + tick
        if tick == 50:
            event = events.StartExpected(B1, now, now + 20.0)
            state, remembered = after(state, [event]), after(remembered, [event])
        state, remembered = aged(state, now), aged(remembered, now, pictures)
        fresh_look, _ = snapshot(state, now)
        again, pictures = snapshot(remembered, now, pictures)
        assert again == fresh_look, now


def test_an_empty_memory_is_no_memory() -> None:
    state = after(fresh(), [*arrives(A), *fallback(A1)])
    assert snapshot(state, 1.0, NOTHING_SEEN) == snapshot(state, 1.0)
