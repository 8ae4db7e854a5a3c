from dataclasses import replace

from sitectl.model import events
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Ceiling
from sitectl.model.metering import Freshness
from sitectl.state.reconfigure import COMES_AGAIN_WITHIN_S, reconfigured
from sitectl.state.reduce import reduce
from sitectl.state.rise import BaseRise
from sitectl.state.site_state import SiteRules, SiteState
from tests.unit.state.small_site import A1, B1, GRID, MAIN, A, B, after, arrives, begins, fresh, meter, plan, site
from tests.unit.state.test_rise import week

C = StationId("C")
RULES = SiteRules(meter_intervals_s={MAIN: 1.0})


def lively() -> SiteState:
    """Both stations are there, A charges, and the meter was read."""
    return after(fresh(), [*arrives(A), *arrives(B), begins(A1, at=1.0), meter(2.0, 20.0)])


def test_what_an_evse_may_lawfully_draw_outlives_a_changed_plan() -> None:
    before = lively()
    smaller = replace(plan(A), max_a=16.0, evses=(replace(plan(A).evses[0], max_a=16.0, fallback_a=0.0),))
    changed = reconfigured(before, site(smaller, plan(B)), RULES, 3.0, keeps_strangers=True)
    assert changed.evses[A1].transaction == before.evses[A1].transaction
    assert changed.evses[A1].plan.max_a == changed.evses[A1].entry.max_a == 16.0
    assert changed.evses[A1].entry == replace(before.evses[A1].entry, max_a=16.0)
    assert changed.stations[A].online
    assert changed.evses[B1] == before.evses[B1]


def test_a_new_station_counts_at_its_maximum_until_it_was_told() -> None:
    changed = reconfigured(lively(), site(plan(A), plan(B), plan(C)), RULES, 3.0, keeps_strangers=True)
    entry = changed.evses[EvseId(C, 1)]
    assert entry.counts_a(3.0, changed.stations[C]) == 32.0
    assert changed.below[GRID] == (A1, B1, EvseId(C, 1))


def test_a_station_that_is_no_longer_listed_is_a_stranger_where_strangers_are_let_in() -> None:
    kept = reconfigured(lively(), site(plan(B)), RULES, 3.0, keeps_strangers=True)
    assert kept.stations[A].plan is None
    assert kept.stations[A].online
    assert A1 not in kept.evses
    assert A not in reconfigured(lively(), site(plan(B)), RULES, 3.0, keeps_strangers=False).stations


def test_a_stranger_that_gets_listed_is_known_as_a_station() -> None:
    stranger = reconfigured(lively(), site(plan(B)), RULES, 3.0, keeps_strangers=True)
    listed = reconfigured(stranger, site(plan(A), plan(B)), RULES, 4.0, keeps_strangers=True)
    assert listed.stations[A].plan is not None
    assert not listed.stations[A].booted
    assert listed.evses[A1].counts_a(4.0, listed.stations[A]) == 32.0


def test_a_stranger_that_gets_listed_has_been_seen_and_is_expected_back() -> None:
    stranger = reconfigured(lively(), site(plan(B)), RULES, 3.0, keeps_strangers=True)
    listed = reconfigured(stranger, site(plan(A), plan(B), plan(C)), RULES, 4.0, keeps_strangers=True)
    here, before = listed.stations[A], stranger.stations[A]
    assert (here.seen, here.online, here.identity) == (True, False, before.identity)
    assert here.offline_since == 4.0
    assert here.reboot_until == 4.0 + COMES_AGAIN_WITHIN_S
    assert not listed.stations[C].seen
    gone = after(stranger, [events.StationDisconnected(A, 3.5, "gone")])
    later = reconfigured(gone, site(plan(A), plan(B)), RULES, 4.0, keeps_strangers=True)
    assert (later.stations[A].seen, later.stations[A].reboot_until) == (True, 0.0)


def test_a_meter_that_stays_is_believed_on_and_another_one_is_not() -> None:
    stays = reconfigured(lively(), site(), RULES, 3.0, keeps_strangers=True)
    assert stays.meters[MAIN].state(3.0) is Freshness.FRESH
    assert stays.bases[GRID] == lively().bases[GRID]
    other = reconfigured(lively(), site(), RULES, 3.0, keeps_strangers=True, new_meters=frozenset({MAIN}))
    assert other.meters[MAIN].reading is None
    assert other.bases[GRID] != lively().bases[GRID]


def test_ceilings_of_what_is_gone_go_with_it() -> None:
    here, gone = Ceiling("u/A", "u", 10.0, A1), Ceiling("u/B", "u", 10.0, B1)
    grid = Ceiling("op/grid", "op", 50.0, circuit=GRID)
    before = lively()
    for ceiling in (here, gone, grid):
        before = reduce(before, events.CeilingSet(ceiling, 2.0))
    changed = reconfigured(before, site(plan(A)), RULES, 3.0, keeps_strangers=True)
    assert set(changed.ceilings) == {"u/A", "op/grid"}


def test_what_was_learned_of_the_base_load_stands_while_its_meter_is_the_same() -> None:
    before = replace(lively(), rises={GRID: week(s60=4.0)})
    kept = reconfigured(before, site(plan(A), plan(C)), RULES, 3.0, keeps_strangers=True)
    assert kept.rises == before.rises
    new = reconfigured(before, site(plan(A)), RULES, 3.0, keeps_strangers=True, new_meters=frozenset([MAIN]))
    assert new.rises == {GRID: BaseRise()}
