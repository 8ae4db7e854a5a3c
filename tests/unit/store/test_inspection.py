import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sitectl.store.executor import InlineExecutor
from sitectl.store.inspection import Inspection, damage, damage_within, tables
from tests.unit.store.damaging import ZEROS, fill_with_transactions, leaves, overwrite


@pytest.fixture
async def filled(path: Path) -> Path:
    await fill_with_transactions(path)
    return path


def test_money_is_looked_at_first_and_the_many_frames_last(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        names = tables(connection)
        everything = connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").fetchone()[0]
        assert (names[:3], names[-2:]) == (["transactions", "transaction_uplinks", "outbox"], ["events", "raw_frames"])
        assert len(names) == everything - 1  # the table of sequences is SQLite's own
        assert [damage(connection, name) for name in names] == [None] * len(names)


def test_damage_is_told_in_one_line(filled: Path) -> None:
    overwrite(filled, leaves(filled, "outbox")[2], ZEROS)
    with closing(sqlite3.connect(filled)) as connection:
        assert damage(connection, "transactions") is None
        found = damage(connection, "outbox")
    assert found is not None
    assert found.startswith("outbox: ")
    assert "\n" not in found
    assert len(found) < 250


def test_a_look_that_is_cut_short_has_seen_what_it_could(filled: Path) -> None:
    overwrite(filled, leaves(filled, "raw_frames")[2], ZEROS)
    with closing(sqlite3.connect(filled)) as connection:
        ticks = iter(range(10**9))
        assert damage_within(connection, 3, lambda: next(ticks)) is None
        found = damage_within(connection, 10**6, lambda: 0.0)
        assert found is not None
        assert found.startswith("raw_frames")


def inspected(path: Path) -> list[str | None]:
    told: list[str | None] = []
    inspection = Inspection(path, InlineExecutor(), told.append)
    inspection.begin()
    assert not inspection.running
    inspection.stop()
    return told


def test_it_tells_once(filled: Path) -> None:
    assert inspected(filled) == [None]
    overwrite(filled, leaves(filled, "stations")[0], ZEROS)
    (found,) = inspected(filled)
    assert found is not None
    assert found.startswith("stations")


def test_a_file_that_cannot_even_be_opened(filled: Path) -> None:
    overwrite(filled, 1, ZEROS)
    assert inspected(filled) == ["file is not a database"]
    filled.unlink()
    assert inspected(filled) == [None]  # that it is gone is found by those who need it


def test_one_that_was_stopped_tells_nothing(filled: Path) -> None:
    told: list[str | None] = []

    class Late(InlineExecutor):
        """Runs when asked."""

        def __init__(self) -> None:
            self.calls: list[object] = []

        def submit(self, call, done) -> None:  # type: ignore[no-untyped-def]
            self.calls.append(lambda: done(call()))

    thread = Late()
    inspection = Inspection(filled, thread, told.append)
    closed: list[bool] = []
    inspection.begin()
    inspection.begin()
    inspection.stop(lambda: closed.append(True))
    while thread.calls:
        thread.calls.pop(0)()  # type: ignore[operator]
    assert (told, closed, inspection.running) == ([], [True], False)
