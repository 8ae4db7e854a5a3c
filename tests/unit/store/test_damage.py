"""Damage that is found while the site runs: by the inspection, by a question, by a write. The service goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from sitectl.model.ids import EvseId
from sitectl.model.limits import StoredLimit
from sitectl.model.storage import StoreState
from sitectl.store import care as module
from sitectl.store.executor import Executor, InlineExecutor, ThreadExecutor
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import CENTRAL, CP1, NOON, HandClock, Says, compose_stop
from tests.unit.store.damaging import ZEROS, leaves, overwrite, roots
from tests.unit.store.test_limits import save

HELD = StoredLimit(EvseId(CP1, 1), 16.0, 6.0, 7, NOON, NOON, "proven")


async def fold(store: Store) -> None:
    """Everything into the file, so that the file is what is read."""
    folded = asyncio.Event()
    connection = store.database.care.file.connection
    assert connection is not None
    fold = connection.execute
    store.database.care.writing.submit(
        lambda: fold("PRAGMA wal_checkpoint(TRUNCATE)").fetchone(), lambda _: folded.set()
    )
    await folded.wait()


@pytest.fixture(params=["inline", "thread"])
async def running(request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A store with a hundred transactions, of which one runs."""

    def executor(name: str) -> Executor:
        return InlineExecutor() if request.param == "inline" else ThreadExecutor(name)

    monkeypatch.setattr(module, "RETRY_S", 0.02)
    store = await open_store(path, HandClock(), Random(1), compose_stop, executor=executor, ballast_bytes=0)
    says = Says(store)
    for _ in range(100):
        started = await says.start()
        await says.samples(started.station_transaction_id)
    assert await store.limits.load() == []
    assert await save(store, HELD)
    await store.virtual.set_variable(CENTRAL, CP1, "MeterValueSampleInterval", "60")
    await store.overlay.keep("ceiling", "circuit/grid", {"ceiling_a": 30.0}, source="operator")
    yield store
    await store.close()


async def well(store: Store) -> None:
    async with asyncio.timeout(10):
        while store.health().state is not StoreState.OK or not store.health().salvages:
            await asyncio.sleep(0.01)


async def goes_on(store: Store, lost: int = 0) -> None:
    """Everything that a running site does still goes, and what was there is there."""
    says = Says(store, minute=500)
    known = {row.station_id for row in await store.queries.transactions()}
    assert len(known) == 100 - lost
    started = await says.start(evse=2)
    assert str(started.station_transaction_id) not in known
    assert (await says.stop(started.station_transaction_id)).transaction == started.transaction
    assert await store.limits.load() == [HELD]
    assert store.virtual.variables(CENTRAL, CP1) == {"MeterValueSampleInterval": "60"}
    variables = await store.database.query(lambda c: c.execute("SELECT value FROM virtual_variables").fetchall())
    assert variables == [("60",)]
    overlay = await store.database.query(lambda c: c.execute("SELECT kind, key, value, source FROM overlay").fetchall())
    assert overlay == [("ceiling", "circuit/grid", '{"ceiling_a":30.0}', "operator")]
    await store.journal.drain()
    types = [event.type for event in await store.queries.events()]
    assert ("store.corrupt" in types, "store.ok" in types, "store.salvaged" in types) == (True, True, True)


async def test_the_inspection_finds_it(running: Store, path: Path) -> None:
    await fold(running)
    overwrite(path, leaves(path, "transactions")[4], ZEROS)
    running.database.care.inspect()
    await well(running)
    (salvage,) = running.health().salvages
    assert salvage.damaged == {"transactions": 1}
    await goes_on(running, lost=len(salvage.missing))
    assert 0 < len(salvage.missing) < 10


async def test_a_question_finds_it_and_is_answered_from_the_new_file(running: Store, path: Path) -> None:
    await fold(running)
    overwrite(path, roots(path)["outbox"], ZEROS)
    waiting = await running.database.query(lambda c: c.execute("SELECT count(*), max(payload) FROM outbox").fetchone())
    assert waiting[0] == 200 + 99  # a start, a sample, and a stop of our own for all but the last
    assert running.health().salvages[0].damaged == {"outbox": 1}
    await well(running)
    await goes_on(running)
    assert running.stamp.epoch == 1


async def test_a_write_finds_it_and_is_refused(running: Store, path: Path) -> None:
    await fold(running)
    for page in leaves(path, "transactions"):
        overwrite(path, page, ZEROS)
    await asyncio.gather(Says(running, minute=300).start(), return_exceptions=True)
    running.database.care.inspect()
    await well(running)
    assert (await Says(running, minute=400).start()).station_transaction_id > 0
