"""Whether a station is there, as its virtual stations see it: when it came and went, and when it is expected back."""

from __future__ import annotations

import math

from sitectl.base.clock import Clock
from sitectl.model.ids import StationId
from sitectl.uplinks.ports import StationFacts

LINGER_S = 60.0
"""The connection to a central stays for this long after the station was lost."""

NAMELESS_S = 60.0
"""A station that never sent a boot is shown after this nevertheless (at once when it has transactions)."""


class Presence:
    """Comings and goings of one station."""

    __slots__ = ("_clock", "_connection", "_facts", "_lost_at", "_reboot_until", "_seen_at", "_station")

    def __init__(self, station: StationId, facts: StationFacts, clock: Clock) -> None:
        self._station = station
        self._facts = facts
        self._clock = clock
        self._connection = 0  # which connection of the station was last heard of
        self._seen_at = self._lost_at = self._reboot_until = -math.inf

    def came(self) -> bool:
        """It has connected; False: it has booted on the connection that is known."""
        connection = self._facts.connections(self._station)
        if connection == self._connection:
            self._reboot_until = -math.inf
            return False
        self._connection = connection
        self._seen_at = self._clock.monotonic()
        return True

    def went(self) -> None:
        """Its connection ended."""
        self._lost_at = self._clock.monotonic()

    def reboot_expected(self, until: float) -> None:
        """It was told to reboot, and is missed only after `until` (monotonic s)."""
        self._reboot_until = until

    def shown(self, was_shown: bool) -> bool:
        """Whether a central should see it: never before it was seen once. `was_shown`: it has told its boot."""
        now = self._clock.monotonic()
        if self._facts.online(self._station):
            return self._facts.boot(self._station) is not None or now - self._seen_at >= NAMELESS_S
        return was_shown and (now - self._lost_at < LINGER_S or now < self._reboot_until)

    def changes_at(self) -> float:
        """When to look again, if nothing happens before."""
        now = self._clock.monotonic()
        ends = [at for at in (self._lost_at + LINGER_S, self._reboot_until) if at > now]
        return min(ends, default=now + LINGER_S)

    def nameless_s(self) -> float | None:
        """For how long it may still stay hidden because it never said who it is; None: nothing is waited for."""
        left_s = self._seen_at + NAMELESS_S - self._clock.monotonic()
        return left_s if left_s > 0.0 else None
