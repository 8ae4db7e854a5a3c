"""The log as this reader sees it, beside what SQLite recovers from it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sitectl.store import wal

SIZE = 2048
FRAME = SIZE + wal.FRAME_HEADER


@pytest.fixture
def log(path: Path) -> Path:
    """The log of twenty commits, as a kill leaves it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE a (n INTEGER, x BLOB)")
    for number in range(20):
        connection.execute("INSERT INTO a VALUES (?, randomblob(5000))", (number,))
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    connection.close()
    return Path(f"{copy}-wal")


def recovered(log: Path) -> int:
    """How many rows SQLite sees."""
    with closing(sqlite3.connect(str(log).removesuffix("-wal"))) as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return 0
        return int(connection.execute("SELECT count(*) FROM a").fetchone()[0])


def change(log: Path, frame: int, at: int, content: bytes) -> None:
    with log.open("r+b") as file:
        file.seek(wal.HEADER + frame * FRAME + at)
        file.write(content)


def test_a_sound_log_holds_everything(log: Path) -> None:
    found = wal.read(log, SIZE)
    assert (len(found.pages), found.lost, found.unseen) == ((log.stat().st_size - 32) // FRAME, 0, False)


def test_no_log_and_an_empty_one_hold_nothing(log: Path, path: Path) -> None:
    assert wal.read(path.with_name("nothing"), SIZE) == wal.Log([], 0, False)
    log.write_bytes(b"")
    assert wal.read(log, SIZE) == wal.Log([], 0, False)
    log.write_bytes(bytes(100_000))
    assert wal.read(log, SIZE) == wal.Log([], 0, False)
    assert wal.read(log, 4096) == wal.Log([], 0, False)


@pytest.mark.parametrize("frame", [0, 1, 7, 30])
@pytest.mark.parametrize("at", [0, 4, 8, 12, 16, 24, 2000])
def test_one_damaged_frame_costs_at_most_two(log: Path, frame: int, at: int) -> None:
    before = wal.read(log, SIZE)
    change(log, frame, at, b"\x5a\xa5\x5a\xa5")
    found = wal.read(log, SIZE)
    assert found.unseen
    assert 1 <= found.lost <= 2
    assert len(found.pages) + found.lost == len(before.pages)
    assert set(found.pages) < set(before.pages)
    assert recovered(log) < 20  # what would have been lost without a word


@pytest.mark.parametrize("cut", [1, 100, FRAME, FRAME + 5, 2 * FRAME, 3 * FRAME])
def test_a_log_that_ends_too_early_ends_with_its_last_whole_commit(log: Path, cut: int) -> None:
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - cut)
    found = wal.read(log, SIZE)
    assert (found.lost, found.unseen) == (0, False)
    assert recovered(log) == 19


def test_a_torn_last_commit_is_left_out_as_sqlite_does(log: Path) -> None:
    frames = (log.stat().st_size - 32) // FRAME
    change(log, frames - 2, 24, b"\x5a" * 100)
    found = wal.read(log, SIZE)
    assert (found.lost, found.unseen) == (0, False)
    assert len(found.pages) < frames - 1
    assert recovered(log) == 19


def test_frames_of_an_earlier_round_are_left_out(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE a (x BLOB)")
    for _ in range(20):
        connection.execute("INSERT INTO a VALUES (randomblob(5000))")
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO a VALUES (1)")
    found = wal.read(Path(f"{path}-wal"), SIZE)
    assert (found.lost, found.unseen) == (0, False)
    assert 1 <= len(found.pages) <= 3
    connection.close()
