"""What alerts remember: over a restart, a full disk, and a file that was replaced."""

import asyncio
import sqlite3
from datetime import timedelta

import pytest

from sitectl.model.alerts import KeptChannel, Notice, NoticeKind
from sitectl.model.health import Problem
from sitectl.store import alerts
from sitectl.store.alerts import AlertShelf
from sitectl.store.opening import Store
from tests.unit.store.builders import NOON
from tests.unit.store.conftest import Reopen

OFFLINE = Problem("Offline", "CP01", NOON, "Check its power.")
REFUSED = Problem("Uplink refused: HTTP 401", "central", NOON + timedelta(seconds=1), "Check the password.")
BEGAN = Notice(NoticeKind.BEGAN, OFFLINE, NOON)
ENDED = Notice(NoticeKind.ENDED, REFUSED, NOON, until=NOON + timedelta(minutes=1))
LEFT_OUT = Notice(NoticeKind.LEFT_OUT, OFFLINE, NOON, count=7)
TWO = {
    "webhook a": KeptChannel((OFFLINE, REFUSED), (BEGAN, ENDED, LEFT_OUT)),
    "mail b": KeptChannel((OFFLINE,), ()),
}


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_was_told_and_what_waits_outlives_a_restart(store: Store, reopen: Reopen) -> None:
    shelf = AlertShelf(store.database)
    assert await shelf.load() == {}
    shelf.keep(TWO)
    await settled()
    again = AlertShelf((await reopen()).database)
    assert await again.load() == TWO
    again.keep({"webhook a": KeptChannel((REFUSED,), ())})
    await settled()
    assert await AlertShelf((await reopen()).database).load() == {"webhook a": KeptChannel((REFUSED,), ())}


async def test_what_the_disk_does_not_take_goes_with_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "RETRY_S", 0.01)
    refuse = "CREATE TRIGGER full BEFORE INSERT ON alerts_told BEGIN SELECT RAISE(ABORT, 'full'); END"
    await store.database.run(lambda c: c.execute(refuse))
    shelf = AlertShelf(store.database)
    shelf.keep(TWO)
    await settled()
    shelf.keep({"mail b": TWO["mail b"]})
    await settled()
    assert await AlertShelf(store.database).load() == {}
    await store.database.run(lambda c: c.execute("DROP TRIGGER full"))
    await asyncio.sleep(0.05)
    assert await AlertShelf(store.database).load() == {"mail b": TWO["mail b"]}


async def test_a_file_that_came_into_the_place_of_another_gets_all_of_it(store: Store) -> None:
    shelf = AlertShelf(store.database)
    shelf.keep(TWO)
    await settled()

    def damaged(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM alerts_told")
        connection.execute("INSERT INTO alerts_told VALUES ('old', 'x', 'y', 'y', 'z', 1)")
        for restore in store.database.care.file.on_replaced:
            restore(connection)

    await store.database.run(damaged)
    assert await AlertShelf(store.database).load() == TWO
