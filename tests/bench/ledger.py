"""Durable acknowledgements, and starts while the central is away: `python -m tests.bench.ledger [--json]`.

Method, acknowledgements: the stations room as the daemon builds it over a real store, in a process of its own, and 100
stations that each send the next MeterValues (850 bytes, of a running transaction) when the last is answered. All of
them are to be stored before the answer, with a copy for a central. Counted are the answers of some seconds in the
steady state; the median of the rounds counts. Once on this disk, and once with every `fsync` and `fdatasync` of the
server taking 20 ms longer (`slow_sync`). The peer, in the same run under the same load: a CSMS on the `ocpp` package
that stores each message in a commit of its own, in a SQLite file with the same settings (WAL, `synchronous=FULL`); it
stores the message, and neither a frame nor a copy.

Method, starts: the unmodified daemon as a process, with a central configured that is not there, and 100 stations that
charge and sample every 10 s, spread evenly. One after the other, 10 a second, ends its transaction and begins the next;
measured is from the StartTransaction on its way to the answer in the station's hands. The floor beside it: a Heartbeat
of the same station just before.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import uvloop
from websockets.asyncio.server import ServerConnection, serve

from sitectl.base.units import format_utc
from tests.bench.figures import Figure, conclude, share
from tests.bench.raw_station import RawStation
from tests.bench.site_process import name, site_file
from tests.bench.slow_sync import environment
from tests.bench.station_server import CONNECTIONS, drive, serve_ours
from tests.e2e import rig

SYNC_S = 0.020
MARK, MARK_SLOW = 4000.0, 2500.0
SECONDS, ROUNDS = 3.0, 2

MARK_START_MS = 100.0
NOBODY = 9
"""A port on which no central listens (discard)."""
SAMPLE_EVERY_S = 10.0
STARTS_A_SECOND = 10
STARTING_S = 25.0
CONNECT_AT_ONCE = 20


# --- servers, each in its own process ---------------------------------------------------------------------------------


async def serve_lone(folder: Path) -> int:
    """A CSMS on the `ocpp` package that commits each message by itself."""
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint, call_result

    connection = sqlite3.connect(folder / "lone.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, station TEXT, action TEXT, fields TEXT)")

    class Csms(ChargePoint):
        def keep(self, action: str, fields: Mapping[str, Any]) -> int:
            statement = "INSERT INTO messages (station, action, fields) VALUES (?, ?, ?)"
            return connection.execute(statement, (self.id, action, repr(fields))).lastrowid or 0

        @on("StartTransaction")
        def start_transaction(self, **fields: Any) -> Any:
            return call_result.StartTransaction(self.keep("StartTransaction", fields), {"status": "Accepted"})

        @on("MeterValues")
        def meter_values(self, **fields: Any) -> Any:
            self.keep("MeterValues", fields)
            return call_result.MeterValues()

    async def one(connection: ServerConnection) -> None:
        await Csms(connection.request.path.rpartition("/")[2], connection).start()  # type: ignore[union-attr]

    server = await serve(one, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None, ping_interval=None)  # type: ignore[list-item]
    return int(server.sockets[0].getsockname()[1])


async def run_server(which: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = await {"ours": serve_ours, "lone": serve_lone}[which](Path(folder))
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


# --- acknowledgements -------------------------------------------------------------------------------------------------


def acknowledged(which: str, more: Mapping[str, str]) -> float:
    """Answers a second of one server; `more`: its environment."""
    command = [sys.executable, "-m", "tests.bench.ledger", "--serve", which]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **more}) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            result = uvloop.run(drive(which, "MeterValues", port, psutil.Process(server.pid), SECONDS))
            return result.calls_per_s
        finally:
            server.kill()


def acknowledgements() -> list[Figure]:
    """Ours beside the peer, on this disk and on a slow one."""
    with tempfile.TemporaryDirectory() as folder:
        slow = environment(Path(folder), SYNC_S)
        found = []
        for where, more, mark in (("this disk", {}, MARK), (f"{SYNC_S * 1000:.0f} ms a sync", slow, MARK_SLOW)):
            ours, lone = (
                statistics.median(acknowledged(which, more) for _ in range(ROUNDS)) for which in ("ours", "lone")
            )
            beside = f"ocpp package, each in a commit: {lone:.0f} 1/s"
            what = f"durable acknowledgements, {CONNECTIONS} stations, {where}"
            found.append(Figure(what, ours, "1/s", mark, "at least", beside))
        return found


# --- starts while the central is away ---------------------------------------------------------------------------------


class Charging:
    """Stations that charge, and the times that their starts take (ms)."""

    def __init__(self) -> None:
        self.stations = [RawStation(name(n)) for n in range(CONNECTIONS)]
        self.transactions = [0] * CONNECTIONS
        self.starts: list[float] = []
        self.beats: list[float] = []
        self._register = 0

    async def connect(self, port: int) -> None:
        """All come, boot, and begin to charge."""
        for first in range(0, CONNECTIONS, CONNECT_AT_ONCE):
            some = range(first, first + CONNECT_AT_ONCE)
            await asyncio.gather(*(self.stations[n].connect(port) for n in some))
            await asyncio.gather(*(self.stations[n].boot() for n in some))
            await asyncio.gather(*(self.start(n) for n in some))

    async def start(self, n: int) -> None:
        """A transaction begins."""
        self._register += 1
        start = {"connectorId": 1, "idTag": "TAG1", "meterStart": self._register, "timestamp": now()}
        began = time.perf_counter()
        answer = await self.stations[n].ask("StartTransaction", start)
        self.starts.append((time.perf_counter() - began) * 1000)
        self.transactions[n] = answer["transactionId"]
        assert answer["idTagInfo"]["status"] == "Accepted", answer

    async def sample(self) -> None:
        """All sample, one after the other, for ever."""
        n = 0
        while True:
            station = n % CONNECTIONS
            self.stations[station].call("MeterValues", self._values(station, n // CONNECTIONS))
            n += 1
            await asyncio.sleep(SAMPLE_EVERY_S / CONNECTIONS)

    def _values(self, n: int, round: int) -> dict[str, Any]:
        current = {"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": "L1"}
        register = {"value": f"{self._register + round}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        return {
            "connectorId": 1,
            "transactionId": self.transactions[n],
            "meterValue": [{"timestamp": now(), "sampledValue": [current, register]}],
        }

    async def change(self) -> None:
        """One station after the other ends its transaction and begins the next."""
        until, n = time.monotonic() + STARTING_S, 0
        self.starts.clear()
        while time.monotonic() < until:
            due = time.monotonic() + 1 / STARTS_A_SECOND
            stop = {"transactionId": self.transactions[n], "meterStop": 10**6, "timestamp": now()}
            await self.stations[n].ask("StopTransaction", stop)
            began = time.perf_counter()
            await self.stations[n].ask("Heartbeat", {})
            self.beats.append((time.perf_counter() - began) * 1000)
            await self.start(n)
            n = (n + 1) % CONNECTIONS
            await asyncio.sleep(due - time.monotonic())


def now() -> str:
    """As stations write it."""
    return format_utc(datetime.now(UTC) + timedelta(microseconds=500_000))


async def starts() -> Figure:
    """The answers of starts, at a site whose central is away."""
    with tempfile.TemporaryDirectory() as folder:
        config = site_file(Path(folder), CONNECTIONS, rated_a=3000.0, worst_a=100.0, central=NOBODY)
        charging = Charging()
        async with rig.daemon(config) as daemon:
            await charging.connect(daemon.port)
            async with rig.background(charging.sample()):
                await charging.change()
            uplink = (await daemon.get("status"))["uplinks"]["central"]
            assert uplink["state"] != "online", uplink
            for station in charging.stations:
                station.hang_up()
    took, beats = sorted(charging.starts), sorted(charging.beats)
    beside = (
        f"p50 {share(took, 0.5):.1f}, worst {took[-1]:.0f} of {len(took)}; a heartbeat p99 {share(beats, 0.99):.1f}"
    )
    what = f"start answered, central away, {CONNECTIONS} stations, p99"
    return Figure(what, share(took, 0.99), "ms", MARK_START_MS, peer=beside)


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--serve", choices=("ours", "lone"))
    which = parser.parse_known_args()[0].serve
    if which:
        uvloop.run(run_server(which))
        return 0
    return conclude("ledger", __doc__, [*acknowledgements(), uvloop.run(starts())])


if __name__ == "__main__":
    sys.exit(main())
