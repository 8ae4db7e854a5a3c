"""Damage of every kind to a file of real rows, found at the next start: what is saved, and what is told of the rest."""

import os
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from sitectl.store.connection import PAGE_SIZE
from sitectl.store.counters import LOWEST, SLICE
from tests.unit.store.builders import Says
from tests.unit.store.damaging import (
    EACH,
    MONEY,
    STATIONS,
    ZEROS,
    content,
    equal,
    fill_with_transactions,
    found,
    leaves,
    opened,
    overwrite,
    roots,
)


@pytest.fixture
async def filled(path: Path) -> Path:
    """A ledger of two hundred transactions, closed."""
    await fill_with_transactions(path)
    return path


@pytest.mark.parametrize(
    ("at", "damage"),
    [
        (0, ZEROS),
        (0, b"\0" * 100),
        (0, b"SQLite format 9\0"),
        (16, struct.pack(">H", 4096)),
        (28, b"\xff" * 4),
        (90, b"\xff" * 200),
        (100, b"\x07"),
    ],
    ids=["zeros", "no-header", "magic", "page-size", "page-count", "schema", "kind"],
)
async def test_without_its_beginning_everything_is_saved(filled: Path, at: int, damage: bytes) -> None:
    before = content(filled)
    overwrite(filled, 1, damage, at)
    after, salvage = await found(filled)
    equal(after, before)
    assert (salvage.saved["transactions"], dict(salvage.damaged), salvage.missing) == (200, {}, ())


async def test_without_a_page_of_the_schema_everything_is_saved(filled: Path) -> None:
    before = content(filled)
    overwrite(filled, leaves(filled, "sqlite_schema")[1], ZEROS)
    after, salvage = await found(filled)
    equal(after, before)
    assert dict(salvage.damaged) == {}


async def test_without_any_knowledge_of_the_schema_rows_are_known_by_their_shape(filled: Path) -> None:
    before = content(filled)
    overwrite(filled, 1, ZEROS)
    Path(f"{filled}.outline").unlink()
    after, salvage = await found(filled)
    for table in ("transactions", "outbox", "transaction_uplinks"):
        assert set(map(repr, after[table])) == set(map(repr, before[table])), table
    assert after["limits"] == []
    assert salvage.saved["transactions"] == 200


def own_rows(path: Path, table: str, page: int) -> int:
    """How many rows a page holds itself: in a table without rowids those above the leaves do, too."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT pagetype, ncell FROM dbstat WHERE name = ? AND pageno = ?"
        kind, cells = connection.execute(query, (table, page)).fetchone()
    return 0 if kind == "internal" and table in ("transactions", "outbox") else int(cells)


@pytest.mark.parametrize("table", MONEY)
async def test_without_the_root_of_a_table_only_its_own_rows_are_lost(filled: Path, table: str) -> None:
    before, root = content(filled), roots(filled)[table]
    lost = own_rows(filled, table, root)
    overwrite(filled, root, ZEROS)
    after, salvage = await found(filled)
    equal(after, before, but=table)
    assert len(before[table]) - len(after[table]) == (lost if table != "limits" else len(before["limits"]))
    assert set(map(repr, after[table])) <= set(map(repr, before[table]))
    assert dict(salvage.damaged) == {table: 1}


@pytest.mark.parametrize("table", ["transactions", "outbox"])
@pytest.mark.parametrize("damage", [ZEROS, b"\xff" * PAGE_SIZE, b"\x05"], ids=["zeros", "ones", "kind"])
async def test_without_a_leaf_only_its_rows_are_lost(filled: Path, table: str, damage: bytes) -> None:
    before, leaf = content(filled), leaves(filled, table)[3]
    lost = own_rows(filled, table, leaf)
    overwrite(filled, leaf, damage)
    after, salvage = await found(filled)
    equal(after, before, but=table)
    assert len(before[table]) - len(after[table]) == lost > 0
    assert dict(salvage.damaged) == {table: 1}
    assert (len(salvage.missing) == lost) == (table == "transactions")


async def test_of_a_leaf_with_one_bad_cell_the_others_are_saved(filled: Path) -> None:
    before, leaf = content(filled), leaves(filled, "transactions")[3]
    overwrite(filled, leaf, b"\xff\xff", 8)
    after, salvage = await found(filled)
    equal(after, before, but="transactions")
    assert len(before["transactions"]) - len(after["transactions"]) == 1
    assert dict(salvage.damaged) == {"transactions": 1}


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
async def test_of_a_file_that_was_cut_short_the_beginning_is_saved(filled: Path, keep: float) -> None:
    before, size = content(filled), filled.stat().st_size
    os.truncate(filled, int(size * keep))
    after, salvage = await found(filled)
    for table in MONEY:
        assert set(map(repr, after[table])) <= set(map(repr, before[table]))
    assert len(after["transactions"]) >= 200 * (keep - 0.1) * 0.8
    assert salvage.damaged


async def test_what_is_no_database_is_set_aside_and_a_new_one_begun(filled: Path) -> None:
    rubbish = b"this was written over it by something else " * 1000
    filled.write_bytes(rubbish)
    store = await opened(filled)
    (salvage,) = store.health().salvages
    changed = Path(salvage.folder) / f"{filled.name}.changed"
    assert changed.read_bytes()[4:].startswith(rubbish[:100])  # what was there is kept
    assert salvage.saved["transactions"] == 0
    assert (await Says(store).start()).station_transaction_id > 0
    await store.close()


async def test_ids_that_stations_got_are_never_given_again(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        given = {row[0] for row in connection.execute("SELECT station_transaction_id FROM transactions")}
    slices = {(one - LOWEST) // SLICE for one in given}
    for round in range(3):
        for table in ("transactions", "station_counters", "meta"):
            overwrite(filled, roots(filled)[table], ZEROS)
        store = await opened(filled, seed=100 + round)
        says = Says(store, minute=10_000 * (round + 1))
        for station in STATIONS:
            for _ in range(EACH):
                one = (await says.start(station=station)).station_transaction_id
                assert (one - LOWEST) // SLICE not in slices
                given.add(one)
        slices = {(one - LOWEST) // SLICE for one in given}
        await store.close()
    assert len(given) == 4 * len(STATIONS) * EACH
    assert len(slices) == 4


async def test_after_everything_is_lost_the_gateway_is_still_itself(filled: Path) -> None:
    store = await opened(filled)
    before = store.stamp
    await store.close()
    filled.write_bytes(b"\xff" * 100_000)
    store = await opened(filled)
    assert (store.stamp.gateway_id, store.stamp.epoch) == (before.gateway_id, before.epoch + 1)
    await store.close()


async def test_the_notice_stands_until_its_folder_is_removed(filled: Path) -> None:
    overwrite(filled, 1, ZEROS)
    _, salvage = await found(filled)
    store = await opened(filled)
    assert [one.folder for one in store.health().salvages] == [salvage.folder]
    await store.close()
    shutil.rmtree(salvage.folder)
    store = await opened(filled)
    assert store.health().salvages == ()
    await store.close()
