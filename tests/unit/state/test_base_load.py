"""What everything but the stations draws: alignment, rises, cuts, noise, overload, and meters that come late."""

from __future__ import annotations

import pytest

from sitectl.model import events
from sitectl.model.limits import Ceiling
from sitectl.model.station import ChargingState
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    GRID,
    accepted,
    after,
    arrives,
    begins,
    charging,
    draws,
    fallback,
    fresh,
    held,
    meter,
    says,
    told,
)

MARGIN_A = 1.0
"""One per cent of the root's 100 A."""


def base_a(state: SiteState) -> float:
    upper = state.bases[GRID].upper()
    assert upper is not None
    return upper.l1


def steady(limit_a: float = 16.0, base: float = 20.0) -> SiteState:
    """A draws its limit, shown by a reading; the meter has been read for 20 s."""
    state = after(charging(limit_a), [draws(A1, 9.0, limit_a)])
    return after(state, [meter(float(at), limit_a + base) for at in range(10, 31)])


def test_nothing_is_known_before_the_first_reading() -> None:
    assert fresh().bases[GRID].upper() is None


def test_the_meter_less_what_stations_report_and_a_margin() -> None:
    assert base_a(steady()) == pytest.approx(20.0 + MARGIN_A)


def test_noise_moves_nothing() -> None:
    state, noisy = steady(), [meter(31.0 + n, 36.0 + (0.9 if n % 3 else -0.9)) for n in range(60)]
    seen = set()
    for event in noisy:
        state = after(state, [draws(A1, event.reading.at - 0.5, 16.0), event])
        seen.add(round(base_a(state), 6))
    assert seen == {21.0}


def test_a_rise_of_the_base_counts_at_once_a_fall_after_the_window() -> None:
    state = after(steady(), [meter(31.0, 46.0)])
    assert base_a(state) == pytest.approx(30.0 + MARGIN_A)
    falling = after(state, [meter(float(at), 36.0) for at in range(32, 51)])
    assert base_a(falling) == pytest.approx(30.0 + MARGIN_A)
    assert base_a(after(falling, [draws(A1, 51.0, 16.0), meter(52.0, 36.0)])) == pytest.approx(20.0 + MARGIN_A)


def test_a_car_that_follows_a_raise_is_not_base_load() -> None:
    state = after(steady(8.0), accepted(told(A1, 4, 16.0, 31.0), 31.5))
    rising = after(state, [meter(32.0 + n, 28.0 + min(n, 8)) for n in range(12)])
    assert base_a(rising) == pytest.approx(21.0, abs=0.5)
    read = after(rising, [draws(A1, 44.0, 16.0), meter(45.0, 36.0)])
    assert base_a(read) == pytest.approx(21.0, abs=0.5)


def test_more_than_the_car_may_draw_is_certainly_base_load() -> None:
    state = after(steady(8.0), accepted(told(A1, 4, 16.0, 31.0), 31.5))
    assert base_a(after(state, [meter(32.0, 50.0)])) == pytest.approx(34.0 + MARGIN_A, abs=0.2)


def test_what_stays_unexplained_becomes_base_load() -> None:
    state = after(steady(8.0), accepted(told(A1, 4, 16.0, 31.0), 31.5))
    long = after(state, [meter(32.0 + n, 36.0) for n in range(900)])
    assert base_a(long) > 27.0


def test_a_cut_that_the_car_has_not_followed_yet_is_not_base_load() -> None:
    state = after(steady(16.0), accepted(told(A1, 4, 6.0, 31.0), 31.5))
    following = after(state, [meter(32.0, 36.0), meter(33.0, 36.0), meter(36.0, 26.0), meter(37.0, 26.0)])
    assert base_a(following) == pytest.approx(21.0)


def test_a_car_that_stops_does_not_lend_its_current_before_its_next_reading() -> None:
    stopped = after(steady(16.0), [meter(float(at), 20.0) for at in range(31, 39)])
    assert base_a(stopped) == pytest.approx(21.0)
    assert base_a(after(stopped, [draws(A1, 39.0, 0.0), meter(40.0, 20.0)])) == pytest.approx(21.0)


def test_a_car_that_stops_and_may_begin_again_does_not_lend_its_current_either() -> None:
    """Samples between its stop and its next reading are too low; what follows must not rest on them."""
    stopped = after(steady(16.0), [meter(float(at), 20.0) for at in range(31, 37)])
    free = after(stopped, [events.LimitOffered(told(A1, 4, 20.0, 37.0)), draws(A1, 38.0, 0.0)])
    waiting = after(free, [meter(float(at), 20.0) for at in range(39, 70)])
    assert base_a(waiting) == pytest.approx(21.0, abs=0.2)


def test_the_window_is_longer_where_stations_report_seldom() -> None:
    state = after(steady(16.0), [meter(float(at), 20.0) for at in range(31, 56)])
    assert base_a(state) == pytest.approx(21.0), "46 s after the reading of 9 s"


def test_once_a_minute_is_seldom_enough() -> None:
    """A reading of a minute ago, three seconds on its way, still covers the car that stopped right after it."""
    drawing = after(charging(16.0), [draws(A1, 9.0, 16.0), *(meter(float(at), 36.0) for at in (10, 11))])
    stopped = after(drawing, [meter(float(at), 20.0) for at in range(12, 73)])
    assert base_a(stopped) == pytest.approx(21.0), "63 s after the reading of 9 s"


def newest_a(state: SiteState) -> float:
    newest = state.bases[GRID].newest()
    assert newest is not None
    return newest.l1


def test_a_fall_of_the_base_load_does_not_hide_behind_a_raise() -> None:
    state = after(steady(8.0), [draws(A1, 30.5, 8.0), *accepted(told(A1, 4, 16.0, 31.0), 31.5)])
    risen = after(state, [meter(32.0 + n, 28.0 + min(n, 8)) for n in range(10)])
    fallen = after(risen, [meter(float(at), 26.0) for at in range(42, 66)])
    assert newest_a(fallen) == pytest.approx(10.0, abs=0.2)
    assert base_a(fallen) == pytest.approx(21.0, abs=0.5), "the car may have stopped"
    read = after(fallen, [draws(A1, 66.0, 16.0), *(meter(float(at), 26.0) for at in range(67, 70))])
    assert base_a(read) == pytest.approx(10.0 + MARGIN_A, abs=0.2), "and has not: that was seen for 20 s"


def test_beside_one_that_fell_silent_nobody_is_expected_to_follow() -> None:
    """Only while samples reach back to every reading does the next one come in time to say that it is not so."""
    silent = [*arrives(B1.station), *fallback(B1), begins(B1, "t2"), *accepted(told(B1, 2, 6.0, 1.0), 1.5)]
    state = after(steady(8.0), [*silent, draws(B1, 20.0, 6.0)])
    state = after(state, [*(meter(float(at), 34.0) for at in range(31, 90)), draws(A1, 89.5, 8.0)])
    raised = after(state, [*accepted(told(A1, 4, 16.0, 90.0), 90.5), *(meter(90.0 + n, 42.0) for n in range(1, 12))])
    fallen = after(raised, [meter(float(at), 32.0) for at in range(102, 130)])
    assert newest_a(fallen) == pytest.approx(18.0, abs=0.2), "all that the meter allows, not 10"


def test_a_car_that_shows_less_than_it_should_on_its_way_is_not_expected_to_follow() -> None:
    state = after(steady(8.0), [draws(A1, 30.5, 8.0), *accepted(told(A1, 4, 16.0, 31.0), 31.5), draws(A1, 34.0, 0.0)])
    stopped = after(state, [meter(float(at), 20.0) for at in range(35, 60)])
    assert newest_a(stopped) == pytest.approx(20.0, abs=0.2)


def test_a_car_that_left_some_of_its_limit_leaves_as_much_of_the_next() -> None:
    state = after(steady(8.0), [draws(A1, 30.5, 7.2), *accepted(told(A1, 4, 16.0, 31.0), 31.5)])
    risen = after(state, [meter(float(at), 35.2) for at in range(46, 50)])
    assert newest_a(risen) == pytest.approx(20.0, abs=0.1)
    own_limit = after(steady(16.0), [draws(A1, 30.5, 10.0), *accepted(told(A1, 4, 20.0, 31.0), 31.5)])
    assert newest_a(after(own_limit, [meter(float(at), 30.0) for at in range(46, 50)])) == pytest.approx(20.0, abs=0.1)


def test_a_reading_on_the_way_down_does_not_hide_base_load() -> None:
    """Sent before the car followed its cut and heard after: for a minute the pause would make a base load of less."""
    state = after(steady(16.0), [*accepted(told(A1, 4, 6.0, 31.0), 31.5), draws(A1, 33.0, 16.0)])
    assert newest_a(after(state, [meter(float(at), 26.0) for at in range(34, 60)])) == pytest.approx(20.0, abs=0.1)


def test_above_the_rating_all_that_is_not_predicted_is_base_load() -> None:
    state = after(steady(8.0), accepted(told(A1, 4, 16.0, 31.0), 31.5))
    assert base_a(after(state, [meter(32.0, 101.0)])) == pytest.approx(101.0 - 8.0 + MARGIN_A)


def test_above_a_ceiling_likewise() -> None:
    ceiling = events.CeilingSet(Ceiling("dso", "grid operator", 30.0, circuit=GRID), 30.0)
    state = after(steady(8.0), [*accepted(told(A1, 4, 16.0, 31.0), 31.5), ceiling, meter(32.0, 36.0)])
    assert base_a(state) == pytest.approx(36.0 - 8.0 + MARGIN_A)


def test_a_car_that_does_not_follow_its_cut_is_made_up_for() -> None:
    state = after(steady(16.0, base=90.0), accepted(told(A1, 4, 6.0, 31.0), 31.5))
    assert base_a(after(state, [meter(34.0, 106.0)])) == pytest.approx(90.0 + MARGIN_A), "it may be on its way"
    assert base_a(after(state, [meter(37.5, 106.0)])) == pytest.approx(100.0 + MARGIN_A)


def test_generation_is_not_lent_to_the_stations() -> None:
    state = after(charging(16.0), [draws(A1, 9.0, 16.0), meter(10.0, -30.0)])
    assert base_a(state) == 0.0


def test_after_a_restart_raises_wait_for_the_stations_to_report() -> None:
    state = after(fresh(), [*arrives(B1.station), *fallback(B1), begins(B1, resumed=True), meter(1.0, 50.0)])
    assert not snapshot(state, 1.0)[0].circuits[GRID].settled
    assert base_a(state) == pytest.approx(44.0 + MARGIN_A, abs=0.1), "nobody is cut for what others may draw"
    heard = after(state, [draws(B1, 8.0, 6.0), meter(8.5, 50.0)])
    assert snapshot(heard, 8.5)[0].circuits[GRID].settled
    silent = after(state, [meter(9.0, 50.0), meter(17.0, 50.0)])
    assert snapshot(silent, 17.0)[0].circuits[GRID].settled, "one that never reports does not hold everybody for ever"


def test_a_car_that_begins_before_we_are_told_is_not_base_load() -> None:
    state = after(steady(), [events.StartExpected(B1, 31.0, 151.0), meter(32.0, 42.0)])
    assert base_a(state) == pytest.approx(21.0, abs=0.1)
    state = after(state, [begins(B1, "t2", 33.0), says(B1, 33.0, ChargingState.CHARGING), meter(34.0, 42.0)])
    assert held(state, B1).may_have_risen(34.0)
    assert base_a(state) == pytest.approx(21.0, abs=0.1)


def test_what_an_evse_draws_beyond_its_limit_is_made_up_for_while_the_circuit_is_over_and_no_longer() -> None:
    state = after(steady(16.0, base=85.0), [*accepted(told(A1, 4, 6.0, 31.0), 31.5), draws(A1, 39.0, 16.0)])
    over = after(state, [meter(39.5, 101.0)])
    assert base_a(over) == pytest.approx(95.0)
    under = after(over, [meter(40.5, 99.0)])
    assert base_a(under) == pytest.approx(86.0), "its reading shows what it draws, and that it counts at"
    ignoring = after(over, [draws(A1, 48.0, 16.0), meter(48.5, 101.0)])
    assert base_a(ignoring) == pytest.approx(86.0), "now it is reserved at what it draws"


def unsure_a(state: SiteState) -> float:
    return snapshot(state, 1000.0)[0].circuits[GRID].unsure_a.l1


def cut_off(state: SiteState, at: float) -> SiteState:
    return after(state, [events.StationDisconnected(A1.station, at, "lost")])


def test_of_stations_that_are_heard_the_base_load_is_sure() -> None:
    assert unsure_a(steady()) == 0.0
    raised = after(steady(8.0), accepted(told(A1, 4, 16.0, 31.0), 31.5))
    assert unsure_a(after(raised, [meter(32.0 + n, 36.0) for n in range(12)])) == 0.0


def test_after_a_restart_nothing_rises_on_what_one_that_is_not_heard_may_draw() -> None:
    state = after(fresh(), [*arrives(B1.station), *fallback(B1), begins(B1, resumed=True)])
    state = after(state, [events.StationDisconnected(B1.station, 0.5, "lost"), meter(1.0, 5.0)])
    assert base_a(state) == pytest.approx(0.0, abs=0.1), "nobody is cut for what it may draw"
    silent = after(state, [meter(float(at), 5.0) for at in range(2, 60)])
    assert 5.0 <= base_a(silent) + unsure_a(silent) <= 5.0 + 2.0 * MARGIN_A


def test_a_car_that_stops_unheard_does_not_lend_its_current() -> None:
    known = base_a(steady(16.0))
    state = cut_off(steady(16.0), 30.0)
    stopped = after(state, [meter(float(at), 20.0) for at in range(31, 150)])
    assert base_a(stopped) < known - 10.0
    assert base_a(stopped) + unsure_a(stopped) == pytest.approx(known)
    back = after(stopped, [*arrives(A1.station, 150.0), draws(A1, 151.0, 0.0), meter(152.0, 20.0)])
    assert unsure_a(back) == 0.0


def test_one_that_is_not_heard_keeps_back_no_more_than_it_may_draw() -> None:
    state = cut_off(steady(16.0), 30.0)
    surge = after(
        state, [*(meter(float(at), 96.0) for at in range(31, 60)), *(meter(60.0 + n, 36.0) for n in range(90))]
    )
    assert 0.0 < unsure_a(surge) <= 16.0
