"""Between the meters and the site: lets readings through, or holds those of one meter back while its loss is tried.

What is held back is still seen here, so that a trial can be broken off by what really flows.
"""

from __future__ import annotations

from typing import Protocol

from sitectl.model.events import Event, MeterFailed, MeterRead
from sitectl.model.ids import MeterId
from sitectl.model.metering import MeterReading

WHY = "held back by a drill"


class Inbox(Protocol):
    """Who hears of readings."""

    def post(self, event: Event) -> None:
        """Take one."""


class Withheld:
    """Meets the inbox of the meters."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._held: set[MeterId] = set()
        self.seen: dict[MeterId, MeterReading] = {}
        """The newest reading of a meter that is held back."""

    def post(self, event: Event) -> None:
        """Let it through, unless it is a reading of a meter that is held back."""
        if isinstance(event, MeterRead) and event.reading.meter in self._held:
            self.seen[event.reading.meter] = event.reading
            event = MeterFailed(event.reading.meter, event.reading.at, WHY)
        self._inbox.post(event)

    def hold(self, meter: MeterId) -> None:
        """As if it were lost, from now on."""
        self._held.add(meter)

    def release(self, meter: MeterId) -> None:
        """Its readings count again."""
        self._held.discard(meter)
        self.seen.pop(meter, None)
