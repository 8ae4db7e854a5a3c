"""Calls of stations per second of server CPU: `python -m tests.bench.station_server [--seconds S] [--json]`.

Method: three servers, one after the other and in rounds, each in a process of its own on uvloop: ours (the stations
room as the daemon builds it, over a real store on disk), a CSMS on the `ocpp` package's ChargePoint as it comes
(validation on), and a bare `websockets` echo as the floor. The same load generator drives each with 100 connections;
every connection sends its next call when the last one is answered. Counted is the CPU time that the server's process
used (all threads, user and system) between two moments in the steady state; the figure is answered calls by that time.
So other load on the machine counts only by what it does to the caches.

Two loads: Heartbeat, and MeterValues of 850 bytes in a running transaction. Ours stores each of these durably before it
answers (the daemon would store one a minute); the peer and the echo store nothing, which flatters them. For ours the
bounds of a connection (calls a second) are lifted, the code that minds them runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from sitectl.base.tasks import Tasks
from sitectl.model.authorization import Remembered
from sitectl.model.events import Event
from sitectl.model.ids import EvseId
from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import OutboxMessage, Payload
from tests.bench.figures import Figure, conclude

TASKS = Tasks()
CONNECTIONS = 100
WARM_UP_S = 1.0
MARKS = {"Heartbeat": 3.0, "MeterValues": 5.0}
"""How many times the peer's calls per CPU second ours must serve."""

MARK_DURABLE = 4000
"""Meter values a second that are on the disk before they are answered."""

SERVERS = ("ours", "ocpp", "echo")
START = datetime(2026, 1, 1, tzinfo=UTC)


# --- servers, each in its own process ---------------------------------------------------------------------------------


class NoSite:
    """No site: what it would do is not this room's work."""

    def post(self, event: Event) -> None: ...


class NoCentral:
    """A central that wants every transaction and says nothing."""

    def copies(self, station: str, id_token: str) -> tuple[str, ...]:
        return ("central",)

    async def authorize(self, station: str, id_token: str, deadline_s: float) -> None: ...
    def remembered(self, station: str, id_token: str) -> Remembered:
        return Remembered()

    def verify(self, station: str, id_token: str) -> None: ...
    def bars(self, evse: EvseId, id_token: str, parent: str | None) -> bool:
        return False

    def claimed(
        self, evse: EvseId, id_token: str, parent: str | None, started: datetime, station_id: int | None
    ) -> dict[str, int]:
        return {}

    async def verdict(self, station: str, transaction: str, deadline_s: float) -> None: ...
    async def transfer(self, station: str, payload: Payload, deadline_s: float) -> None: ...
    def status(self, station: str, evse: int, payload: Payload) -> None: ...
    def samples_every_s(self, station: str) -> dict[str, float]:
        return {}

    async def file_status(self, station: str, action: str, payload: Payload) -> None: ...
    async def deliver(self, station: str, message: OutboxMessage) -> None: ...
    def security_event(self, station: str, event: SecurityEventType, info: str = "") -> None: ...
    def outbox_grew(self, station: str) -> None: ...
    def station_online(self, station: str, boot: Payload | None) -> None: ...
    def station_offline(self, station: str) -> None: ...


def compose_stop(stop: Any, version: str) -> Any:
    raise AssertionError("no station forgets a stop here")


async def serve_ours(folder: Path) -> int:
    from dataclasses import replace

    from sitectl.base.clock import SystemClock
    from sitectl.base.memory import keep_small, look_over_seldom, settle_down
    from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
    from sitectl.stations.stations import Stations
    from sitectl.store.opening import open_store
    from sitectl.wire.limits import LIMITS
    from tests.unit.stations.twins import settings, station_plan

    clock = SystemClock()
    store = await open_store(folder / "store.db", clock, Random(1), compose_stop)
    plans = [station_plan(f"CP{n}") for n in range(CONNECTIONS)]
    stations = Stations(
        settings(*plans, authorization=AuthorizationSettings(AuthorizationMode.FREE)),
        inbox=NoSite(),
        journal=store.journal,
        ledger=store.ledger,
        centrals=NoCentral(),
        store=store.stations,
        clock=clock,
        store_samples_every_s=lambda station: 0.0,
        connection_limits=replace(LIMITS, calls_per_s=1e6),
    )
    await stations.load()
    await stations.start()
    settle_down()  # as the daemon does once it serves, with a quiet moment a second
    look_over_seldom()
    TASKS.spawn(keep_small(lambda: asyncio.sleep(1.0)), "memory")
    return stations.server.addresses[0][1]


async def serve_ocpp(folder: Path) -> int:
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint, call_result

    class Csms(ChargePoint):
        @on("Heartbeat")
        def heartbeat(self) -> Any:
            return call_result.Heartbeat(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

        @on("StartTransaction")
        def start_transaction(self, **fields: Any) -> Any:
            return call_result.StartTransaction(1, {"status": "Accepted"})

        @on("MeterValues")
        def meter_values(self, **fields: Any) -> Any:
            return call_result.MeterValues()

    async def one(connection: ServerConnection) -> None:
        await Csms(connection.request.path.rpartition("/")[2], connection).start()  # type: ignore[union-attr]

    return await _listen(one)


async def serve_echo(folder: Path) -> int:
    """Answers every call with an empty result, without looking further than its id."""

    async def one(connection: ServerConnection) -> None:
        async for message in connection:
            id = message[4 : message.index('"', 4)]  # type: ignore[arg-type]
            await connection.send(f'[3,"{id}",{{"transactionId":1}}]')

    return await _listen(one)


async def _listen(one: Callable[[ServerConnection], Awaitable[None]]) -> int:
    server = await serve(one, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None, ping_interval=None)  # type: ignore[list-item]
    return int(server.sockets[0].getsockname()[1])


async def run_server(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = await {"ours": serve_ours, "ocpp": serve_ocpp, "echo": serve_echo}[name](Path(folder))
        # The load goes without good-bye, which the library calls an error.
        logging.disable()
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


# --- load -------------------------------------------------------------------------------------------------------------


def meter_values(transaction: int, n: int) -> str:
    """A payload of about 850 bytes."""
    stamp = (START + timedelta(seconds=10 * n)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def value(value: float, measurand: str, unit: str, phase: str | None = None) -> dict[str, str]:
        sampled = {"value": f"{value:.1f}", "context": "Sample.Periodic", "measurand": measurand, "unit": unit}
        return sampled if phase is None else {**sampled, "phase": phase}

    values = [value(15.9 + k / 10, "Current.Import", "A", f"L{k}") for k in (1, 2, 3)]
    values += [value(16.0, "Current.Offered", "A"), value(11000.0, "Power.Active.Import", "W")]
    values += [value(230.0, "Voltage", "V", f"L{k}-N") for k in (1, 2)]
    values.append(value(1000.0 + n, "Energy.Active.Import.Register", "Wh"))
    payload = {
        "connectorId": 1,
        "transactionId": transaction,
        "meterValue": [{"timestamp": stamp, "sampledValue": values}],
    }
    return json.dumps(payload, separators=(",", ":"))


class Station:
    """One connection of the load: the next call leaves when the last one is answered."""

    def __init__(self, connection: ClientConnection, load: str) -> None:
        self.connection = connection
        self.load = load
        self.calls = 0

    async def begin(self) -> None:
        """Start the transaction of the meter values. A server that had it before gives the same one."""
        self.frame: Callable[[int], str] = lambda n: f'[2,"{self.load[0]}{n}","Heartbeat",{{}}]'
        if self.load == "MeterValues":
            start = {"connectorId": 1, "idTag": "TAG1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
            await self.connection.send(json.dumps([2, "start", "StartTransaction", start], separators=(",", ":")))
            answer = json.loads(await self._answer())
            transaction = answer[2]["transactionId"]
            ready = [meter_values(transaction, n) for n in range(64)]
            self.frame = lambda n: f'[2,"M{n}","MeterValues",{ready[n % 64]}]'

    async def _answer(self) -> str:
        """The answer to our call; what the server asks meanwhile is declined."""
        while True:
            text = str(await self.connection.recv())
            if not text.startswith("[2,"):
                return text
            await self.connection.send(json.dumps([4, json.loads(text)[1], "NotSupported", "", {}]))

    async def run(self) -> None:
        send, recv, frame = self.connection.send, self.connection.recv, self.frame
        while True:
            await send(frame(self.calls))
            answer = await recv()
            if answer[1] == "2":
                await send(json.dumps([4, json.loads(answer)[1], "NotSupported", "", {}]))
                answer = await self._answer()
            assert answer[1] == "3", answer
            self.calls += 1


@dataclass(frozen=True)
class Result:
    """One server under one load."""

    server: str
    load: str
    calls_per_cpu_s: float
    calls_per_s: float
    cpu_share: float


async def drive(name: str, load: str, port: int, process: psutil.Process, seconds: float) -> Result:
    connections = [
        await connect(
            f"ws://127.0.0.1:{port}/CP{n}",
            subprotocols=["ocpp1.6"],
            compression=None,
            ping_interval=None,  # type: ignore[list-item]
        )
        for n in range(CONNECTIONS)
    ]
    stations = [Station(connection, load) for connection in connections]
    await asyncio.gather(*(station.begin() for station in stations))
    tasks = [asyncio.create_task(station.run()) for station in stations]
    await asyncio.sleep(WARM_UP_S)
    before, cpu_before, began = sum(s.calls for s in stations), _cpu_s(process), time.perf_counter()
    await asyncio.sleep(seconds)
    calls, cpu_s, passed_s = (
        sum(s.calls for s in stations) - before,
        _cpu_s(process) - cpu_before,
        time.perf_counter() - began,
    )
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    broken = [end for end in ended if not isinstance(end, asyncio.CancelledError)]
    if broken:
        raise RuntimeError(f"{name}: {broken[0]!r}")
    for connection in connections:
        connection.transport.abort()
    return Result(name, load, calls / cpu_s, calls / passed_s, cpu_s / passed_s)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(name: str, load: str, seconds: float) -> Result:
    command = [sys.executable, "-m", "tests.bench.station_server", "--serve", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            return uvloop.run(drive(name, load, port, psutil.Process(server.pid), seconds))
        finally:
            server.kill()


# --- the report -------------------------------------------------------------------------------------------------------


def figures(results: list[Result]) -> list[Figure]:
    """Medians of the rounds, as ratios to the peer."""
    found = []
    for load, mark in MARKS.items():
        medians = {
            name: statistics.median(r.calls_per_cpu_s for r in results if (r.server, r.load) == (name, load))
            for name in SERVERS
        }
        ratios = {name: median / medians["ocpp"] for name, median in medians.items()}
        beside = f"ours {medians['ours']:.0f} a CPU second, ocpp {medians['ocpp']:.0f}, bare echo {medians['echo']:.0f}"
        what = f"{load}, {CONNECTIONS} stations, beside the ocpp package"
        found.append(Figure(what, ratios["ours"], "×", mark, "at least", beside))
    a_second = statistics.median(r.calls_per_s for r in results if (r.server, r.load) == ("ours", "MeterValues"))
    durable = f"durable acknowledgements, {CONNECTIONS} stations"
    return [*found, Figure(durable, a_second, "1/s", MARK_DURABLE, "at least", "each in a commit on this disk")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=SERVERS)
    parser.add_argument("--load", choices=list(MARKS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(run_server(options.serve))
        return 0
    results = [
        measure(name, load, options.seconds)
        for _ in range(options.rounds)
        for load in ([options.load] if options.load else MARKS)
        for name in ([options.only] if options.only else SERVERS)
    ]
    if options.only or options.load:
        print(json.dumps([vars(result) for result in results], indent=1))
        return 0
    return conclude("station_server", __doc__, figures(results), rows=[vars(result) for result in results])


if __name__ == "__main__":
    sys.exit(main())
