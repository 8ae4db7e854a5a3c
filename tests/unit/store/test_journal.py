import asyncio
import sqlite3

import pytest

from sitectl.model.ids import StationId
from sitectl.store import journal as module
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from tests.unit.store.builders import NOON, HandClock


async def test_what_is_recorded_can_be_read_in_order(store: Store, clock: HandClock) -> None:
    store.journal.record("station.booted", StationId("CP1"), None, {"model": "X"})
    clock.pass_s(60)
    store.journal.record("uplink.online")
    await store.journal.drain()
    first, second = await store.queries.events()
    assert (first.type, first.time, first.station, first.data) == ("station.booted", NOON, "CP1", {"model": "X"})
    assert (second.type, second.station, second.evse, second.data) == ("uplink.online", None, None, {})
    assert second.seq > first.seq


async def test_what_was_recorded_last_is_there_after_a_close(store: Store, path: object) -> None:
    for number in range(10):
        store.journal.record(f"n{number}")
    await store.close()
    with sqlite3.connect(str(path)) as file:
        assert file.execute("SELECT count(*) FROM events").fetchone() == (10,)
    file.close()


async def test_while_the_disk_refuses_the_newest_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSAVED", 3)
    store.journal._unsaved = module.deque(maxlen=3)

    def refuse(job: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("full"))
        store.database.usable = False
        return future

    with monkeypatch.context() as refusing:
        refusing.setattr(store.database, "run", refuse)
        for number in range(5):
            store.journal.record(f"n{number}")
        await store.journal.drain()
    store.database.usable = True
    store.journal.save()
    await store.journal.drain()
    assert [event.type for event in await store.queries.events()] == ["n2", "n3", "n4"]
