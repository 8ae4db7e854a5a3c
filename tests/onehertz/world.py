"""The world around a controller: one second after the other of physics, and what happens meanwhile."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Protocol

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model import events
from sitectl.model.circuit import Topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId
from sitectl.model.metering import EvseReading
from sitectl.model.station import ChargingState, ConnectorStatus, EvseStatus
from tests.onehertz.cars import Car, CarSpec
from tests.onehertz.loads import Load
from tests.onehertz.metering import GridMeter
from tests.onehertz.posts import Bay, Post, PostSpec
from tests.onehertz.truth import Truth
from tests.properties.site_world import EPOCH

STEP_S = 1.0
TOLERANCE, TOLERANCE_LEAST_A = 0.01, 0.5
"""What is above a rating by less than a meter of class 1 can tell is not called above it."""
METERED_S = 2.0
"""A rise of the base load is metered, read and heard within this time."""
FOLLOWS_S = 8.0
"""And can be told from a car that follows a raise once that has reacted, and the next round of readings has come."""


class Controller(Protocol):
    """Whoever limits the stations of a world. `run` never ends."""

    def begin(self, world: World) -> None:
        """Take over a world in which nothing has happened."""

    def connect(self, post: Post) -> None:
        """A station connects (again)."""

    def disconnect(self, post: Post) -> None:
        """A station's connection is lost."""

    def post(self, event: Any) -> None:
        """Hear an event."""

    async def run(self) -> None:
        """Think."""


@dataclass(frozen=True)
class Scene:
    """What a world is made of. Loads are each circuit's own; meters hang on circuits of the topology."""

    topology: Topology
    posts: Mapping[StationId, PostSpec]
    loads: Mapping[CircuitId, Load]
    meters: Sequence[GridMeter]


class World:
    """One run of one scene under one controller."""

    def __init__(self, scene: Scene, controller: Controller, seed: int) -> None:
        self.scene, self.controller, self.random = scene, controller, Random(seed)
        self.topology = scene.topology
        self.clock = LoopClock(EPOCH)
        self.truth = Truth(scene.topology)
        self.tasks = Tasks()
        self.posts = {
            id: Post(plan, scene.posts[id], Random(self.random.random()), self.clock)
            for id, plan in scene.topology.stations.items()
        }
        for station in self.posts.values():
            station.rose = self._rose
            station.stops = lambda bay, post=station: self.depart(post, bay.plan.id.evse)
        self.circuits = {bay.plan.id: scene.topology.paths[bay.plan.circuit] for bay in self.bays()}
        self.base_a: dict[CircuitId, list[float]] = {}
        self.flows: dict[CircuitId, list[float]] = {}
        self.on_second: list[Callable[[World], None]] = []
        self.sent_at: dict[EvseId, float] = {}
        self.left: list[Car] = []
        self.judges_raises = True
        """Whether every raise is judged: on a large site that costs more than all the rest."""
        self._told_a: dict[EvseId, tuple[int, float]] = {}
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._places, self._transactions = count(), count(1)

    def bays(self) -> list[Bay]:
        return [bay for station in self.posts.values() for bay in station.bays.values()]

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Let something happen at a second."""
        heapq.heappush(self._agenda, (when, next(self._places), what))

    # --- what happens ---

    def arrive(self, post: Post, number: int, spec: CarSpec) -> None:
        """A car plugs in, is authorized, and may draw; its start is told at once where the station is connected."""
        bay, car, id = post.bays[number], Car(spec, Random(self.random.random())), next(self._transactions)
        evse = post.begin(number, car, id)
        if post.line is None:
            return
        self.hear(events.StartExpected(evse, self.now, self.now + 120.0))
        self.tell_start(bay)

    def tell_start(self, bay: Bay) -> None:
        """The controller learns of a transaction."""
        bay.told = True
        self.hear(
            events.TransactionStarted(bay.plan.id, TransactionId(f"t{bay.transaction}"), self.now, bay.transaction)
        )
        status = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
        self.hear(events.EvseStatusChanged(bay.plan.id, self.now, status))

    def depart(self, post: Post, number: int) -> None:
        """A car leaves."""
        bay = post.bays[number]
        if bay.car is None:
            return
        told, id = bay.told, bay.transaction
        self.left.append(bay.car)
        post.end(number)
        if told and post.line is not None:
            self.hear(events.TransactionEnded(bay.plan.id, TransactionId(f"t{id}"), self.now))
            self.hear(events.EvseStatusChanged(bay.plan.id, self.now, EvseStatus(ConnectorStatus.AVAILABLE)))

    def hear(self, event: Any) -> None:
        self.controller.post(event)

    def told(self, bay: Bay, limit_a: float) -> None:
        """A limit leaves the controller for a transaction: counted by what it changes."""
        plan, now = bay.plan, self.now
        before = self._told_a.get(plan.id)
        kind = "first"
        if before is not None and before[0] == bay.transaction:
            kind = "raise" if limit_a > before[1] else "cut" if limit_a < before[1] else "renewal"
        self._told_a[plan.id] = (bay.transaction, limit_a)
        self.sent_at[plan.id] = now
        self.truth.told(plan.id, kind, limit_a, now)
        off_grid = abs(limit_a * 10.0 - round(limit_a * 10.0)) > 1e-6
        if off_grid or limit_a > plan.max_a or 0.0 < limit_a < plan.min_a:
            self.truth.odd += 1

    # --- physics ---

    def _second(self) -> None:
        now = self.now
        while self._agenda and self._agenda[0][0] <= now:
            heapq.heappop(self._agenda)[2]()
        for post in self.posts.values():
            post.step(STEP_S)
        self._flow(int(now))
        self.truth.step(self.flows, self.base_a, STEP_S, now)
        for bay in self.bays():
            if bay.car is not None:
                self.truth.ev_hours += STEP_S / 3600.0
                self.truth.energy_kwh += sum(bay.drawn_a) * 0.23 * STEP_S / 3600.0
        for look in self.on_second:
            look(self)

    def _flow(self, second: int) -> None:
        """Add everything up the tree."""
        base = {id: [0.0, 0.0, 0.0] for id in self.topology.circuits}
        for id, load in self.scene.loads.items():
            drawn = load.at(second)
            for above in self.topology.paths[id]:
                for phase in range(3):
                    base[above][phase] += drawn[phase]
        flows = {id: list(a) for id, a in base.items()}
        for bay in self.bays():
            if bay.car is not None:
                for above in self.circuits[bay.plan.id]:
                    into = flows[above]
                    for phase in range(3):
                        into[phase] += bay.drawn_a[phase]
        self.base_a, self.flows = base, flows

    def _rose(self, bay: Bay) -> None:
        """A connector may draw more: whatever may be in force must fit beside the base load that could be known."""
        if not self.judges_raises:
            return
        sent_at = min(self.now, self.sent_at.get(bay.plan.id, self.now))
        round_s = max(post.spec.reading_s + post.spec.reading_age_s[1] for post in self.posts.values())
        if self._may_be_over(bay, sent_at - METERED_S):
            self.truth.hasty += 1
            self.truth.unlawful += self._may_be_over(bay, sent_at - METERED_S - round_s - FOLLOWS_S)

    def _may_be_over(self, bay: Bay, since: float) -> bool:
        """Whether all that may be in force and the lowest base load since then exceed a rating above this connector."""
        own = bay.on_grid(1.0)
        for circuit in self.circuits[bay.plan.id]:
            rated_a = self.topology.circuits[circuit].rated_a
            most_a = rated_a + max(TOLERANCE_LEAST_A, TOLERANCE * rated_a)
            if any(own[phase] and self.worst_a(circuit, phase, since) > most_a for phase in range(3)):
                return True
        return False

    def worst_a(self, circuit: CircuitId, phase: int, since: float) -> float:
        """All that may be drawn by what stations hold, or still is, and the lowest base load since then."""
        total = self.truth.least_base_a(circuit, phase, since)
        for post in self.posts.values():
            for bay in post.bays.values():
                if bay.car is not None and circuit in self.circuits[bay.plan.id]:
                    total += max(bay.on_grid(post.lawful_a(bay))[phase], bay.drawn_a[phase])
        return total

    # --- what is measured ---

    def _measure(self) -> None:
        loop, now = asyncio.get_running_loop(), self.now
        for meter in self.scene.meters:
            if now % meter.period_s < STEP_S:
                event = meter.read(self.flows[meter.circuit], now)
                loop.call_later(meter.age_s, self.hear, event)
        for place, post in enumerate(self.posts.values()):
            if (now + place) % post.spec.reading_s < STEP_S and post.line is not None and not post.silent:
                self._report(post)

    def _report(self, post: Post) -> None:
        """MeterValues of all its connectors, which are some seconds on their way."""
        loop = asyncio.get_running_loop()
        for bay in post.bays.values():
            if bay.car is not None and bay.told:
                a, used = bay.car.current_a, bay.phases
                own = PhaseCurrents(*(a if phase < used else 0.0 for phase in range(3)))
                way_s = post.random.uniform(*post.spec.reading_age_s)
                loop.call_later(way_s, self._reported, post, bay, post.line, bay.transaction, own, bay.car.energy_wh)

    def _reported(self, post: Post, bay: Bay, line: object, transaction: int, own: PhaseCurrents, wh: float) -> None:
        if post.line is line and bay.transaction == transaction and bay.car is not None:
            self.hear(events.EvseMetered(EvseReading(bay.plan.id, self.now, own, register_wh=wh)))

    # --- life ---

    async def live(self, seconds: float) -> World:
        """Run to the end; the first failure of the controller ends it."""
        self._flow(0)
        self.controller.begin(self)
        thinking = self.tasks.spawn(self.controller.run(), "controller")
        try:
            while self.now < seconds and not thinking.done():
                self._second()
                self._measure()
                await asyncio.sleep(STEP_S)
            if thinking.done():
                thinking.result()
        finally:
            for post in self.posts.values():
                self.controller.disconnect(post)
            await self.tasks.cancel_all()
        return self


def live(world: Callable[[], World], seconds: float) -> World:
    """One life on a virtual loop."""

    async def whole() -> World:
        return await world().live(seconds)

    return run_virtual(whole())
