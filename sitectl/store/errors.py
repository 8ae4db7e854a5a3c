"""What can go wrong with the file."""

from __future__ import annotations

import sqlite3

from sitectl.base.errors import EnvironmentFault
from sitectl.model.storage import StoreState


class StoreUnavailable(EnvironmentFault):
    """The disk did not take it: full, read-only, failing, or the store is closed. Nothing was stored.

    `state`: what is wrong with the disk, where that was found out.
    """

    def __init__(self, why: str, state: StoreState | None = None) -> None:
        super().__init__(why)
        self.state = state


class StoreDamaged(StoreUnavailable):
    """The file is not what it should be."""


class SchemaTooNew(EnvironmentFault):
    """The file was written by a newer sitectl; an older one would not know what it destroys."""

    retry_is_sane = False


_MACHINE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def is_machine_fault(error: BaseException) -> bool:
    """Whether SQLite blames the disk or the file rather than the statement."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _MACHINE
