"""The contract of `run`, `query` and `close`, for the thread and for its twin."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.store import care
from sitectl.store import database as module
from sitectl.store.ballast import Ballast
from sitectl.store.database import Database
from sitectl.store.errors import StoreUnavailable
from sitectl.store.executor import Executor, InlineExecutor, ThreadExecutor
from tests.unit.store.builders import HandClock, hold_at_this_size, much

T = TypeVar("T")


class Counting(InlineExecutor):
    """Counts the calls into the writer."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        self.calls += 1
        super().submit(call, done)


def inline(name: str) -> Executor:
    return InlineExecutor()


def prepare(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)")
    connection.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")


def say(word: str) -> Callable[[sqlite3.Connection], str]:
    def job(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO words VALUES (?)", (word,))
        return word

    return job


def words(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY rowid")]


States = list[tuple[bool, str]]


@pytest.fixture
def states() -> States:
    return []


@pytest.fixture(params=["inline", "thread"])
async def database(request: pytest.FixtureRequest, path: Path, states: States) -> AsyncIterator[Database]:
    def executor(name: str) -> Executor:
        return InlineExecutor() if request.param == "inline" else ThreadExecutor(name)

    opened = Database(path, HandClock(), executor, Ballast(path, 0))
    opened.on_state = lambda health: states.append((health.state.writes, health.why))
    await opened.open(prepare)
    yield opened
    await opened.close()


async def test_what_resolved_is_there_for_everybody(database: Database, path: Path) -> None:
    assert await database.run(say("a")) == "a"
    assert await database.query(words) == ["a"]
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
        assert words(other) == ["a"]
    other.close()


async def test_wal_and_full_sync(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection) -> tuple[Any, Any]:
        journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
        return journal, connection.execute("PRAGMA synchronous").fetchone()[0]

    assert await database.run(pragmas) == ("wal", 2)


async def test_a_failing_job_is_undone_alone(database: Database) -> None:
    forgotten: list[bool] = []
    database.on_undo(lambda: forgotten.append(True))

    def failing(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO words VALUES ('half')")
        raise KeyError("by the job")

    results = await asyncio.gather(
        database.run(say("a")), database.run(failing), database.run(say("b")), return_exceptions=True
    )
    assert results[0] == "a"
    assert isinstance(results[1], KeyError)
    assert results[2] == "b"
    assert await database.query(words) == ["a", "b"]
    assert forgotten


async def test_a_wrong_statement_is_the_jobs_fault_and_not_the_disks(database: Database, states: States) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await database.run(lambda connection: connection.execute("SELECT no_such_column FROM words"))
    assert await database.run(say("on")) == "on"
    assert states == []


async def test_a_cancelled_future_still_commits(database: Database) -> None:
    future = database.run(say("a"))
    future.cancel()
    await database.run(say("b"))
    assert await database.query(words) == ["a", "b"]


async def test_jobs_that_stand_together_are_one_call(path: Path) -> None:
    writer = Counting()
    database = Database(path, HandClock(), lambda name: writer if name == "sitectl-store" else InlineExecutor())
    await database.open(prepare)
    before = writer.calls
    await asyncio.gather(*[database.run(say(str(number))) for number in range(50)])
    assert writer.calls == before + 1
    await database.close()


async def test_a_batch_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH", 10)
    writer = Counting()
    database = Database(path, HandClock(), lambda name: writer if name == "sitectl-store" else InlineExecutor())
    await database.open(prepare)
    before = writer.calls
    await asyncio.gather(*[database.run(say(str(number))) for number in range(25)])
    assert writer.calls == before + 3
    assert await database.query(words) == [str(number) for number in range(25)]
    await database.close()


class Slow(InlineExecutor):
    """Every call takes a tenth of a second."""

    def __init__(self, clock: HandClock) -> None:
        self.calls = 0
        self._clock = clock

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        self.calls += 1
        result = call()
        self._clock.pass_s(0.1)
        done(result)


async def slow(path: Path) -> tuple[Database, Slow]:
    """A store that has just answered three jobs of one commit."""
    clock = HandClock()
    writer = Slow(clock)
    database = Database(path, clock, lambda name: writer if name == "sitectl-store" else InlineExecutor())
    await database.open(prepare)
    await asyncio.gather(*(database.run(say(str(n))) for n in range(3)))
    writer.calls = 0
    return database, writer


async def test_on_a_slow_disk_those_who_were_just_answered_are_waited_for(path: Path) -> None:
    database, writer = await slow(path)
    first = database.run(say("early"))
    await asyncio.sleep(0)
    await asyncio.gather(first, database.run(say("late")))
    assert writer.calls == 1
    await database.close()


async def test_on_a_slow_disk_nobody_is_waited_for_who_has_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_MOST_S", 1000.0)
    monkeypatch.setattr(module, "GATHER_SHARE", 1e6)
    database, writer = await slow(path)
    first = database.run(say("early"))
    await asyncio.sleep(0)
    again = [first, database.run(say("late")), database.run(say("last"))]
    async with asyncio.timeout(5.0):
        await asyncio.gather(*again)
    assert writer.calls == 1
    await database.close()


async def test_too_many_waiting_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    results = await asyncio.gather(*[database.run(say(word)) for word in "abc"], return_exceptions=True)
    assert results[:2] == ["a", "b"]
    assert isinstance(results[2], StoreUnavailable)
    assert database.usable


async def test_a_full_disk_refuses_and_later_takes_again(
    database: Database, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "RETRY_S", 0.001)
    await database.run(hold_at_this_size)
    results = await asyncio.gather(database.run(say("beside")), database.run(much), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert [usable for usable, _ in states] == [False]
    assert "full" in states[0][1]
    with pytest.raises(StoreUnavailable):
        await database.run(say("too early"))
    while not database.usable:
        await asyncio.sleep(0.001)
    assert [usable for usable, _ in states] == [False, True]
    await database.run(say("again"))
    assert await database.query(words) == ["again"]


async def test_a_file_that_stays_bad_is_tried_again_and_again(
    database: Database, path: Path, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "RETRY_S", 0.001)
    await database.run(hold_at_this_size)
    moved = path.with_suffix(".moved")
    path.rename(moved)
    with pytest.raises(StoreUnavailable):
        await database.run(much)
    await asyncio.sleep(0.02)
    assert not database.usable
    assert not path.exists()
    moved.rename(path)
    while not database.usable:
        await asyncio.sleep(0.001)
    assert await database.run(say("back")) == "back"


async def test_after_close_nothing_is_taken(database: Database) -> None:
    waiting = database.run(say("last"))
    await database.close()
    assert await waiting == "last"
    with pytest.raises(StoreUnavailable):
        await database.run(say("late"))
    with pytest.raises(StoreUnavailable):
        await database.query(words)
    await database.close()


async def test_close_leaves_a_disk_behind_that_hangs(path: Path) -> None:
    released = threading.Event()
    database = Database(path, HandClock(), ThreadExecutor)
    await database.open(prepare)
    hanging = database.run(lambda connection: released.wait())
    await asyncio.sleep(0.01)
    behind = database.run(say("never"))
    await database.close(timeout_s=0.01)
    with pytest.raises(StoreUnavailable):
        await behind
    released.set()
    await hanging


def test_a_disk_that_hangs_does_not_hold_the_process(path: Path) -> None:
    script = f"""
import asyncio, pathlib, threading
from sitectl.base.clock import SystemClock
from sitectl.store.database import Database
from sitectl.store.executor import ThreadExecutor

async def main():
    database = Database(pathlib.Path({str(path)!r}), SystemClock(), ThreadExecutor)
    await database.open(lambda connection: None)
    database.run(lambda connection: threading.Event().wait())
    await asyncio.sleep(0.01)

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=20, check=False).returncode == 0


async def test_two_writers_on_one_file_are_one_too_many(database: Database, path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="in use"):
        await Database(path, HandClock(), inline).open(prepare)


async def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    for bad in (tmp_path / "no" / "such" / "directory", tmp_path):
        with pytest.raises(StoreUnavailable, match=r"directory|unable to open"):
            await Database(bad, HandClock(), inline).open(prepare)


async def test_a_failing_preparation_closes_everything(path: Path) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        raise KeyError("preparation")

    with pytest.raises(KeyError):
        await Database(path, HandClock(), inline).open(failing)
    again = Database(path, HandClock(), inline)
    await again.open(prepare)
    await again.close()


async def test_the_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        await database.query(say("no"))
    assert database.usable


def test_virtual_time_and_memory() -> None:
    async def main() -> list[str]:
        database = Database(None, HandClock(), inline)
        await database.open(prepare)
        await asyncio.gather(database.run(say("a")), database.run(say("b")))
        found = await database.query(words)
        await database.close()
        return found

    assert run_virtual(main()) == ["a", "b"]
