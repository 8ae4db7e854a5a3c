"""What the disk says, asked of real file systems."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from sitectl.model.storage import StoreState
from sitectl.store import disk
from tests.unit.store.small_disk import run_on_a_small_disk, run_with_a_size_limit


def failed(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (sqlite3.SQLITE_FULL, StoreState.FULL),
        (sqlite3.SQLITE_READONLY, StoreState.READ_ONLY),
        (sqlite3.SQLITE_BUSY, StoreState.BUSY),
        (sqlite3.SQLITE_CORRUPT, StoreState.CORRUPT),
        (sqlite3.SQLITE_NOTADB, StoreState.CORRUPT),
        (sqlite3.SQLITE_IOERR_CORRUPTFS, StoreState.CORRUPT),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreState.FAILING),
        (sqlite3.SQLITE_IOERR_WRITE, StoreState.FAILING),
        (sqlite3.SQLITE_CANTOPEN, StoreState.FAILING),
    ],
)
def test_what_sqlite_says(path: Path, code: int, state: StoreState) -> None:
    assert disk.state_of(failed(code), path) is state
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (errno.ENOSPC, StoreState.FULL),
        (errno.EDQUOT, StoreState.FULL),
        (errno.EFBIG, StoreState.FULL),
        (errno.EROFS, StoreState.READ_ONLY),
        (errno.EACCES, StoreState.READ_ONLY),
        (errno.EIO, StoreState.FAILING),
    ],
)
def test_what_the_machine_says(path: Path, code: int, state: StoreState) -> None:
    assert disk.state_of(OSError(code, "as the machine says it"), path) is state


def test_allocated_blocks_are_taken(path: Path) -> None:
    disk.allocate(path, 100_000)
    assert disk.size(path) == 100_000
    assert path.stat().st_blocks * 512 >= 100_000
    assert disk.refusal(path, 100_000) is None
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert disk.size(path.with_name("nothing")) == 0


def test_a_full_disk_says_so_and_keeps_nothing_of_the_question() -> None:
    run_on_a_small_disk(
        2,
        """
        assert 0 < disk.space(here).free <= disk.space(here).total == 2 * 2**20
        assert disk.refusal(path, 4 * 2**20).errno == errno.ENOSPC
        assert list(here.iterdir()) == []
        (here / "filler").write_bytes(bytes(disk.space(here).free))
        unknown = sqlite3.OperationalError("disk I/O error")
        unknown.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        assert disk.state_of(unknown, path) is StoreState.FULL
        """,
    )


def test_a_limit_on_the_size_of_files_is_a_full_disk() -> None:
    run_with_a_size_limit(
        1,
        """
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("CREATE TABLE heap (heap BLOB)")
        try:
            while True:
                connection.execute("INSERT INTO heap VALUES (randomblob(50000))")
        except sqlite3.OperationalError as error:
            assert disk.state_of(error, path) is StoreState.FULL, error
        """,
    )


def test_a_folder_is_on_disk_in_the_one_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    disk.make_folder(tmp_path / "a" / "b")
    assert set(synced) == {tmp_path, tmp_path / "a"}
    synced.clear()
    disk.make_folder(tmp_path / "a" / "b")
    assert synced == []


def test_a_folder_cannot_be_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        disk.make_folder(tmp_path / "file" / "data")
