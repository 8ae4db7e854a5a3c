"""All virtual stations of all uplinks: what the stations room calls when a station says something.

Links are made when a station is first heard of (or its outbox is found filled at the start) and kept for good: one task
each, which sleeps while nothing is wanted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.config.settings import UplinkSettings
from sitectl.model.events import Event, TransactionEnded, TransactionStarted
from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import Backlog, IdTokenInfo, Payload
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.ocpp.v16 import central_encode
from sitectl.routing.route import Route
from sitectl.uplinks.dial import dialer
from sitectl.uplinks.egress import Egress
from sitectl.uplinks.ingress import Ingress
from sitectl.uplinks.link import Dial, Link, LinkState
from sitectl.uplinks.pace import Pace
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles

log = logging.getLogger(__name__)

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 30.0
REFRESH_S = 1.0

DialerFactory = Callable[[UplinkSettings, StationId], Dial]


@dataclass(slots=True)
class _Uplink:
    settings: UplinkSettings
    pace: Pace
    profiles: Profiles
    links: dict[StationId, Link]
    backlogs: Mapping[StationId, Backlog]


class UplinkPool:
    """Every central that the site talks to."""

    def __init__(
        self,
        uplinks: Mapping[UplinkId, UplinkSettings],
        route: Route,
        rooms: Rooms,
        clock: Clock,
        random: Random,
        nominal_voltage_v: float = 230.0,
        make_dialer: DialerFactory | None = None,
    ) -> None:
        self._route = route
        self._rooms = rooms
        self._clock = clock
        self._random = random
        self._make_dialer = make_dialer or self._dialer
        self._uplinks = {
            id: _Uplink(
                settings,
                Pace(settings.replay_per_s, clock),
                Profiles(id, rooms, clock, nominal_voltage_v),
                {},
                {},
            )
            for id, settings in uplinks.items()
        }

    def _dialer(self, settings: UplinkSettings, station: StationId) -> Dial:
        return dialer(settings, station, self._clock, lambda: f"{self._random.getrandbits(64):016x}")

    async def run(self) -> None:
        """Bring back what the disk says of backlogs and profiles, then keep both in view; for ever."""
        for id, uplink in self._uplinks.items():
            for backlog in await self._rooms.outbox.backlogs(id):
                if backlog.waiting:
                    self._link(uplink, backlog.station).outbox_grew()
        while True:
            for id, uplink in self._uplinks.items():
                found = await self._rooms.outbox.backlogs(id)
                uplink.backlogs = {backlog.station: backlog for backlog in found}
                uplink.profiles.refresh()
            await asyncio.sleep(REFRESH_S)

    # --- for the stations room ---

    def copies(self, station: StationId, id_token: str) -> Sequence[UplinkId]:
        """The uplinks that get this transaction; the first is the authoritative one."""
        return self._route.copies(station, id_token)

    async def authorize(self, station: StationId, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask the authoritative central."""
        link = self._authority(station, id_token)
        return None if link is None or not link.accepted else await link.authorize(id_token, deadline_s)

    async def verdict(self, station: StationId, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        """Wait for the answer to a start, unless a backlog stands before it."""
        link = self._authority(station, "")
        if link is None or not link.accepted or not link.egress.drained:
            return None
        return await link.egress.verdict(transaction, deadline_s)

    async def transfer(self, station: StationId, payload: Payload, deadline_s: float) -> Payload | None:
        """Relay a DataTransfer."""
        link = self._authority(station, "")
        if link is None:
            return None
        return await link.call("DataTransfer", central_encode.presentable("DataTransfer", payload), deadline_s)

    def status(self, station: StationId, evse: int, payload: Payload) -> None:
        """A connector's status changed."""
        for link in self._links(station):
            link.status_changed(evse)

    def notify(self, station: StationId, action: str, payload: Payload) -> None:
        """A notification for the central, best effort."""
        for link in self._links(station):
            link.notify(action, central_encode.presentable(action, payload))

    def outbox_grew(self, station: StationId) -> None:
        """New rows stand in the outbox of this station."""
        for link in self._links(station):
            link.outbox_grew()

    def station_online(self, station: StationId, boot: Payload | None) -> None:
        """A station is connected, or booted again."""
        for link in self._links(station):
            link.station_online()

    def station_offline(self, station: StationId) -> None:
        """A station's connection ended."""
        for link in self._links(station):
            link.station_offline()

    def hear(self, event: Event) -> None:
        """Transactions begin and end: profiles of centrals follow them."""
        if isinstance(event, TransactionStarted | TransactionEnded):
            for uplink in self._uplinks.values():
                uplink.profiles.hear(event)

    # --- for people ---

    def views(self) -> Mapping[UplinkId, UplinkView]:
        """How each uplink stands."""
        return {id: self._view(uplink) for id, uplink in self._uplinks.items()}

    def _view(self, uplink: _Uplink) -> UplinkView:
        wanted = [link for link in uplink.links.values() if link.wanted()]
        waiting = [b for b in uplink.backlogs.values() if b.waiting]
        oldest = min((b.oldest_wall for b in waiting if b.oldest_wall is not None), default=None)
        failing = next((link.why for link in wanted if not link.accepted and link.why), "")
        return UplinkView(
            state=_state(wanted),
            stations=sum(1 for link in wanted if link.accepted),
            backlog=sum(b.waiting for b in waiting),
            oldest_s=None if oldest is None else max(0.0, self._clock.wall().timestamp() - oldest),
            dead=sum(b.dead for b in uplink.backlogs.values()),
            text=failing,
        )

    # --- inside ---

    def _links(self, station: StationId) -> Sequence[Link]:
        return [self._link(self._uplinks[id], station) for id in self._route.uplinks_of(station)]

    def _authority(self, station: StationId, id_token: str) -> Link | None:
        copies = self._route.copies(station, id_token)
        return self._link(self._uplinks[copies[0]], station) if copies else None

    def _link(self, uplink: _Uplink, station: StationId) -> Link:
        link = uplink.links.get(station)
        if link is None:
            link = self._make(uplink, station)
            uplink.links[station] = link
            self._rooms.spawn(link.run(), f"link {uplink.settings.id}/{station}")
        return link

    def _make(self, uplink: _Uplink, station: StationId) -> Link:
        id = uplink.settings.id
        egress = Egress(id, station, self._rooms, uplink.pace, self._clock)

        def trigger(message: str, connector: int) -> bool:
            return link.trigger(message, connector)

        ingress = Ingress(self._rooms, uplink.profiles, station, uplink.settings.rights, self._clock, trigger)
        backoff = Backoff(BACKOFF_BASE_S, BACKOFF_CAP_S, self._random)
        dial = self._make_dialer(uplink.settings, station)
        link = Link(station, self._rooms, egress, ingress, dial, backoff, self._clock)
        return link


def _state(wanted: Sequence[Link]) -> UplinkState:
    """Online only when every wanted connection is accepted; with none wanted there is nothing amiss."""
    states = {link.state for link in wanted if not link.accepted}
    for state, shown in (
        (LinkState.REFUSED, UplinkState.REFUSED),
        (LinkState.OFFLINE, UplinkState.OFFLINE),
    ):
        if state in states:
            return shown
    return UplinkState.CONNECTING if states else UplinkState.ONLINE
