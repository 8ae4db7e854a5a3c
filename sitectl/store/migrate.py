"""Bring a file to the shipped schema: numbered SQL files, forward only, a copy of an older file first."""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sitectl.store.connection import make_private
from sitectl.store.errors import SchemaTooNew


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
        raise SchemaTooNew(
            f"{path} has schema {version}, this sitectl knows up to {newest}: install the newer sitectl again, "
            f"or restore the copy {path}.schema-{newest}"
        )
    if 0 < version < newest and path is not None:
        _copy(connection, Path(f"{path}.schema-{version}"))
    for step in steps:
        if step.number > version:
            _apply(connection, step)
    return newest


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _copy(connection: sqlite3.Connection, path: Path) -> None:
    """A whole copy under a temporary name first: a copy that is there is complete."""
    unfinished = Path(f"{path}.unfinished")
    unfinished.unlink(missing_ok=True)
    make_private(unfinished)
    copy = sqlite3.connect(unfinished)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    unfinished.replace(path)
