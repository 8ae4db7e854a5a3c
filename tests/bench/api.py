"""How fast the interface answers on a large site, and who waits for it: `python -m tests.bench.api [--json]`.

Method: the unmodified daemon with a thousand stations that all charge and report every 10 s, a meter, a central in a
process of its own, and the control loop running. A client in a third process asks one main path after the other over
the Unix socket, each time over a new connection as the command line does, and takes the time until the last byte. The
peer: a bare ASGI answer of as many bytes, on the same server in a process that does nothing else, asked by the same
client in the same minute. Beside each the CPU time of an answer: what the daemon took meanwhile, less what it takes in
the same time when nobody asks. And the lag of the daemon's loop (as in `whole_site`, the round trip of a Heartbeat
every 20 ms) while the interface is asked for everything again and again, and while nobody asks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from tests.bench.figures import Figure, conclude, share
from tests.bench.site_process import cpu_s, name
from tests.bench.whole_site import Load, serving
from tests.e2e import rig

MODULE = "tests.bench.api"
ROUNDS = 200
PAUSE_S = 0.03
"""Between two questions: people and scrapers are never in a closer row, and a cycle falls between any two of them."""

CALM_S = 20.0
MOST_S = 280.0
MARK_MS = 100.0
LAG_MARK_MS = 50.0


def paths(stations: int) -> list[str]:
    """What people and programs ask for."""
    one = name(stations // 2)
    site = ["/v1/status", "/v1/stations", f"/v1/stations/{one}", f"/v1/why/{one}"]
    events = ["/v1/events?follow=false", f"/v1/events?follow=false&station={one}"]
    return [*site, "/v1/transactions", *events, "/metrics"]


# --- the client, in a process of its own ------------------------------------------------------------------------------


def ask(where: str, path: str) -> tuple[float, int]:
    """Ask once: ms until the last byte, and the bytes of the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        began = time.monotonic()
        client.connect(where)
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        parts = []
        while part := client.recv(2**20):
            parts.append(part)
        took = (time.monotonic() - began) * 1000
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    return took, len(body)


def client(where: str, path: str, rounds: int) -> None:
    """Ask some times, and tell of all."""
    asked = []
    for _ in range(rounds):
        asked.append(ask(where, path))
        time.sleep(PAUSE_S)
    print(json.dumps({"ms": [ms for ms, _ in asked], "bytes": max(size for _, size in asked)}))


async def asked(where: Path, path: str, rounds: int = ROUNDS) -> tuple[list[float], int]:
    """Sorted ms of a client's questions, and the bytes of an answer."""
    command = [sys.executable, "-m", MODULE, "--ask", str(where), path, str(rounds)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=rig.environment(), limit=2**24
    )
    out, _ = await process.communicate()
    told = json.loads(out)
    return sorted(told["ms"]), told["bytes"]


# --- the peer ---------------------------------------------------------------------------------------------------------


async def bare(scope: Any, _: Any, send: Any) -> None:
    """As many bytes as the path says."""
    body = b"x" * int(scope["path"].strip("/"))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve_bare(where: str) -> None:
    """On the server that the daemon uses."""
    uvicorn.run(bare, uds=where, http="h11", lifespan="off", log_config=None, access_log=False, ws="none")


@asynccontextmanager
async def peer(where: Path) -> AsyncIterator[None]:
    """The bare server as a process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, "--bare", str(where)), env=rig.environment()
    )
    try:
        await rig.until(where.exists, 30)
        yield
    finally:
        process.kill()
        await process.wait()


# --- the run ----------------------------------------------------------------------------------------------------------


async def lag(load: Load, seconds: float) -> float:
    """Heartbeats for so long: their p99 in ms."""
    load.measured.heartbeat.clear()
    await asyncio.sleep(seconds)
    return share(sorted(load.measured.heartbeat), 0.99)


async def measure(stations: int, daemon: rig.Daemon, load: Load, bare_socket: Path) -> list[Figure]:
    """Of a site that charges."""
    found = []
    before = cpu_s(daemon.pid)
    calm_ms = await lag(load, CALM_S)
    calm_share = (cpu_s(daemon.pid) - before) / CALM_S
    load.measured.heartbeat.clear()
    for path in paths(stations):
        before, began = cpu_s(daemon.pid), time.monotonic()
        took, size = await asked(daemon.socket, path)
        spent_s = cpu_s(daemon.pid) - before - calm_share * (time.monotonic() - began)
        plain, _ = await asked(bare_socket, f"/{size}", ROUNDS // 4)
        beside = f"p50 {share(took, 0.5):.0f}, worst {took[-1]:.0f}; bare p99 {share(plain, 0.99):.1f}"
        costs = f"{size / 1000:.0f} kB, {spent_s * 1000 / ROUNDS:.0f} ms of CPU"
        what = f"{stations} stations: {path.replace(name(stations // 2), 'ID')}, p99"
        found.append(Figure(what, share(took, 0.99), "ms", MARK_MS, peer=f"{beside}; {costs}"))
    asked_ms = share(sorted(load.measured.heartbeat), 0.99)
    calm = f"nobody asks: {calm_ms:.1f} ms"
    found.append(Figure("event-loop lag while all of it is asked, p99", asked_ms, "ms", LAG_MARK_MS, peer=calm))
    return found


async def site(stations: int, folder: Path) -> list[Figure]:
    """The whole run."""
    async with (
        serving(stations, folder) as (daemon, load, _),
        rig.background(load.report(), load.flicker(), load.tell(), load.heartbeats()),
    ):
        await load.all_start()
        async with peer(folder / "bare.sock"):
            return await measure(stations, daemon, load, folder / "bare.sock")


def main() -> int:
    if sys.argv[1:2] == ["--ask"]:
        client(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return 0
    if sys.argv[1:2] == ["--bare"]:
        serve_bare(sys.argv[2])
        return 0
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--stations", type=int, default=1000)
    options = parser.parse_known_args()[0]
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(asyncio.wait_for(site(options.stations, Path(folder)), MOST_S))
    return conclude("api", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
