"""Who waits while many log in and some send giants: `python -m tests.bench.logins [--json]`.

Method: the unmodified daemon under security profile 1. A hundred listed stations log in at once for the first time, so
that a hundred passwords are made into pins (scrypt, which is slow on purpose); then all come again, which checks each;
then a hundred wrong passwords; then ten stations send frames of 1 MB. A station that is in already sends a Heartbeat
every 20 ms: its round trip is at least as long as the daemon's loop was late. The peer is the same round trip on a bare
`websockets` echo.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.bench.figures import Figure, conclude, share
from tests.bench.site_process import name
from tests.e2e import rig

STATIONS, GIANTS, TIMES = 100, 10, 20
GIANT = b'[2,"g","DataTransfer",{"vendorId":"' + b"x" * 2**20 + b'"}]'
EVERY_S, CALM_S = 0.02, 3.0
MARK_MS = 100.0
PROBE = name(STATIONS)


def dial(port: int, station: str, password: str) -> Any:
    """A station that shows a password."""
    return connect(
        f"ws://127.0.0.1:{port}/{station}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=rig.basic(station, password),
        proxy=None,
        open_timeout=60,
        max_size=None,
    )


async def beats(probe: ClientConnection, meanwhile: Awaitable[None]) -> list[float]:
    """Sorted round trips (ms) while something is done."""
    work, took = asyncio.ensure_future(meanwhile), []
    number = 0
    while not work.done():
        number += 1
        began = time.monotonic()
        await probe.send(f'[2,"{number}","Heartbeat",{{}}]')
        while f'"{number}"' not in str(await probe.recv())[:16]:
            pass
        took.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(EVERY_S)
    work.result()
    return sorted(took)


async def all_at_once(port: int, password: Callable[[str], str]) -> None:
    """A hundred stations log in, are let in or not, and go."""
    let_in = 0

    async def one(station: str) -> None:
        nonlocal let_in
        with suppress(WebSocketException):  # those who fail again and again are made to wait, and give up
            async with dial(port, station, password(station)) as socket:
                await socket.send('[2,"in","Heartbeat",{}]')  # answered once the password is a pin
                while '"in"' not in str(await socket.recv())[:8]:
                    pass
                let_in += 1

    await asyncio.gather(*(one(name(n)) for n in range(STATIONS)))
    assert let_in == (STATIONS if password is secret else 0)


async def giants(port: int) -> None:
    """Frames that nobody takes."""
    async with AsyncExitStack() as held:
        stations = [await held.enter_async_context(dial(port, name(n), secret(name(n)))) for n in range(GIANTS)]
        with suppress(WebSocketException):
            await asyncio.gather(*(station.send(GIANT, text=True) for station in stations))
        await asyncio.gather(*(station.wait_closed() for station in stations))


async def again(what: Callable[[], Awaitable[None]]) -> None:
    """What takes a moment, some times, so that there is something to take a share of."""
    for _ in range(TIMES):
        await what()


def secret(station: str) -> str:
    return f"the-password-of-{station}"


def wrong(station: str) -> str:
    return f"no-password-of-{station}"


async def on_a_site(folder: Path) -> dict[str, list[float]]:
    """The round trips in each part."""
    listed = {name(n): {"circuit": "grid", "max_a": 32, "phases": "L1", "fallback_a": 0} for n in range(STATIONS + 1)}
    ocpp = {"listen": "127.0.0.1:0", "security_profile": 1, "unknown_stations": "reject"}
    config = rig.site(folder, stations=listed, ocpp=ocpp)
    async with rig.daemon(config) as running, dial(running.port, PROBE, secret(PROBE)) as probe:
        found = {"nobody comes": await beats(probe, asyncio.sleep(CALM_S))}
        found["100 first logins"] = await beats(probe, all_at_once(running.port, secret))
        found["100 logins"] = await beats(probe, again(lambda: all_at_once(running.port, secret)))
        found["100 wrong passwords"] = await beats(probe, all_at_once(running.port, wrong))
        found[f"{GIANTS} frames of 1 MB"] = await beats(probe, again(lambda: giants(running.port)))
    return found


async def echo() -> list[float]:
    """The same round trip on a bare echo."""
    command = [sys.executable, "-m", "tests.bench.station_server", "--serve", "echo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(await asyncio.get_running_loop().run_in_executor(None, server.stdout.readline))
            async with dial(port, "echo", "echo") as probe:
                return await beats(probe, asyncio.sleep(CALM_S))
        finally:
            server.kill()


async def figures() -> list[Figure]:
    """The figures with their marks."""
    with tempfile.TemporaryDirectory() as folder:
        found = await on_a_site(Path(folder))
    floor = f"bare echo p99 {share(await echo(), 0.99):.1f} ms"
    return [
        Figure(
            f"event-loop lag, {what}, p99",
            share(took, 0.99),
            "ms",
            MARK_MS,
            peer=f"p50 {share(took, 0.5):.1f}, worst {took[-1]:.0f} of {len(took)}; {floor}",
        )
        for what, took in found.items()
    ]


def main() -> int:
    return conclude("logins", __doc__, uvloop.run(figures()))


if __name__ == "__main__":
    sys.exit(main())
