"""Bytes that a day of 100 stations writes: `python -m tests.bench.written [--minutes M] [--json]`.

Method: the rooms as the daemon wires them, with its patience, its recordings and its real files, on virtual time in one
thread, between 100 stations that charge nearly all the time (2 to 5 hours, then 20 to 60 minutes of pause, a third of
them on each phase, in a grid that is too small for all) and a central that takes everything. Their meter values have
850 bytes, as those of full-blown stations; each station keeps its own time, so that they come spread over the minute.
After a while to settle, what the kernel counts as handed to the disk by this process (`write_bytes`: whole pages, the
ledger with its log, and the recordings) is read over some time and multiplied up to a day. Stations and central live
in memory; the answers to meter values are timed at the stations.

The peer takes as many messages of the same size into a plain SQLite file (WAL, `synchronous=FULL`), each in a commit of
its own, and nothing else: no copy for a central, no frames, no events.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from sitectl.base.clock import LoopClock
from sitectl.base.gateway_clock import GatewayClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.base.worker import InlineWorker
from sitectl.config.load import Loaded, load
from sitectl.daemon.timekeeping import Timekeeper
from sitectl.daemon.wiring import PATIENCE_S, Ear, begin_upkeep, open_ledger, wire
from sitectl.model.ids import StationId
from sitectl.ocpp.versions import Version
from sitectl.stations.handshake import Admitted, Shown
from sitectl.store.executor import InlineExecutor
from sitectl.store.recorder import written_by_this_process
from sitectl.wire.memory import pair
from tests.bench.figures import Figure, conclude
from tests.bench.site_process import name, site_file
from tests.properties.money_central import Central
from tests.properties.money_station import Station, Told

STATIONS = 100
RATED_A, WORST_A = 400.0, 20.0
EPOCH = datetime(2026, 11, 20, 6, tzinfo=UTC)
SETTLED_S = 1200.0
DAY_S = 86_400.0
MARK_GB = 1.0
LONE = 500
"""So many commits of the peer are measured."""


class Post(Station):
    """A station that charges most of the time, as it is allowed, and samples every so many seconds."""

    def __init__(self, id: str, clock: LoopClock, every_s: float, random: Random) -> None:
        super().__init__(id, clock.wall, self._hear)
        self._every_s = every_s
        self._random = random
        self.limit_a = 6.0
        self.longest_s = 0.0

    async def _call(self, action: str, payload: dict[str, Any], told: Told | None = None) -> list[Any] | None:
        began = asyncio.get_running_loop().time()
        answer = await super()._call(action, payload, told)
        if action == "MeterValues":
            self.longest_s = max(self.longest_s, asyncio.get_running_loop().time() - began)
        return answer

    async def charge(self) -> None:
        """One car after the other, for ever."""
        await asyncio.sleep(self._random.uniform(10, 60))
        part = self._random.random()  # some are about to leave when it begins
        while True:
            until = asyncio.get_running_loop().time() + part * self._random.uniform(7200, 18000)
            part = 1.0
            self.start(1, f"TAG{self.id}")
            while asyncio.get_running_loop().time() < until:
                self.measure()
                await asyncio.sleep(self._every_s)
            self.stop(1)
            await asyncio.sleep(self._random.uniform(1200, 3600))

    def measure(self) -> None:
        """Meter values of about 850 bytes."""

        def value(value: float, measurand: str, unit: str, phase: str | None = None) -> dict[str, str]:
            sampled = {"value": f"{value:.1f}", "context": "Sample.Periodic", "measurand": measurand, "unit": unit}
            return sampled if phase is None else {**sampled, "phase": phase}

        drawn_a = min(self.limit_a, 16.0)
        values = [value(drawn_a if k == 1 else 0.0, "Current.Import", "A", f"L{k}") for k in (1, 2, 3)]
        values += [value(self.limit_a, "Current.Offered", "A"), value(230 * drawn_a, "Power.Active.Import", "W")]
        values.append(value(230.0, "Voltage", "V", "L1-N"))
        values.append(value(self._meter(), "Energy.Active.Import.Register", "Wh"))
        body = {"connectorId": 1, "meterValue": [{"timestamp": self._now(), "sampledValue": values}]}
        self._tell("MeterValues", body, self.running[1])

    def _hear(self, station: Station, frame: list[Any], told: Any) -> None:
        if frame[0] == 2 and frame[2] == "SetChargingProfile":
            profile = frame[3]["csChargingProfiles"]
            if profile["chargingProfilePurpose"] == "TxProfile":
                self.limit_a = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]


class Measured:
    """What one run has shown: bytes a day, messages of each kind a day at the central, and how long the slowest answer
    to meter values took."""

    def __init__(self, bytes_a_day: float, central: Counter[str], longest_s: float) -> None:
        self.bytes_a_day = bytes_a_day
        self.central = central
        self.longest_s = longest_s


async def day(folder: Path, every_s: float, minutes: float) -> Measured:
    """Live through part of a day."""
    loaded = load(site_file(folder, STATIONS, rated_a=RATED_A, worst_a=WORST_A, central=1))
    assert isinstance(loaded, Loaded), loaded
    clock, random, tasks, ear = GatewayClock(LoopClock(EPOCH), True), Random(1), Tasks(), Ear()
    store = await open_ledger(loaded.settings, clock, random, lambda *_: None, lambda name: InlineExecutor())
    upkeep = begin_upkeep(loaded.settings, store, clock, lambda name: InlineExecutor())
    time = Timekeeper(clock, store)
    central = Central(LoopClock(EPOCH), deduplicates=False)
    rooms = await wire(
        *(loaded, store, upkeep, clock, time, random, tasks, ear), make_dialer=central.dialer, secrets=InlineWorker()
    )
    works = [rooms.site.run(), rooms.pool.run(), upkeep.run(), time.run(rooms, rooms.pool.wake)]
    posts = [Post(name(n), LoopClock(EPOCH), every_s, Random(n)) for n in range(STATIONS)]
    for post in posts:
        near, far = pair(post.id, "gateway")
        admitted = Admitted(StationId(post.id), Version.V16, "ocpp1.6", Shown(f"address:{post.id}"))
        works += [rooms.stations.server.accept(near, admitted, post.id), post.converse(far), post.charge()]
    for work in works:
        tasks.spawn(work, "bench")
    await asyncio.sleep(SETTLED_S)
    before, heard = written_by_this_process(), len(central.received)
    await asyncio.sleep(60.0 * minutes)
    a_day = DAY_S / (60.0 * minutes)
    written = written_by_this_process() - before
    told = Counter(received.action for received in central.received[heard:])
    assert not central.oddities, central.oddities[:3]
    await tasks.cancel_all()
    with contextlib.suppress(asyncio.CancelledError):
        await upkeep.close()
    await store.close()
    if not written:
        raise RuntimeError("the system does not count what is written here: is the folder for temporary files a disk?")
    messages = Counter({action: round(count * a_day) for action, count in told.items()})
    return Measured(written * a_day, messages, max(post.longest_s for post in posts))


def lone_commits(folder: Path) -> float:
    """Bytes that the peer writes a message."""
    connection = sqlite3.connect(folder / "lone.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, station TEXT, payload TEXT)")
    before = written_by_this_process()
    for n in range(LONE):
        connection.execute("INSERT INTO messages (station, payload) VALUES (?, ?)", (name(n % STATIONS), "x" * 850))
    connection.close()
    return (written_by_this_process() - before) / LONE


def figures(minutes: float) -> list[Figure]:
    """The figures with their marks."""
    found = []
    for every_s in (10.0, 60.0):
        with tempfile.TemporaryDirectory() as folder:
            measured = run_virtual(day(Path(folder), every_s, minutes))
            lone = lone_commits(Path(folder)) * STATIONS * DAY_S / every_s
        starts, samples = (measured.central[action] for action in ("StartTransaction", "MeterValues"))
        beside = f"{starts} starts, {samples} samples to the central a day; each message in a commit: {lone / 1e9:.2f}"
        what = f"written a day, {STATIONS} stations that sample every {every_s:.0f} s"
        found.append(Figure(what, measured.bytes_a_day / 1e9, "GB", MARK_GB, peer=beside))
        found.append(
            Figure("… longest answer to meter values (virtual time)", measured.longest_s, "s", PATIENCE_S + 0.1)
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--minutes", type=float, default=90.0)
    return conclude("written", __doc__, figures(parser.parse_known_args()[0].minutes))


if __name__ == "__main__":
    sys.exit(main())
