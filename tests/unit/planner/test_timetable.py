"""Hours of the day by the clock on the wall of the site."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sitectl.model.ids import CircuitId
from sitectl.model.signals import Bound, Hours
from sitectl.planner.timetable import ceilings, holds

BERLIN = ZoneInfo("Europe/Berlin")
GRID = Bound(CircuitId("grid"), 60.0)
EVENING = Hours(GRID, 17 * 60, 20 * 60)
NIGHT = Hours(GRID, 22 * 60, 6 * 60)
MONDAY, SUNDAY = 0, 6


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("hours", "moment", "whether"),
    [
        (EVENING, "2026-11-30T16:59:59", False),
        (EVENING, "2026-11-30T17:00:00", True),
        (EVENING, "2026-11-30T19:59:59", True),
        (EVENING, "2026-11-30T20:00:00", False),
        (NIGHT, "2026-11-30T21:59:59", False),
        (NIGHT, "2026-11-30T22:00:00", True),
        (NIGHT, "2026-12-01T05:59:59", True),
        (NIGHT, "2026-12-01T06:00:00", False),
        (Hours(GRID, 0, 1440), "2026-11-30T00:00:00", True),
        (Hours(GRID, 0, 1440), "2026-11-30T23:59:59", True),
        (Hours(GRID, 20 * 60, 1440), "2026-11-30T23:59:59", True),
        (Hours(GRID, 20 * 60, 1440), "2026-12-01T00:00:00", False),
    ],
)
def test_from_the_first_moment_to_before_the_last(hours: Hours, moment: str, whether: bool) -> None:
    assert holds(hours, at(moment)) is whether


def test_days_are_those_on_which_it_begins() -> None:
    weekdays = Hours(GRID, 22 * 60, 6 * 60, frozenset(range(5)))
    assert holds(weekdays, at("2026-11-28T05:00:00")), "Saturday morning belongs to Friday"
    assert not holds(weekdays, at("2026-11-28T22:00:00")), "Saturday"
    assert not holds(weekdays, at("2026-11-30T05:00:00")), "Monday morning belongs to Sunday"
    assert holds(weekdays, at("2026-11-30T22:00:00"))
    sundays = Hours(GRID, 17 * 60, 20 * 60, frozenset({SUNDAY}))
    assert holds(sundays, at("2026-11-29T18:00:00"))
    assert not holds(sundays, at("2026-11-30T18:00:00"))


def minutes_held(hours: Hours, day: str) -> int:
    """Minutes of real time between midnight and midnight of a day in Berlin on which it holds."""
    begin = at(day).replace(tzinfo=BERLIN).astimezone(UTC)
    end = (at(day) + timedelta(days=1)).replace(tzinfo=BERLIN).astimezone(UTC)
    count = int((end - begin).total_seconds()) // 60
    return sum(bool(ceilings([hours], begin + timedelta(minutes=minute), BERLIN)) for minute in range(count))


def test_when_clocks_change() -> None:
    """At 02:00 on 29 March 2026 it becomes 03:00, at 03:00 on 25 October it becomes 02:00."""
    hours = Hours(GRID, 2 * 60, 4 * 60)
    assert minutes_held(hours, "2026-03-28") == 120
    assert minutes_held(hours, "2026-03-29") == 60, "from 03:00 to 04:00; there is no 02:00"
    assert minutes_held(hours, "2026-10-25") == 180, "02:00 to 03:00 comes twice"
    assert minutes_held(EVENING, "2026-03-29") == minutes_held(EVENING, "2026-10-25") == 180


def test_each_bound_that_holds_is_a_ceiling_under_its_own_key() -> None:
    timetable = [EVENING, NIGHT, Hours(Bound(CircuitId("garage"), 20.0), 18 * 60, 19 * 60)]
    found = ceilings(timetable, at("2026-11-30T17:30:00+00:00"), BERLIN)
    assert [(c.key, c.source, c.circuit, c.ceiling_a, c.text) for c in found] == [
        ("schedule/1", "schedule", "grid", 60.0, "17:00 to 20:00"),
        ("schedule/3", "schedule", "garage", 20.0, "18:00 to 19:00"),
    ]
    assert ceilings(timetable, at("2026-11-30T20:30:00+00:00"), BERLIN) == ()
