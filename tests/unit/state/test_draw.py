"""How a car uses its offer: what it draws at most, whether it wakes, what it took."""

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import TransactionId
from sitectl.model.metering import EvseReading
from sitectl.model.station import ChargingState
from sitectl.state.draw import NOTHING_DRAWN, DrawState, with_draw, with_limit, with_register
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import A1, accepted, after, begins, charging, draws, fresh, held, says, told


def read(draw: DrawState, offer_a: float, *readings: float, from_s: float = 0.0, every_s: float = 10.0) -> DrawState:
    for number, reading in enumerate(readings):
        draw = with_draw(draw, reading, from_s + number * every_s, offer_a)
    return draw


def test_a_car_under_draws_after_thirty_seconds_of_it() -> None:
    assert read(NOTHING_DRAWN, 16.0, 10.0, 10.2, 10.1).at_most_a() is None
    assert read(NOTHING_DRAWN, 16.0, 10.0, 10.2, 10.1, 10.0).at_most_a() == 10.2
    assert read(NOTHING_DRAWN, 16.0, 0.0, 0.0, every_s=60.0).at_most_a() == 0.0
    assert read(NOTHING_DRAWN, 16.0, 10.0, 14.6, 10.0, 10.0).at_most_a() is None, "within 1.5 A it uses its offer"


def test_what_it_draws_less_and_less_is_followed() -> None:
    known = read(NOTHING_DRAWN, 16.0, 12.0, 12.0, 12.0, 12.0)
    assert read(known, 16.0, 9.0, 9.0, from_s=40.0).at_most_a() == 12.0
    assert read(known, 16.0, *(9.0,) * 7, from_s=40.0).at_most_a() == 9.0


def test_it_is_over_when_it_comes_near_its_offer() -> None:
    known = read(NOTHING_DRAWN, 16.0, 10.0, 10.0, 10.0, 10.0)
    lowered = with_limit(known, 16.0, 12.0, 31.0)
    assert read(lowered, 12.0, 10.9, from_s=40.0).at_most_a() == 10.9
    assert read(lowered, 12.0, 11.1, from_s=40.0).at_most_a() is None


def test_a_raise_asks_anew() -> None:
    known = read(NOTHING_DRAWN, 16.0, 6.0, 6.0, 6.0, 6.0)
    assert with_limit(known, 8.0, 16.0, 31.0).at_most_a() is None


def test_a_car_that_drew_and_does_not_come_back_after_a_pause_does_not_wake() -> None:
    drew = read(NOTHING_DRAWN, 16.0, 15.0)
    resumed = with_limit(with_limit(drew, 16.0, 0.0, 5.0), 0.0, 6.0, 400.0)
    assert not read(resumed, 6.0, *(0.0,) * 30, from_s=405.0).sleeps
    slept = read(resumed, 6.0, *(0.0,) * 31, from_s=405.0)
    assert slept.sleeps
    assert read(slept, 6.0, 6.0, from_s=800.0).sleeps, "for this transaction it stays so"


def test_a_car_that_wakes_in_time() -> None:
    drew = read(NOTHING_DRAWN, 16.0, 15.0)
    resumed = with_limit(with_limit(drew, 16.0, 0.0, 5.0), 0.0, 6.0, 400.0)
    assert not read(read(resumed, 6.0, 0.0, 5.5, from_s=405.0), 6.0, *(0.0,) * 60, from_s=425.0).sleeps


def test_a_full_car_is_no_sleeper() -> None:
    full = read(NOTHING_DRAWN, 16.0, 15.0, 0.2)
    resumed = with_limit(with_limit(full, 16.0, 0.0, 15.0), 0.0, 6.0, 400.0)
    assert not read(resumed, 6.0, *(0.0,) * 60, from_s=405.0).sleeps


def test_a_car_that_drew_nothing_before_its_pause_is_satisfied_until_it_draws_again() -> None:
    idle = read(NOTHING_DRAWN, 8.0, 0.2, 0.2, 0.2, 0.2)
    assert not idle.satisfied
    paused = with_limit(idle, 8.0, 0.0, 40.0)
    assert paused.satisfied
    tried = read(with_limit(paused, 0.0, 6.0, 100.0), 6.0, 0.0, 0.1, from_s=101.0)
    assert with_limit(tried, 6.0, 0.0, 130.0).satisfied, "too short to tell anything new"
    assert not with_draw(tried, 5.8, 125.0, 6.0).satisfied
    assert not with_limit(read(NOTHING_DRAWN, 8.0, 7.5, 7.5, 7.5, 7.5), 8.0, 0.0, 40.0).satisfied


def test_what_it_took() -> None:
    assert NOTHING_DRAWN.taken_wh() is None
    assert with_register(DrawState(start_wh=1000.0), 3500.0).taken_wh() == 2500.0
    assert with_register(with_register(NOTHING_DRAWN, 3000.0), 3500.0).taken_wh() == 500.0
    assert with_register(DrawState(start_wh=1000.0), 900.0).taken_wh() == 0.0


def seen(state: SiteState, at: float) -> tuple[float | None, float | None]:
    view = snapshot(state, at)[0].evses[A1]
    return view.draws_at_most_a, view.taken_wh


def test_the_site_learns_it_from_readings() -> None:
    state = charging(16.0)
    for at in (10.0, 20.0, 30.0, 40.0):
        state = after(state, [draws(A1, at, 8.0)])
    assert seen(state, 41.0) == (8.0, None)
    assert seen(after(state, accepted(told(A1, 4, 18.0, 42.0), 42.0)), 43.0) == (None, None)
    state = after(state, [events.TransactionEnded(A1, TransactionId("t1"), 50.0)])
    assert seen(state, 51.0) == (None, None)


def test_energy_counts_from_the_start_also_where_a_reading_has_no_current() -> None:
    began = events.TransactionStarted(A1, TransactionId("t1"), 0.0, 4711, meter_start_wh=500.0)
    state = after(fresh(), [began, events.EvseMetered(EvseReading(A1, 5.0, None, register_wh=2500.0))])
    assert seen(state, 6.0) == (None, 2000.0)
    state = after(
        fresh(), [begins(A1), events.EvseMetered(EvseReading(A1, 5.0, PhaseCurrents(1, 1, 1), register_wh=9.0))]
    )
    assert seen(state, 6.0) == (None, 0.0)


def test_since_when_it_draws_nothing_of_an_offer() -> None:
    idle = read(NOTHING_DRAWN, 16.0, 8.0, 1.1, 1.0, 0.0)
    assert idle.idle_since == 20.0
    assert with_limit(idle, 16.0, 20.0, 31.0).idle_since == 20.0, "a raise is no reason to think else of it"
    assert read(idle, 16.0, 1.1, from_s=40.0).idle_since is None
    assert with_limit(idle, 16.0, 0.0, 31.0).idle_since is None
    assert read(NOTHING_DRAWN, 0.0, 0.0, 0.0).idle_since is None, "of a pause nobody can draw"
    assert with_draw(NOTHING_DRAWN, 0.0, 0.0, None).idle_since is None


def test_who_was_idle_for_long_is_satisfied_also_right_after_a_raise() -> None:
    idle = read(NOTHING_DRAWN, 8.0, *(0.0,) * 31)
    assert with_limit(with_limit(idle, 8.0, 16.0, 299.0), 16.0, 0.0, 300.0).satisfied
    assert not with_limit(with_limit(idle, 8.0, 16.0, 298.0), 16.0, 0.0, 299.0).satisfied


def test_a_paused_car_is_asked_again_when_its_station_says_that_it_wants() -> None:
    def paused(before: ChargingState, then: ChargingState, at: float) -> bool:
        state = after(charging(16.0), [draws(A1, at, 0.0) for at in (0.0, 20.0, 40.0)])
        state = after(state, [*accepted(told(A1, 4, 0.0, 50.0), 50.0), says(A1, 52.0, before), says(A1, at, then)])
        return snapshot(state, at)[0].evses[A1].satisfied

    ev, evse = ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE
    assert paused(ev, evse, 109.0), "it says so because it was told to pause"
    assert not paused(ev, evse, 110.0)
    assert not paused(ev, ChargingState.CHARGING, 110.0)
    assert paused(evse, evse, 110.0)
    assert paused(ev, ev, 110.0)


def test_what_it_left_of_one_limit_it_probably_leaves_of_the_next() -> None:
    assert NOTHING_DRAWN.likely_a(10.0) is None
    near = DrawState(limited_a=8.0, settled_a=7.2)
    assert near.likely_a(10.0) == 9.2
    assert near.likely_a(0.0) == 0.0
    own_limit = DrawState(limited_a=16.0, settled_a=10.0)
    assert (own_limit.likely_a(20.0), own_limit.likely_a(6.0)) == (10.0, 6.0)


def test_a_reading_below_both_limits_shows_a_car_that_does_not_follow() -> None:
    rising = DrawState(limited_a=8.0, settled_a=8.0, before_a=8.0)
    assert not rising.is_below(16.0, 8.0)
    assert rising.is_below(16.0, 6.0)
    assert not DrawState(limited_a=8.0, settled_a=8.0, before_a=0.0).is_below(6.0, 0.0), "it begins again"


def test_only_a_reading_that_had_followed_or_is_near_its_limit_tells_what_is_left_of_it() -> None:
    state = after(charging(16.0), [draws(A1, 9.0, 15.0)])
    raised = after(state, accepted(told(A1, 4, 20.0, 20.0), 20.5))
    assert (held(raised, A1).draw.limited_a, held(raised, A1).draw.settled_a) == (16.0, 15.0)
    early = after(raised, [draws(A1, 22.0, 15.2), *accepted(told(A1, 5, 24.0, 60.0), 60.5)])
    assert held(early, A1).draw.limited_a is None
    late = after(raised, [draws(A1, 29.0, 15.2), *accepted(told(A1, 5, 24.0, 60.0), 60.5)])
    assert (held(late, A1).draw.limited_a, held(late, A1).draw.settled_a) == (20.0, 15.2)
    unread = after(raised, accepted(told(A1, 5, 24.0, 60.0), 60.5))
    assert held(unread, A1).draw.limited_a == 16.0, "nothing newer is known"
