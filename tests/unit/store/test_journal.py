import asyncio
import sqlite3

import pytest

from sitectl.model.ids import StationId
from sitectl.store import care, ledger_file
from sitectl.store import journal as module
from sitectl.store.opening import Store
from tests.unit.store.builders import NOON, HandClock, fill


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
    monkeypatch.setattr(care, "RETRY_S", 0.02)
    store.journal._unsaved = module.deque(maxlen=3)
    await fill(store.database)
    for number in range(5):
        store.journal.record(f"n{number}")
    while not store.database.usable:
        await asyncio.sleep(0.01)
    await store.journal.drain()
    types = [event.type for event in await store.queries.events()]
    assert types == ["n3", "n4", "store.ok"]  # that it is well again was the newest of three


async def test_where_space_is_short_only_the_store_itself_is_told_of(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as short:
        short.setattr(ledger_file, "SHED_BELOW", 2**60)
        store.database.care.look()
    store.journal.record("station.booted")
    await store.journal.drain()
    assert [event.type for event in await store.queries.events()] == ["store.tight"]
    store.database.care.look()
    await store.journal.drain()
    types = [event.type for event in await store.queries.events()]
    assert types == ["store.tight", "station.booted", "store.ok"]
