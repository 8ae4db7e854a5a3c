"""A month without the central, and what follows when it is back: `python -m tests.bench.backlog [--days N] [--json]`.

Method: the ledger's own code writes what 50 stations said in 30 days while the central was away: three charges a day of
four hours each, a sample a minute, more than a million messages and two million rows. On that ledger the unmodified
daemon is started:

* with the central still away, several times: from the start of the process to the first station accepted, the worst;
* with a central in another process that answers at once (`raw_central`): for a while the backlog drains at
  `replay_per_s`. Meanwhile stations of it that are connected report statuses, and stations without a backlog start and
  stop transactions; both have to be at the central soon. What the central gets of each station's transactions must be
  in its order. Memory is the resident one of the daemon, after the drain has settled and at its end. It is not drained
  whole: at 20 messages a second, which is the default, that takes a day, and at this rate still an hour.

Then the same with 8,000 transactions that are open at once, whose start and first sample the central has not heard:
these are drained whole.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop

from sitectl.base.units import format_utc
from sitectl.model.ids import StationId
from tests.bench.backlogs import Charge, build, charges
from tests.bench.figures import Figure, conclude, share
from tests.bench.raw_central import TRANSACTIONAL, RawCentral
from tests.bench.raw_station import RawStation
from tests.bench.site_process import name, rss_kb, site_file
from tests.bench.start import first_answer, free_port
from tests.e2e import rig

STATIONS, A_DAY, MINUTES = 50, 3, 240
FRESH = 10
"""Stations without a backlog beside them, and as many of the others that are connected."""

STARTS, MARK_START_S = 3, 3.0
REPLAY_PER_S = 300.0
SETTLED_S, DRAINED_S = 10.0, 30.0
TELL_EVERY_S = 0.25
MARK_OFF, MARK_LIVE_MS, MARK_GROWTH_MB = 5.0, 1000.0, 5.0

OPEN, OPEN_EACH, OPEN_PER_S = 8000, 32, 600.0
OPEN_MOST_S = 60.0
NOBODY = 9
"""A port on which no central listens."""


def config(folder: Path, stations: int, *, central: int, per_s: float, port: int = 0) -> Path:
    """A site whose ledger is in its folder."""
    path = site_file(folder, stations, rated_a=9000.0, worst_a=0.0, central=central)
    text = path.read_text().replace('/ocpp"}', f'/ocpp", replay_per_s: {per_s:g}}}')
    path.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    return path


async def starts(folder: Path) -> list[float]:
    """Seconds of each start, the central being away."""
    took = []
    port = free_port()
    for _ in range(STARTS):
        daemon = rig.Daemon(config(folder, STATIONS + FRESH, central=NOBODY, per_s=20.0, port=port))
        began_at = time.monotonic()
        await daemon.launch()
        try:
            took.append(await first_answer(port, began_at))
            await daemon.stop()
        finally:
            if daemon.running:
                await daemon.kill()
    return sorted(took)


# --- a month ----------------------------------------------------------------------------------------------------------


@dataclass
class Drained:
    """What the drain has shown; times in ms."""

    rate: float = 0.0
    statuses: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    lost: int = 0
    before_mb: float = 0.0
    after_mb: float = 0.0
    peak_mb: float = 0.0
    disorders: list[str] = field(default_factory=list)


class Live:
    """Stations that go on while the backlog drains; `told`: when each of them said what."""

    def __init__(self) -> None:
        self.kept = [RawStation(name(n)) for n in range(FRESH)]
        self.fresh = [RawStation(name(STATIONS + n)) for n in range(FRESH)]
        self.told: dict[str, float] = {}

    async def connect(self, port: int) -> None:
        """All come and boot."""
        for station in (*self.kept, *self.fresh):
            await station.connect(port)
            await station.boot()

    async def report(self) -> None:
        """Statuses that are new, of stations with a backlog."""
        n = 0
        while True:
            station = self.kept[n % FRESH]
            payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "info": f"n{n}"}
            self.told[f"{station.name} n{n}"] = time.monotonic()
            station.call("StatusNotification", payload)
            n += 1
            await asyncio.sleep(TELL_EVERY_S)

    async def charge(self) -> None:
        """One transaction after the other, at stations without a backlog."""
        n = 0
        while True:
            station, tag = self.fresh[n % FRESH], f"LIVE{n}"
            start = {"connectorId": 1, "idTag": tag, "meterStart": n, "timestamp": format_utc(datetime.now(UTC))}
            self.told[f"{station.name} {tag}"] = time.monotonic()
            answer = await station.ask("StartTransaction", start)
            stop = {"transactionId": answer["transactionId"], "meterStop": n + 1}
            await station.ask("StopTransaction", {**stop, "timestamp": format_utc(datetime.now(UTC))})
            n += 1
            await asyncio.sleep(TELL_EVERY_S)

    def hang_up(self) -> None:
        """All go."""
        for station in (*self.kept, *self.fresh):
            station.hang_up()


async def drain(folder: Path) -> Drained:
    """Let the backlog drain for a while, with live stations beside it."""
    central, live, found = RawCentral(), Live(), Drained()
    await central.start()
    try:
        async with rig.daemon(config(folder, STATIONS + FRESH, central=central.port, per_s=REPLAY_PER_S)) as daemon:
            await live.connect(daemon.port)
            async with rig.background(live.report(), live.charge()):
                await asyncio.sleep(SETTLED_S)
                live.told.clear()
                found.before_mb, before, began = rss_kb(daemon.pid) / 1000, await central.told(), time.monotonic()
                await asyncio.sleep(DRAINED_S)
                told, passed_s = await central.told(), time.monotonic() - began
                found.after_mb, found.peak_mb = (rss_kb(daemon.pid, what) / 1000 for what in ("VmRSS", "VmHWM"))
            await asyncio.sleep(2.0)
            seen = (await central.told())["seen"]
    finally:
        live.hang_up()
        await central.stop()
    live_messages = 2 * sum(1 for key in live.told if "LIVE" in key)
    found.rate = (_transactional(told) - _transactional(before) - live_messages) / passed_s
    found.disorders = told["disorders"]
    for key, at in live.told.items():
        if key in seen:
            (found.starts if "LIVE" in key else found.statuses).append((seen[key] - at) * 1000)
        else:
            found.lost += 1
    return found


def _transactional(told: dict[str, Any]) -> int:
    return sum(told["calls"].get(action, 0) for action in TRANSACTIONAL)


# --- thousands at once ------------------------------------------------------------------------------------------------


def open_at_once() -> Iterator[list[Charge]]:
    """Transactions that run at all EVSEs of some large posts."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for evse in range(1, OPEN_EACH + 1):
        at = began + timedelta(seconds=100 * evse)
        yield [Charge(StationId(name(n)), evse, at, 1, over=False) for n in range(OPEN // OPEN_EACH)]


async def drain_open(folder: Path, messages: int) -> tuple[float, float, list[str]]:
    """Drain them whole: (messages a second, MB at the peak, disorders)."""
    central = RawCentral()
    await central.start()
    try:
        path = config(folder, OPEN // OPEN_EACH, central=central.port, per_s=OPEN_PER_S)
        async with rig.daemon(path) as daemon, asyncio.timeout(OPEN_MOST_S):
            while _transactional(told := await central.told()) < messages:
                await asyncio.sleep(0.2)
            peak_mb = rss_kb(daemon.pid, "VmHWM") / 1000
            assert (await daemon.get("status"))["transactions"]["open"] == OPEN
        paced = messages - OPEN_PER_S  # the pace begins with a burst of one second's worth
        return paced / (told["last_at"] - told["first_at"]), peak_mb, told["disorders"]
    finally:
        await central.stop()


# --- the report -------------------------------------------------------------------------------------------------------


def off(rate: float, wanted: float) -> float:
    """How far a rate is from what is wanted, in per cent."""
    return abs(rate / wanted - 1) * 100


async def figures(days: int) -> list[Figure]:
    """The figures with their marks."""
    with tempfile.TemporaryDirectory() as folder:
        month, open_ones = Path(folder) / "month", Path(folder) / "open"
        begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days, minutes=10)
        began = time.monotonic()
        plan = charges([name(n) for n in range(STATIONS)], begins, days, A_DAY, MINUTES)
        messages = await build(month / "data", plan)
        print(f"{messages} messages written in {time.monotonic() - began:.0f} s", file=sys.stderr)
        took = await starts(month)
        found = await drain(month)
        waiting = await build(open_ones / "data", open_at_once())
        rate, peak_mb, disorders = await drain_open(open_ones, waiting)
    beside = f"median {took[len(took) // 2]:.2f} of {len(took)} starts"
    memory = f"{found.before_mb:.0f} → {found.after_mb:.0f} MB, peak {found.peak_mb:.0f}"
    statuses, live = sorted(found.statuses), sorted(found.starts)
    return [
        Figure(f"start on {2 * messages / 1e6:.1f} million rows", took[-1], "s", MARK_START_S, peer=beside),
        Figure(f"{days} days × {STATIONS} stations: off replay_per_s", off(found.rate, REPLAY_PER_S), "%", MARK_OFF,
               peer=f"{found.rate:.0f} of {REPLAY_PER_S:g} 1/s, {messages} messages wait"),
        Figure("… memory grown while it drains", found.after_mb - found.before_mb, "MB", MARK_GROWTH_MB, peer=memory),
        Figure("… status of a station in it to the central, p99", share(statuses, 0.99), "ms", MARK_LIVE_MS,
               peer=f"p50 {share(statuses, 0.5):.0f} of {len(statuses)}"),
        Figure("… start of a station beside it to the central, p99", share(live, 0.99), "ms", MARK_LIVE_MS,
               peer=f"p50 {share(live, 0.5):.0f} of {len(live)}"),
        Figure("… lost or out of order", found.lost + len(found.disorders), "", 0, peer=" ".join(found.disorders[:1])),
        Figure(f"{OPEN} open at once: off replay_per_s", off(rate, OPEN_PER_S), "%", MARK_OFF,
               peer=f"{rate:.0f} of {OPEN_PER_S:g} 1/s, all {waiting} messages, peak {peak_mb:.0f} MB"),
        Figure("… out of order", len(disorders), "", 0, peer=" ".join(disorders[:1])),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--days", type=int, default=30)
    return conclude("backlog", __doc__, uvloop.run(figures(parser.parse_known_args()[0].days)))


if __name__ == "__main__":
    sys.exit(main())
