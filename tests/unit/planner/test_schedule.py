"""What one profile allows at a moment, as plain values."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sitectl.model.schedule import ChargingSchedule, ProfileKind, ProfilePurpose, Recurrency, SchedulePeriod
from sitectl.planner.schedule import NEVER, Allowed, allowed, is_over
from tests.unit.planner.profiles import NOON, after, profile

RELATIVE, RECURRING = ProfileKind.RELATIVE, ProfileKind.RECURRING
STATION_MAX = ProfilePurpose.STATION_MAX


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, Allowed(None, NOON)),
        (0, Allowed(16, after(seconds=600))),
        (599, Allowed(16, after(seconds=600))),
        (600, Allowed(10, after(seconds=900))),
        (899, Allowed(10, after(seconds=900))),
        (900, Allowed(None)),
    ],
)
def test_absolute(seconds, expected):
    assert allowed(profile(16, 10, duration_s=900), after(seconds=seconds), None) == expected


def test_without_a_duration_the_last_period_has_no_end():
    assert allowed(profile(16, 10), after(days=3000), None) == Allowed(10)


def test_validity_bounds_it_on_both_sides():
    bounded = profile(16, 10, valid_from=after(seconds=60), valid_to=after(seconds=660))
    assert allowed(bounded, NOON, None) == Allowed(None, after(seconds=60))
    assert allowed(bounded, after(seconds=60), None) == Allowed(16, after(seconds=600))
    assert allowed(bounded, after(seconds=600), None) == Allowed(10, after(seconds=660))
    assert allowed(bounded, after(seconds=660), None) == Allowed(None)


def test_a_schedule_that_begins_after_its_end_of_validity_says_so():
    never = profile(16, start=after(hours=2), valid_to=after(hours=1))
    assert allowed(never, NOON, None) == Allowed(None, after(hours=1))


@pytest.mark.parametrize("start", [None, NOON])
def test_relative_counts_from_the_start_of_the_transaction(start):
    value = profile(16, 10, kind=RELATIVE, start=start, duration_s=900)
    began = after(hours=5)
    assert allowed(value, began, began) == Allowed(16, began + timedelta(seconds=600))
    assert allowed(value, began + timedelta(seconds=700), began) == Allowed(10, began + timedelta(seconds=900))
    assert allowed(value, began + timedelta(seconds=900), began) == Allowed(None)


def test_absolute_without_a_start_counts_from_the_transaction_too():
    assert allowed(profile(16, 10, start=None), after(seconds=700), NOON) == Allowed(10)


def test_before_the_transaction_it_allows_what_it_begins_with():
    assert allowed(profile(16, 10, kind=RELATIVE, start=None), after(days=1), None) == Allowed(16)
    bounded = profile(16, 10, kind=RELATIVE, start=None, valid_to=after(days=2))
    assert allowed(bounded, after(days=1), None) == Allowed(16, after(days=2))


def test_a_station_maximum_without_a_start_counts_from_its_receipt():
    value = profile(40, 30, start=None, purpose=STATION_MAX, evse=0, received=after(hours=1))
    assert allowed(value, after(hours=1, seconds=601), None) == Allowed(30)
    assert allowed(value, after(hours=1, seconds=601), NOON) == Allowed(30)


def test_daily_begins_anew_every_day():
    nightly = profile(6, 32, every_s=8 * 3600, kind=RECURRING, recurrency=Recurrency.DAILY)
    assert allowed(nightly, after(days=9, hours=1), None) == Allowed(6, after(days=9, hours=8))
    assert allowed(nightly, after(days=9, hours=9), None) == Allowed(32, after(days=10))
    assert allowed(nightly, after(hours=-1), None) == Allowed(None, NOON)


def test_daily_with_a_duration_is_silent_in_between():
    peak = profile(6, duration_s=3600, kind=RECURRING, recurrency=Recurrency.DAILY)
    assert allowed(peak, after(days=2, minutes=30), None) == Allowed(6, after(days=2, hours=1))
    assert allowed(peak, after(days=2, hours=2), None) == Allowed(None, after(days=3))


def test_weekly():
    weekly = profile(6, duration_s=3600, kind=RECURRING, recurrency=Recurrency.WEEKLY)
    assert allowed(weekly, after(days=7, minutes=1), None) == Allowed(6, after(days=7, hours=1))
    assert allowed(weekly, after(days=1), None) == Allowed(None, after(days=7))


def test_recurring_without_a_start_recurs_from_its_receipt():
    value = profile(6, 32, every_s=3600, start=None, kind=RECURRING, recurrency=Recurrency.DAILY)
    assert allowed(value, after(days=1, minutes=1), None) == Allowed(6, after(days=1, hours=1))


def test_a_schedule_whose_first_period_begins_late_says_nothing_until_then():
    schedule = ChargingSchedule((SchedulePeriod(600, 6.0),), NOON)
    late = replace(profile(6), schedule=schedule)
    assert allowed(late, NOON, None) == Allowed(None, after(seconds=600))
    assert allowed(late, after(seconds=600), None) == Allowed(6)


@pytest.mark.parametrize("seconds", [10**12, 10**15])
def test_what_leads_beyond_all_calendars_is_never(seconds):
    endless = profile(16, 10, duration_s=seconds)
    assert allowed(endless, after(seconds=600), None) == Allowed(10, NEVER)
    assert not is_over(endless, after(days=3000))
    late = profile(16, 10)
    periods = (late.schedule.periods[0], SchedulePeriod(seconds, 10.0))
    late = replace(late, schedule=replace(late.schedule, periods=periods))
    assert allowed(late, after(seconds=600), None) == Allowed(16, NEVER)
