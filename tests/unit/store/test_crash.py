"""What was acknowledged is there after SIGKILL."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import open_store
from tests.unit.store.builders import HandClock, compose_stop

WRITER = """
import asyncio, sys
from pathlib import Path
from random import Random
from sitectl.base.clock import SystemClock
from sitectl.model.ids import StationId
from sitectl.store.opening import open_store
from tests.unit.store.builders import Says, compose_stop

async def station(says, name):
    while True:
        started = await says.start(station=StationId(name))
        print("start", started.transaction, started.station_transaction_id, flush=True)
        for _ in range(3):
            await says.samples(started.station_transaction_id, station=StationId(name))
            print("meter", started.transaction, 0, flush=True)
        await says.stop(started.station_transaction_id, station=StationId(name))
        print("stop", started.transaction, 0, flush=True)

async def main():
    store = await open_store(Path(sys.argv[1]), SystemClock(), Random(1), compose_stop)
    says = Says(store)
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(station(says, f"CP{number}"))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 40, 301])
async def test_every_acknowledged_row_survives_a_kill(path: Path, lines: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(lines)]
    writer.kill()
    acknowledged += [line for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    writer.wait()

    store = await open_store(path, HandClock(), Random(2), compose_stop, executor=lambda name: InlineExecutor())
    kept = await store.database.query(
        lambda connection: connection.execute(
            "SELECT kind, transaction_id, count(*) FROM outbox GROUP BY kind, transaction_id"
        ).fetchall()
    )
    ids = await store.database.query(
        lambda connection: dict(connection.execute("SELECT id, station_transaction_id FROM transactions").fetchall())
    )
    await store.close()
    counts = {(kind, transaction): count for kind, transaction, count in kept}
    said: dict[tuple[str, str], int] = {}
    for line in acknowledged:
        kind, transaction, id = line.split()
        said[(kind, transaction)] = said.get((kind, transaction), 0) + 1
        if kind == "start":
            assert ids[transaction] == int(id)
    assert len(acknowledged) >= lines
    for message, count in said.items():
        assert counts.get(message, 0) >= count, message
