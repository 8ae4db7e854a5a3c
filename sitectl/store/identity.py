"""Who writes this ledger, and which ids its stations may still get, kept beside the file as well.

A file may be lost, or an older copy of it put back. What it has given out must not be given out again: neither the
number of an epoch nor the transaction ids of stations. So a file of ids that does not follow the newest epoch gets a
slice of the ids that no file before it had.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from random import Random

import orjson

from sitectl.store import disk
from sitectl.store.counters import LOWEST, SLICE, SLICES
from sitectl.store.rows import Stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is kept beside the file."""

    gateway_id: str
    epoch: int
    slices: tuple[int, ...]


def kept(path: Path | None) -> Identity | None:
    """What the newest opening wrote; None when there was none, or it cannot be read."""
    if path is None:
        return None
    try:
        found = orjson.loads(_beside(path).read_bytes())
        return Identity(str(found["gateway_id"]), int(found["epoch"]), tuple(int(one) for one in found["slices"]))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def begin_epoch(connection: sqlite3.Connection, path: Path | None, random: Random, now_us: int) -> Stamp:
    """Each opening is an epoch of its own. The gateway's name is made with the first file, and outlives it."""
    before = kept(path)
    newest: int = connection.execute("SELECT coalesce(max(epoch), 0) FROM epochs").fetchone()[0]
    gateway_id = _meta(connection, "gateway_id") or (before.gateway_id if before else f"{random.getrandbits(48):012x}")
    if before is not None and (newest < before.epoch or gateway_id != before.gateway_id):
        log.warning("the ledger is older than the newest opening of it: stations get ids from another range")
        connection.execute("DELETE FROM station_counters")
        connection.execute("DELETE FROM meta WHERE key = 'ids_from'")
    epoch = max(newest, before.epoch if before else 0) + 1
    _write(connection, path, random, Identity(gateway_id, epoch, before.slices if before else ()), now_us)
    return Stamp.of(gateway_id, epoch)


def coming_epoch(connection: sqlite3.Connection, path: Path | None) -> Stamp:
    """What `begin_epoch` will make of a file that takes no writes yet."""
    before = kept(path)
    newest: int = connection.execute("SELECT coalesce(max(epoch), 0) FROM epochs").fetchone()[0]
    gateway_id = _meta(connection, "gateway_id") or (before.gateway_id if before else "")
    return Stamp.of(gateway_id, max(newest, before.epoch if before else 0) + 1)


def continue_epoch(
    connection: sqlite3.Connection, path: Path | None, random: Random, stamp: Stamp, now_us: int
) -> None:
    """Another file in the place of the present one, in the same opening."""
    before = kept(path)
    _write(connection, path, random, Identity(stamp.gateway_id, stamp.epoch, before.slices if before else ()), now_us)


def _write(connection: sqlite3.Connection, path: Path | None, random: Random, one: Identity, now_us: int) -> None:
    slices = one.slices
    ids_from = _meta(connection, "ids_from")
    if ids_from is None:
        unused = [number for number in range(SLICES) if number not in slices]
        chosen = random.choice(unused or range(SLICES))
        slices = (*slices, chosen) if unused else (chosen,)
        ids_from = str(LOWEST + chosen * SLICE)
    # The file beside it first: an id is given out only after it is known there that it may have been.
    if path is not None:
        try:
            content = {"gateway_id": one.gateway_id, "epoch": one.epoch, "slices": list(slices)}
            disk.replace(_beside(path), orjson.dumps(content))
        except OSError as error:
            log.warning("%s: %s; should the ledger be lost, ids of stations may repeat", _beside(path), error)
    connection.executemany(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
        [("gateway_id", one.gateway_id), ("ids_from", ids_from)],
    )
    connection.execute(
        "INSERT OR IGNORE INTO epochs (epoch, gateway_id, opened_us) VALUES (?, ?, ?)",
        (one.epoch, one.gateway_id, now_us),
    )


def _meta(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _beside(path: Path) -> Path:
    return Path(f"{path}.identity")
