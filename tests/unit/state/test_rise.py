"""The learned rise of the base load: against a slow count of the same, and over days, gaps and restarts."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sitectl.model.events import StationDisconnected
from sitectl.model.metering import RiseDay
from sitectl.state.reduce import reduce
from sitectl.state.rise import BUCKET_S, DAY_S, DAYS, SPANS_S, UNSEEN, BaseRise, remembered, sampled
from sitectl.state.site_state import SiteRules
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import GRID, MAIN, A, charging, fresh, meter

QUIET = RiseDay(DAY_S, UNSEEN.rises_a)
Series = list[tuple[float, float]]


def fed(rise: BaseRise, series: Series) -> BaseRise:
    for at, base_a in series:
        rise = sampled(rise, (base_a, 2 * base_a, 0.0), at)
    return rise


def largest(series: Series, span_s: float) -> float:
    """Counted out: the largest rise between any two samples at most so far apart."""
    found = 0.0
    for number, (at, base_a) in enumerate(series):
        for before_at, before_a in reversed(series[:number]):
            if at - before_at > span_s:
                break
            found = max(found, base_a - before_a)
    return found


def week(**rises: float) -> BaseRise:
    """A week that was seen whole, in which the base load has risen so much within each span (s60=…)."""
    return remembered(
        [RiseDay(DAY_S, tuple((rises.get(f"s{span:.0f}", 0.0),) * 3 for span in SPANS_S)) for _ in range(7)], 0
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_rise_is_missed_and_none_is_invented(seed: int) -> None:
    rng = random.Random(seed)
    at, base_a, series = 0.0, 20.0, []
    while at < 4000.0:
        at += rng.choice([1.0, 1.0, 1.0, 2.0, 7.0, 40.0])
        base_a = max(0.0, base_a + rng.choice([0.0, 0.0, -0.5, 0.5, 5.0, -5.0]))
        series.append((at, base_a))
    rise = fed(BaseRise(), series)
    for span, found in zip(SPANS_S, rise.largest_a, strict=True):
        assert found[0] >= largest(series, span)
        assert found[0] <= largest(series, span + 2 * BUCKET_S + 40.0), "a bucket and a gap longer at the most"
        assert found[1] == 2 * found[0]
        assert found[2] == 0.0


def test_a_longer_span_never_has_the_smaller_rise() -> None:
    rise = fed(BaseRise(), [(float(at), at / 100.0) for at in range(3000)])
    found = [a for a, _, _ in rise.largest_a]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0.6, abs=0.4)
    assert found[-1] == pytest.approx(24.0, abs=0.4)


def test_a_rise_counts_from_the_sample_that_shows_it() -> None:
    rise = fed(week(s60=1.0), [(0.0, 10.0), (1.0, 10.0)])
    assert rise.within(60.0) == (1.0, 1.0, 1.0)
    rise = fed(rise, [(2.0, 17.5)])
    assert rise.within(60.0) == (7.5, 15.0, 1.0)


def test_a_fall_is_no_rise() -> None:
    assert fed(BaseRise(), [(0.0, 30.0), (1.0, 0.0), (2.0, 0.0)]).largest_a == BaseRise().largest_a


def test_a_span_counts_as_the_next_longer_one_and_beyond_all_nothing_is_known() -> None:
    rise = week(s60=1.0, s120=2.0, s2400=6.0)
    assert [rise.within(span) for span in (0.0, 60.0, 60.1, 2400.0)] == [(1.0,) * 3, (1.0,) * 3, (2.0,) * 3, (6.0,) * 3]
    assert rise.within(2400.1) is None


def test_before_a_whole_week_was_seen_nothing_is_believed() -> None:
    rise = remembered([QUIET] * 6 + [RiseDay(DAY_S - 10.0, UNSEEN.rises_a)], 0)
    assert rise.within(60.0) is None
    rise = fed(rise, [(float(at), 10.0) for at in range(12)])
    assert rise.within(60.0) == (0.0, 0.0, 0.0)


def test_what_was_not_seen_does_not_count_as_seen() -> None:
    rise = fed(BaseRise(), [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (100.0, 1.0), (101.0, 1.0)])
    assert rise.seen_s == 3.0


def test_a_rise_over_a_long_gap_is_no_rise_within_a_short_span() -> None:
    rise = fed(BaseRise(), [(0.0, 1.0), (1.0, 1.0), (1000.0, 30.0), (1001.0, 30.0)])
    assert [found[0] for found in rise.largest_a] == [0.0, 0.0, 0.0, 0.0, 29.0, 29.0]


def test_what_was_not_done_for_four_weeks_is_forgiven() -> None:
    rise = fed(BaseRise(), [(0.0, 0.0), (1.0, 20.0)])
    for day in range(DAYS):
        assert rise.largest_a[0][0] == 20.0
        rise = fed(rise, [(DAY_S * (day + 1), 5.0), (DAY_S * (day + 1) + 1.0, 6.0)])
    assert rise.largest_a[0][0] == 1.0
    assert len(rise.days) == DAYS


def test_what_is_remembered_grows_older_while_nobody_runs() -> None:
    days = [RiseDay(DAY_S, ((5.0,) * 3,) * len(SPANS_S)), *([QUIET] * 10)]
    assert remembered(days, 0).within(60.0) == (5.0, 5.0, 5.0)
    later = remembered(days, 20)
    assert later.within(60.0) == (5.0, 5.0, 5.0)
    assert later.seen_s == 8 * DAY_S
    assert remembered(days, 22).within(60.0) is None, "less than a week of the last four was seen"
    assert remembered(days, 400) == remembered([UNSEEN] * DAYS, 0)
    assert remembered([], 0).days == (UNSEEN,)


def test_it_stays_small() -> None:
    rise = fed(BaseRise(), [(float(at), 0.0) for at in range(10_000)])
    assert len(rise.buckets) <= SPANS_S[-1] / BUCKET_S + 2


def test_nothing_is_learned_while_nobody_knows_what_stations_draw() -> None:
    """A car that stopped behind a dead wire looks like base load that fell, and the next one like one that rose."""
    state = charging(16.0, at=0.0)
    for at in range(1, 40):
        state = reduce(state, meter(float(at), 30.0))
    seen_s = state.rises[GRID].seen_s
    state = reduce(state, StationDisconnected(A, 40.0, "cut"))
    for at, amperes in ((60.0, 5.0), (61.0, 40.0), (62.0, 40.0)):
        state = reduce(state, meter(at, amperes))
    assert state.rises[GRID].seen_s == seen_s
    assert max(state.rises[GRID].largest_a[0]) < 5.0


def test_a_proven_site_shares_by_what_was_learned() -> None:
    state = fresh(rules=SiteRules(meter_intervals_s={MAIN: 1.0}, proven=True))
    for at in range(60):
        state = reduce(state, meter(float(at), 10.0))
    unlearned = snapshot(state, 60.0)[0].circuits[GRID].base_load_a
    assert unlearned[0] > 35.0, "of the 60 A that may come, less what the breaker bears"
    state = replace(state, rises={GRID: week(s1200=20.0, s2400=24.0)})
    learned = snapshot(state, 60.0)[0].circuits[GRID].base_load_a
    assert 10.0 < learned[0] < unlearned[0] - 20.0
