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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sitectl.simulator.meter import SimulatedMeter

READY = re.compile(r"^sitectl ready ocpp=(\S+):(\d+)", re.MULTILINE)
SITECTL = (sys.executable, "-m", "sitectl")
ROOT = Path(__file__).parents[2]
NAMED = (
    "SITECTL_CONFIG",
    "SITECTL_SOCKET",
    "SITECTL_TIMEOUT_S",
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


async def until(condition: Callable[[], bool], within_s: float = 30.0, what: str = "") -> None:
    """Wait for something to come true; says what did not."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what or condition}") from None


def environment(**more: str) -> dict[str, str]:
    """Of this process, without what names another site."""
    own = {"PYTHONPATH": str(ROOT), "SITECTL_TIMEOUT_S": "30"}  # machines that test are busy
    return {k: v for k, v in os.environ.items() if k not in NAMED} | own | more


def patched(directory: Path, patch: str) -> tuple[str, ...]:
    """The command with a piece of it replaced, to see what its failure does to the rest."""
    script = directory / "patched.py"
    script.write_text(patch + "\nfrom sitectl.cli.main import main\nmain()\n")
    return (sys.executable, str(script))


@dataclass
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str


async def sitectl(*arguments: object, within_s: float = 60.0, **more: str) -> Ended:
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

    def __init__(
        self,
        config: Path,
        *options: str,
        command: tuple[str, ...] = SITECTL,
        log: str = "daemon.log",
        **more: str,
    ) -> None:
        self.config = config
        self.socket = config.parent / "sitectl.sock"
        self.port = 0
        self._command = (*command, "run", "--config", str(config), *options)
        self._environment = environment(**more)
        self._log = config.parent / log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """All that it wrote since it was started last."""
        return self._log.read_text()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def launch(self) -> None:
        """Start it and wait for nothing."""
        with self._log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )

    async def start(self, within_s: float = 60.0) -> None:
        """Start it and wait until it serves."""
        await self.launch()
        await until(lambda: READY.search(self.log) is not None or not self.running, within_s, f"ready: {self.log}")
        found = READY.search(self.log)
        assert found, self.log
        self.port = int(found[2])

    async def ended(self, within_s: float = 30.0) -> int:
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
        try:
            writer.write(f"GET /v1/{path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
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
