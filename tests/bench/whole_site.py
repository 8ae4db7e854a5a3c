"""A thousand stations that all change at once: `python -m tests.bench.whole_site [--stations N] [--json]`.

Method: the unmodified daemon as a process with a real store; a central in a second process; the stations and the
Modbus TCP meter in a third, this one. All of it on loopback, all time stamps from the one monotonic clock of the
machine. All stations charge, a third of them on each phase, and report their currents every 10 s; 20 times a second
one of them reports a status that is new. Then the base load rises in steps, so that every step cuts the limits of all
stations.

* Reading to last limit: from the moment when the meter gives the last block of the first reading that holds the
  changed current, to the moment when the last station of that step has its limit. That is later than the moment when
  the daemon hands it to the socket, and holds what stations and machine take; so it is an upper bound of what is
  asked. p99 over the steps.
* Event-loop lag: a Heartbeat of a station that does nothing else, every 20 ms; its round trip is at least as long as
  the daemon's loop was late. An upper bound, too. The same on a bare `websockets` echo that does nothing else is the
  floor.
* Status to central: from the moment when the station wrote it to the moment when the central read it.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from sitectl.base.clock import SystemClock
from sitectl.base.units import format_utc
from tests.bench.figures import Figure, conclude, share
from tests.bench.raw_station import RawStation
from tests.bench.site_process import FALLBACK_A, CentralProcess, StampingMeter, cpu_s, name, rss_kb, site_file
from tests.e2e import rig

STEPS = 8
STEP_EVERY_S = 2.5
STEP_MOST_S = 15.0
FROM_A = 6.0
"""What a car draws before it was told a limit; afterwards it draws that. Who used less would not be offered more."""

SHARE_A, LEVEL_A, STEP_A = 29.0, 24.0, 2.1
"""The share of each station at first; to what the first step, which is not counted, brings all of them; and how much
every other step takes away: more than the dead bands on both sides of a share, so that it cuts all."""

RISEN_A = 1.5
FLICKER_A = 0.2
"""No feeder stands still for a minute: a meter that does is held to be frozen."""

PROBE_EVERY_S = 0.02
STATUSES_A_SECOND = 20
REPORTS_EVERY_S = 10.0
SETTLED_S = 2 * REPORTS_EVERY_S
"""All stations have reported what they draw since they were told their limit."""

CONNECT_AT_ONCE = 40
START_MOST_S = 120.0
MOST_S = 235.0
"""The whole run takes no longer; what has not come by then never does."""


@dataclass
class Measured:
    """Milliseconds, but for the memory, and `calm`: the share of a core that the daemon takes between steps."""

    last_limit: list[float] = field(default_factory=list)
    every_limit: list[float] = field(default_factory=list)
    heartbeat: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)
    status: list[float] = field(default_factory=list)
    lost_statuses: int = 0
    rss_mb: float = 0.0
    calm: float = 0.0
    step_cpu_ms: float = 0.0
    cycle_ms: dict[str, Any] = field(default_factory=dict)


class Load:
    """The stations, their meter, and what is measured of them."""

    def __init__(self, stations: int, meter: StampingMeter) -> None:
        self.count = stations
        self.meter = meter
        self.measured = Measured()
        self.clock = SystemClock()
        self.stations = [RawStation(name(n), self._profiled) for n in range(stations)]
        self.probe = RawStation(name(stations))
        self.charging = 0
        self._base_a, self._flicker_a = 0.0, 0.0
        self.told: dict[str, float] = {}
        self.transactions: dict[str, int] = {}
        self._changed: dict[str, float] = {}
        self._all_changed: asyncio.Event = asyncio.Event()

    def _profiled(self, station: str, at: float, limit_a: float) -> None:
        if self.meter.read_at is None:
            return  # said for another reason: a limit that is renewed, or a meter that was late on a busy machine
        self._changed[station] = at
        if len(self._changed) == self.count:
            self._all_changed.set()

    def base(self, base_a: float) -> None:
        """The meter shows this base load, and what the stations draw that charge."""
        self._base_a = base_a
        base_a += self._flicker_a
        charging = self.stations[: self.charging]
        drawn_a = [sum(drawn(station) for station in charging[phase::3]) for phase in range(3)]
        self.meter.measure(1.0, (base_a + drawn_a[0], base_a + drawn_a[1], base_a + drawn_a[2]))

    async def connect(self, port: int) -> None:
        """All stations come and boot."""
        everybody = [*self.stations, self.probe]
        for first in range(0, len(everybody), CONNECT_AT_ONCE):
            some = everybody[first : first + CONNECT_AT_ONCE]
            await asyncio.gather(*(station.connect(port) for station in some))
            await asyncio.gather(*(station.boot() for station in some))

    async def start(self, station: RawStation) -> None:
        """A car begins to charge."""
        await station.status("Preparing")
        start = {"connectorId": 1, "idTag": "TAG1", "meterStart": 0, "timestamp": format_utc(self.clock.wall())}
        self.transactions[station.name] = (await station.ask("StartTransaction", start))["transactionId"]
        await station.status("Charging")
        await station.ask("MeterValues", self._values(station, 0))

    async def all_start(self) -> None:
        """All cars begin to charge, and all are told a limit."""
        self.expect()
        for first in range(0, self.count, CONNECT_AT_ONCE):
            some = self.stations[first : first + CONNECT_AT_ONCE]
            await asyncio.gather(*(self.start(station) for station in some))
            self.charging += len(some)
            self.base(0.0)
        until = time.monotonic() + START_MOST_S
        # To the top: what a car that rises draws since its last reading would be taken for base load by the first step.
        while any(station.limit_a < SHARE_A - RISEN_A for station in self.stations):
            if time.monotonic() > until:
                limits = sorted(station.limit_a for station in self.stations)
                raise RuntimeError(f"the limits did not rise: from {limits[0]} to {limits[-1]} A")
            await asyncio.sleep(0.1)

    def expect(self) -> None:
        """From now on, limits that come are counted."""
        self._changed.clear()
        self._all_changed.clear()
        self.meter.changed()

    async def steps(self) -> None:
        """The base load rises; every step cuts all. The first only brings all to one level, and waits until every
        station has reported below it: while a car may still be rising, what the meter sees may be the car."""
        on_a_phase = -(-self.count // 3)
        spare_a = rated_a(self.count) * 0.99 - LEVEL_A * on_a_phase
        for step in range(STEPS + 1):
            next_at = asyncio.get_running_loop().time() + (STEP_EVERY_S if step > 0 else SETTLED_S)
            self.expect()
            self.base(spare_a + STEP_A * on_a_phase * step)
            if step > 0:
                await self._note(step)
            await asyncio.sleep(next_at - asyncio.get_running_loop().time())

    async def _note(self, step: int) -> None:
        try:
            async with asyncio.timeout(STEP_MOST_S):
                await self._all_changed.wait()
        except TimeoutError:
            came = f"{len(self._changed)} of {self.count} limits came"
            why = "after the meter was read" if self.meter.read_at is not None else "for the meter was not read"
            raise RuntimeError(f"step {step}: {came} {why}") from None
        read_at = self.meter.read_at
        assert read_at is not None  # limits that come before it are not counted
        took = [(at - read_at) * 1000 for at in self._changed.values()]
        self.measured.every_limit += took
        self.measured.last_limit.append(max(took))

    def hang_up(self) -> None:
        """All go."""
        for station in (*self.stations, self.probe):
            station.hang_up()

    # --- what goes on beside it ---

    async def report(self) -> None:
        """Every station reports its currents, one after the other."""
        n = 0
        while True:
            station = self.stations[n % self.count]
            if station.name in self.transactions:
                station.call("MeterValues", self._values(station, n // self.count))
            n += 1
            await asyncio.sleep(REPORTS_EVERY_S / self.count)

    def _values(self, station: RawStation, n: int) -> dict[str, Any]:
        def value(value: float, measurand: str, unit: str, **more: str) -> dict[str, str]:
            return {"value": f"{value}", "measurand": measurand, "unit": unit, **more}

        values = [value(drawn(station), "Current.Import", "A", phase="L1")]
        values.append(value(100.0 * n, "Energy.Active.Import.Register", "Wh"))
        at = format_utc(self.clock.wall())
        return {
            "connectorId": 1,
            "transactionId": self.transactions[station.name],
            "meterValue": [{"timestamp": at, "sampledValue": values}],
        }

    async def flicker(self) -> None:
        """The base load is never quite the same."""
        while True:
            self._flicker_a = FLICKER_A - self._flicker_a
            self.base(self._base_a)
            await asyncio.sleep(1.0)

    async def tell(self) -> None:
        """Now and then a station says something new of its connector, which the central shall hear."""
        n = 0
        while True:
            station = self.stations[n * 7 % self.count]
            payload = {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "info": f"n{n}"}
            self.told[f"{station.name} n{n}"] = time.monotonic()
            station.call("StatusNotification", payload)
            n += 1
            await asyncio.sleep(1 / STATUSES_A_SECOND)

    async def heartbeats(self) -> None:
        """The probe of the daemon's loop."""
        while True:
            sent_at = time.monotonic()
            self.probe.call("Heartbeat", {}, self._beaten(sent_at, self.measured.heartbeat))
            await asyncio.sleep(PROBE_EVERY_S)

    def _beaten(self, sent_at: float, into: list[float]) -> Any:
        return lambda at, payload: into.append((at - sent_at) * 1000)


def drawn(station: RawStation) -> float:
    """What its car draws (A)."""
    return max(FROM_A, station.limit_a)


def rated_a(stations: int) -> float:
    """The rating of the grid: what all stations may draw at most, and some room."""
    return round(SHARE_A * -(-stations // 3) * 1.03)


async def spent(pid: int, work: Awaitable[None]) -> float:
    """CPU seconds of a process, while something is done."""
    before = cpu_s(pid)
    await work
    return cpu_s(pid) - before


@asynccontextmanager
async def serving(stations: int, folder: Path) -> AsyncIterator[tuple[rig.Daemon, Load, CentralProcess]]:
    """A daemon that serves so many stations and the probe, with its meter and central; all of them are connected."""
    meter, central = StampingMeter(), CentralProcess()
    await meter.open()
    await central.start()
    load = Load(stations, meter)
    rated = rated_a(stations)
    load.base(0.0)
    worst_a = rated - FALLBACK_A * -(-(stations + 1) // 3)
    config = site_file(folder, stations + 1, rated_a=rated, worst_a=worst_a, meter=meter.port, central=central.port)
    daemon = rig.Daemon(config)
    try:
        await daemon.start()
        await load.connect(daemon.port)
        yield daemon, load, central
    finally:
        load.hang_up()
        if daemon.running:
            await daemon.kill()
        await central.stop()
        await meter.close()


async def site(stations: int, folder: Path) -> Measured:
    """The whole run."""
    async with serving(stations, folder) as (daemon, load, central):
        async with rig.background(load.report(), load.flicker()):
            await load.all_start()
            async with rig.background(load.tell(), load.heartbeats()):
                calm_s = await spent(daemon.pid, asyncio.sleep(SETTLED_S)) / SETTLED_S
                load.measured.heartbeat.clear()
                stepping_s = await spent(daemon.pid, load.steps()) - calm_s * (STEPS * STEP_EVERY_S + SETTLED_S)
                load.measured.calm, load.measured.step_cpu_ms = calm_s, 1000 * stepping_s / (STEPS + 1)
                load.measured.rss_mb = rss_kb(daemon.pid) / 1000
        await asyncio.sleep(2.0)
        seen = (await central.told())["seen"]
        load.measured.cycle_ms = (await daemon.get("status"))["cycle"]
        load.measured.status = [(seen[key] - at) * 1000 for key, at in load.told.items() if key in seen]
        load.measured.lost_statuses = len(load.told) - len(load.measured.status)
        load.measured.echo = await echo()
    return load.measured


async def echo() -> list[float]:
    """The round trip of the probe on a bare echo, for some seconds."""
    command = [sys.executable, "-m", "tests.bench.station_server", "--serve", "echo"]
    took: list[float] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(await asyncio.get_running_loop().run_in_executor(None, server.stdout.readline))
            probe = RawStation("echo")
            await probe.connect(port)
            for _ in range(200):
                sent_at = time.monotonic()
                probe.call("Heartbeat", {}, lambda at, payload, sent_at=sent_at: took.append((at - sent_at) * 1000))
                await asyncio.sleep(PROBE_EVERY_S)
            probe.hang_up()
        finally:
            server.kill()
    return took


def figures(stations: int, measured: Measured) -> list[Figure]:
    """The figures with their marks."""
    last, every, beats, echoes, statuses = (
        sorted(values)
        for values in (
            measured.last_limit,
            measured.every_limit,
            measured.heartbeat,
            measured.echo,
            measured.status,
        )
    )
    floor = f"bare echo p99 {share(echoes, 0.99):.1f} ms"
    spread = (
        f"p50 {share(last, 0.5):.0f}, worst {last[-1]:.0f} of {len(last)} steps; any limit p50 {share(every, 0.5):.0f}"
    )
    rest = f"p50 {share(beats, 0.5):.1f}, worst {beats[-1]:.0f} of {len(beats)}; {floor}"
    news = f"p50 {share(statuses, 0.5):.0f}, worst {statuses[-1]:.0f} of {len(statuses)}"
    calm = f"{100 * measured.calm:.0f} % of a core without steps"
    return [
        Figure(f"{stations} stations: reading to last limit, p99", share(last, 0.99), "ms", 150, peer=spread),
        Figure(f"{stations} stations: event-loop lag, p99", share(beats, 0.99), "ms", 50, peer=rest),
        Figure(f"{stations} stations: status to central, p99", share(statuses, 0.99), "ms", 1000, peer=news),
        Figure(f"{stations} stations: statuses that never came", measured.lost_statuses, "", 0),
        Figure(f"{stations} stations: cycle, p99 by the daemon's own word", measured.cycle_ms["ms_p99"], "ms"),
        Figure(f"{stations} stations: CPU of the daemon a step", measured.step_cpu_ms, "ms", peer=calm),
        Figure(f"{stations} stations: resident memory, all charging", measured.rss_mb, "MB"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--stations", type=int, default=1000)
    options = parser.parse_known_args()[0]
    with tempfile.TemporaryDirectory() as folder:
        measured = uvloop.run(asyncio.wait_for(site(options.stations, Path(folder)), MOST_S))
    return conclude("whole_site", __doc__, figures(options.stations, measured))


if __name__ == "__main__":
    sys.exit(main())
