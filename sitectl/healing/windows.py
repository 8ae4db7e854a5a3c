"""Maintenance windows: hours of the day outside which the harder remedies wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sitectl.model.health import RemedyKind

DAY_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """From `begins` to `ends` (minutes of the day in the site's time zone; `ends` before `begins`: on the next day), on
    the days on which it begins (0: Monday), the `remedies` may be done; outside all of their windows they wait."""

    begins: int
    ends: int
    days: frozenset[int]
    remedies: frozenset[RemedyKind]

    def is_open(self, local: datetime) -> bool:
        """Whether it is within the window."""
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= minute < self.ends
        begun_yesterday = (day - 1) % 7 in self.days and minute < self.ends
        return begun_yesterday or (day in self.days and minute >= self.begins)


def closed(windows: Iterable[Window], remedy: RemedyKind, local: datetime) -> bool:
    """Whether a remedy must wait for one of its windows. Without any of its own it need not."""
    its = [window for window in windows if remedy in window.remedies]
    return bool(its) and not any(window.is_open(local) for window in its)
