"""What one charging profile allows at a moment, and when that changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.ids import EvseId, StationId
from sitectl.model.schedule import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    Recurrency,
    SchedulePeriod,
)
from sitectl.planner.schedule import Allowed, allowed

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STEPS = ChargingSchedule((SchedulePeriod(0, 16.0), SchedulePeriod(600, 10.0)), start=NOON, duration_s=3600)
ABSOLUTE = ChargingProfile(
    1, EvseId(StationId("A"), 1), 0, ProfilePurpose.TX_DEFAULT, ProfileKind.ABSOLUTE, STEPS, received=NOON
)
DAILY = replace(ABSOLUTE, kind=ProfileKind.RECURRING, recurrency=Recurrency.DAILY)
RELATIVE = replace(ABSOLUTE, kind=ProfileKind.RELATIVE, schedule=replace(STEPS, start=None))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("at", "limit_a", "until"),
    [(-1, None, 0), (0, 16.0, 600), (599, 16.0, 600), (600, 10.0, 3600), (3599, 10.0, 3600), (3600, None, None)],
)
def test_absolute_schedule_has_a_beginning_periods_and_an_end(
    at: int, limit_a: float | None, until: int | None
) -> None:
    changes = None if until is None else after(until)
    assert allowed(ABSOLUTE, after(at), None) == Allowed(limit_a, changes)


def test_without_a_duration_the_last_period_stays() -> None:
    endless = replace(ABSOLUTE, schedule=replace(STEPS, duration_s=None))
    assert allowed(endless, after(1e7), None) == Allowed(10.0, None)


def test_recurring_schedule_begins_anew_every_day() -> None:
    day = 86_400
    assert allowed(DAILY, after(3 * day + 100), None) == Allowed(16.0, after(3 * day + 600))
    assert allowed(DAILY, after(3 * day - 1), None) == Allowed(None, after(3 * day))
    assert allowed(DAILY, after(-1), None).limit_a is None


def test_weekly_schedule_does_not_begin_daily() -> None:
    weekly = replace(DAILY, recurrency=Recurrency.WEEKLY)
    assert allowed(weekly, after(86_400), None) == Allowed(None, after(7 * 86_400))


def test_a_recurrence_cuts_a_longer_duration_short() -> None:
    longer = replace(DAILY, schedule=replace(STEPS, duration_s=200_000))
    assert allowed(longer, after(86_399), None) == Allowed(10.0, after(86_400))


def test_relative_schedule_counts_from_the_transaction() -> None:
    assert allowed(RELATIVE, after(700), began=after(300)) == Allowed(16.0, after(900))
    assert allowed(RELATIVE, after(700), began=None) == Allowed(None, None)


def test_a_station_maximum_without_a_start_counts_from_its_receipt() -> None:
    maximum = replace(RELATIVE, purpose=ProfilePurpose.STATION_MAX, received=after(-500))
    assert allowed(maximum, NOON, None) == Allowed(16.0, after(100))


def test_validity_bounds_the_schedule_on_both_sides() -> None:
    bounded = replace(ABSOLUTE, valid_from=after(60), valid_to=after(120))
    assert allowed(bounded, after(59), None) == Allowed(None, after(60))
    assert allowed(bounded, after(60), None) == Allowed(16.0, after(120))
    assert allowed(bounded, after(120), None) == Allowed(None, None)
