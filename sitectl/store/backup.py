"""A whole copy of the ledger while it is written: one moment of it, in a file of its own beside it.

Held to one moment by a read transaction, so that writers neither wait for the copy nor make it begin again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sitectl.store import disk
from sitectl.store.connection import make_private, read_only
from sitectl.store.errors import StoreUnavailable

STEP_PAGES = 512
"""So many pages are copied at once: what else runs in this process is let in between."""

SPARE_BYTES = 32 * 2**20
"""Room that a copy leaves to the ledger itself."""


def copy_of(path: Path) -> Path:
    """Where the copy lies while it is handed out; one that was left behind is written over."""
    return Path(f"{path}.backup-unfinished")


def copy(path: Path, is_wanted: Callable[[], bool] = lambda: True) -> Path:
    """Copy the ledger; where the copy lies. Raises `StoreUnavailable` where there is no room, or nobody wants it any
    more, and leaves nothing behind then."""
    target = copy_of(path)
    target.unlink(missing_ok=True)
    needed = disk.size(path) + disk.size(Path(f"{path}-wal")) + SPARE_BYTES
    free = disk.space(path.parent).free
    if free < needed:
        raise StoreUnavailable(
            f"{path.parent} has no room for a copy of the ledger: it takes {needed // 10**6} MB for as long as it is"
            f" read, {free // 10**6} MB are free"
        )
    make_private(target)
    try:
        _copy(path, target, is_wanted)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise StoreUnavailable(f"{path} cannot be copied: {error}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def _copy(path: Path, target: Path, is_wanted: Callable[[], bool]) -> None:
    def step(status: int, remaining: int, total: int) -> None:
        if not is_wanted():
            raise StoreUnavailable("the backup was broken off")

    source, into = read_only(path), sqlite3.connect(target)
    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM meta").fetchone()  # from here on it stands still
        source.backup(into, pages=STEP_PAGES, progress=step)
        into.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        into.close()
        source.close()
