"""All virtual stations of all uplinks: what the stations room calls when a station says something.

Links are made when a station is first heard of (or its outbox is found filled at the start) and kept for good: one task
each, which sleeps while nothing is wanted.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.events import Event, EvseMetered, TransactionEnded, TransactionStarted
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import Backlog, IdTokenInfo, OutboxMessage, Payload
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.ocpp.v16 import central_decode, central_encode
from sitectl.routing.route import Route
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.authority import Authority
from sitectl.uplinks.blocks import Blocks, StationBlocks
from sitectl.uplinks.connecting import Dial
from sitectl.uplinks.dial import TapOf
from sitectl.uplinks.egress import Egress
from sitectl.uplinks.ingress import Ingress
from sitectl.uplinks.link import Link
from sitectl.uplinks.lists import Lists
from sitectl.uplinks.news import Message, News
from sitectl.uplinks.nudge import Nudge
from sitectl.uplinks.pace import Pace
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles
from sitectl.uplinks.refusals import Refusals
from sitectl.uplinks.remote import Remote
from sitectl.uplinks.security import Security
from sitectl.uplinks.security_events import SecurityEvents
from sitectl.uplinks.standing import view
from sitectl.uplinks.variables import Variables
from sitectl.uplinks.wishes import Wishes

log = logging.getLogger(__name__)

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 30.0
REFRESH_S = 1.0
SAMPLES_AT_MOST_EVERY_S = 60.0
"""Each goes to disk before it is answered; more often than this is more than a disk bears."""

ASK_WITHIN_S = 10.0
GOODBYE_S = 3.0
"""A central that does not answer our close frame is not waited for any longer."""

REFRESH_SHARE = 20
"""Counting a large backlog takes a while: it is done at most a twentieth of the time."""

MakeDialer = Callable[[UplinkSettings], Callable[[StationId], Dial]]


@dataclass(slots=True)
class _Uplink:
    settings: UplinkSettings
    pace: Pace
    profiles: Profiles
    blocks: Blocks
    refusals: Refusals
    security: Security
    dial: Callable[[StationId], Dial]
    links: dict[StationId, Link] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    backlogs: Mapping[StationId, Backlog] = field(default_factory=dict)
    noted: UplinkState | None = None


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
        self._random = random
        self._nominal_voltage_v = nominal_voltage_v
        self._make_dialer = make_dialer
        self._tap_of = tap_of
        self._events = SecurityEvents(rooms, clock, self._egress)
        self._stations = StationBlocks(rooms, clock, self._tell, self._shown)
        self._tokens = Authority(rooms, self.copies, lambda id, station: self._link(self._uplinks[id], station))
        self.authorize, self.remembered, self.verify = (
            self._tokens.authorize,
            self._tokens.remembered,
            self._tokens.verify,
        )
        self.bars, self.claimed = self._stations.reservations.bars, self._stations.reservations.claimed
        self._uplinks = {id: self._uplink(settings) for id, settings in uplinks.items()}

    def _uplink(self, settings: UplinkSettings) -> _Uplink:
        async def ask(station: StationId, id_token: str) -> IdTokenInfo | None:
            return await self._tokens.ask(settings.id, station, id_token, ASK_WITHIN_S)

        is_out = self._stations.availability.is_out
        profiles = Profiles(settings.id, self._rooms, self._clock, self._nominal_voltage_v)
        report = partial(self._events.report, [settings.id])
        security = Security(self._rooms, settings, self._stations.makers, self._stations.files, self._clock, report)
        remote = Remote(self._rooms, profiles, is_out, self.bars, self._clock)
        variables = Variables(self._rooms, self._stations.measurands)
        uplink = _Uplink(
            settings,
            Pace(settings.replay_per_s, self._clock),
            profiles,
            Blocks(self._stations, profiles, remote, variables, Lists(self._rooms), security),
            Refusals(self._rooms, profiles, self._clock, ask),
            security,
            self._dialer(settings, security),
        )
        return uplink

    def _dialer(self, settings: UplinkSettings, security: Security) -> Callable[[StationId], Dial]:
        if self._make_dialer is not None:
            return self._make_dialer(settings)
        return security.dialer(lambda: f"{self._random.getrandbits(64):016x}", self._tap_of).of

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
            await self._bring_back(uplink)
        while True:
            began_at = self._clock.monotonic()
            self._stations.reservations.refresh()
            for uplink in [*self._uplinks.values()]:
                await self._refresh(uplink)
            await asyncio.sleep(max(REFRESH_S, REFRESH_SHARE * (self._clock.monotonic() - began_at)))

    async def _bring_back(self, uplink: _Uplink) -> None:
        uplink.profiles.restore()
        self._stations.restore(uplink.settings.id)
        try:
            await uplink.refusals.restore()
        except EnvironmentFault as fault:
            log.warning("%s: refused transactions are not known: %s", uplink.settings.id, fault)

    def wake(self) -> None:
        """The wall clock has jumped: what goes by it is looked at anew, and absent centrals are tried at once."""
        for uplink in self._uplinks.values():
            uplink.profiles.recompose()
            for link in uplink.links.values():
                link.dial_now()

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
        fresh: list[_Uplink] = []
        self._route, self._nominal_voltage_v = route, nominal_voltage_v
        for id in [*self._uplinks]:
            if id not in uplinks:
                leaving += self._uplinks[id].tasks
                left = self._uplinks.pop(id)
                left.refusals.withdraw()
                left.profiles.withdraw()
                self._stations.withdraw(id)
        for id, settings in uplinks.items():
            held = self._uplinks.get(id)
            if held is None:
                fresh.append(self._uplinks.setdefault(id, self._uplink(settings)))
                continue
            held.profiles.nominal_voltage_v = nominal_voltage_v
            if held.settings != settings:
                leaving += held.tasks
                pace = Pace(settings.replay_per_s, self._clock)
                held.security.reconfigure(settings)
                held.settings, held.pace, held.dial = settings, pace, self._dialer(settings, held.security)
                held.links, held.tasks = {}, []
        await _say_goodbye(leaving)
        for uplink in fresh:
            await self._bring_back(uplink)
        for station in online:
            for id in self._route.uplinks_of(station):
                if station not in self._uplinks[id].links:
                    self._link(self._uplinks[id], station).station_online()

    async def _refresh(self, uplink: _Uplink) -> None:
        uplink.profiles.refresh()
        self._note_state(uplink)
        await uplink.security.look_after({**uplink.links})
        try:
            found = await self._rooms.outbox.backlogs(uplink.settings.id)
        except EnvironmentFault:
            return  # the store says itself that it is away
        uplink.backlogs = {backlog.station: backlog for backlog in found}
        for backlog in found:
            if backlog.waiting and not (link := self._link(uplink, backlog.station)).egress.waiting:
                link.egress.wake()

    def _note_state(self, uplink: _Uplink) -> None:
        """Once when it begins, for all stations together."""
        view = self._view(uplink)
        if view.state is not uplink.noted and (view.stations or view.state is not UplinkState.ONLINE):
            uplink.noted = view.state
            log.info("%s: %s", uplink.settings.id, f"{view.state.value} {view.text}".rstrip())
            data = {"uplink": uplink.settings.id, "why": view.text}
            self._rooms.journal.record(f"uplink.{view.state.value}", data=data)

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
        """Relay a DataTransfer."""
        link = self._authority(station, "")
        if link is None:
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
        match event:
            case TransactionStarted() | TransactionEnded():
                for uplink in self._uplinks.values():
                    uplink.profiles.hear(event)
                    if isinstance(event, TransactionEnded):
                        uplink.refusals.hear(event)
                if isinstance(event, TransactionStarted):
                    self._stations.reservations.hear(event)
            case EvseMetered(reading):
                for uplink in self._uplinks.values():
                    if (link := uplink.links.get(reading.evse.station)) is not None:
                        link.news.metered(reading)

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

    # --- for people ---------------------------------------------------------------------------------------------------

    def views(self) -> Mapping[UplinkId, UplinkView]:
        """How each uplink stands."""
        return {id: self._view(uplink) for id, uplink in self._uplinks.items()}

    def _view(self, uplink: _Uplink) -> UplinkView:
        return view([*uplink.links.values()], uplink.backlogs.values(), self._clock.wall())

    # --- inside -------------------------------------------------------------------------------------------------------

    def _egress(self, id: UplinkId, station: StationId) -> Egress | None:
        uplink = self._uplinks.get(id)
        return None if uplink is None else self._link(uplink, station).egress

    async def _tell(self, id: UplinkId, station: StationId, message: OutboxMessage) -> None:
        """A message of no transaction for one central: on disk, else said if it listens."""
        try:
            await self._events.deliver([id], station, message)
        except EnvironmentFault as fault:
            log.warning("%s: %s for %s is not on disk: %s", station, message.action, id, fault)
            if (uplink := self._uplinks.get(id)) is not None:
                self._link(uplink, station).news.say(Message(message.action, message.payload))

    def _shown(self, station: StationId) -> Sequence[Link]:
        return [self._link(self._uplinks[id], station) for id in self._route.uplinks_of(station)]

    def _authority(self, station: StationId, id_token: str) -> Link | None:
        copies = self._route.copies(station, id_token)
        return self._link(self._uplinks[copies[0]], station) if copies else None

    def _link(self, uplink: _Uplink, station: StationId) -> Link:
        link = uplink.links.get(station)
        if link is None:
            link = uplink.links[station] = self._make(uplink, station)
            uplink.tasks.append(self._rooms.tasks.spawn(link.run(), f"link {uplink.settings.id}/{station}"))
        return link

    def _make(self, uplink: _Uplink, station: StationId) -> Link:
        nudge = Nudge()
        settings, rooms, clock = uplink.settings, self._rooms, self._clock
        wishes = Wishes(rooms, settings.id, station)
        egress = Egress(settings.id, station, rooms, uplink.pace, uplink.refusals, clock, nudge, wishes.measured)
        backoff = Backoff(BACKOFF_BASE_S, BACKOFF_CAP_S, self._random)
        is_out, is_held = self._stations.availability.is_out, self._stations.reservations.is_held
        news = News(station, rooms.facts, clock, nudge, wishes, is_out, is_held)
        link = Link(station, rooms, egress, news, uplink.dial(station), backoff, clock, nudge)
        asker = Asker(settings.id, station, settings.rights, link, lambda: uplink.security.profile(station))
        link.serve = Ingress(rooms, uplink.blocks, asker, clock).serve
        return link


async def _say_goodbye(links: Sequence[asyncio.Task[None]]) -> None:
    for link in links:
        link.cancel()
    if links:
        await asyncio.wait(links, timeout=GOODBYE_S)
