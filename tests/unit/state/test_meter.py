"""A grid meter judged by age, a frozen one found out, and what is shared against when there is none."""

from __future__ import annotations

import pytest

from sitectl.config.settings import VirtualMeter
from sitectl.meters.virtual import VirtualMeters
from sitectl.model import events
from sitectl.model.circuit import MeterLoss
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import Event
from sitectl.model.ids import MeterId
from sitectl.model.metering import Freshness, MeterReading
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import A1, GARAGE, GRID, MAIN, after, charging, draws, fresh, meter, plan, site


class Inbox:
    """Takes events into a state."""

    def __init__(self, state: SiteState) -> None:
        self.state = state

    def post(self, event: Event) -> None:
        self.state = reduce(self.state, event)


def seen(state: SiteState, now: float) -> tuple[float, Freshness | None, bool, bool]:
    """Base load shared against on L1, freshness, may anything rise, must everything stop."""
    circuit = snapshot(state, now)[0].circuits[GRID]
    return round(circuit.base_load_a.l1, 1), circuit.meter, circuit.settled, circuit.stop


def read(*at: float) -> SiteState:
    """A calm site with a base load of 19 A, shown as 20."""
    return after(fresh(), [meter(a, 19.0) for a in at])


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (2.0, (20.0, Freshness.FRESH, True, False)),
        (2.1, (20.0, Freshness.LATE, False, False)),
        (5.1, (40.0, Freshness.STALE, False, False)),
        (7.5, (60.0, Freshness.STALE, False, False)),
        (10.1, (60.0, Freshness.LOST, True, False)),
    ],
)
def test_by_age_from_fresh_to_lost(age_s: float, expected: tuple[float, Freshness, bool, bool]) -> None:
    assert seen(read(100.0), 100.0 + age_s) == expected


def test_where_it_was_so_configured_everything_stops_with_the_meter() -> None:
    state = after(fresh(site(plan("A"), on_lost=MeterLoss.STOP)), [meter(100.0, 19.0)])
    assert [seen(state, at)[3] for at in (109.0, 111.0)] == [False, True]


def test_the_estimate_is_kept_where_it_is_above_the_configured_worst() -> None:
    state = after(fresh(), [meter(100.0, 79.0)])
    assert [seen(state, at)[0] for at in (101.0, 106.0, 109.0, 120.0)] == [80.0] * 4


def test_a_meter_that_never_read_is_waited_for_and_then_lost() -> None:
    assert seen(fresh(), 4.0) == (60.0, Freshness.STALE, False, False)
    assert seen(fresh(), 6.0) == (60.0, Freshness.LOST, True, False)


def test_a_meter_that_returns_must_prove_itself_before_raises() -> None:
    state = read(100.0, 130.0)
    assert seen(state, 131.0) == (60.0, Freshness.FRESH, False, False)
    assert seen(after(state, [meter(139.9, 19.0)]), 140.0)[2]
    assert seen(read(100.0, 109.0), 109.5)[2], "a short gap is none"


def test_after_a_loss_the_base_load_comes_down_in_steps() -> None:
    state = after(read(100.0), [meter(float(at), 19.0) for at in range(130, 260)])
    base = {at: seen(replace_time(state, at), at)[0] for at in (131.0, 141.0, 169.0, 171.0, 201.0, 231.0)}
    assert base == {131.0: 60.0, 141.0: 50.0, 169.0: 50.0, 171.0: 40.0, 201.0: 30.0, 231.0: 20.0}


def replace_time(state: SiteState, at: float) -> SiteState:
    """The same readings, up to this moment."""
    return after(state, [meter(at, 19.0)])


def test_a_frozen_meter_is_lost_once_stations_changed() -> None:
    calm = after(charging(16.0), [draws(A1, 9.0, 16.0), meter(10.0, 40.0)])
    frozen = [meter(float(at), 40.0, same_since=10.0) for at in range(11, 60)]
    assert seen(after(calm, frozen), 59.5)[1] is Freshness.FRESH, "nothing changed that it should show"
    stopped = [*frozen[:15], draws(A1, 25.5, 0.0), *frozen[15:]]
    assert seen(after(calm, stopped[:30]), 38.5)[1] is Freshness.FRESH
    lost = after(calm, stopped)
    assert seen(lost, 59.5)[1:3] == (Freshness.LOST, True)
    assert lost.meters[MAIN].failure == "values stand still while stations changed"
    back = after(lost, [meter(60.0, 24.0)])
    assert seen(back, 60.5)[1:3] == (Freshness.FRESH, False)


def test_a_meter_that_always_moved_and_stands_still_is_frozen_whatever_the_stations_do() -> None:
    moving = [meter(float(at), 40.0 + at % 2 / 10) for at in range(61)]
    still = [meter(float(at), 40.0, same_since=60.0) for at in range(61, 95)]
    assert seen(after(fresh(), [*moving, *still[:19]]), 79.5)[1] is Freshness.FRESH
    frozen = after(fresh(), [*moving, *still])
    assert seen(frozen, 94.5)[1] is Freshness.LOST
    assert frozen.meters[MAIN].failure == "values stand still that always moved before"
    assert seen(after(fresh(), [*moving[30:], *still]), 94.5)[1] is Freshness.FRESH, "not known to move always"
    back = after(frozen, [meter(95.0, 41.0)])
    assert seen(back, 95.5)[1] is Freshness.FRESH


def test_a_meter_that_is_reckoned_is_lost_with_a_part_that_stands_still() -> None:
    left, right = MeterId("left"), MeterId("right")
    rules = SiteRules(dict.fromkeys((MAIN, left, right), 1.0), parts={MAIN: (left, right)})
    inbox = Inbox(fresh(rules=rules))
    meters = VirtualMeters({MAIN: VirtualMeter((left, right))}, inbox)

    def both(since: int, until: int, stands_from: int) -> None:
        for at in range(since, until):
            for id, ampere, moved_at in ((left, 5.0, min(at, stands_from)), (right, 20.0, at)):
                shown = PhaseCurrents(*(ampere + moved_at % 2 / 10,) * 3)
                meters.post(events.MeterRead(MeterReading(id, float(at), shown, unchanged_since=float(moved_at))))

    both(0, 80, 60)
    assert seen(inbox.state, 79.5)[1] is Freshness.FRESH
    both(80, 95, 60)
    assert seen(inbox.state, 94.5) == (60.0, Freshness.LOST, True, False), "the right one moves on"
    assert inbox.state.meters[MAIN].failure == "its part left: values stand still that always moved before"
    both(95, 97, 200)
    assert seen(inbox.state, 96.5)[1] is Freshness.FRESH
    assert seen(inbox.state, 96.5)[0] == 60.0, "it comes back slowly, as from every loss"


def test_a_meter_whose_readings_nobody_compared_is_not_called_frozen() -> None:
    state = after(charging(16.0), [draws(A1, 9.0, 16.0)])
    for at in range(10, 60):
        reading = meter(float(at), 40.0).reading
        state = after(state, [events.MeterRead(type(reading)(MAIN, float(at), reading.current_a))])
        state = after(state, [draws(A1, at + 0.5, 16.0 if at < 20 else 0.0)])
    assert seen(state, 60.0)[1] is Freshness.FRESH


def test_a_circuit_without_a_meter_draws_its_worst() -> None:
    garage = snapshot(fresh(), 0.0)[0].circuits[GARAGE]
    assert (garage.meter, garage.base_load_a.l1, garage.settled) == (None, 0.0, True)


def test_what_the_meter_showed_is_not_shown_once_it_is_lost() -> None:
    state = read(100.0)
    assert snapshot(state, 101.0)[0].meters[MAIN].current_a is not None
    lost = snapshot(state, 120.0)[0]
    assert (lost.meters[MAIN].current_a, lost.circuits[GRID].measured_a) == (None, None)
    assert lost.meters[MAIN].age_s == 20.0
