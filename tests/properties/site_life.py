"""One life of a whole site on virtual time: the process around the real `Site` owner, the physics, and what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from sitectl.allocator.breaker import NORMAL
from sitectl.allocator.rules import SharingRules
from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.model import events
from sitectl.model.circuit import Topology
from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.limits import OfferKind, StoredLimit
from sitectl.model.metering import MeterReading
from sitectl.model.station import ChargingState, StationIdentity
from sitectl.simulator.vehicle import VehicleSpec
from sitectl.site.memory import MemoryJournal
from sitectl.site.owner import Site
from sitectl.state.site_state import SiteRules, initial_state
from sitectl.stations.limits import LimitDesk
from tests.properties.site_watch import Figures, Watch
from tests.properties.site_world import EPOCH, Doors, ModelStation, Troubles

STEP_S = 0.5


class Disk:
    """Commits after a while, in order; sometimes slow, sometimes failing. Rows survive the process."""

    def __init__(self, random: Random, troubles: Troubles, stored: dict[EvseId, StoredLimit]) -> None:
        self.random, self.troubles, self.stored = random, troubles, stored
        self.works = True
        self.dead = False
        self.free_at = 0.0

    def save(self, limits: Sequence[StoredLimit], done: Callable[[bool], None]) -> None:
        slow = self.random.random() < self.troubles.disk_slow
        delay_s = self.random.uniform(1.0, 4.0) if slow else self.random.uniform(*self.troubles.disk_s)
        loop = asyncio.get_running_loop()
        self.free_at = max(self.free_at + 1e-6, loop.time() + delay_s)
        loop.call_at(self.free_at, self._commit, list(limits), done)

    def _commit(self, limits: list[StoredLimit], done: Callable[[bool], None]) -> None:
        if self.dead:
            return
        if self.works:
            self.stored.update({row.evse: row for row in limits})
        done(self.works)

    async def load(self) -> Sequence[StoredLimit]:
        return list(self.stored.values())


class World:
    """One scenario."""

    def __init__(self, seed: int, site: Topology, rules: SiteRules, troubles: Troubles, base_a: dict[CircuitId, float]):
        self.random = Random(seed)
        self.topology, self.rules, self.troubles = site, rules, troubles
        self.clock = LoopClock(EPOCH)
        self.base_most_a = base_a
        self.base = {c: [self.random.uniform(0.2, 0.6) * a] * 3 for c, a in base_a.items()}
        self.stations = {
            plan.id: ModelStation(plan, self.random, troubles, self.clock, self.random.random() < 0.6)
            for plan in site.stations.values()
        }
        single = [station for station in self.stations.values() if len(station.bays) == 1]
        for station in single[: troubles.disobedient]:  # more than what it takes cannot be made up for by others
            station.disobeys = True
        self.stored: dict[EvseId, StoredLimit] = {}
        self.open: dict[EvseId, events.TransactionStarted] = {}
        self.excused: set[EvseId] = set()
        self.booted: set[StationId] = set()
        self.watch = Watch(self)
        self.meter_up = True
        self.blind_until = 5.0
        self.quiet = False
        self.measuring = False
        self.ids = 2_000_000_000
        self.sharing = SharingRules(quantum_s=240.0)
        """Turns are short, so that a life sees some."""
        self.site: Site | None = None

    # --- the process ---

    def start(self, group: Tasks) -> None:
        """A life of the process begins: only the disk is known."""
        self.began_at = self.clock.monotonic()
        self.doors, self.disk = Doors(self.clock), Disk(self.random, self.troubles, self.stored)
        desk = LimitDesk(self._put, self, self.clock)
        state = initial_state(self.topology, self.rules, self.clock.monotonic())
        self.site = Site(state, self.sharing, self.clock, _Watched(self, desk), self.disk, MemoryJournal())
        self.site.remember(list(self.stored.values()))
        for station in self.booted:
            identity = StationIdentity("Model", "M1", "1.0")
            self.site.post(events.StationBooted(station, self.clock.monotonic(), identity, remembered=True))
        for event in list(self.open.values()):
            self.site.post(replace(event, at=self.clock.monotonic(), resumed=True))
        self.site.on_cycle = self.watch.cycle
        self.site.cycle()
        self.running = self._spawn(group, self.site.run(), "site")
        loop = asyncio.get_running_loop()
        for station in self.stations.values():
            loop.call_later(self.random.uniform(0.1, 6.0), self._connect, station, self.site)

    def kill(self) -> None:
        if self.site is not None:  # what was learned and is not on disk yet is lost, until the fallback is told again
            for id, evse in self.site.state.evses.items():
                row = self.stored.get(id)
                if evse.entry.fallback_a is None and row is not None and row.fallback_a is not None:
                    self.excused.add(id)
        self.running.cancel()
        self.disk.dead = True
        self.site = None
        for station in self.stations.values():
            station.hear = None
            station.disconnect("the controller died")

    def _connect(self, station: ModelStation, life: Site) -> None:
        if self.site is life and station.connection is None:
            booted_once = station.plan.id in self.booted
            self.booted.add(station.plan.id)
            station.connect(self.doors.queue(station.plan.id), self.post, booted_once)

    def _put(self, station: StationId, *order: Any) -> None:
        self.doors.queue(station).put(*order)

    def post(self, event: Any) -> None:
        """What reaches the process: durable things are kept before it hears of them."""
        if isinstance(event, events.LimitAcknowledged) and event.kind is OfferKind.FALLBACK:
            self.excused.discard(event.evse)
        if isinstance(event, events.TransactionStarted):
            self.open[event.evse] = event
        elif isinstance(event, events.TransactionEnded):
            self.open.pop(event.evse, None)
        if self.site is not None:
            self.site.post(event)

    # --- physics ---

    def flows(self) -> dict[CircuitId, list[float]]:
        """True current of every circuit, per phase."""
        totals = {c: [0.0, 0.0, 0.0] for c in self.topology.circuits}
        for station in self.stations.values():
            for bay in station.bays.values():
                if bay.running is not None:
                    grid = bay.grid_a()
                    for circuit in self.topology.paths[bay.plan.circuit]:
                        totals[circuit] = [t + a for t, a in zip(totals[circuit], grid, strict=True)]
        for circuit, base in self.base.items():
            for above in self.topology.paths[circuit]:
                totals[above] = [t + b for t, b in zip(totals[above], base, strict=True)]
        return totals

    def base_below(self, circuit: CircuitId) -> list[float]:
        """True base load of a circuit and all below it, per phase."""
        below = [base for name, base in self.base.items() if circuit in self.topology.paths[name]]
        return [sum(phase) for phase in zip(*below, strict=True)]

    async def physics(self) -> None:
        while True:
            await asyncio.sleep(STEP_S)
            for station in self.stations.values():
                station.step(STEP_S)
            self.watch.step(self.flows(), STEP_S)

    # --- what the process sees and does ---

    async def meters(self) -> None:
        while True:
            if self.meter_up and self.site is not None:
                flows = self.flows()
                for circuit in self.topology.circuits.values():
                    if circuit.meter is not None:
                        noise = self.troubles.noise_a
                        shown = [a + self.random.uniform(-noise, noise) for a in flows[circuit.id]]
                        now = self.clock.monotonic()
                        reading = MeterReading(circuit.meter, now, PhaseCurrents(*shown), unchanged_since=now)
                        self.post(events.MeterRead(reading))
            await asyncio.sleep(1.0)

    async def readings(self, station: ModelStation) -> None:
        await asyncio.sleep(self.random.uniform(0.0, station.reading_s))
        while True:
            for number in station.bays:
                station.report(number)
            await asyncio.sleep(station.reading_s)

    # --- what happens ---

    async def base_load(self) -> None:
        while not self.quiet:
            await asyncio.sleep(self.random.expovariate(1 / 60.0))
            circuit = self.random.choice(list(self.base))
            for phase in self.random.sample(range(3), self.random.choice((1, 1, 3))):
                if not self.quiet:
                    self.base[circuit][phase] = self.random.uniform(0.1, 1.0) * self.base_most_a[circuit]

    async def guest(self, station: ModelStation, number: int, idle_s: float, stay_s: float) -> None:
        """Cars come and go at one EVSE."""
        await asyncio.sleep(self.random.uniform(1.0, idle_s))
        while True:
            online = station.connection is not None
            if station.starts_pass_us and not online:
                await asyncio.sleep(5.0)
                continue
            if online:
                station.status(number, None, preparing=True)
                now = self.clock.monotonic()
                self.post(events.StartExpected(EvseId(station.plan.id, number), now, now + 120.0))
            self.ids += 1
            wired = len(station.bays[number].plan.rotation.phases)
            station.begin(number, self._car(wired), self.ids)
            station.status(number, ChargingState.CHARGING)
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * stay_s)
            if self.quiet:
                return
            station.end(number)
            station.status(number, None)
            await asyncio.sleep(self.random.uniform(5.0, idle_s))

    def _car(self, wired: int) -> VehicleSpec:
        random = self.random
        return VehicleSpec(
            phases=random.choice([n for n in (1, 2, 3, 3) if n <= wired]),
            max_a=random.choice((16.0, 32.0)),
            reaction_s=random.uniform(1.0, 5.0),
            ramp_up_a_per_s=random.uniform(0.5, 5.0),
            ramp_down_a_per_s=random.uniform(10.0, 20.0),
            shortfall_a=random.uniform(0.0, 1.0),
        )

    async def troubles_of_meter(self) -> None:
        while not self.quiet:
            await asyncio.sleep(self.random.uniform(60.0, 180.0))
            self.meter_up = self.quiet
            await asyncio.sleep(self.random.uniform(3.0, 30.0))
            self.meter_up = True
            self.blind_until = self.clock.monotonic() + 1.0

    async def troubles_of_stations(self) -> None:
        while not self.quiet:
            await asyncio.sleep(self.random.expovariate(1 / 45.0))
            station = self.random.choice(list(self.stations.values()))
            if self.random.random() < 0.3:
                station.reboot()
            else:
                station.disconnect()
            life = self.site
            if life is not None:
                delay_s = self.random.choice((2.0, 20.0, 90.0))
                asyncio.get_running_loop().call_later(delay_s, self._connect, station, life)

    async def troubles_of_disk(self) -> None:
        while not self.quiet:
            await asyncio.sleep(self.random.uniform(60.0, 200.0))
            for works in (False, True):
                self.disk.works = works or self.quiet
                if self.random.random() < 0.7 or works:
                    self.post(events.StoreChanged(self.clock.monotonic(), works, "no space"))
                await asyncio.sleep(self.random.uniform(5.0, 60.0))

    async def kills(self, group: Tasks) -> None:
        while not self.quiet:
            await asyncio.sleep(self.random.uniform(120.0, 400.0))
            if self.quiet:
                return
            self.kill()
            await asyncio.sleep(self.random.uniform(1.0, 5.0))
            self.blind_until = self.clock.monotonic() + 5.0
            self.start(group)

    async def run(self, seconds: float, quiet_s: float, idle_s: float = 120.0, stay_s: float = 600.0) -> Figures:
        """Live for `seconds`, then another `quiet_s` in which nothing changes but what is settling."""
        tasks = Tasks()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.start(tasks)
        loops = [self.physics(), self.meters(), self.base_load()]
        for station in self.stations.values():
            loops.append(self.readings(station))
            loops += [self.guest(station, number, idle_s, stay_s) for number in station.bays]
        if self.troubles.meter_gaps:
            loops.append(self.troubles_of_meter())
        if self.troubles.drops:
            loops.append(self.troubles_of_stations())
        if self.troubles.disk_fails:
            loops.append(self.troubles_of_disk())
        if self.troubles.kills:
            loops.append(self.kills(tasks))
        for number, loop in enumerate(loops):
            self._spawn(tasks, loop, f"world {number}")
        try:
            await self._wait(seconds * 0.2)
            self.measuring = True
            await self._wait(seconds * 0.8)
            if quiet_s:
                await self._calm(quiet_s)
        finally:
            self.kill()
            await tasks.cancel_all()
            await self.doors.tasks.cancel_all()
        return self.watch.figures

    def _spawn(self, tasks: Tasks, loop: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task whose failure ends the scenario."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None and not self.failure.done():
                self.failure.set_exception(task.exception())

        task = tasks.spawn(loop, name)
        task.add_done_callback(ended)
        return task

    async def _calm(self, quiet_s: float) -> None:
        """Nothing changes any more; after a while of settling, and of cooling where a breaker is warm, nothing may be
        commanded either."""
        self.measuring, self.quiet, self.meter_up, self.disk.works = False, True, True, True
        self.post(events.StoreChanged(self.clock.monotonic(), True))
        for station in self.stations.values():
            if station.connection is None and self.site is not None:
                self._connect(station, self.site)
        await self._wait(420.0)
        while self.site is not None and any(max(trip.used) > NORMAL for trip in self.site.state.trips.values()):
            await self._wait(240.0)
        self.measuring = True
        await self._wait(quiet_s)
        self.watch.settled()

    async def _wait(self, seconds: float) -> None:
        """Let time pass; the first failure of anything ends it."""
        done, _ = await asyncio.wait([self.failure], timeout=seconds)
        for failure in done:
            failure.result()


class _Watched:
    """The desk, with somebody looking on."""

    def __init__(self, world: World, desk: LimitDesk) -> None:
        self.world, self.desk = world, desk

    def offer(self, command: OfferLimit) -> None:
        self.world.watch.handed_over(command)
        self.desk.offer(command)

    def install_fallback(self, command: InstallFallback) -> None:
        self.desk.install_fallback(command)
