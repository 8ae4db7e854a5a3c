"""All virtual stations of all uplinks: what the stations room calls when a station says something.

Links are made when a station is first heard of (or its outbox is found filled at the start) and kept for good: one task
each, which sleeps while nothing is wanted.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.events import Event, EvseMetered, TransactionEnded, TransactionStarted
from sitectl.model.health import Finding
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import IdTokenInfo, OutboxMessage, Payload
from sitectl.model.uplink import UplinkView
from sitectl.ocpp.v16 import central_decode, central_encode
from sitectl.routing.rights import passes
from sitectl.routing.route import Route
from sitectl.uplinks.authority import Authority
from sitectl.uplinks.availability import Availability
from sitectl.uplinks.blocks import StationBlocks
from sitectl.uplinks.dial import TapOf
from sitectl.uplinks.egress import Egress
from sitectl.uplinks.link import Link
from sitectl.uplinks.news import Message
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.resets import Resets
from sitectl.uplinks.security_events import SecurityEvents
from sitectl.uplinks.trials import CentralTrial, try_central
from sitectl.uplinks.uplink import MakeDialer, Surroundings, Uplink
from sitectl.uplinks.wishes import Wishes

log = logging.getLogger(__name__)

REFRESH_S = 1.0
SAMPLES_AT_MOST_EVERY_S = 60.0
"""Each goes to disk before it is answered; more often than this is more than a disk bears."""

GOODBYE_S = 3.0
"""A central that does not answer our close frame is not waited for any longer."""

REFRESH_SHARE = 20
"""Counting a large backlog takes a while: it is done at most a twentieth of the time."""


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
        make_dialer: MakeDialer | None = None,
        tap_of: TapOf | None = None,
    ) -> None:
        self._route = route
        self._rooms = rooms
        self._clock = clock
        self._nominal_voltage_v = nominal_voltage_v
        self._events = SecurityEvents(rooms, clock, self._egress)
        self._stations = StationBlocks(rooms, clock, self._tell, self._shown)
        tokens = Authority(rooms, self.copies, lambda id, station: self._uplinks[id].link(station))
        self.authorize, self.remembered, self.verify = tokens.authorize, tokens.remembered, tokens.verify
        self._around = Surroundings(rooms, clock, random, self._stations, self._events, tokens, make_dialer, tap_of)
        self.bars, self.claimed = self._stations.reservations.bars, self._stations.reservations.claimed
        self._uplinks = {id: self._uplink(settings) for id, settings in uplinks.items()}

    def _uplink(self, settings: UplinkSettings) -> Uplink:
        return Uplink(settings, self._around, self._nominal_voltage_v)

    async def run(self) -> None:
        """Bring back what the disk says of profiles, refusals and backlogs, then keep them in view until cancelled.

        Then every connection is closed. May be run again after a failure: the links went on meanwhile.
        """
        try:
            await self._watch()
        except asyncio.CancelledError:
            await _say_goodbye([task for uplink in self._uplinks.values() for task in uplink.tasks])
            raise

    async def _watch(self) -> None:
        for uplink in [*self._uplinks.values()]:
            await uplink.restore()
        while True:
            began_at = self._clock.monotonic()
            self._stations.reservations.refresh()
            for uplink in [*self._uplinks.values()]:
                await uplink.refresh()
            await asyncio.sleep(max(REFRESH_S, REFRESH_SHARE * (self._clock.monotonic() - began_at)))

    def wake(self) -> None:
        """The wall clock has jumped: what goes by it is looked at anew, and absent centrals are tried at once."""
        for uplink in self._uplinks.values():
            uplink.wake()

    async def test(self, id: UplinkId, id_token: str | None = None) -> CentralTrial:
        """Try a central by the connections that it has; of `id_token` it is asked what it says."""
        return await try_central([*self._uplinks[id].links.values()], self._clock, id_token)

    def pause(self, id: UplinkId, by: str, why: str) -> bool:
        """Let go of a central, as if it could not be reached; False: there is none of that name."""
        uplink = self._uplinks.get(id)
        if uplink is not None:
            uplink.pause(by, why)
        return uplink is not None

    def resume(self, id: UplinkId, by: str) -> bool:
        """Dial it again, unless another has paused it too; False: there is none of that name."""
        uplink = self._uplinks.get(id)
        if uplink is not None:
            uplink.resume(by)
        return uplink is not None

    async def reconfigure(
        self,
        uplinks: Mapping[UplinkId, UplinkSettings],
        route: Route,
        online: Sequence[StationId],
        nominal_voltage_v: float,
    ) -> None:
        """Go on by another configuration. `online`: the listed stations that are connected.

        Connections of an uplink that stays as it was stay open. One that is no longer there is left, and bounds
        nothing any more; what it has not heard stays in its outbox.
        """
        leaving: list[asyncio.Task[None]] = []
        fresh: list[Uplink] = []
        self._route, self._nominal_voltage_v = route, nominal_voltage_v
        for id in [*self._uplinks]:
            if id not in uplinks:
                left = self._uplinks.pop(id)
                leaving += left.tasks
                left.withdraw()
        for id, settings in uplinks.items():
            held = self._uplinks.get(id)
            if held is None:
                fresh.append(self._uplinks.setdefault(id, self._uplink(settings)))
            else:
                leaving += held.reconfigure(settings, nominal_voltage_v)
        await _say_goodbye(leaving)
        for uplink in fresh:
            await uplink.restore()
        for station in online:
            for id in self._route.uplinks_of(station):
                if station not in self._uplinks[id].links:
                    self._uplinks[id].link(station).station_online()

    # --- for the stations room ----------------------------------------------------------------------------------------

    def copies(self, station: StationId, id_token: str) -> Sequence[UplinkId]:
        """The uplinks that get this transaction; the first is the authoritative one."""
        return self._route.copies(station, id_token)

    async def verdict(self, station: StationId, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        """Wait for the answer to a start, unless a backlog stands before it."""
        link = self._authority(station, "")
        if link is None or not link.accepted or not link.egress.live:
            return None
        return await link.egress.verdict(transaction, deadline_s)

    async def transfer(self, station: StationId, payload: Payload, deadline_s: float) -> Payload | None:
        """Relay a DataTransfer; None: nobody answers, or those of this vendor are not passed on."""
        link, vendor = self._authority(station, ""), payload.get("vendorId")
        if link is None or not passes(self._vendors(station), vendor if isinstance(vendor, str) else ""):
            return None
        answer = await link.call("DataTransfer", central_encode.presentable("DataTransfer", payload), deadline_s)
        return None if answer is None else central_decode.transfer_result(answer)

    def status(self, station: StationId, evse: int, payload: Payload) -> None:
        """A connector reported its status."""
        self._stations.reservations.reported(EvseId(station, evse))
        for link in self._shown(station):
            link.news.changed(evse)

    def samples_every_s(self, station: StationId) -> Mapping[UplinkId, float]:
        """How often each central wants meter values of a transaction, of those that have said so (inf: never)."""
        return {
            id: math.inf if every_s == 0 else max(SAMPLES_AT_MOST_EVERY_S, every_s)
            for id in self._route.uplinks_of(station)
            if (every_s := Wishes(self._rooms, id, station).samples_every_s()) is not None
        }

    async def file_status(self, station: StationId, action: str, payload: Payload) -> None:
        """How an upload of diagnostics, or a firmware update, goes: on disk for whoever ordered it."""
        await self._stations.files.heard(station, action, payload)

    def outbox_grew(self, station: StationId) -> None:
        """New rows stand in the outbox of this station."""
        for link in self._shown(station):
            link.egress.wake()

    def station_online(self, station: StationId, boot: Payload | None) -> None:
        """A station is connected, or has booted."""
        for link in self._shown(station):
            link.station_online()
        self._stations.station_online(station)

    def station_offline(self, station: StationId) -> None:
        """A station's connection ended."""
        for link in self._shown(station):
            link.station_offline()
        self._stations.station_offline(station)

    def hear(self, event: Event) -> None:
        """What the site hears: transactions, which profiles follow, and readings that a central asked for."""
        if isinstance(event, TransactionStarted | TransactionEnded | EvseMetered):
            for uplink in self._uplinks.values():
                uplink.hear(event)
        if isinstance(event, TransactionStarted):
            self._stations.reservations.hear(event)

    async def deliver(self, station: StationId, message: OutboxMessage) -> None:
        """A message of a station that belongs to no transaction and must arrive: on disk when this returns."""
        await self._events.deliver(self._route.uplinks_of(station), station, message)

    def security_event(self, station: StationId, event: SecurityEventType, info: str = "") -> None:
        """Something happened that whoever watches over the security of this station should know."""
        self._events.report(self._route.uplinks_of(station), station, event, info)

    def time_was_set(self, by_s: float) -> None:
        """The clock by which everything is stamped was set."""
        for id, uplink in self._uplinks.items():
            for station in uplink.links:
                info = f"by {by_s:+.1f} s"
                self._events.report([id], station, SecurityEventType.SETTING_SYSTEM_TIME, info)

    @property
    def availability(self) -> Availability:
        """Which EVSEs are in service, for the site itself too."""
        return self._stations.availability

    @property
    def resets(self) -> Resets:
        """The resets of all stations, whoever orders them."""
        return self._stations.resets

    # --- for people ---------------------------------------------------------------------------------------------------

    def views(self) -> Mapping[UplinkId, UplinkView]:
        """How each uplink stands."""
        return {id: uplink.view() for id, uplink in self._uplinks.items()}

    def findings(self) -> Iterator[Finding]:
        """What is wrong with single stations at their centrals: what, where, what to do."""
        for uplink in self._uplinks.values():
            yield from uplink.findings()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _egress(self, id: UplinkId, station: StationId) -> Egress | None:
        uplink = self._uplinks.get(id)
        return None if uplink is None else uplink.link(station).egress

    async def _tell(self, id: UplinkId, station: StationId, message: OutboxMessage) -> None:
        """A message of no transaction for one central: on disk, else said if it listens."""
        try:
            await self._events.deliver([id], station, message)
        except EnvironmentFault as fault:
            log.warning("%s: %s for %s is not on disk: %s", station, message.action, id, fault)
            if (uplink := self._uplinks.get(id)) is not None:
                uplink.link(station).news.say(Message(message.action, message.payload))

    def _shown(self, station: StationId) -> Sequence[Link]:
        return [self._uplinks[id].link(station) for id in self._route.uplinks_of(station)]

    def _vendors(self, station: StationId) -> frozenset[str] | None:
        """Whose private messages the central behind this station wants."""
        return self._uplinks[self._route.copies(station, "")[0]].settings.data_transfer

    def _authority(self, station: StationId, id_token: str) -> Link | None:
        copies = self._route.copies(station, id_token)
        return self._uplinks[copies[0]].link(station) if copies else None


async def _say_goodbye(links: Sequence[asyncio.Task[None]]) -> None:
    for link in links:
        link.cancel()
    if links:
        await asyncio.wait(links, timeout=GOODBYE_S)
