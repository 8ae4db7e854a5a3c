"""Writes that may wait for others, and those that may not."""

import asyncio
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.store import company
from sitectl.store.database import Database
from sitectl.store.executor import InlineExecutor
from sitectl.store.journal import Journal
from sitectl.store.rows import Stamp
from tests.unit.store.builders import HandClock
from tests.unit.store.test_database import Counting, prepare, say, words


async def opened(path: Path | None, patience_s: float = 1.0) -> tuple[Database, Counting]:
    writer = Counting()
    database = Database(path, HandClock(), lambda name: writer if name == "sitectl-store" else InlineExecutor())
    await database.open(prepare)
    database.company.patience_s = patience_s
    writer.calls = 0
    return database, writer


def test_patient_jobs_are_written_together_when_their_patience_is_over() -> None:
    async def main() -> None:
        database, writer = await opened(None)
        began = asyncio.get_running_loop().time()
        first = database.run(say("a"), patient=True)
        await asyncio.sleep(0.6)
        second = database.run(say("b"), patient=True)
        assert not first.done()
        assert await asyncio.gather(first, second) == ["a", "b"]
        assert asyncio.get_running_loop().time() == pytest.approx(began + 1.0)
        assert writer.calls == 1
        third = database.run(say("c"), patient=True)
        await asyncio.sleep(0.9)
        assert not third.done(), "each company has its own patience"
        await third
        assert writer.calls == 2

    run_virtual(main())


def test_one_that_cannot_wait_takes_the_others_along() -> None:
    async def main() -> None:
        database, writer = await opened(None)
        began = asyncio.get_running_loop().time()
        patient = database.run(say("a"), patient=True)
        assert await asyncio.gather(patient, database.run(say("b"))) == ["a", "b"]
        assert asyncio.get_running_loop().time() == began
        assert writer.calls == 1
        await asyncio.sleep(5)
        assert writer.calls == 1, "nobody waits any more"

    run_virtual(main())


def test_many_are_company_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "ENOUGH", 3)

    async def main() -> None:
        database, writer = await opened(None)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*[database.run(say(str(number)), patient=True) for number in range(3)])
        assert asyncio.get_running_loop().time() == began
        assert writer.calls == 1

    run_virtual(main())


@pytest.mark.parametrize("patience_s", [0.0, -1.0])
def test_without_patience_nobody_waits(patience_s: float) -> None:
    async def main() -> None:
        database, _ = await opened(None, patience_s)
        began = asyncio.get_running_loop().time()
        await database.run(say("a"), patient=True)
        assert asyncio.get_running_loop().time() == began

    run_virtual(main())


async def test_a_close_writes_what_waited(path: Path) -> None:
    database, _ = await opened(path, 3600.0)
    patient = database.run(say("a"), patient=True)
    await asyncio.sleep(0)
    await database.close()
    assert await patient == "a"
    again, _ = await opened(path)
    assert await again.query(words) == ["a"]
    await again.close()


def test_events_are_gathered_and_a_drain_does_not_wait() -> None:
    async def main() -> None:
        database, writer = await opened(None)
        await database.run(
            lambda connection: connection.execute(
                "CREATE TABLE events (seq INTEGER PRIMARY KEY, gateway_id, epoch, time_us, type, station, evse, data)"
            )
        )
        journal, writer.calls = Journal(database, Stamp("0a1b2c3d4e5f", 1), HandClock()), 0
        journal.gather_s = 1.0
        for number in range(10):
            journal.record(f"n{number}")
            await asyncio.sleep(0.05)
        assert writer.calls == 0
        await asyncio.sleep(2)
        assert writer.calls == 1
        journal.record("last")
        began = asyncio.get_running_loop().time()
        await journal.drain()
        assert asyncio.get_running_loop().time() - began <= 1.0
        journal.record("store.full")
        await asyncio.sleep(1)
        assert await database.query(
            lambda connection: connection.execute("SELECT count(*) FROM events").fetchall()
        ) == [(12,)]

    run_virtual(main())
