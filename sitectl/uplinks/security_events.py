"""Security events of our own making, told to the centrals as the station that they concern.

The journal has every one. A central gets those of stations that it has seen, unless it has shown that it does not know
the message; the same again within a minute is one event.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import OutboxMessage
from sitectl.ocpp.v16 import security
from sitectl.uplinks.egress import Egress
from sitectl.uplinks.ports import Rooms

log = logging.getLogger(__name__)

SAME_WITHIN_S = 60.0
MOST_REMEMBERED = 1024
MOST_AN_HOUR, HOUR_S = 60, 3600.0
"""Events of our own about one station; beyond it they are not even journaled."""

LONGEST_INFO = 255

OF_THE_SITE = (SecurityEventType.STARTUP, SecurityEventType.SETTING_SYSTEM_TIME)
"""What concerns every station at once, and stands in the journal once already."""

EgressOf = Callable[[UplinkId, StationId], Egress | None]


class SecurityEvents:
    """Where other rooms report. `egress_of` gives the sender of one virtual station, None when the uplink is gone."""

    def __init__(self, rooms: Rooms, clock: Clock, egress_of: EgressOf) -> None:
        self._rooms = rooms
        self._clock = clock
        self._egress_of = egress_of
        self._budgets: dict[StationId, deque[float]] = {}
        self._told: dict[tuple[StationId, SecurityEventType, str], float] = {}

    def report(
        self,
        uplinks: Sequence[UplinkId],
        station: StationId,
        event: SecurityEventType,
        info: str = "",
        *,
        occurred: datetime | None = None,
    ) -> None:
        """Something happened (now, if it is not said when) that the centrals of a station should know. Never waits."""
        info = info[:LONGEST_INFO]
        if self._was_told(station, event, info) or not self._is_within_budget(station):
            return
        if event not in OF_THE_SITE:
            self._rooms.journal.record("security.event", station, data={"event": event.value, "info": info})
        if self._rooms.facts.boot(station) is None:
            return  # no central has seen it yet, and none shall because of this
        message = security.event_copy(event.value, occurred or self._clock.wall(), info)
        takers = [uplink for uplink in uplinks if self._takes(uplink, station, message.action)]
        if takers:
            self._rooms.spawn(self._store(takers, station, message), f"security event of {station}")

    async def _store(self, uplinks: Sequence[UplinkId], station: StationId, message: OutboxMessage) -> None:
        try:
            await self.deliver(uplinks, station, message)
        except EnvironmentFault as fault:
            log.warning("%s: a security event is in the journal only: %s", station, fault)

    async def deliver(self, uplinks: Sequence[UplinkId], station: StationId, message: OutboxMessage) -> None:
        """A message of no transaction that must arrive: on disk when this returns, else EnvironmentFault."""
        if not uplinks:
            return
        await self._rooms.outbox.append(station, uplinks, message)
        for uplink in uplinks:
            if (egress := self._egress_of(uplink, station)) is not None:
                egress.wake()

    def _takes(self, uplink: UplinkId, station: StationId, action: str) -> bool:
        egress = self._egress_of(uplink, station)
        return egress is not None and egress.takes(action)

    def _is_within_budget(self, station: StationId) -> bool:
        """Whoever provokes events must not fill the disk with them."""
        now = self._clock.monotonic()
        told = self._budgets.setdefault(station, deque(maxlen=MOST_AN_HOUR))
        if len(told) == MOST_AN_HOUR and now - told[0] < HOUR_S:
            return False
        told.append(now)
        return True

    def _was_told(self, station: StationId, event: SecurityEventType, info: str) -> bool:
        now, key = self._clock.monotonic(), (station, event, info)
        told_at = self._told.pop(key, None)
        if told_at is not None and now - told_at < SAME_WITHIN_S:
            self._told[key] = told_at
            return True
        self._told[key] = now
        if len(self._told) > MOST_REMEMBERED:
            del self._told[next(iter(self._told))]
        return False
