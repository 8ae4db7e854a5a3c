"""Ways to damage a file of real rows, and to see what is left of it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import StoredLimit
from sitectl.model.storage import Salvage
from sitectl.store.connection import PAGE_SIZE
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import CENTRAL, NOON, HandClock, Says, compose_stop
from tests.unit.store.conftest import INLINE

STATIONS = [StationId(f"CP{number}") for number in range(1, 6)]
EACH = 40

Rows = dict[str, list[tuple[object, ...]]]


async def opened(path: Path, seed: int = 3) -> Store:
    return await open_store(path, HandClock(), Random(seed), compose_stop, **INLINE)


def content(path: Path) -> Rows:
    """Every row of every table but those that each opening writes."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        kept = [name for name in names if name not in ("meta", "epochs", "station_counters", "sqlite_sequence")]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in kept}


def roots(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0"))


def leaves(path: Path, table: str) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,))
        return [row[0] for row in rows]


def overwrite(path: Path, page: int, content: bytes, at: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_SIZE + at)
        file.write(content)


async def fill_with_transactions(path: Path) -> None:
    """A ledger of two hundred transactions, closed."""
    store = await opened(path, 1)
    says = Says(store)
    for station in STATIONS:
        for number in range(EACH):
            started = await says.start(station=station, raw=b"a start frame of some length " * 20)
            await says.samples(started.station_transaction_id, station=station)
            if number < EACH - 1:
                await says.stop(started.station_transaction_id, station=station)
    head = await store.outbox.head(CENTRAL, STATIONS[0])
    assert head is not None
    await store.outbox.sending(head.seq, "{}")
    await store.outbox.acked(head.seq, "4711")
    limits = [StoredLimit(EvseId(station, 1), 16.0, 6.0, 7, NOON, NOON, "proven") for station in STATIONS]
    store.limits.save(limits, lambda saved: None)
    await store.virtual.set_variable(CENTRAL, STATIONS[0], "MeterValueSampleInterval", "60")
    for station in STATIONS:
        await store.overlay.keep("ceiling", f"station/{station}/0", {"ceiling_a": 10.0}, source="operator")
    store.journal.record("site.started")
    await store.journal.drain()
    await store.close()


async def found(path: Path) -> tuple[Rows, Salvage]:
    """What a restart finds, and what it tells."""
    store = await opened(path)
    (salvage,) = store.health().salvages
    await store.close()
    return content(path), salvage


MONEY = ("transactions", "transaction_uplinks", "outbox", "limits", "virtual_variables", "overlay")
ZEROS = b"\0" * PAGE_SIZE


def equal(after: Rows, before: Rows, but: str = "") -> None:
    assert {name: after[name] for name in MONEY if name != but} == {name: before[name] for name in MONEY if name != but}
