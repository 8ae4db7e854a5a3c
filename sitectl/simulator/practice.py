"""`sitectl practice`: stations, cars, meter and central of a site that somebody else controls: an installed sitectl.

Other than in a demo the daemon is not ours: it is whichever listens where the site's stations are sent to, and nothing
is judged here. It lasts until somebody ends it; then the cars leave, so that no transaction stays open. What a real
station would know after a power cut, its password and its register, outlasts a practice in a file.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sitectl.base.clock import Clock, SystemClock
from sitectl.base.tasks import Tasks
from sitectl.simulator.csms import CentralSystem
from sitectl.simulator.layout import Layout
from sitectl.simulator.meter import SimulatedMeter
from sitectl.simulator.site import SimulatedSite
from sitectl.simulator.station import Station
from sitectl.simulator.vehicle import VehicleSpec

SEED = 20_261_130
ARRIVE_EVERY_S = 2.0
LOOK_EVERY_S = 0.5
LEAVE_WITHIN_S = 15.0
CARS = (  # the larger the car, the more of its tests say something; `Play.car_phases` stands in place of theirs
    VehicleSpec(phases=1, max_a=32.0, capacity_wh=1e9, soc=0.1, wish_wh=1e8, reaction_s=2.0),
    VehicleSpec(phases=1, max_a=24.0, capacity_wh=1e9, soc=0.1, wish_wh=1e8, reaction_s=3.0, shortfall_a=0.8),
    VehicleSpec(phases=1, max_a=32.0, capacity_wh=1e9, soc=0.1, wish_wh=1e8, reaction_s=4.0, ramp_up_a_per_s=1.0),
)

Say = Callable[[str], None]


def factory_password(station: str) -> str:
    """What a station shows that was told no password yet."""
    return f"factory-{station}"


@dataclass(frozen=True)
class Place:
    """Where one of them listens on this machine; the simulator shares no type with the daemon's configuration."""

    host: str
    port: int


@dataclass(frozen=True)
class Play:
    """What is played. `meter` None: the site has none, or one that cannot be played; `central` likewise.

    `cars_at`: the stations that have a car at each connector. `base_load_a`: ampere per phase that all but cars draw.
    `passwords`: those that the central asks for, by the identity that it knows; none: it asks for none.
    """

    layout: Layout
    station_url: str
    card: str
    cars_at: frozenset[str]
    base_load_a: float
    meter: Place | None = None
    meter_unit: int = 1
    central: Place | None = None
    passwords: Mapping[str, str] | None = None
    car_phases: int = 1


def practise(play: Play, memory: Path, say: Say, seconds: float | None = None) -> None:
    """Play until `seconds` have passed, Ctrl-C or SIGTERM. Raises OSError where a place to listen on is taken."""
    for name in ("websockets", "sitectl.simulator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what happens is told in words of our own
    asyncio.run(_until_ended(Practice(play, memory, say, SystemClock()), seconds))


async def _until_ended(practice: Practice, seconds: float | None) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await practice.run(ended, seconds)


class Practice:
    """One practice, from the first listening socket until the cars have left."""

    def __init__(self, play: Play, memory: Path, say: Say, clock: Clock) -> None:
        self._play = play
        self._memory = memory
        self._say = say
        self._clock = clock
        self._tasks = Tasks()
        self._told: dict[str, str] = {}
        self._passwords: dict[str, str | None] = {}
        meter = SimulatedMeter(play.meter_unit)
        csms = CentralSystem(clock, passwords=dict(play.passwords) if play.passwords else None)
        for place, server in ((play.meter, meter), (play.central, csms)):
            if place is not None:
                server.host, server.port = place.host, place.port
        self.site = SimulatedSite(play.layout, play.station_url, clock, SEED, meter=meter, csms=csms)
        self.site.set_base_load(play.base_load_a)

    async def run(self, ended: asyncio.Event, seconds: float | None = None) -> None:
        """Play until `ended` is set, or `seconds` have passed."""
        self._recall()
        try:
            await self.site.open()
            running = self._tasks.spawn(self.site.run(), "site")
            self._tasks.spawn(self._look(), "look")
            self._tasks.spawn(self._arrive(), "cars")
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ended.wait()
            if running.done():
                running.result()  # raises what ended it
            await self._leave()
        finally:
            self._remember()
            await self._tasks.cancel_all()
            await self.site.close()

    async def _arrive(self) -> None:
        """A car for each connector, one after the other."""
        for n, (id, number) in enumerate(self._play.layout.places):
            if id not in self._play.cars_at:
                continue
            await asyncio.sleep(ARRIVE_EVERY_S)
            car = replace(CARS[n % len(CARS)], phases=self._play.car_phases)
            self.site.stations[id].charge_point.plug(number, car, self._play.card)

    async def _leave(self) -> None:
        """All cars leave; wait until the daemon knows."""
        self._say("the cars leave")
        now = self._clock.wall()
        for id, number in self._play.layout.places:
            self.site.stations[id].charge_point.unplug(number, now)
        for _ in range(round(LEAVE_WITHIN_S / LOOK_EVERY_S)):
            if self.site.idle:
                return
            await asyncio.sleep(LOOK_EVERY_S)
        if not self.site.idle:
            self._say("not all stops were taken: as after a station that broke, those transactions stay open")

    async def _look(self) -> None:
        """Tell how each station stands, when that changes."""
        while True:
            if self._passwords != (told := _passwords(self.site)):
                self._passwords = told
                self._remember()  # at once: what was told is nowhere else
            for id, station in self.site.stations.items():
                if self._told.get(id) != (stands := _stands(station)):
                    self._told[id] = stands
                    self._say(f"{id}: {stands}")
            await asyncio.sleep(LOOK_EVERY_S)

    def _recall(self) -> None:
        """What the stations were told in the practice before."""
        try:
            kept = json.loads(self._memory.read_text("utf-8"))["stations"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        for id, station in self.site.stations.items():
            if isinstance(known := kept.get(id), dict):
                _recall(station, known)
        self._passwords = _passwords(self.site)

    def _remember(self) -> None:
        stations = {id: _memory_of(station) for id, station in self.site.stations.items()}
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            self._memory.touch(mode=0o600)
            self._memory.write_text(json.dumps({"stations": stations}, indent=1), "utf-8")
        except OSError as error:
            self._say(f"{self._memory}: {error.strerror}: the stations forget passwords that were pushed to them")


def _passwords(site: SimulatedSite) -> dict[str, str | None]:
    return {id: station.charge_point.password for id, station in site.stations.items()}


def _stands(station: Station) -> str:
    if not station.online:
        return f"not connected: {station.trouble}" if station.trouble else "connects"
    told = []
    for number, connector in station.charge_point.connectors.items():
        name = f"connector {number} " if len(station.charge_point.connectors) > 1 else ""
        told.append(name + _WORDS.get(status := connector.status(), status))
    return "connected, " + ", ".join(told)


_WORDS = {
    "Available": "no car",
    "Preparing": "a car waits",
    "Charging": "a car charges",
    "SuspendedEVSE": "a car is paused",
    "SuspendedEV": "a car draws nothing",
    "Finishing": "a car has ended",
}


def _memory_of(station: Station) -> dict[str, Any]:
    point = station.charge_point
    registers = {str(number): connector.register_wh for number, connector in point.connectors.items()}
    told = point.password if point.password != point.spec.password else None
    return {"password": told, "registers_wh": registers}


def _recall(station: Station, known: Mapping[str, Any]) -> None:
    point = station.charge_point
    if point.spec.password == factory_password(station.id) and isinstance(password := known.get("password"), str):
        point.password = password
    registers = known.get("registers_wh")
    for number, connector in point.connectors.items():
        register_wh = registers.get(str(number)) if isinstance(registers, dict) else None
        if isinstance(register_wh, int | float):
            connector.register_wh = float(register_wh)
