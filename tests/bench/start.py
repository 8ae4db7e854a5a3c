"""From the start of the process to the first station accepted: `python -m tests.bench.start [--json]`.

Method: the daemon is started on a site that has run before (its ledger is there), and a station knocks at its port
every 20 ms, as stations do after an outage; the time ends when its BootNotification is answered with Accepted. Several
starts, of a site of 30 stations and of one of 1000; the worst counts. The peer is a bare `websockets` echo, until its
first answer: what Python and its imports cost before anybody has written a line.

And with everything absent, where a process may have a network of its own: the central, a meter and the broker are names
that nobody answers for or ports that keep silent, and the clock stands 55 years back. There the time ends with READY.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.bench.figures import Figure, conclude
from tests.bench.raw_station import RawStation
from tests.bench.site_process import name, site_file
from tests.e2e import rig
from tests.faults.networks import network_of_the_dead, no_networks
from tests.integration.test_time import LONG_AGO_S, Machine

SIZES = (30, 1000)
STARTS = 5
KNOCK_EVERY_S = 0.02
MARK_S, ALONE_MARK_S = 3.0, 5.0
MOST_S = 30.0
ABSENT = """\
uplinks: {central: {url: "wss://csms.invalid/ocpp"}}
routing: {default: central}
mqtt: {host: 127.0.0.1, port: 1883, topic: sitectl}
"""


async def first_answer(port: int, began_at: float) -> float:
    """Seconds from `began_at` until a station is accepted."""
    async with asyncio.timeout(MOST_S):
        while True:
            station = RawStation(name(0))
            try:
                await station.connect(port)
                answer = await station.ask("BootNotification", {"chargePointVendor": "Bench", "chargePointModel": "B1"})
                took = time.monotonic() - began_at
                assert answer.get("status", "Accepted") == "Accepted"  # an echo says nothing
                return took
            except OSError:
                await asyncio.sleep(KNOCK_EVERY_S)
            finally:
                station.hang_up()


async def daemon_starts(stations: int) -> list[float]:
    """Seconds of each start; the first, which makes the ledger, is left out."""
    took = []
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = site_file(Path(folder), stations, rated_a=9000.0, worst_a=0.0)
        config.write_text(config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        for _ in range(STARTS + 1):
            daemon = rig.Daemon(config)
            began_at = time.monotonic()
            await daemon.launch()
            try:
                took.append(await first_answer(port, began_at))
                await daemon.stop()
            finally:
                if daemon.running:
                    await daemon.kill()
    return took[1:]


async def echo_starts() -> list[float]:
    """Seconds of each start of a bare echo, which has to say its port first."""
    took = []
    command = [sys.executable, "-m", "tests.bench.station_server", "--serve", "echo"]
    for _ in range(STARTS):
        began_at = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                port = int(await asyncio.get_running_loop().run_in_executor(None, server.stdout.readline))
                took.append(await first_answer(port, began_at))
            finally:
                server.kill()
    return took


async def silent_starts(stations: int) -> list[float]:
    """Seconds until READY while nobody else answers; the first start is left out."""
    took = []
    with tempfile.TemporaryDirectory() as folder, network_of_the_dead(Path(folder)) as network:
        config = site_file(Path(folder), stations, rated_a=9000.0, worst_a=0.0, meter=502)
        config.write_text(config.read_text() + ABSENT)
        machine = Machine(Path(folder))
        machine.set(LONG_AGO_S)
        options = machine.options()
        command = (*network.command, *options.pop("command"))
        for _ in range(STARTS + 1):
            daemon = rig.Daemon(config, command=command, **options)
            began_at = time.monotonic()
            await daemon.start(MOST_S)
            took.append(time.monotonic() - began_at)
            daemon.signal(signal.SIGTERM)
            await daemon.ended(MOST_S)
    return took[1:]


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def figures() -> list[Figure]:
    """The figures with their marks."""
    bare = sorted(await echo_starts())
    floor = f"bare echo {bare[len(bare) // 2]:.2f} s"
    found = []
    for stations in SIZES:
        took = sorted(await daemon_starts(stations))
        spread = f"median {took[len(took) // 2]:.2f} of {len(took)} starts; {floor}"
        found.append(Figure(f"site of {stations}: start to first station accepted", took[-1], "s", MARK_S, peer=spread))
    if why := no_networks():
        print(f"nothing is said of a start with everything absent: {why}", file=sys.stderr)
        return found
    for stations in SIZES:
        took = sorted(await silent_starts(stations))
        spread = f"median {took[len(took) // 2]:.2f} of {len(took)} starts; {floor}"
        what = f"site of {stations}, all else absent: start to READY"
        found.append(Figure(what, took[-1], "s", ALONE_MARK_S, peer=spread))
    return found


def main() -> int:
    return conclude("start", __doc__, uvloop.run(figures()))


if __name__ == "__main__":
    sys.exit(main())
