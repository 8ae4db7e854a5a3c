"""Put the ledger of a backup into the place of the present one, while no daemon runs.

The present one is set aside first, under a name with the time, and never deleted. The new one comes with a rename, and
until then the present one is whole under its own name: what its log holds is folded into it before that log goes. So an
interrupted restore leaves the ledger of before, and what was laid out of the backup is written over by the next one.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.store import archive, disk
from sitectl.store.archive import LEDGER
from sitectl.store.connection import hold, read_only
from sitectl.store.errors import SchemaTooNew, StoreUnavailable
from sitectl.store.identity import kept
from sitectl.store.migrate import shipped

PRESENT = "present.db"
"""The present ledger on its way to a file without a log, beside what was laid out of the backup."""


PATIENCE_S = 2.0
"""So long who else reads the present ledger is waited for."""


class ForeignGateway(EnvironmentFault):
    """The backup is of another gateway than the one whose ledger lies here."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: the manifest, where the ledger of before lies (None: there was none), and the laid out files."""

    manifest: dict[str, Any]
    aside: Path | None
    folder: Path


def restore(backup: Path, ledger: Path, now: datetime, *, take_over: bool) -> Restored:
    """Restore the ledger; the other files of the backup are left in `folder`, which the caller removes.

    Raises EnvironmentFault (`StoreUnavailable` while a daemon runs) and BadArchive; the ledger of before stands then.
    """
    disk.make_folder(ledger.parent)
    held = hold(ledger)
    try:
        folder = Path(f"{ledger}.restoring")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            manifest = archive.unpack(backup, folder)
            _refuse_what_does_not_fit(manifest, folder / LEDGER, ledger, take_over=take_over)
            _fold_log_in(ledger, folder / PRESENT)
            aside = _set_aside(ledger, f"before-restore-{now:%Y%m%dT%H%M%SZ}")
            _put(folder / LEDGER, ledger)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Restored(manifest, aside, folder)
    finally:
        os.close(held)


def _refuse_what_does_not_fit(manifest: dict[str, Any], new: Path, ledger: Path, *, take_over: bool) -> None:
    newest = shipped()[-1].number
    try:
        connection = read_only(new)
        try:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            (well,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            row = connection.execute("SELECT value FROM meta WHERE key = 'gateway_id'").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the ledger in the backup cannot be read: {error}") from error
    if version > newest:
        raise SchemaTooNew(
            f"the backup was made by sitectl {manifest.get('sitectl', '?')} and has schema {version}, this sitectl"
            f" knows up to {newest}: install that version, then restore"
        )
    if well != "ok":
        raise StoreUnavailable(f"the ledger in the backup is damaged: {well}")
    present = _gateway(ledger)
    theirs = None if row is None else row[0]
    if present is not None and theirs != present and not take_over:
        raise ForeignGateway(
            f"the backup is of gateway {theirs} (site {manifest.get('site', '?')}), the ledger here is of gateway"
            f" {present}: restore it where it belongs, or say --take-over if this machine replaces that one; the ledger"
            " here is set aside then"
        )


def _gateway(ledger: Path) -> str | None:
    """Whose ledger lies here; None: none, or nobody knows."""
    if (identity := kept(ledger)) is not None:
        return identity.gateway_id
    if not ledger.exists():
        return None
    with suppress(sqlite3.Error):
        connection = read_only(ledger)
        try:
            row = connection.execute("SELECT value FROM meta WHERE key = 'gateway_id'").fetchone()
            return None if row is None else str(row[0])
        finally:
            connection.close()
    return None


def _fold_log_in(ledger: Path, copy: Path) -> None:
    """Leave the present ledger in one file, since two cannot be exchanged at once: where somebody else reads it, or its
    disk refuses, by a copy. One that is too damaged keeps its log, and is set aside with it."""
    log = Path(f"{ledger}-wal")
    if ledger.exists():
        _checkpoint(ledger)
    if not disk.size(log):
        return
    try:
        shutil.copyfile(ledger, copy)
        shutil.copyfile(log, f"{copy}-wal")
    except OSError as error:
        raise StoreUnavailable(
            f"the present ledger cannot be set aside, and nothing has changed: {error.strerror or error}; make room on"
            " its disk, or end what else reads it"
        ) from error
    if not _checkpoint(copy) or disk.size(Path(f"{copy}-wal")):
        return
    _put(copy, ledger)  # with the log of before beside it, which says once more what stands there already
    for left in (log, Path(f"{ledger}-shm")):
        left.unlink(missing_ok=True)
    disk.sync_directory(ledger.parent)


def _checkpoint(ledger: Path) -> bool:
    """Have its log written into it; False where SQLite cannot."""
    try:
        connection = sqlite3.connect(ledger, isolation_level=None, timeout=PATIENCE_S)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return False
    return True


def _set_aside(ledger: Path, name: str) -> Path | None:
    """A second name for the present ledger, and for its log where that could not be folded in."""
    if not ledger.exists():
        return None
    aside = Path(f"{ledger}.{name}")
    os.link(ledger, aside)
    log = Path(f"{ledger}-wal")
    if disk.size(log):
        os.link(log, f"{aside}-wal")
    disk.sync_directory(ledger.parent)
    for left in (log, Path(f"{ledger}-shm"), Path(f"{ledger}.outline")):
        left.unlink(missing_ok=True)
    return aside


def _put(new: Path, ledger: Path) -> None:
    owner = ledger.parent.stat()
    handle = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(handle, 0o640)
        if os.geteuid() == 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fsync(handle)
    finally:
        os.close(handle)
    new.replace(ledger)
    disk.sync_directory(ledger.parent)
