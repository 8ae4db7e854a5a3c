"""One central, and all virtual stations that it sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.events import EvseMetered, TransactionEnded, TransactionStarted
from sitectl.model.health import Finding
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import Backlog, IdTokenInfo
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.authority import Authority
from sitectl.uplinks.blocks import Blocks, StationBlocks
from sitectl.uplinks.connecting import Dial, DialFailed
from sitectl.uplinks.dial import TapOf
from sitectl.uplinks.egress import Egress
from sitectl.uplinks.ingress import Ingress
from sitectl.uplinks.link import Link
from sitectl.uplinks.lists import Lists
from sitectl.uplinks.news import News
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
from sitectl.wire.outcomes import Handler, Notice
from sitectl.wire.peer import Peer

log = logging.getLogger(__name__)

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 30.0
ASK_WITHIN_S = 10.0

MakeDialer = Callable[[UplinkSettings], Callable[[StationId], Dial]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all uplinks have in common. `make_dialer` and `tap_of` None: real sockets, and nobody listens in."""

    rooms: Rooms
    clock: Clock
    random: Random
    stations: StationBlocks
    events: SecurityEvents
    tokens: Authority
    make_dialer: MakeDialer | None = None
    tap_of: TapOf | None = None


class Uplink:
    """Links are made when a station is first heard of and kept for good: one task each."""

    def __init__(self, settings: UplinkSettings, around: Surroundings, nominal_voltage_v: float) -> None:
        self.settings = settings
        self.links: dict[StationId, Link] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self._around = around
        self._backlogs: Mapping[StationId, Backlog] = {}
        self._noted: UplinkState | None = None
        self._pauses: dict[str, str] = {}
        """Why no connection is made, by whom; while there is none, they are."""
        rooms, clock, stations = around.rooms, around.clock, around.stations
        report = partial(around.events.report, [settings.id])
        self.security = Security(rooms, settings, stations.files, clock, report)
        self.profiles = Profiles(settings.id, rooms, clock, nominal_voltage_v)
        self.refusals = Refusals(rooms, self.profiles, clock, self._ask)
        remote = Remote(rooms, self.profiles, stations.availability.is_out, stations.reservations.bars, clock)
        variables = Variables(rooms, stations.measurands)
        self._blocks = Blocks(stations, self.profiles, remote, variables, Lists(rooms), self.security)
        self._pace, self._dial = self._outward(settings)

    @property
    def id(self) -> UplinkId:
        """Its name in the configuration."""
        return self.settings.id

    def _outward(self, settings: UplinkSettings) -> tuple[Pace, Callable[[StationId], Dial]]:
        around = self._around
        pace = Pace(settings.replay_per_s, around.clock)
        if around.make_dialer is not None:
            return pace, around.make_dialer(settings)
        return pace, self.security.dialer(lambda: f"{around.random.getrandbits(64):016x}", around.tap_of).of

    async def _ask(self, station: StationId, id_token: str) -> IdTokenInfo | None:
        return await self._around.tokens.ask(self.id, station, id_token, ASK_WITHIN_S)

    # --- its virtual stations -----------------------------------------------------------------------------------------

    def link(self, station: StationId) -> Link:
        """The virtual station, made when it is first asked for."""
        link = self.links.get(station)
        if link is None:
            link = self.links[station] = self._make(station)
            self.tasks.append(self._around.rooms.tasks.spawn(link.run(), f"link {self.id}/{station}"))
        return link

    def _make(self, station: StationId) -> Link:
        nudge = Nudge()
        rooms, clock, stations = self._around.rooms, self._around.clock, self._around.stations
        wishes = Wishes(rooms, self.id, station)
        zero_id, dead_start = self.settings.zero_id, self.settings.on_dead_start
        egress = Egress(
            self.id, station, rooms, self._pace, self.refusals, clock, nudge, wishes.measured, zero_id, dead_start
        )
        backoff = Backoff(BACKOFF_BASE_S, BACKOFF_CAP_S, self._around.random)
        is_out, is_held = stations.availability.is_out, stations.reservations.is_held
        news = News(station, rooms.facts, clock, nudge, wishes, is_out, is_held)
        link = Link(station, rooms, egress, news, self._unless_paused(self._dial(station)), backoff, clock, nudge)
        rights, vendors = self.settings.rights, self.settings.data_transfer
        asker = Asker(self.id, station, rights, link, lambda: self.security.profile(station), vendors)
        link.serve = Ingress(rooms, self._blocks, asker, clock).serve
        return link

    # --- its life -----------------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Bring back what the disk remembers of what it wants."""
        self.profiles.restore()
        self._around.stations.restore(self.id)
        try:
            await self.refusals.restore()
        except EnvironmentFault as fault:
            log.warning("%s: refused transactions are not known: %s", self.id, fault, extra={"uplink": self.id})

    def withdraw(self) -> None:
        """It is no longer configured: it bounds nothing any more, and what it wished does not hold."""
        self.refusals.withdraw()
        self.profiles.withdraw()
        self._around.stations.withdraw(self.id)

    def reconfigure(self, settings: UplinkSettings, nominal_voltage_v: float) -> list[asyncio.Task[None]]:
        """Other settings; the tasks of the connections that have to go because of them."""
        self.profiles.nominal_voltage_v = nominal_voltage_v
        if self.settings == settings:
            return []
        self.security.reconfigure(settings)
        self.settings = settings
        self._pace, self._dial = self._outward(settings)
        leaving, self.links, self.tasks = self.tasks, {}, []
        return leaving

    async def refresh(self) -> None:
        """Time passed: periods begin and end, backlogs grow and shrink."""
        self.profiles.refresh()
        self._note_state()
        self.security.look_after(self.links)
        try:
            found = await self._around.rooms.outbox.backlogs(self.id)
        except EnvironmentFault:
            return  # the store says itself that it is away
        self._backlogs = {backlog.station: backlog for backlog in found}
        for backlog in found:
            if backlog.waiting and not (link := self.link(backlog.station)).egress.waiting:
                link.egress.wake()

    def pause(self, by: str, why: str) -> None:
        """Let go of the central, as if it could not be reached; what it has not heard waits in the outbox.

        Paused by two, it goes on when both have said so. Said again by the same, nothing happens.
        """
        began = not self._pauses
        self._pauses.setdefault(by, why)
        if began:
            for link in self.links.values():
                link.reconnect()

    def resume(self, by: str) -> None:
        """Dial again, unless somebody else has paused it too."""
        if self._pauses.pop(by, None) is not None and not self._pauses:
            for link in self.links.values():
                link.dial_now()

    def _unless_paused(self, dial: Dial) -> Dial:
        async def dialled(serve: Handler, notice: Callable[[Notice], None]) -> Peer:
            if self._pauses:
                raise DialFailed(next(iter(self._pauses.values())))
            return await dial(serve, notice)

        return dialled

    def wake(self) -> None:
        """The wall clock has jumped: what goes by it is looked at anew, and an absent central is tried at once."""
        self.profiles.recompose()
        for link in self.links.values():
            link.dial_now()

    def hear(self, event: TransactionStarted | TransactionEnded | EvseMetered) -> None:
        """What the site hears: transactions, which profiles follow, and readings that were asked for."""
        if isinstance(event, EvseMetered):
            if (link := self.links.get(event.reading.evse.station)) is not None:
                link.news.metered(event.reading)
            return
        self.profiles.hear(event)
        if isinstance(event, TransactionEnded):
            self.refusals.hear(event)

    # --- for people ---------------------------------------------------------------------------------------------------

    def view(self) -> UplinkView:
        """How it stands."""
        return view([*self.links.values()], self._backlogs.values(), self._around.clock.wall())

    def findings(self) -> Iterator[Finding]:
        """What is wrong with single stations: what, where, what to do."""
        for link in self.links.values():
            yield from link.egress.stuck.findings()

    def _note_state(self) -> None:
        """Once when it begins, for all stations together."""
        seen = self.view()
        if seen.state is not self._noted and (seen.stations or seen.state is not UplinkState.ONLINE):
            self._noted = seen.state
            log.info("%s: %s", self.id, f"{seen.state.value} {seen.text}".rstrip(), extra={"uplink": self.id})
            data = {"uplink": self.id, "why": seen.text}
            self._around.rooms.journal.record(f"uplink.{seen.state.value}", data=data)
