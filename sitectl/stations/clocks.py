"""Other people's clocks: when something happened by a station's own word, and how far that clock is off.

Business times are the station's, never "now": messages may have waited in the station for hours. But a clock that was
never set, or runs ahead, must not put a transaction into 1970 or into the future.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

FUTURE = timedelta(minutes=5)
OLDEST_YEAR = 2015
"""Boards without a set clock count from 1970, 1999, 2000 or the date of their firmware."""

MOST_SKEW_S = 86_400.0
LATE_S = 60.0
"""From here on a message has waited: what it tells was so, and is no longer."""


def business_time(told: datetime, received: datetime, trusted: bool) -> tuple[datetime, bool]:
    """When it happened, and whether that is the station's own word: an impossible time becomes that of receipt.

    `trusted` False (no zone was named, or the text was no time): believed only near the time of receipt.
    """
    impossible = told.year < OLDEST_YEAR or told - received > FUTURE
    if impossible or (not trusted and abs(told - received) > FUTURE):
        return received, False
    return told, trusted


class SkewFilter:
    """Learns how far a station's clock runs ahead of ours (negative: behind), in seconds, from its time stamps.

    Delay on the way and messages that waited in the station make a stamp look old, never young: so the youngest of the
    last few stamps is nearest to the truth. The second youngest is taken, because one stamp may be nonsense.
    """

    SIZE = 8
    CHANGE_S = 2.0

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=self.SIZE)
        self._told: float | None = None
        self._old: tuple[datetime, datetime] | None = None

    def restart(self) -> None:
        """The station booted, and sets its clock by our answer: older stamps say nothing any more."""
        self._seen.clear()
        self._told = self._old = None

    @property
    def skew_s(self) -> float:
        """What was learned so far; 0 before."""
        return self._told or 0.0

    def late_s(self, stamped: datetime, received: datetime) -> float:
        """How long a message with this stamp was under way, by what was learned of the clock."""
        return (received - stamped).total_seconds() + self.skew_s

    def learn(self, stamped: datetime, received: datetime, *, queued: bool = False) -> float | None:
        """Take one time stamp; the skew when it is new or has changed by more than the noise of whole seconds.

        `queued`: messages of this kind wait in a station while it is offline.
        """
        skew_s = (stamped - received).total_seconds()
        if self._told is not None and abs(skew_s - self._told) < self.CHANGE_S:
            self._seen.append(skew_s)
            return None
        if abs(skew_s) > MOST_SKEW_S or (queued and self._has_waited(skew_s, stamped, received)):
            return None
        self._seen.append(skew_s)
        if len(self._seen) < 2:
            return None
        estimate = sorted(self._seen)[-2]
        if self._told is not None and abs(estimate - self._told) < self.CHANGE_S:
            return None
        self._told = estimate
        return estimate

    def _has_waited(self, skew_s: float, stamped: datetime, received: datetime) -> bool:
        """Whether a stamp that looks old was kept back, rather than made by a clock that was set back.

        What was kept back comes in a burst; what is made now keeps the pace of our own clock.
        """
        if not self._seen or skew_s >= max(self._seen) - LATE_S:
            return False
        before, self._old = self._old, (stamped, received)
        if before is None:
            return True
        passed_s = (received - before[1]).total_seconds()
        if passed_s < 5.0 or abs((stamped - before[0]).total_seconds() - passed_s) > 3.0:
            return True
        self._seen.clear()
        self._seen.append(skew_s)
        return False
