"""The clock of a gateway that may not know the time: many have no battery, and boot in 1970 or when they were left.

Until the time is known (the machine's clock is set, or a central tells it) the wall clock goes on from the newest
moment that the ledger knows, so that time never runs backwards; everything that is stamped meanwhile is put right by
the `Mistake` that is found then.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sitectl.base.clock import Clock

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is set shows an earlier time: this program did not exist then."""

BACKWARDS = timedelta(seconds=60)
"""A machine's clock this far behind what the ledger has seen was not set since."""

STEP = timedelta(seconds=2)
"""A larger difference between two looks is a step, not a drift."""


LATEST_MISTAKE = timedelta(hours=1)
"""A station that was told a wrong time is told the right one long before this; later its stamps are its own again."""


TOLD_ESTIMATE = "clock.told"
"""The event that a station was told a time that we did not know."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Our wall clock was wrong from `began` to `ended`, by its own showing: add `correction` to what it showed."""

    began: datetime
    ended: datetime
    correction: timedelta


@dataclass(frozen=True, slots=True)
class Stepped:
    """The machine's clock was set while it was known: it shows `by` more than it would have."""

    by: timedelta


class GatewayClock:
    """The machine's clock, as far as it can be believed. Meets `Clock`."""

    def __init__(self, machine: Clock, synchronised: bool | None = None) -> None:
        """`synchronised`: whether the machine says that its clock follows a time server; None asks it."""
        self._machine = machine
        self._synchronised = synchronised
        self._anchor: tuple[datetime, float] | None = None
        self._began: datetime | None = None
        self._seen: tuple[datetime, float] | None = None
        self.mistake: Mistake | None = None

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return self._machine.monotonic()

    def wall(self) -> datetime:
        """The time of day, as well as it is known."""
        if self._anchor is None:
            return self._machine.wall()
        moment, at = self._anchor
        return moment + timedelta(seconds=self._machine.monotonic() - at)

    @property
    def known(self) -> bool:
        """Whether the time is known."""
        return self._began is None

    def begin(self, newest: datetime | None) -> bool:
        """Judge the machine's clock at the start: whether the time is known. `newest`: the newest moment in the ledger,
        None when it is new."""
        floor = RELEASED if newest is None else max(RELEASED, newest)
        if self._is_synchronised() or self._machine.wall() >= floor - BACKWARDS:
            return True
        self._anchor, self._began = (floor, self._machine.monotonic()), floor
        return False

    def look(self) -> Mistake | Stepped | None:
        """See whether the machine's clock was set; call it once a second or so."""
        shown, at = self._machine.wall(), self._machine.monotonic()
        before, self._seen = self._seen, (shown, at)
        if self._anchor is not None:
            if not (self._is_synchronised() or shown >= self.wall()):
                return None
            correction, self._anchor = shown - self.wall(), None
            if self._began is not None:
                return self._found(correction, shown - correction)
            return Stepped(correction) if abs(correction) > STEP else None
        if before is None:
            return None
        by = (shown - before[0]) - timedelta(seconds=at - before[1])
        return Stepped(by) if abs(by) > STEP else None

    def heard(self, moment: datetime) -> Mistake | None:
        """A central says that it is `moment`. Believed while nothing better is known, and never to run backwards."""
        if self._began is None or moment < max(RELEASED, self._began):
            return None
        shown = self.wall()
        self._anchor = (moment, self._machine.monotonic())
        return self._found(moment - shown, shown)

    def _found(self, correction: timedelta, ended: datetime) -> Mistake:
        assert self._began is not None
        self.mistake = Mistake(self._began, ended, correction)
        self._began = None
        return self.mistake

    def _is_synchronised(self) -> bool:
        return _kernel_is_synchronised() if self._synchronised is None else self._synchronised


def machine_is_synchronised() -> bool:
    """Whether this machine's clock follows a time server, as far as it says so."""
    return _kernel_is_synchronised()


_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def _kernel_is_synchronised() -> bool:
    """Whether the kernel's clock follows a time server; False where it cannot be asked."""
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    except (OSError, AttributeError):
        return False
    return 0 <= state < _TIME_ERROR
