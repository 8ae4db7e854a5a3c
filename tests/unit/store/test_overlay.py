import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.base.gateway_clock import Mistake
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from sitectl.store.overlay import OverlayEntry, load_overlay
from tests.unit.store.builders import NOON, HandClock
from tests.unit.store.conftest import Reopen

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def rows(store: Store) -> list[tuple[object, ...]]:
    return await store.database.query(lambda c: c.execute("SELECT kind, key FROM overlay ORDER BY 1, 2").fetchall())


async def test_entries_survive_a_restart_each_under_its_kind(store: Store, reopen: Reopen) -> None:
    await store.overlay.keep("ceiling", "grid", {"a": 1.5}, source="operator", expires=NOON + MINUTE)
    await store.overlay.keep("ceiling", "grid", {"a": 2.5}, source="api", expires=NOON + 2 * MINUTE)
    await store.overlay.keep("rotation", "CP1/1", "L2L3L1", source="learned")
    await store.overlay.keep("probe", "CP1/1", [1, None, {"ä": True}], source="probe")
    for one in (store, await reopen()):
        assert one.overlay.of("ceiling") == {"grid": OverlayEntry({"a": 2.5}, "api", NOON, NOON + 2 * MINUTE)}
        assert one.overlay.of("rotation") == {"CP1/1": OverlayEntry("L2L3L1", "learned", NOON)}
        assert one.overlay.of("probe")["CP1/1"].value == [1, None, {"ä": True}]
        assert one.overlay.of("departure") == {}


async def test_what_is_forgotten_stays_so(store: Store, reopen: Reopen) -> None:
    await store.overlay.keep("ceiling", "grid", 1, source="operator")
    await store.overlay.forget("ceiling", "grid")
    await store.overlay.forget("ceiling", "never there")
    for one in (store, await reopen()):
        assert one.overlay.of("ceiling") == {}


async def test_what_has_lapsed_is_gone_and_leaves_the_disk_with_the_next_write(
    store: Store, clock: HandClock, reopen: Reopen
) -> None:
    await store.overlay.keep("ceiling", "a", 1, source="operator", expires=NOON + MINUTE)
    await store.overlay.keep("ceiling", "b", 2, source="operator", expires=NOON + 3 * MINUTE)
    clock.pass_s(59.9)
    assert set(store.overlay.of("ceiling")) == {"a", "b"}
    clock.pass_s(0.1)
    assert set(store.overlay.of("ceiling")) == {"b"}
    again = await reopen()
    assert set(again.overlay.of("ceiling")) == {"b"}
    assert await rows(again) == [("ceiling", "a"), ("ceiling", "b")]
    await again.overlay.keep("probe", "c", 3, source="probe")
    assert await rows(again) == [("ceiling", "b"), ("probe", "c")]


async def test_an_entry_is_read_only_after_its_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = store.overlay.keep("ceiling", "grid", 1, source="operator")
    assert store.overlay.of("ceiling") == {}
    await writing

    def refuse(job: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("full"))
        return future

    monkeypatch.setattr(store.database, "run", refuse)
    with pytest.raises(StoreUnavailable):
        await store.overlay.keep("ceiling", "grid", 2, source="operator")
    with pytest.raises(StoreUnavailable):
        await store.overlay.forget("ceiling", "grid")
    assert store.overlay.of("ceiling")["grid"].value == 1


async def test_a_caller_that_changes_its_value_later_changes_nothing_here(store: Store) -> None:
    value = {"a": [1]}
    await store.overlay.keep("probe", "x", value, source="probe")
    value["a"].append(2)
    assert store.overlay.of("probe")["x"].value == {"a": [1]}


async def test_what_was_stamped_by_a_wrong_clock_moves_with_it_on_disk_and_in_memory(
    store: Store, clock: HandClock, reopen: Reopen
) -> None:
    await store.overlay.keep("ceiling", "before", 1, source="operator", expires=NOON + 2 * DAY)
    clock.pass_s(60.0)
    await store.overlay.keep("ceiling", "wrong", 2, source="operator", expires=NOON + 10 * MINUTE)
    mistake = Mistake(NOON + MINUTE, NOON + 2 * MINUTE, DAY)
    await store.rectifier.put_right(mistake, {})
    store.overlay.time_was_set(mistake.began, mistake.ended, mistake.correction)
    clock.now += DAY
    moved = OverlayEntry(2, "operator", NOON + DAY + MINUTE, NOON + DAY + 10 * MINUTE)
    for one in (store, await reopen()):
        assert one.overlay.of("ceiling")["wrong"] == moved
        assert one.overlay.of("ceiling")["before"].expires == NOON + 2 * DAY


async def test_an_entry_that_cannot_be_read_costs_only_itself(store: Store, reopen: Reopen, path: Path) -> None:
    await store.overlay.keep("ceiling", "good", 1, source="operator")
    await store.overlay.keep("ceiling", "bad", 2, source="operator")

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE overlay SET value = '{' WHERE key = 'bad'")

    await store.database.run(spoil)
    assert {key for _, key in await store.database.query(load_overlay)} == {"good"}
    again = await reopen()
    assert set(again.overlay.of("ceiling")) == {"good"}
