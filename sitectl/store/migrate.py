"""Bring a file to the shipped schema: numbered SQL files, forward only, a copy of an older file first."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from shlex import quote

from sitectl.model.storage import StoreState
from sitectl.store import disk
from sitectl.store.connection import make_private
from sitectl.store.errors import SchemaTooNew, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Migration:
    """One step, in one transaction; `number` is the schema version after it."""

    number: int
    sql: str


def shipped() -> tuple[Migration, ...]:
    """The steps that come with this version, in order: `migrations/NNNN_name.sql`."""
    files = (resources.files("sitectl.store") / "migrations").iterdir()
    steps = [
        Migration(int(match[1]), file.read_text("utf-8"))
        for file in files
        if (match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name))
    ]
    return tuple(sorted(steps, key=lambda step: step.number))


def migrate(connection: sqlite3.Connection, path: Path | None, steps: Sequence[Migration] | None = None) -> int:
    """Apply what is missing; the schema version after it. An existing older file is copied to `<path>.schema-<n>`."""
    steps = shipped() if steps is None else steps
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = steps[-1].number
    if version > newest:
        raise SchemaTooNew(_too_new(path, version, newest))
    if 0 < version < newest and path is not None:
        _copy(connection, path, _kept(path, version))
    for step in steps:
        if step.number > version:
            _apply(connection, step)
    return newest


def require_newest(connection: sqlite3.Connection, path: Path | None) -> None:
    """For a file that can only be read: it has to be of this schema. Raises StoreUnavailable or SchemaTooNew."""
    version, newest = connection.execute("PRAGMA user_version").fetchone()[0], shipped()[-1].number
    if version > newest:
        raise SchemaTooNew(_too_new(path, version, newest))
    if version < newest:
        raise StoreUnavailable(f"{path} has the schema of an older version and cannot be brought forward")


def _too_new(path: Path | None, version: int, newest: int) -> str:
    """What to do with a file that a newer sitectl has brought forward."""
    told = f"{path} has schema {version}, this sitectl knows up to {newest}: install the newer sitectl again"
    copies = [] if path is None else [number for number in range(newest, 0, -1) if _kept(path, number).exists()]
    if path is None or not copies:
        return told
    here, aside, before = (quote(str(one)) for one in (path, _kept(path, version), _kept(path, copies[0])))
    back = f"mv {here} {aside} && cp -p {before} {here}"
    return f"{told}, or go back to what was before the upgrade (what came since is set aside): {back}"


def _kept(path: Path, version: int) -> Path:
    return Path(f"{path}.schema-{version}")


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _copy(connection: sqlite3.Connection, path: Path, kept: Path) -> None:
    """A whole copy under a temporary name first: a copy that is there is complete."""
    unfinished = Path(f"{kept}.unfinished")
    unfinished.unlink(missing_ok=True)
    make_private(unfinished)
    copy = sqlite3.connect(unfinished)
    try:
        connection.backup(copy)
    except sqlite3.Error as error:
        copy.close()
        unfinished.unlink(missing_ok=True)
        if disk.state_of(error, unfinished) is StoreState.FULL:
            error.args = (_needs_room(path),)
        raise
    copy.close()
    unfinished.replace(kept)
    disk.sync_directory(kept.parent)


def _needs_room(path: Path) -> str:
    megabytes = disk.size(path) // 2**20 + 1
    return (
        f"the disk is full: a copy of the ledger is made before this version changes it, and takes {megabytes} MB; "
        "free them, or install the version before again: nothing was changed yet"
    )
