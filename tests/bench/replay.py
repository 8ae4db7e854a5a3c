"""How fast a backlog goes up to a central that answers at once: `python -m tests.bench.replay [--json]`.

Method: a ledger with the charges of 100 stations in two days, while a central was away, is written by the ledger's own
code. The unmodified daemon is started on it with `replay_per_s` out of the way, and a central in another process
(`raw_central`) that answers every message as soon as it is read. No station is there: all is backlog. The rate is that
of the messages of transactions at the central, from the first to the last one; every one is a call and its answer, in
order, one at a time for each station, on disk before it leaves and after it was answered. The floor beside it: the same
messages from a bare client on 100 connections of the same central.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from tests.bench.backlogs import build, charges
from tests.bench.figures import Figure, conclude
from tests.bench.raw_central import RawCentral
from tests.bench.raw_station import RawStation
from tests.bench.site_process import name, site_file
from tests.e2e import rig

STATIONS = 100
DAYS, A_DAY, MINUTES = 2, 3, 60
MARK = 1000.0
MOST_S = 60.0
ROUNDS = 2
BARE_S = 3.0


async def replayed(folder: Path, ledger: Path, messages: int) -> float:
    """Messages a second, of one run on a copy of the ledger."""
    central = RawCentral()
    await central.start()
    try:
        config = site_file(folder, STATIONS, rated_a=9000.0, worst_a=0.0, central=central.port)
        config.write_text(config.read_text().replace('/ocpp"}', '/ocpp", replay_per_s: 10000}'))
        shutil.copytree(ledger, folder / "data", dirs_exist_ok=True)
        async with rig.daemon(config), asyncio.timeout(MOST_S):
            told = await central.told()
            while sum(told["calls"].get(action, 0) for action in ACTIONS) < messages:
                await asyncio.sleep(0.2)
                told = await central.told()
        assert not told["disorders"], told["disorders"]
        return float(messages / (told["last_at"] - told["first_at"]))
    finally:
        await central.stop()


ACTIONS = ("StartTransaction", "MeterValues", "StopTransaction")


async def bare() -> float:
    """Messages a second of clients that do nothing but ask."""
    central = RawCentral()
    await central.start()
    try:
        stations = [RawStation(name(n)) for n in range(STATIONS)]
        await asyncio.gather(*(station.connect(central.port) for station in stations))
        payload = {"connectorId": 1, "transactionId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z"}]}
        answered = 0

        async def ask(station: RawStation) -> None:
            nonlocal answered
            while True:
                await station.ask("MeterValues", payload)
                answered += 1

        began = time.monotonic()
        async with rig.background(*(ask(station) for station in stations)):
            await asyncio.sleep(BARE_S)
        for station in stations:
            station.hang_up()
        return answered / (time.monotonic() - began)
    finally:
        await central.stop()


async def figures() -> list[Figure]:
    """The figure with its mark."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger"
        begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS, minutes=10)
        messages = await build(ledger, charges([name(n) for n in range(STATIONS)], begins, DAYS, A_DAY, MINUTES))
        rates = []
        for n in range(ROUNDS):
            (Path(folder) / f"{n}").mkdir()
            rates.append(await replayed(Path(folder) / f"{n}", ledger, messages))
    beside = f"worst of {ROUNDS} runs of {messages} messages; a bare client {await bare():.0f} 1/s"
    return [Figure(f"replay, {STATIONS} stations, all backlog", min(rates), "1/s", MARK, "at least", beside)]


def main() -> int:
    return conclude("replay", __doc__, uvloop.run(figures()))


if __name__ == "__main__":
    sys.exit(main())
