"""Charging profiles that were written into stations in the last day, against what their memory bears.

Most stations keep every profile in flash, which wears out: one that was written every few minutes was dead within a
month. A day bears 500 limits that are bound to a transaction, which later versions let stations keep in RAM, and 200
of the purposes that must survive a power cut. What a station keeps in RAM costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sitectl.model.health import Finding
from sitectl.model.ids import StationId
from sitectl.model.ladder import LimitForm

DAY_S = 86_400.0
TRANSACTION_MOST, PERSISTENT_MOST = 500, 200


@dataclass(frozen=True, slots=True)
class Written:
    """Profiles of a station in the last day, by what they cost, each with what a day bears."""

    transaction: int
    persistent: int
    transaction_most: int = TRANSACTION_MOST
    persistent_most: int = PERSISTENT_MOST


@dataclass(slots=True)
class _Station:
    transaction: deque[float] = field(default_factory=deque)
    persistent: deque[float] = field(default_factory=deque)

    def forget_before(self, at: float) -> None:
        for writes in (self.transaction, self.persistent):
            while writes and writes[0] < at:
                writes.popleft()


class WriteBook:
    """All stations; a restart begins anew, for the wear of a day is no matter of life."""

    def __init__(self) -> None:
        self._stations: dict[StationId, _Station] = {}

    def limit(self, station: StationId, form: LimitForm, now: float) -> None:
        """A limit was written; a stop is none."""
        if form.is_profile:
            held = self._stations.setdefault(station, _Station())
            (held.persistent if _is_persistent(form) else held.transaction).append(now)

    def fallback(self, station: StationId, now: float) -> None:
        """A fallback was written."""
        self._stations.setdefault(station, _Station()).persistent.append(now)

    def of(self, station: StationId, now: float) -> Written:
        """What was written into a station in the last day."""
        held = self._stations.get(station)
        if held is None:
            return Written(0, 0)
        held.forget_before(now - DAY_S)
        return Written(len(held.transaction), len(held.persistent))

    def used_up(self, station: StationId, form: LimitForm, now: float) -> bool:
        """Whether a limit of this form may only be lowered until the day is over."""
        if not form.is_profile or station not in self._stations:
            return False
        written = self.of(station, now)
        if _is_persistent(form):
            return written.persistent >= written.persistent_most
        return written.transaction >= written.transaction_most

    def findings(self, in_ram: Mapping[StationId, bool], now: float) -> Iterator[Finding]:
        """The stations whose day is used up; `in_ram` says of each whether that is no matter."""
        for station in list(self._stations):
            written = self.of(station, now)
            most = (written.transaction_most, written.persistent_most)
            over = written.transaction >= most[0] or written.persistent >= most[1]
            if over and not in_ram.get(station, False):
                yield (
                    f"Its memory took all the charging profiles of a day: {written.transaction} of {most[0]} bound to"
                    f" transactions, {written.persistent} of {most[1]} others; limits are only lowered",
                    station,
                    "Set profile_storage: ram if it keeps them there; else find out what moves its limit so often.",
                )


def _is_persistent(form: LimitForm) -> bool:
    return form.lasts or form.replaces_fallback
