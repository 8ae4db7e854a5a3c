"""The log beside the file: what keeps it from shrinking is told, and it shrinks when that is gone."""

import sqlite3
from pathlib import Path

from sitectl.model.storage import StoreState
from sitectl.store.connection import WAL_LIMIT
from sitectl.store.opening import Store
from sitectl.store.problems import WAL_ALARM, findings

PIECE = 4 * 2**20


async def writes(store: Store, size: int) -> None:
    def job(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('ballast', ?)", ("x" * PIECE,))

    for _ in range(size // PIECE + 1):
        await store.database.run(job)


def looked(store: Store) -> list[str]:
    """What is told of the store after it was looked at."""
    store.database.care.look()
    assert store.health().state is StoreState.OK
    return [what for what, _, _ in findings(store.health()) if "log" in what]


async def test_a_reader_that_does_not_end_keeps_the_log_and_is_told_of(store: Store, path: Path) -> None:
    log = Path(f"{path}-wal")
    await writes(store, WAL_ALARM)
    assert log.stat().st_size < WAL_ALARM, "with nobody there it is folded in"
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM transactions").fetchone()
    await writes(store, WAL_ALARM)
    assert looked(store) == [f"The ledger's log does not shrink: {log.stat().st_size / 2**20:.0f} MB"]
    assert log.stat().st_size >= WAL_ALARM
    reader.close()
    looked(store)
    await writes(store, 1)
    assert looked(store) == []
    assert log.stat().st_size <= WAL_LIMIT + PIECE
