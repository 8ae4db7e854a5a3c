"""What a thousand connected stations cost in memory: `python -m tests.bench.memory [--stations N] [--json]`.

Method: the unmodified daemon with a site of N plain stations and one central, which runs in a process of its own.
Resident memory (VmRSS) is read when it serves and nobody has come yet, and when all stations have booted, told their
statuses, and are connected to the central each over a connection of its own, 40 s after the last one came. The peer,
from the same run: a bare `websockets` echo with as many connections, which has no uplinks.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.bench.figures import Figure, conclude
from tests.bench.raw_station import RawStation
from tests.bench.site_process import CentralProcess, name, rss_kb, site_file
from tests.e2e import rig

CONNECT_AT_ONCE = 40
SETTLED_S = 40.0
MOST_S = 170.0
PROCESS_MB, STATION_KB = 90.0, 70.0
"""The mark: megabytes for the process, and kilobytes a station on top."""


async def site(stations: int, folder: Path) -> tuple[float, float]:
    """Resident megabytes of the daemon: empty, and with all stations."""
    central = CentralProcess()
    await central.start()
    config = site_file(folder, stations, rated_a=9000.0, worst_a=0.0, central=central.port)
    daemon = rig.Daemon(config)
    load = [RawStation(name(n)) for n in range(stations)]
    try:
        await daemon.start()
        await asyncio.sleep(2.0)
        empty_mb = rss_kb(daemon.pid) / 1000
        await connect(load, daemon.port)
        while (await central.told())["stations"] < stations:
            await asyncio.sleep(0.5)
        await asyncio.sleep(SETTLED_S)
        return empty_mb, rss_kb(daemon.pid) / 1000
    finally:
        for station in load:
            station.hang_up()
        if daemon.running:
            await daemon.kill()
        await central.stop()


async def connect(load: list[RawStation], port: int) -> None:
    """All stations come and boot."""
    for first in range(0, len(load), CONNECT_AT_ONCE):
        some = load[first : first + CONNECT_AT_ONCE]
        await asyncio.gather(*(station.connect(port) for station in some))
        await asyncio.gather(*(station.boot() for station in some))


async def echo(connections: int) -> tuple[float, float]:
    """Resident megabytes of a bare echo: empty, and with as many connections."""
    command = [sys.executable, "-m", "tests.bench.station_server", "--serve", "echo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(await asyncio.get_running_loop().run_in_executor(None, server.stdout.readline))
            empty_mb = rss_kb(server.pid) / 1000
            load = [RawStation(name(n)) for n in range(connections)]
            for first in range(0, len(load), CONNECT_AT_ONCE):
                await asyncio.gather(*(station.connect(port) for station in load[first : first + CONNECT_AT_ONCE]))
            await asyncio.gather(*(station.ask("Heartbeat", {}) for station in load))
            full_mb = rss_kb(server.pid) / 1000
            for station in load:
                station.hang_up()
        finally:
            server.kill()
    return empty_mb, full_mb


async def both(stations: int) -> list[Figure]:
    """The figures with their marks."""
    with tempfile.TemporaryDirectory() as folder:
        empty_mb, full_mb = await site(stations, Path(folder))
    bare_empty_mb, bare_mb = await echo(stations)
    floor = f"bare echo {bare_mb:.0f} MB, {(bare_mb - bare_empty_mb) * 1000 / stations:.0f} kB a connection"
    mark_mb = PROCESS_MB + stations * STATION_KB / 1000
    each_kb = (full_mb - empty_mb) * 1000 / stations
    return [
        Figure(f"{stations} stations with uplinks: resident memory", full_mb, "MB", mark_mb, peer=floor),
        Figure(f"{stations} stations with uplinks: memory a station", each_kb, "kB"),
        Figure(f"site of {stations} stations, nobody there: resident memory", empty_mb, "MB"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--stations", type=int, default=1000)
    options = parser.parse_known_args()[0]
    return conclude("memory", __doc__, uvloop.run(asyncio.wait_for(both(options.stations), MOST_S)))


if __name__ == "__main__":
    sys.exit(main())
