import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from sitectl.base.clock import SystemClock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.ids import StationId
from sitectl.store.errors import SchemaTooNew
from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import HandClock, Says, compose_stop
from tests.unit.store.conftest import INLINE, Reopen
from tests.unit.store.old_schemas import OLD, build_old


async def test_the_gateway_keeps_its_name_and_counts_its_epochs(store: Store, reopen: Reopen) -> None:
    first = store.stamp
    second = (await reopen()).stamp
    third = (await reopen()).stamp
    assert first.gateway_id == second.gateway_id == third.gateway_id
    assert [first.epoch, second.epoch, third.epoch] == [1, 2, 3]


async def test_a_newer_file_is_refused(path: Path, clock: HandClock) -> None:
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 999")
    newer.close()
    with pytest.raises(SchemaTooNew) as refused:
        await open_store(path, clock, Random(1), compose_stop)
    assert isinstance(refused.value, EnvironmentFault)
    assert not refused.value.retry_is_sane


@pytest.mark.parametrize("schema", OLD)
async def test_a_ledger_of_an_older_version_is_brought_forward_and_goes_on(path: Path, schema: int) -> None:
    build_old(path, schema)
    store = await open_store(path, HandClock(), Random(1), compose_stop, **INLINE)
    says = Says(store)
    assert await says.rows("SELECT count(*) FROM transactions WHERE state = 'open'") == [(1,)]
    assert (await says.stop(2000000201, station=StationId("CP2"), minute=100_000)).transaction == "t-runs"
    assert (await says.start(station=StationId("CP1"), minute=100_001)).station_transaction_id == 2000000102
    assert (store.stamp.gateway_id, store.stamp.epoch) == ("0a1b2c3d4e5f", 4)
    await store.close()
    with closing(sqlite3.connect(f"{path}.schema-{schema}")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (schema,)
        assert copy.execute("SELECT count(*) FROM transactions").fetchone() == (2,)


async def test_an_older_copy_that_is_put_back_gives_out_no_id_again(path: Path) -> None:
    build_old(path)
    store = await open_store(path, HandClock(), Random(1), compose_stop, **INLINE)
    given = {(await Says(store).start(station=StationId("CP1"), minute=n)).station_transaction_id for n in range(5)}
    await store.close()
    Path(f"{path}.schema-1").replace(path)
    store = await open_store(path, HandClock(), Random(2), compose_stop, **INLINE)
    again = {(await Says(store).start(station=StationId("CP1"), minute=n)).station_transaction_id for n in range(5)}
    assert given == set(range(2000000102, 2000000107))
    assert given.isdisjoint(again)
    assert store.stamp.epoch == 5
    await store.close()


async def test_the_real_executor_and_clock(path: Path) -> None:
    store = await open_store(path, SystemClock(), Random(1), compose_stop)
    says = Says(store)
    started = await says.start()
    assert await says.samples(started.station_transaction_id) == started.transaction
    assert (await says.stop(started.station_transaction_id)).transaction == started.transaction
    assert (await store.queries.totals()).unsent == 3
    await store.close()
    left = sorted(file.name.removeprefix(path.name) for file in path.parent.iterdir())
    assert left == ["", ".ballast", ".identity", ".lock", ".outline"]


async def test_nobody_else_on_the_machine_reads_the_ledger(path: Path) -> None:
    store = await open_store(path, SystemClock(), Random(1), compose_stop)
    await Says(store).start()
    modes = {file.name: file.stat().st_mode & 0o007 for file in path.parent.iterdir()}
    await store.close()
    assert path.name in modes
    assert f"{path.name}-wal" in modes
    assert set(modes.values()) == {0}


async def test_a_store_in_memory(clock: HandClock) -> None:
    store = await open_store(None, clock, Random(1), compose_stop, executor=lambda name: InlineExecutor())
    says = Says(store)
    await says.start()
    assert (await store.queries.totals()).open == 1
    await store.close()


async def test_the_first_opening_is_remembered(store: Store, clock: HandClock, reopen: Reopen) -> None:
    first = clock.now
    clock.pass_s(3600)
    assert await (await reopen()).queries.first_opened() == first
