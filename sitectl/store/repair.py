"""A new file in the place of a damaged one, with what could be saved from it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from sitectl.store import disk, outline, quarantine, wal
from sitectl.store.connection import PAGE_SIZE, make_private
from sitectl.store.damaged import DamagedFile
from sitectl.store.errors import SchemaTooNew
from sitectl.store.migrate import migrate, shipped
from sitectl.store.moments import to_us
from sitectl.store.quarantine import Case
from sitectl.store.salvage import Saved, order, reserve_numbers, save

MOST_NAMED = 20
"""So many missing transactions are named in a report."""


def hidden_damage(path: Path) -> str | None:
    """What SQLite would pass over without a word: a log that it takes for shorter than it was, or without its file."""
    log = Path(f"{path}-wal")
    if not path.exists() and disk.size(log) > wal.HEADER:
        return "it is gone, its log is there"
    found = wal.read(log, PAGE_SIZE)
    return f"its log is damaged in the middle, {found.lost} pages of it are lost" if found.unseen else None


def replace(path: Path, why: str, wall: Callable[[], datetime]) -> None:
    """Set the file aside and put a new one in its place. Nobody has it open.

    Raises OSError and sqlite3.Error where the disk does not take it: `resume` goes on then.
    """
    kept = outline.kept(path, PAGE_SIZE)
    _rebuild(path, quarantine.set_aside(path, why, wall()), kept)


def resume(path: Path) -> None:
    """Bring to its end what was interrupted. Raises as `replace` does."""
    for case in quarantine.cases(path):
        if case.state == quarantine.MOVING:
            quarantine.finish_moving(path, case)
        if case.state == quarantine.SAVING:
            if path.exists():  # interrupted between the last two steps
                case.note(state=quarantine.LATER)
            else:
                _rebuild(path, case, outline.kept(path, PAGE_SIZE))


def _rebuild(path: Path, case: Case, kept: outline.Outline | None) -> None:
    unfinished = Path(f"{path}.salvage")
    unfinished.unlink(missing_ok=True)
    make_private(unfinished)
    file = DamagedFile(case.file, kept)
    try:
        target = sqlite3.connect(unfinished, isolation_level=None)
        try:
            _fill(target, file, case)
        finally:
            target.close()
    finally:
        file.close()
    handle = os.open(unfinished, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    unfinished.replace(path)
    disk.sync_directory(path.parent)
    case.note(state=quarantine.LATER)


def _fill(target: sqlite3.Connection, file: DamagedFile, case: Case) -> None:
    target.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    target.execute("PRAGMA journal_mode = OFF")  # a crash leaves a file that nobody looks at: it is made again
    target.execute("PRAGMA synchronous = OFF")
    steps = shipped()
    schema = file.schema if file.schema else steps[-1].number
    if schema > steps[-1].number:
        told = f"{case.file} has schema {schema}, this sitectl knows up to {steps[-1].number}"
        raise SchemaTooNew(f"{told}: install the newer sitectl again")
    migrate(target, None, [step for step in steps if step.number <= schema])
    names = [row[0] for row in target.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    saved = save(file, target, order(names))
    reserve_numbers(file, target)
    _distrust(target, saved, file.lost_frames)
    found = {
        "saved": saved.rows,
        "damaged": saved.damaged,
        "lost_frames": file.lost_frames,
        "missing": _missing(target),
    }
    _tell(target, case, {"why": case.report["why"], "folder": str(case.folder), **found})
    case.note(**found)


def _distrust(target: sqlite3.Connection, saved: Saved, lost_frames: int) -> None:
    """Leave out what is only true when it is the newest.

    An old row of the limits would count an EVSE too low, no row counts it at its maximum. An old counter would give an
    id to a station for the second time, without one the ids begin elsewhere.
    """
    if lost_frames or "limits" in saved.damaged:
        target.execute("DELETE FROM limits")
        saved.rows["limits"] = 0
    if lost_frames or not {"transactions", "station_counters", "meta"}.isdisjoint(saved.damaged):
        target.execute("DELETE FROM station_counters")
        target.execute("DELETE FROM meta WHERE key = 'ids_from'")


def _tell(target: sqlite3.Connection, case: Case, data: Mapping[str, Any]) -> None:
    """For the journal, in the file itself: so it is told once, whatever happens now."""
    target.execute(
        "INSERT INTO events (gateway_id, epoch, time_us, type, data) VALUES ("
        "coalesce((SELECT value FROM meta WHERE key = 'gateway_id'), ''), coalesce((SELECT max(epoch) FROM epochs), 0),"
        " ?, 'store.salvaged', ?)",
        (to_us(case.told().when), orjson.dumps(data).decode()),
    )


def _missing(target: sqlite3.Connection) -> list[str]:
    """Transactions that other rows tell of."""
    rows = target.execute(
        "SELECT station || ' ' || transaction_id FROM (SELECT station, transaction_id FROM transaction_uplinks"
        " UNION SELECT station, transaction_id FROM outbox WHERE transaction_id IS NOT NULL)"
        " WHERE transaction_id NOT IN (SELECT id FROM transactions) LIMIT ?",
        (MOST_NAMED,),
    )
    return [row[0] for row in rows]
