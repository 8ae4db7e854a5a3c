"""Other people's clocks: when something happened by a station's own word, and how far that clock is off.

Business times are the station's, never "now": messages may have waited in the station for hours. But a clock that was
never set, or runs ahead, must not put a transaction into 1970 or into the future.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from sitectl.base.gateway_clock import LATEST_MISTAKE, Mistake
from sitectl.model.transaction import ClockQuality

FUTURE = timedelta(minutes=5)
OLDEST_YEAR = 2015
"""Boards without a set clock count from 1970, 1999, 2000 or the date of their firmware."""

MOST_SKEW_S = 86_400.0
LATE_S = 60.0
"""From here on a message has waited: what it tells was so, and is no longer."""


class StationClock:
    """What is known of one station's clock, and what its time stamps mean by it.

    A stamp without a zone is UTC or the site's local time, whichever live messages have shown. A clock that was never
    set still tells how long ago something was. And a station that we told the time before we knew it stamped by our
    mistake.
    """

    __slots__ = ("_is_local", "_is_pinned", "_told_at", "_told_until", "_unset", "skew")

    def __init__(self) -> None:
        self.skew = SkewFilter()
        self._is_local: bool | None = None
        self._is_pinned = False
        self._unset: timedelta | None = None
        self._told_at: datetime | None = None
        self._told_until: datetime | None = None

    def restart(self) -> None:
        """The station booted, and sets its clock by our answer: what was learned says nothing any more."""
        self.skew.restart()
        self._unset = None

    def pin_local(self, is_local: bool) -> None:
        """Whether its stamps are known to be in the site's local time, before any live one has shown it."""
        if is_local or self._is_pinned:
            self._is_local = True if is_local else None
        self._is_pinned = is_local

    @property
    def is_local(self) -> bool | None:
        """Whether stamps without a zone are in the site's local time; None: none has shown it."""
        return self._is_local

    def told(self, now: datetime, known: bool) -> bool:
        """The station was told that it is `now`. While ours is not `known`, it goes wrong: whether from here on."""
        self.skew.may_change()
        now = now.replace(microsecond=0)  # as it was told
        if known:
            self._told_until = self._told_until or now
        elif self._told_at is None:
            self._told_at = now
            return True
        return False

    @property
    def told_wrongly_at(self) -> datetime | None:
        """Since when, by its own clock, it has gone by what we told it before we knew the time. None: never; some
        have a better clock than ours, and do not listen."""
        return self._told_at if abs(self.skew.skew_s) < LATE_S else None

    def put_right(self) -> None:
        """Ours is known, so this one is not, until it is told again."""
        self._told_until = None
        self._told_at = self.told_wrongly_at

    def shows(self, stamped: datetime, received: datetime) -> None:
        """A stamp of a message that does not wait in stations: where the clock was never set, how far it is off."""
        if stamped.year < OLDEST_YEAR:
            ahead = received - stamped
            self._unset = ahead if self._unset is None else min(ahead, self._unset)

    def business_time(
        self,
        told: datetime,
        received: datetime,
        quality: ClockQuality,
        zone: tzinfo,
        mistake: Mistake | None,
        known: bool = True,
    ) -> tuple[datetime, ClockQuality]:
        """When it happened, and whose word that is.

        `quality`: by the form of the stamp; `zone`: of the site; `known`: whether we know the time ourselves. Where
        we do not, nobody else's clock can be called ahead.
        """
        if quality is ClockQuality.RECEIPT:
            return received, quality
        if quality is ClockQuality.ZONE:
            told, sure = self._in_zone(told, received, zone)
            if not sure and told.year >= OLDEST_YEAR and abs(told - received) > FUTURE:
                return received, ClockQuality.RECEIPT
        if mistake is not None and (moved := self._moved(told, mistake)) is not None:
            return moved, ClockQuality.ESTIMATED
        if told.year >= OLDEST_YEAR and (told - received <= FUTURE or not known):
            return told, quality
        if self._unset is not None and told.year < OLDEST_YEAR:
            estimated = told + self._unset
            if estimated - received <= FUTURE:
                return min(estimated, received), ClockQuality.ESTIMATED
        return received, ClockQuality.RECEIPT

    def _in_zone(self, told: datetime, received: datetime, zone: tzinfo) -> tuple[datetime, bool]:
        """A stamp that names no zone, in the one that live stamps have shown; whether that is known."""
        local = told.replace(tzinfo=zone).astimezone(UTC)
        if local != told and not self._is_pinned:
            utc_fits, local_fits = (abs(moment - received) <= FUTURE for moment in (told, local))
            if utc_fits != local_fits:
                self._is_local = local_fits
        if self._is_local is None:
            return told, local == told and abs(told - received) <= FUTURE
        return (local if self._is_local else told), True

    def _moved(self, told: datetime, mistake: Mistake) -> datetime | None:
        """What a stamp means that was made by our mistake; None when this one was not."""
        if self._told_at is None or told < self._told_at:
            return None
        if self._told_until is not None and told > self._told_until - mistake.correction:
            return None
        if mistake.correction < timedelta() and self._told_until is not None:
            return None  # our clock ran ahead: what it has shown comes a second time, and cannot be told apart
        return told + mistake.correction if told <= mistake.ended + LATEST_MISTAKE else None


class SkewFilter:
    """Learns how far a station's clock runs ahead of ours (negative: behind), in seconds, from its time stamps.

    Delay on the way and messages that waited in the station make a stamp look old, never young: so the youngest of the
    last few stamps is nearest to the truth. The second youngest is taken, because one stamp may be nonsense.
    """

    SIZE = 8
    CHANGE_S = 2.0

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._told: float | None = None
        self._old: tuple[datetime, datetime] | None = None
        self._far: float | None = None
        self._moved = False

    def restart(self) -> None:
        """The station booted, and sets its clock by our answer: older stamps say nothing any more."""
        self._seen.clear()
        self._told = self._old = None

    def own_moved(self, by_s: float) -> tuple[float, bool]:
        """Our clock was set by so much, and the station's was not: the skew now, and whether it had been learned."""
        self._seen = [skew_s - by_s for skew_s in self._seen]
        self._moved = True
        if self._told is not None:
            self._told -= by_s
            return self._told, True
        return (self._seen[-1] if self._seen else -by_s), False

    def may_change(self) -> None:
        """The station was told the time: after ours was set, the next stamps say whether it follows."""
        if self._moved:
            self._moved = False
            self._seen.clear()

    @property
    def learned_s(self) -> float | None:
        """What was learned so far; None before."""
        return self._told

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
            self._keep(skew_s)
            return None
        if abs(skew_s) > MOST_SKEW_S and (queued or not self._is_far(skew_s, stamped)):
            return None
        if queued and self._has_waited(skew_s, stamped, received):
            return None
        self._keep(skew_s)
        if len(self._seen) < 2:
            return None
        estimate = sorted(self._seen)[-2]
        if self._told is not None and abs(estimate - self._told) < self.CHANGE_S:
            return None
        self._told = estimate
        return estimate

    def _keep(self, skew_s: float) -> None:
        self._seen = [*self._seen[-self.SIZE + 1 :], skew_s]

    def _is_far(self, skew_s: float, stamped: datetime) -> bool:
        """Whether a stamp so far off is of a clock that runs: another said the same. Ours may be what is wrong."""
        before, self._far = self._far, skew_s
        if stamped.year < OLDEST_YEAR or before is None or abs(skew_s - before) > self.CHANGE_S:
            return False
        self._keep(skew_s)
        return True

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
