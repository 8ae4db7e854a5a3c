import asyncio
from datetime import timedelta

import pytest

from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import StoredLimit
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from tests.unit.store.builders import NOON
from tests.unit.store.conftest import Reopen

ONE = StoredLimit(EvseId(StationId("CP1"), 1), 16.0, 6.0, 41, NOON + timedelta(seconds=300), NOON, "proven")
TWO = StoredLimit(EvseId(StationId("CP1"), 2), 32.0, None, 42, None, NOON)


async def save(store: Store, *limits: StoredLimit) -> bool:
    saved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    store.limits.save(limits, saved.set_result)
    return await saved


async def test_limits_survive_a_restart(store: Store, reopen: Reopen) -> None:
    assert await save(store, ONE, TWO)
    assert sorted(await (await reopen()).limits.load(), key=lambda limit: limit.seq) == [ONE, TWO]


async def test_the_newest_of_an_evse_replaces(store: Store) -> None:
    newer = StoredLimit(ONE.evse, 6.0, 6.0, 43, None, NOON)
    await save(store, ONE)
    await save(store, newer)
    assert await store.limits.load() == [newer]


async def test_done_says_after_the_commit_and_never_at_once(store: Store) -> None:
    said: list[bool] = []
    store.limits.save([ONE], said.append)
    assert said == []
    while not said:
        await asyncio.sleep(0)
    assert said == [True]
    assert await store.limits.load() == [ONE]


async def test_a_disk_that_refuses_is_no_permission(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(job: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("full"))
        return future

    monkeypatch.setattr(store.database, "run", refuse)
    assert not await save(store, ONE)
