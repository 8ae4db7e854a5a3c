"""The real site owner as the controller of a world: its events come from there, its offers go through the real desk,
queues and encoder to the stations.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sitectl.allocator.rules import SharingRules
from sitectl.model import events
from sitectl.model.commands import Command, InstallFallback, OfferLimit
from sitectl.model.ids import StationId, TransactionId
from sitectl.model.station import StationIdentity
from sitectl.ocpp.v16 import encode
from sitectl.site.memory import MemoryJournal, MemoryLimits
from sitectl.site.owner import Site
from sitectl.state.site_state import SiteRules, initial_state
from sitectl.stations.limits import LimitDesk
from tests.onehertz.posts import Bay, Line, Post
from tests.onehertz.world import World
from tests.properties.site_world import Doors

IDENTITY = StationIdentity("Model", "M1", "1.0")


class Speech:
    """OCPP 1.6 as the stations room speaks it."""

    def encode(self, command: Command) -> tuple[str, dict[str, Any]]:
        return encode.call(command)

    def status(self, action: str, payload: dict[str, Any]) -> str:
        return str(payload["status"])


class RealController:
    """The real owner. `disk` outlives it: a new one that is given the same remembers."""

    def __init__(
        self, sharing: SharingRules | None = None, *, proven: bool = False, disk: MemoryLimits | None = None
    ) -> None:
        self.sharing, self.proven = sharing or SharingRules(), proven
        self.disk = disk or MemoryLimits()
        self.violations: list[str] = []
        self.booted: set[StationId] = set()
        self._killed = False

    def begin(self, world: World) -> None:
        self.world = world
        self._wake()
        for post in world.posts.values():
            self.connect(post)

    def _wake(self) -> None:
        """A life of the process begins: only the disk is known."""
        world = self.world
        meters = {meter.id: meter.period_s for meter in world.scene.meters}
        rules = SiteRules(meter_intervals_s=meters, proven=self.proven)
        self.doors = Doors(world.clock)
        desk = LimitDesk(lambda station, *order: self.doors.queue(station).put(*order), self, world.clock)
        state = initial_state(world.topology, rules, world.now)
        self.site = Site(state, self.sharing, world.clock, _Counting(world, desk), self.disk, MemoryJournal())
        self.site.on_cycle = lambda decision: self.violations.extend(decision.violations)
        self.site.remember(list(self.disk.rows.values()))

    def restart(self, back_s: tuple[float, float] = (1.0, 6.0)) -> None:
        """Killed and started again at once; the stations come back after some seconds, transactions run through."""
        world, loop = self.world, asyncio.get_running_loop()
        for post in world.posts.values():
            self.disconnect(post)
        self._killed = self._turn.cancel()
        self._wake()
        for station in self.booted:
            self.post(events.StationBooted(station, world.now, IDENTITY, remembered=True))
        for bay in world.bays():
            if bay.car is not None and bay.told:
                id = TransactionId(f"t{bay.transaction}")
                self.post(events.TransactionStarted(bay.plan.id, id, world.now, bay.transaction, resumed=True))
        for post in world.posts.values():
            loop.call_later(world.random.uniform(*back_s), self.connect, post)

    def connect(self, post: Post) -> None:
        """Connect and boot; what was told before is known to both, and is said again."""
        id, now, line = post.plan.id, self.world.now, Line(post)
        self.disconnect(post)
        post.line, post.down = line, False
        queue, known = self.doors.queue(id), id in self.booted
        queue.connected(line, Speech(), booted_once=known)
        self.post(events.StationConnected(id, now, "1.6", "10.0.0.1"))
        if not known:
            self.booted.add(id)
            self.boot(post)
        self.post(events.StartControlLearned(id, now, post.spec.starts_pass_us))
        if post.spec.clock_known:
            self.post(events.ClockSkewLearned(id, now, post.spec.clock_error_s))
        for bay in post.bays.values():
            if bay.car is not None and not bay.told:
                self.world.tell_start(bay)

    def boot(self, post: Post) -> None:
        self.post(events.StationBooted(post.plan.id, self.world.now, IDENTITY))
        self.doors.queue(post.plan.id).booted()

    def disconnect(self, post: Post) -> None:
        if post.line is None:
            return
        line, post.line = post.line, None
        self.doors.queue(post.plan.id).disconnected(line, "lost")
        line.end()
        self.post(events.StationDisconnected(post.plan.id, self.world.now, "lost"))

    def post(self, event: Any) -> None:
        self.site.post(event)

    async def run(self) -> None:
        while True:
            self._turn = asyncio.ensure_future(self.site.run())
            try:
                await self._turn
            except asyncio.CancelledError:
                if not self._killed:
                    raise
                self._killed = False


class _Counting:
    """The desk, with the truth keeping account."""

    def __init__(self, world: World, desk: LimitDesk) -> None:
        self.world, self.desk = world, desk

    def offer(self, command: OfferLimit) -> None:
        self.world.told(self.bay(command), command.offer.limit_a)
        self.desk.offer(command)

    def install_fallback(self, command: InstallFallback) -> None:
        self.desk.install_fallback(command)

    def bay(self, command: OfferLimit) -> Bay:
        evse = command.offer.evse
        return self.world.posts[evse.station].bays[evse.evse]
