"""How a connection to the file is made, and how the file is held for one process."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from sitectl.model.storage import StoreState
from sitectl.store.errors import StoreUnavailable

PAGE_SIZE = 2048  # a lone commit writes each page it touched: 4096 costs 1.8 times the bytes, 1024 a third more CPU

CHECKPOINT_PAGES = 4000  # 8 MB of log: pages that every batch writes are folded into the file once for many batches
WAL_LIMIT = 16 * 2**20

MODE = 0o640
"""The ledger says who charged when: not for everybody on the machine. Its log gets the same from the library."""


def read_write(path: Path | None, *, create: bool) -> sqlite3.Connection:
    """The connection that writes; `path` None is a store in memory."""
    if path is not None and create and not path.exists():
        make_private(path)
    connection = _connect(path, "rwc" if create else "rw")
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # Some systems build SQLite so that it overwrites whatever is deleted, which doubles what is written.
    connection.execute("PRAGMA secure_delete = FAST")
    hold_log(connection, CHECKPOINT_PAGES, WAL_LIMIT)
    return connection


def make_private(path: Path) -> None:
    """Make an empty file that strangers on this machine cannot read; what hinders it, the library says better."""
    with suppress(OSError):
        path.touch(MODE)


def hold_log(connection: sqlite3.Connection, checkpoint_pages: int, limit: int) -> None:
    """Fold the log into the file after so many pages, and cut it to `limit` bytes when it begins anew."""
    connection.execute(f"PRAGMA journal_size_limit = {limit}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that sees everything committed and changes nothing."""
    return _connect(path, "ro")


def read_still(path: Path) -> sqlite3.Connection:
    """The same of a file that nobody writes, on a disk that takes nothing.

    SQLite wants to make a file beside the log to read it. Where it cannot, and there is no log, the file is all.
    """
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        log = Path(f"{path}-wal")
        if log.exists() and log.stat().st_size:
            connection.close()
            raise
    else:
        return connection
    connection.close()
    return _connect(path, "ro&immutable=1")


def _connect(path: Path | None, mode: str) -> sqlite3.Connection:
    name = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(name, uri=True, isolation_level=None, cached_statements=256)


def hold(path: Path) -> int:
    """Hold the file for this process: two that write would not know of each other's memory. Release: close it."""
    lock = f"{path}.lock"
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        if not os.path.exists(lock):  # noqa: PTH110
            raise
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        what = f"{path} is in use by another process: probably this site runs already (`sitectl status`)"
        raise StoreUnavailable(
            f"{what}; stop that one first, or name another site.data_dir", StoreState.BUSY
        ) from error
    return handle
