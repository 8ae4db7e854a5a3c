"""Maintenance hours, over midnight and by days."""

from datetime import datetime

import pytest

from sitectl.healing.windows import Window, closed
from sitectl.model.health import RemedyKind

EVERY_DAY = frozenset(range(7))
HARD = frozenset({RemedyKind.HARD_RESET})
NIGHT = Window(22 * 60, 5 * 60, EVERY_DAY, HARD)
SUNDAY_NIGHT = Window(22 * 60, 5 * 60, frozenset({6}), HARD)


@pytest.mark.parametrize(
    ("window", "moment", "opened"),
    [
        (NIGHT, "2026-11-30 21:59", False),
        (NIGHT, "2026-11-30 22:00", True),
        (NIGHT, "2026-11-30 04:59", True),
        (NIGHT, "2026-11-30 05:00", False),
        (SUNDAY_NIGHT, "2026-11-29 23:00", True),  # a Sunday
        (SUNDAY_NIGHT, "2026-11-30 04:00", True),  # begun on it
        (SUNDAY_NIGHT, "2026-11-30 23:00", False),
        (Window(60, 120, EVERY_DAY, HARD), "2026-11-30 01:30", True),
        (Window(60, 120, EVERY_DAY, HARD), "2026-11-30 02:00", False),
    ],
)
def test_hours(window: Window, moment: str, opened: bool) -> None:
    assert window.is_open(datetime.fromisoformat(moment)) is opened


def test_a_remedy_without_hours_never_waits() -> None:
    noon = datetime.fromisoformat("2026-11-30 12:00")
    assert closed((NIGHT,), RemedyKind.HARD_RESET, noon)
    assert not closed((NIGHT,), RemedyKind.SOFT_RESET, noon)
    assert not closed((), RemedyKind.HARD_RESET, noon)
