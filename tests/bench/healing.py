"""From a fault to its first remedy on a site of 1000 stations: `python -m tests.bench.healing [--json] [--stations N]`.

Method: the daemon as a process, raw stations in this one, all booted; healing acts by the shipped rules and by one of
the site's own that waits for nothing. Some stations fail one after the other, on the site's rule and on a shipped one:
the time runs from the StatusNotification leaving the station to our TriggerMessage arriving there. Then 200 fail at
once. A probe beats every 10 ms all the while; its round trip is the lag of the event loop, and the peer is that of a
bare `websockets` echo. What is visible at the API is timed by a stream of events that is open all the time: from the
frame leaving the station to its event arriving.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench.figures import Figure, conclude, share
from tests.bench.raw_station import Payload, RawStation
from tests.bench.site_process import name, rss_kb, site_file
from tests.bench.whole_site import PROBE_EVERY_S, echo
from tests.e2e import rig

ONE_BY_ONE = 60
ONE_EVERY_S = 0.25
AT_ONCE = 200
STORM_S = 12.0
SETTLE_S = 30.0
"""All stations have booted, were read, set and given their fallbacks by then: what follows is healing."""

RULES = """
rules:
  - name: bench
    symptom: fault
    codes: [OtherError]
    after_s: 0
    ladder: [{do: trigger, wait_s: 600}, {do: tell}]
    tell: {what: A fault of the bench, do: Nothing.}
"""
OWN, SHIPPED = "OtherError", "InternalError"
MOST_S = 170.0


class Faulty(RawStation):
    """A station that fails, and notes when it is first asked again."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.failed_at: float | None = None
        self.asked_at: float | None = None

    def fail(self, code: str) -> None:
        """Report an error."""
        self.failed_at = time.monotonic()
        self.call("StatusNotification", {"connectorId": 1, "errorCode": code, "status": "Faulted"})

    def _answer(self, at: float, action: str, payload: Payload) -> Payload:
        if action == "TriggerMessage" and self.failed_at is not None and self.asked_at is None:
            self.asked_at = at
        return super()._answer(at, action, payload)

    @property
    def remedied_s(self) -> float | None:
        """From the fault to the first remedy."""
        return None if self.asked_at is None or self.failed_at is None else self.asked_at - self.failed_at


@dataclass
class Measured:
    """What came of it (s, ms)."""

    own: list[float] = field(default_factory=list)
    shipped: list[float] = field(default_factory=list)
    storm: list[float] = field(default_factory=list)
    missed: int = 0
    seen: list[float] = field(default_factory=list)
    unseen: int = 0
    calm_ms: list[float] = field(default_factory=list)
    storm_ms: list[float] = field(default_factory=list)
    echo_ms: list[float] = field(default_factory=list)
    cycle_ms: dict[str, float] = field(default_factory=dict)
    rss_mb: float = 0.0


async def connected(port: int, stations: int) -> list[Faulty]:
    """All stations, booted."""
    found = [Faulty(name(n)) for n in range(stations)]
    for begin in range(0, stations, 50):
        some = found[begin : begin + 50]
        await asyncio.gather(*(station.connect(port) for station in some))
        await asyncio.gather(*(station.boot() for station in some))
    return found


@asynccontextmanager
async def watching(socket: Path, seen: dict[str, float]) -> AsyncIterator[None]:
    """A stream of events; `seen` gets when the fault of each station arrived."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=2**24)
    writer.write(b"GET /v1/events?follow=true&type=evse.status HTTP/1.1\r\nHost: x\r\n\r\n")

    async def read() -> None:
        while line := await reader.readline():
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                if event["data"].get("error") in (OWN, SHIPPED):
                    seen.setdefault(event["station"], time.monotonic())

    task = asyncio.create_task(read())
    try:
        yield
    finally:
        task.cancel()
        writer.close()


async def beat(probe: RawStation, into: Callable[[], list[float]]) -> None:
    """Beat for ever."""
    while True:
        sent_at = time.monotonic()

        def answered(at: float, payload: Payload, sent_at: float = sent_at) -> None:
            into().append((at - sent_at) * 1000)

        probe.call("Heartbeat", {}, answered)
        await asyncio.sleep(PROBE_EVERY_S)


async def one_by_one(stations: list[Faulty], code: str, wait_s: float) -> list[float]:
    """Let them fail one after the other; the times to the first remedy."""
    for station in stations:
        station.fail(code)
        await asyncio.sleep(ONE_EVERY_S)
    await asyncio.sleep(wait_s)
    return [station.remedied_s for station in stations if station.remedied_s is not None]


async def site(count: int, folder: Path) -> Measured:
    """The whole run."""
    measured, seen = Measured(), dict[str, float]()
    config = site_file(folder, count + 1, rated_a=9000.0, worst_a=0.0)
    (folder / "rules.yaml").write_text(RULES)
    config.write_text(config.read_text() + "healing: {mode: act, rules_file: rules.yaml}\n")
    daemon = rig.Daemon(config)
    stations: list[Faulty] = []
    try:
        await daemon.start()
        stations = await connected(daemon.port, count)
        probe = RawStation(name(count))
        await probe.connect(daemon.port)
        await probe.boot()
        await asyncio.sleep(SETTLE_S)
        into = measured.calm_ms
        async with watching(daemon.socket, seen), rig.background(beat(probe, lambda: into)):
            first, second, rest = (
                stations[:ONE_BY_ONE],
                stations[ONE_BY_ONE : 2 * ONE_BY_ONE],
                stations[2 * ONE_BY_ONE :],
            )
            measured.own = await one_by_one(first, OWN, 1.0)
            measured.shipped = await one_by_one(second, SHIPPED, 11.0)
            into = measured.storm_ms
            for station in rest[:AT_ONCE]:
                station.fail(OWN)
            await asyncio.sleep(STORM_S)
        failed = [*first, *second, *rest[:AT_ONCE]]
        measured.storm = [s.remedied_s for s in rest[:AT_ONCE] if s.remedied_s is not None]
        measured.missed = sum(station.remedied_s is None for station in failed)
        measured.seen = [seen[s.name] - s.failed_at for s in failed if s.failed_at is not None and s.name in seen]
        measured.unseen = len(failed) - len(measured.seen)
        measured.cycle_ms = (await daemon.get("status"))["cycle"]
        measured.rss_mb = rss_kb(daemon.pid) / 1000
        probe.hang_up()
        measured.echo_ms = await echo()
    finally:
        for station in stations:
            station.hang_up()
        if daemon.running:
            await daemon.kill()
    return measured


def figures(count: int, measured: Measured) -> list[Figure]:
    """The figures with their marks."""
    own, shipped, storm, seen, calm, lag, bare = (
        sorted(values)
        for values in (
            measured.own,
            measured.shipped,
            measured.storm,
            measured.seen,
            measured.calm_ms,
            measured.storm_ms,
            measured.echo_ms,
        )
    )
    of = f"{count} stations"
    spread = f"p50 {share(own, 0.5):.3f} of {len(own)}"
    at_once, shown = f"p50 {share(storm, 0.5):.2f}", f"p50 {share(seen, 0.5):.2f}"
    before = f"p50 {share(lag, 0.5):.1f}, worst {lag[-1]:.0f}; before it p99 {share(calm, 0.99):.1f}; bare echo p99"
    return [
        Figure(f"{of}: fault to first remedy, rule without a wait, worst", own[-1], "s", 1.0, peer=spread),
        Figure(f"{of}: the same by a shipped rule (waits 5 s), worst", shipped[-1], "s", 10.0),
        Figure(f"{of}: the same when {AT_ONCE} fail at once, worst", storm[-1], "s", peer=at_once),
        Figure(f"{of}: faults without a remedy", measured.missed, "", 0),
        Figure(
            f"{of}: lag while {AT_ONCE} fail at once, p99",
            share(lag, 0.99),
            "ms",
            50,
            peer=f"{before} {share(bare, 0.99):.1f}",
        ),
        Figure(f"{of}: fault to event at the API, p99", share(seen, 0.99), "s", 1.0, peer=shown),
        Figure(f"{of}: faults that were never seen there", measured.unseen, "", 0),
        Figure(f"{of}: cycle, p99 by the daemon's own word", measured.cycle_ms["ms_p99"], "ms"),
        Figure(f"{of}: resident memory, healing", measured.rss_mb, "MB"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--stations", type=int, default=1000)
    options = parser.parse_known_args()[0]
    with tempfile.TemporaryDirectory() as folder:
        measured = uvloop.run(asyncio.wait_for(site(options.stations, Path(folder)), MOST_S))
    return conclude("healing", __doc__, figures(options.stations, measured))


if __name__ == "__main__":
    sys.exit(main())
