"""Earlier openings of the file that ended before the gateway knew the time: where what they stamped belongs.

In the same boot of the machine the monotonic clock has gone on, and tells exactly. Of an earlier boot nobody knows when
it was; but it was over before the next opening began, and more cannot be said than that: its spans are kept, its end is
put there, and what it stamped is called estimated. All of it runs inside jobs, in the writer's thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sitectl.base.gateway_clock import TOLD_ESTIMATE
from sitectl.model.ids import StationId
from sitectl.store.moments import from_us

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Misplaced:
    """One opening: what it stamped from `began_us` to `ended_us` is to be moved by `by_us`."""

    epoch: int
    began_us: int
    ended_us: int
    by_us: int
    exact: bool


def boot() -> str:
    """The name of the machine's present boot; empty where it has none."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def goes_on_at(connection: sqlite3.Connection, boot: str, at: float) -> datetime | None:
    """What the clock of the last opening would show now, were it still running; None where it was another boot's.

    `at`: the monotonic clock.
    """
    row = connection.execute(
        "SELECT opened_us, opened_at FROM epochs WHERE timeless AND boot = ? AND opened_at <= ?"
        " AND epoch = (SELECT max(epoch) FROM epochs)",
        (boot, at),
    ).fetchone()
    return None if row is None or not boot else from_us(_later(row[0], row[1], at))


def begin(connection: sqlite3.Connection, epoch: int, boot: str, at: float, *, known: bool) -> None:
    """Note how it stands with the time in this opening."""
    connection.execute(
        "UPDATE epochs SET boot = ?, opened_at = ?, timeless = ? WHERE epoch = ?", (boot, at, not known, epoch)
    )


def put_right(connection: sqlite3.Connection, epoch: int) -> None:
    """What an opening stamped is right now."""
    connection.execute("UPDATE epochs SET timeless = 0 WHERE epoch = ?", (epoch,))


def misplaced(connection: sqlite3.Connection, epoch: int, newest_us: int) -> Iterator[Misplaced]:
    """Earlier openings to be moved, the latest first; `epoch` is the present one, whose own stamps are right.

    `newest_us`: up to where the last of them may have stamped. Move each before the next is asked for: where it ends
    up bounds the one before it.
    """
    while True:
        next_us, boot, at = connection.execute(
            "SELECT opened_us, boot, opened_at FROM epochs WHERE epoch = ?", (epoch,)
        ).fetchone()
        row = connection.execute(
            "SELECT epoch, opened_us, boot, opened_at FROM epochs WHERE timeless AND epoch < ? ORDER BY epoch DESC",
            (epoch,),
        ).fetchone()
        if row is None:
            return
        epoch, began_us = row[0], row[1]
        exact = bool(boot) and row[2] == boot and row[3] is not None and row[3] <= at
        ended_us = max(began_us, newest_us)
        by_us = next_us - (_later(began_us, row[3], at) if exact else ended_us)
        yield Misplaced(epoch, began_us, ended_us, max(0, by_us), exact)
        newest_us = began_us


def told(connection: sqlite3.Connection) -> Mapping[StationId, int]:
    """Since when stations have gone by a time that an opening told them which is still to be put right."""
    if connection.execute("SELECT 1 FROM epochs WHERE timeless LIMIT 1").fetchone() is None:
        return {}  # events have no index by time, and are many
    rows = connection.execute(
        "SELECT station, min(time_us) FROM events WHERE type = ? AND time_us >="
        " (SELECT min(opened_us) FROM epochs WHERE timeless) AND epoch IN (SELECT epoch FROM epochs WHERE timeless)"
        " GROUP BY station",
        (TOLD_ESTIMATE,),
    ).fetchall()
    return {StationId(station): since_us - since_us % _MILLION for station, since_us in rows}


def _later(opened_us: int, opened_at: float, at: float) -> int:
    return opened_us + round((at - opened_at) * _MILLION)
