"""A site on loopback: the unmodified daemon as a process, stations on an independent OCPP library, odd meters.

The central system and the meter are the simulator's, which share no code with what they talk to.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ruamel.yaml import YAML
from websockets.asyncio.client import ClientConnection, connect

from sitectl.simulator.meter import SimulatedMeter

READY = re.compile(r"^sitectl ready ocpp=(\S+):(\d+)", re.MULTILINE)
SITECTL = (sys.executable, "-m", "sitectl")
ROOT = Path(__file__).parents[2]
NAMED = (
    "SITECTL_CONFIG",
    "SITECTL_SOCKET",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "NO_COLOR",
    "FORCE_COLOR",
)


def site(directory: Path, **sections: Any) -> Path:
    """Write a configuration of four stations on a grid of 63 A; `sections` replace whole ones, None drops them."""
    document: dict[str, Any] = {
        "site": {"name": "depot-north", "data_dir": "data"},
        "ocpp": {"listen": "127.0.0.1:0", "security_profile": 0, "unknown_stations": "reject"},
        "circuits": {"grid": {"rated_a": 63, "base_load_worst_a": 35}},
        "stations": {
            f"CP0{n}": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "profile_storage": "ram"}
            for n in range(1, 5)
        },
        "authorization": {"mode": "free"},
        "api": {"socket": "sitectl.sock"},
    }
    document |= sections
    path = directory / "site.yaml"
    with path.open("w") as file:
        YAML().dump({key: value for key, value in document.items() if value is not None}, file)
    return path


def metered(meter: SimulatedMeter) -> dict[str, Any]:
    """Sections of a site whose grid is measured."""
    return {
        "circuits": {"grid": {"rated_a": 63, "meter": "main", "base_load_worst_a": 35}},
        "meters": {"main": {"sheet": "eastron-sdm630", "connection": f"tcp://127.0.0.1:{meter.port}", "unit": 1}},
    }


async def until(condition: Callable[[], bool], within_s: float = 15.0, what: str = "") -> None:
    """Wait for something to come true; says what did not."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what or condition}") from None


def environment(**more: str) -> dict[str, str]:
    """Of this process, without what names another site."""
    return {k: v for k, v in os.environ.items() if k not in NAMED} | {"PYTHONPATH": str(ROOT)} | more


@dataclass
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str


async def sitectl(*arguments: object, within_s: float = 20.0, **more: str) -> Ended:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *SITECTL,
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**more),
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode or 0, out.decode(), err.decode())


class Daemon:
    """`sitectl run` as a process of its own; what it says is kept in a file."""

    def __init__(self, config: Path, *options: str, command: tuple[str, ...] = SITECTL, **more: str) -> None:
        self.config = config
        self.socket = config.parent / "sitectl.sock"
        self.port = 0
        self._command = (*command, "run", "--config", str(config), *options)
        self._environment = environment(**more)
        self._log = config.parent / "daemon.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """All that it wrote since it was started last."""
        return self._log.read_text()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start it and wait for nothing."""
        with self._log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )

    async def start(self) -> None:
        """Start it and wait until it serves."""
        await self.launch()
        await until(lambda: READY.search(self.log) is not None or not self.running, what=f"ready: {self.log}")
        found = READY.search(self.log)
        assert found, self.log
        self.port = int(found[2])

    async def ended(self, within_s: float = 15.0) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> float:
        """Ask it to end; the seconds that it took."""
        began = asyncio.get_running_loop().time()
        self.signal(signal.SIGTERM)
        assert await self.ended() == 0, self.log
        return asyncio.get_running_loop().time() - began

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended()

    async def ask(self, *command: object) -> Any:
        """What a command answers in JSON, whatever its exit status."""
        ended = await sitectl(*command, "--json", "--socket", self.socket)
        assert ended.status in (0, 5), ended
        return json.loads(ended.out)

    async def get(self, path: str) -> Any:
        """What the interface answers; quicker than a command."""
        reader, writer = await asyncio.open_unix_connection(self.socket, limit=2**24)
        writer.write(f"GET /v1/{path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert b" 200 " in head.split(b"\r\n")[0], (head, body)
        return json.loads(body)


@asynccontextmanager
async def daemon(config: Path, *options: str, **more: Any) -> AsyncIterator[Daemon]:
    """A daemon that serves; it is ended whatever happens."""
    process = Daemon(config, *options, **more)
    try:
        await process.start()
        yield process
    finally:
        if process.running:
            await process.kill()


def basic(station: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{station}:{password}".encode()).decode()}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Drawn:
    """A transaction as its station knows it."""

    id: int
    started: str
    start_wh: int
    stop_wh: int | None = None


@dataclass
class Car:
    """What is plugged in."""

    wish_a: float = 32.0
    tx_profile_a: float | None = None
    told: list[tuple[float, float]] = field(default_factory=list)
    """When (loop time) it was told which limit."""


class Charger(ChargePoint):
    """A charging station of one connector on the independent library; it obeys at once."""

    def __init__(self, id: str, socket: ClientConnection) -> None:
        super().__init__(id, socket, response_timeout=15)
        self.car = Car()
        self.fallback_a: float | None = None
        self.configuration: dict[str, str] = {}
        self.transaction: Drawn | None = None
        self.ledger: list[Drawn] = []
        self.register_wh = 1000.0
        self.slowest_s = 0.0

    # --- what it is told ---

    @on("SetChargingProfile")
    def _profile(self, cs_charging_profiles: Mapping[str, Any], **_: Any) -> Any:
        schedule = cs_charging_profiles["charging_schedule"]
        limit = float(schedule["charging_schedule_period"][0]["limit"])
        if cs_charging_profiles["charging_profile_purpose"] == "TxDefaultProfile":
            self.fallback_a = limit
        else:
            self.car.tx_profile_a = limit
            self.car.told.append((asyncio.get_running_loop().time(), limit))
        return call_result.SetChargingProfile("Accepted")

    @on("ClearChargingProfile")
    def _clear(self, **_: Any) -> Any:
        return call_result.ClearChargingProfile("Accepted")

    @on("ChangeConfiguration")
    def _change(self, key: str, value: str) -> Any:
        self.configuration[key] = value
        return call_result.ChangeConfiguration("Accepted")

    @on("GetConfiguration")
    def _get(self, key: list[str] | None = None) -> Any:
        known = {k: {"key": k, "readonly": False, "value": v} for k, v in self.configuration.items()}
        asked = key if key is not None else list(known)
        unknown = [k for k in asked if k not in known]
        return call_result.GetConfiguration([known[k] for k in asked if k in known], unknown)

    @on("TriggerMessage")
    def _trigger(self, **_: Any) -> Any:
        return call_result.TriggerMessage("Accepted")

    @on("Reset")
    def _reset(self, **_: Any) -> Any:
        return call_result.Reset("Rejected")

    # --- what it says ---

    @property
    def limit_a(self) -> float:
        """What it may draw by what it was told."""
        told = self.car.tx_profile_a
        return told if told is not None else self.fallback_a if self.fallback_a is not None else 32.0

    @property
    def draws_a(self) -> float:
        return min(self.limit_a, self.car.wish_a) if self.transaction is not None else 0.0

    async def say(self, request: Any) -> Any:
        """Call the daemon, and note how long the answer took."""
        began = asyncio.get_running_loop().time()
        answer = await self.call(request, suppress=False)
        self.slowest_s = max(self.slowest_s, asyncio.get_running_loop().time() - began)
        return answer

    async def boot(self) -> Any:
        answer = await self.say(call.BootNotification("AC-22", "Acme", firmware_version="1.2"))
        await self.status("Available")
        return answer

    async def status(self, status: str) -> None:
        await self.say(call.StatusNotification(1, "NoError", status, timestamp=now()))

    async def begin(self, id_tag: str = "TAG") -> Drawn:
        await self.status("Preparing")
        started, start_wh = now(), int(self.register_wh)
        answer = await self.say(call.StartTransaction(1, id_tag, start_wh, started))
        self.car.tx_profile_a = None
        self.transaction = Drawn(answer.transaction_id, started, start_wh)
        self.ledger.append(self.transaction)
        await self.status("Charging")
        return self.transaction

    async def sample(self) -> None:
        """What its meter shows now."""
        assert self.transaction is not None
        values = [
            {"value": f"{self.draws_a:.1f}", "measurand": "Current.Import", "phase": phase, "unit": "A"}
            for phase in ("L1", "L2", "L3")
        ]
        values.append({"value": str(int(self.register_wh)), "measurand": "Energy.Active.Import.Register", "unit": "Wh"})
        sampled = [{"timestamp": now(), "sampledValue": values}]
        await self.say(call.MeterValues(1, sampled, transaction_id=self.transaction.id))

    async def end(self) -> None:
        assert self.transaction is not None
        running, self.transaction = self.transaction, None
        stop_wh = int(self.register_wh)
        await self.say(call.StopTransaction(stop_wh, now(), running.id, "EVDisconnected"))
        running.stop_wh = stop_wh
        await self.status("Available")

    async def charge_on(self, every_s: float = 0.5) -> None:
        """Draw, sample and beat until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.register_wh += self.draws_a * 690 * every_s / 3600
            await self.sample()
            await self.say(call.Heartbeat())


@asynccontextmanager
async def charger(port: int, id: str, *, booted: bool = True, **options: Any) -> AsyncIterator[Charger]:
    """A connected station."""
    async with connect(f"ws://127.0.0.1:{port}/ocpp/{id}", subprotocols=["ocpp1.6"], **options) as socket:  # type: ignore[list-item]
        station = Charger(id, socket)
        listening = asyncio.create_task(station.start())
        try:
            if booted:
                assert (await station.boot()).status == "Accepted"
            yield station
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class OddMeter(SimulatedMeter):
    """A meter whose answers can also be late or short."""

    late_s = 0.0
    short = False

    async def open(self) -> None:
        await super().open()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._serve(_Delayed(self, reader), writer)  # type: ignore[arg-type]

    def _reply(self, pdu: bytes) -> bytes | None:
        reply = super()._reply(pdu)
        return reply[:-3] if self.short and reply is not None else reply


class _Delayed:
    """A reader that hands requests over late."""

    def __init__(self, meter: OddMeter, reader: asyncio.StreamReader) -> None:
        self._meter = meter
        self._reader = reader

    async def readexactly(self, count: int) -> bytes:
        read = await self._reader.readexactly(count)
        if count != 7:  # the request, behind its header
            await asyncio.sleep(self._meter.late_s)
        return read


@asynccontextmanager
async def meter() -> AsyncIterator[OddMeter]:
    """A meter that measures a house."""
    device = OddMeter()
    await device.open()
    device.measure(1.0, (10.0, 11.0, 12.0))
    try:
        yield device
    finally:
        await device.close()


@asynccontextmanager
async def background(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Run these beside the body; what fails in them fails the test."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
