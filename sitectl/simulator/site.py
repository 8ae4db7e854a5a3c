"""A simulated site: its stations, meter and central, and the ground truth of its fuses, advanced ten times a second.

The truth is kept twice: what really flows, and what every station might lawfully draw by the offers in force plus the
base load; the second tells whether the daemon gave away more than there was, even when no car took it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf
from random import Random

from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.simulator import scenario
from sitectl.simulator.charge_point import Connector
from sitectl.simulator.csms import CentralSystem
from sitectl.simulator.electrical import ZERO, CircuitSpec, FuseRecord, Phases, Wish, add, fill, path, rotate
from sitectl.simulator.layout import ROOT, Layout
from sitectl.simulator.meter import SimulatedMeter
from sitectl.simulator.station import Station
from sitectl.simulator.vehicle import NOMINAL_V, Vehicle

TICK_S = 0.1
LONGEST_TICK_S = 1.0
YARDSTICK_S = 1.0
BASE_BALANCE = (1.0, 0.85, 0.95)
BASE_NOISE_A = 0.3


class BaseLoad:
    """Everything on the site that is no car: a level, unequal on the phases, with a little noise."""

    def __init__(self, rng: Random) -> None:
        self.level_a = 0.0
        self._rng = rng
        self._noise = [0.0, 0.0, 0.0]

    def step(self) -> Phases:
        self._noise = [
            max(-BASE_NOISE_A, min(BASE_NOISE_A, noise + self._rng.uniform(-0.05, 0.05))) for noise in self._noise
        ]
        a, b, c = (self.level_a * share + noise for share, noise in zip(BASE_BALANCE, self._noise, strict=True))
        return max(0.0, a), max(0.0, b), max(0.0, c)


class SimulatedSite:
    """Build it, `open` it, let `run` advance it, `perform` actions on it, `close` it."""

    def __init__(
        self,
        layout: Layout,
        station_url: str,
        clock: Clock,
        seed: int,
        *,
        meter: SimulatedMeter | None = None,
        csms: CentralSystem | None = None,
    ) -> None:
        self.layout = layout
        self.meter = meter if meter is not None else SimulatedMeter()
        self.csms = csms if csms is not None else CentralSystem(clock)
        # A post is a row of its own above its connectors, with its own fuse.
        posts = [CircuitSpec(s.spec.id, s.max_a, s.circuit) for s in layout.stations if s.is_post]
        self.circuits = layout.circuits | {post.name: post for post in posts}
        self.flows: dict[str, Phases] = dict.fromkeys(self.circuits, ZERO)
        self.fuses = {name: FuseRecord(circuit.rated_a) for name, circuit in self.circuits.items()}
        self.offers = {name: FuseRecord(circuit.rated_a) for name, circuit in self.circuits.items()}
        self.allowed_wh = 0.0
        self.ev_hours = 0.0
        self._clock = clock
        self._rng = Random(seed)
        self._base = BaseLoad(self._rng)
        self._tasks = Tasks()
        self._yardstick_s = 0.0
        self._twins: dict[Vehicle, Vehicle] = {}
        self.stations = {
            s.spec.id: Station(s.spec, station_url, clock, self._rng, self._rng.uniform(0, 5e6))
            for s in layout.stations
        }
        self._paths = {
            s.spec.id: tuple(path(s.spec.id if s.is_post else s.circuit, self.circuits)) for s in layout.stations
        }

    @property
    def energy_wh(self) -> float:
        return sum(t.energy_wh for station in self.stations.values() for t in station.charge_point.ledger)

    @property
    def tx_profiles(self) -> int:
        return sum(station.charge_point.tx_profiles_received for station in self.stations.values())

    @property
    def idle(self) -> bool:
        """No transaction runs and every transaction message was answered."""
        points = [station.charge_point for station in self.stations.values()]
        return not any(p.queue or any(c.transaction for c in p.connectors.values()) for p in points)

    async def open(self) -> None:
        """Meter and central listen; stations stay silent until `run`."""
        await self.meter.open()
        await self.csms.open()

    async def close(self) -> None:
        await self._tasks.cancel_all()
        await self.csms.cut()
        await self.meter.close()

    async def run(self) -> None:
        """Let the stations connect and time pass, until cancelled."""
        for station in self.stations.values():
            self._tasks.spawn(station.run(), f"station {station.id}")
        last_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_at = self._clock.monotonic()
            self.advance(min(LONGEST_TICK_S, now_at - last_at))
            last_at = now_at

    def set_base_load(self, level_a: float) -> None:
        """What all but cars draws from now on, on the phase that has most of it."""
        self._base.level_a = level_a

    async def perform(self, action: scenario.Action) -> str:
        """Do one action of a scenario and say in words what happened."""
        match action:
            case scenario.Arrive((station, number), vehicle, id_tag):
                self.stations[station].charge_point.plug(number, vehicle, id_tag)
                return f"a {vehicle.phases}-phase car arrives at {station}/{number}"
            case scenario.Leave((station, number)):
                self.stations[station].charge_point.unplug(number, self._clock.wall())
                return f"the car at {station}/{number} leaves"
            case scenario.SetBaseLoad(share):
                self._base.level_a = share * self.circuits[ROOT].rated_a
                return f"base load is {self._base.level_a:.0f} A now"
            case scenario.CutUplink():
                await self.csms.cut()
                return "the uplink is cut"
            case scenario.RestoreUplink():
                await self.csms.open()
                return "the uplink is back"
            case scenario.DropStation(station, for_s):
                self.stations[station].drop(for_s)
                return f"{station} drops for {for_s:.0f} s"

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass on every wire."""
        base = self._base.step()
        flows = dict.fromkeys(self.circuits, ZERO) | {ROOT: base}
        offers = dict(flows)
        for name, station in self.stations.items():
            station.tick(dt_s)
            for connector in station.charge_point.connectors.values():
                drawn = rotate(connector.drawn, connector.spec.wiring)
                lawful = rotate(self._lawful(station, connector), connector.spec.wiring)
                for circuit in self._paths[name]:
                    flows[circuit] = add(flows[circuit], drawn)
                    offers[circuit] = add(offers[circuit], lawful)
                self.ev_hours += dt_s / 3600 if connector.transaction is not None else 0.0
        for circuit in self.circuits:
            self.fuses[circuit].record(dt_s, flows[circuit])
            self.offers[circuit].record(dt_s, offers[circuit])
        self.flows = flows
        self.meter.measure(dt_s, flows[ROOT])
        self._yardstick(dt_s, base)

    def _lawful(self, station: Station, connector: Connector) -> Phases:
        """What the car may draw on the phases it uses, as the connector labels them."""
        if connector.transaction is None or connector.vehicle is None:
            return ZERO
        limit_a = station.charge_point.limit_a(connector, self._clock.wall())
        return _on_used_phases(limit_a, connector.vehicle)

    def _yardstick(self, dt_s: float, base: Phases) -> None:
        """Once a second: what the circuits and the cars would have allowed in that second."""
        self._yardstick_s += dt_s
        if self._yardstick_s < YARDSTICK_S:
            return
        rated_a = self.circuits[ROOT].rated_a
        room = {name: (c.rated_a, c.rated_a, c.rated_a) for name, c in self.circuits.items()}
        room[ROOT] = (rated_a - base[0], rated_a - base[1], rated_a - base[2])
        wishes = [
            self._wish(self._paths[name], connector, connector.vehicle)
            for name, station in self.stations.items()
            for connector in station.charge_point.connectors.values()
            if connector.vehicle is not None
        ]
        self.allowed_wh += fill(wishes, room) * NOMINAL_V * self._yardstick_s / 3600
        self._yardstick_s = 0.0

    def _wish(self, circuits: tuple[str, ...], connector: Connector, vehicle: Vehicle) -> Wish:
        """What the car would draw by now, at its own reaction and ramp, had it been offered everything."""
        twin = self._twins.get(vehicle)
        if twin is None:
            tireless = replace(vehicle.spec, soc=0.0, capacity_wh=inf, wish_wh=inf, shortfall_a=0.0)
            twin = self._twins[vehicle] = Vehicle(tireless)
        reached_a = twin.step(self._yardstick_s, connector.spec.max_a)[0]
        on = rotate(_on_used_phases(1.0, vehicle), connector.spec.wiring)
        return Wish(circuits, (on[0] > 0, on[1] > 0, on[2] > 0), min(reached_a, vehicle.wish_a()))


def _on_used_phases(a: float, vehicle: Vehicle) -> Phases:
    return a, a if vehicle.spec.phases > 1 else 0.0, a if vehicle.spec.phases > 2 else 0.0
