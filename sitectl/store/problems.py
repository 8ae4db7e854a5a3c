"""What is wrong with the disk, in words that tell a technician what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sitectl.model.health import Finding
from sitectl.model.storage import DiskUse, Salvage, StoreHealth, StoreState
from sitectl.store.ballast import SHED_BELOW

WHERE = "store"
MEGABYTE = 2**20
WARN_BELOW = 128 * MEGABYTE
WAL_ALARM = 64 * MEGABYTE
SLOW_S = 2.0
MEANWHILE = (
    "Until then charging goes on and fuses are kept, but no limit is raised and no transaction message is answered: "
    "stations keep theirs and tell them again."
)


def findings(health: StoreHealth) -> Iterator[Finding]:
    """Everything wrong; what stands before the colon names the problem, what follows may change."""
    words = _WORDS.get(health.state)
    if words is not None:
        what, do = words
        free = "" if health.disk is None else f"{health.disk.free / MEGABYTE:.0f} MB are free"
        yield what.format(free=free, why=health.why), WHERE, do.format(directory=health.directory)
    for salvage in health.salvages:
        yield _salvaged(salvage)
    if health.state.writes:
        if health.disk is not None:
            yield from _room(health, health.disk)
        if health.slow_s >= SLOW_S:
            yield (
                f"The disk is slow: a write takes {health.slow_s:.1f} s",
                WHERE,
                "Stations wait as long for the answer to a transaction message. See what else uses the disk (`iotop`), "
                "or replace it.",
            )


def _salvaged(salvage: Salvage) -> Finding:
    """What was saved from a damaged file, and what was not."""
    saved = ", ".join(f"{salvage.saved.get(table, 0)} {words}" for table, words in _COUNTED)
    lost = [f"{count} damaged pages of {table}" for table, count in salvage.damaged.items()]
    if salvage.lost_frames:
        lost.append(f"{salvage.lost_frames} pages of the log")
    if salvage.missing:
        lost.append(f"{len(salvage.missing)} transactions that others tell of ({', '.join(salvage.missing[:3])}, …)")
    still = "" if salvage.complete else " Old frames and events are still being copied."
    when, gone = f"{salvage.when:%Y-%m-%d %H:%M}", ", ".join(lost) or "none"
    return (
        f"The ledger was damaged on {when}: saved {saved}; not saved: {gone}",
        WHERE,
        f"Compare with the centrals what is missing, and check the disk (`dmesg`).{still} The damaged file is kept in "
        f"{salvage.folder}: move that folder away, and this notice goes.",
    )


_COUNTED = (("transactions", "transactions"), ("outbox", "messages for centrals"), ("limits", "limits"))


def _room(health: StoreHealth, disk: DiskUse) -> Iterator[Finding]:
    if health.state is StoreState.OK and disk.free < WARN_BELOW:
        yield (
            f"The disk fills up: {disk.free / MEGABYTE:.0f} MB are free",
            WHERE,
            f"Free space on the disk of {health.directory}; below {SHED_BELOW // MEGABYTE} MB only transactions and "
            "limits are written.",
        )
    if disk.wal >= WAL_ALARM:
        yield (
            f"The ledger's log does not shrink: {disk.wal / MEGABYTE:.0f} MB",
            WHERE,
            f"Close every other program that has the ledger open (`fuser {health.directory}/*.db` names them).",
        )


_WORDS = {
    StoreState.TIGHT: (
        "The disk is nearly full: {free}",
        "Free space on the disk of {directory}. Transactions and limits are written, the journal and remembered tokens "
        "are not.",
    ),
    StoreState.RESERVE: (
        "The disk is full, transactions go into the last reserve: {free}",
        "Free space on the disk of {directory} now. When the reserve is used up no transaction is taken.",
    ),
    StoreState.SLOW: ("The disk does not answer: {why}", f"Check the disk of {{directory}}. {MEANWHILE}"),
    StoreState.FULL: ("The disk is full: {why}", f"Free space on the disk of {{directory}}. {MEANWHILE}"),
    StoreState.READ_ONLY: (
        "The disk cannot be written: {why}",
        "Make {directory} writable again. A disk that fails makes itself read-only: see `dmesg`, and replace it then. "
        + MEANWHILE,
    ),
    StoreState.FAILING: (
        "The disk fails: {why}",
        "See `dmesg`; back up {directory} and replace the disk. It is tried again all the time. " + MEANWHILE,
    ),
    StoreState.BUSY: (
        "Another program holds the ledger: {why}",
        f"Close it (`fuser {{directory}}/*.db` names it). {MEANWHILE}",
    ),
    StoreState.CORRUPT: (
        "The ledger is damaged: {why}",
        "Wait: what can be read of it is being saved. " + MEANWHILE,
    ),
}
