"""A log that is damaged: SQLite takes the first damaged frame for the end, and says nothing."""

import os
import shutil
from pathlib import Path

import pytest

from sitectl.store.connection import PAGE_SIZE
from tests.unit.store.builders import Says
from tests.unit.store.damaging import (
    Rows,
    content,
    equal,
    found,
    opened,
)

FRAME = 24 + PAGE_SIZE


async def killed(path: Path, directory: Path, transactions: int = 30) -> tuple[Path, Rows]:
    """The files of a store that was killed with commits in its log, and what was acknowledged."""
    store = await opened(path, 5)
    says = Says(store)
    for _ in range(transactions):
        started = await says.start()
        await says.stop(started.station_transaction_id)
    directory.mkdir()
    copy = directory / path.name
    for suffix in ("", "-wal", ".outline", ".identity"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    await store.close()
    return copy, content(path)


def frames(path: Path) -> int:
    return (Path(f"{path}-wal").stat().st_size - 32) // FRAME


def damage_log(path: Path, frame: int, damage: bytes, at: int = 24) -> None:
    with Path(f"{path}-wal").open("r+b") as file:
        file.seek(32 + frame * FRAME + at)
        file.write(damage)


async def test_a_sound_log_is_no_damage(path: Path, tmp_path: Path) -> None:
    copy, before = await killed(path, tmp_path / "copy")
    assert frames(copy) > 200
    store = await opened(copy)
    assert store.health().salvages == ()
    await store.close()
    equal(content(copy), before)


@pytest.mark.parametrize("at", [0, 4, 8, 16, 24, 24 + 1000], ids=["page", "size", "salt", "sum", "content", "middle"])
async def test_frames_behind_a_damaged_one_are_not_lost(path: Path, tmp_path: Path, at: int) -> None:
    """SQLite would take the damaged frame for the end of the log, and say nothing."""
    copy, before = await killed(path, tmp_path / "copy")
    damage_log(copy, 40, b"\x5a\xa5\x5a\xa5", at)
    after, salvage = await found(copy)
    assert "log is damaged in the middle" in salvage.why
    assert salvage.lost_frames in (1, 2)
    lost = [row for row in before["transactions"] if row not in after["transactions"]]
    assert len(lost) <= 3, len(lost)
    assert len(after["outbox"]) >= len(before["outbox"]) - 6
    assert after["limits"] == []  # an old row would count an EVSE too low


async def test_a_log_without_its_header_is_read_all_the_same(path: Path, tmp_path: Path) -> None:
    copy, before = await killed(path, tmp_path / "copy")
    with Path(f"{copy}-wal").open("r+b") as file:
        file.write(b"\0" * 32)
    after, salvage = await found(copy)
    assert salvage.lost_frames == 1
    assert len(after["transactions"]) >= len(before["transactions"]) - 3


async def test_a_log_whose_file_is_gone_is_read_all_the_same(path: Path, tmp_path: Path) -> None:
    copy, before = await killed(path, tmp_path / "copy")
    copy.unlink()
    after, salvage = await found(copy)
    assert salvage.why == "it is gone, its log is there"
    assert len(after["transactions"]) == len(before["transactions"])


@pytest.mark.parametrize("cut", [1, 300, FRAME, FRAME + 1, 7 * FRAME])
async def test_a_log_that_ends_too_early_is_what_a_power_cut_leaves(path: Path, tmp_path: Path, cut: int) -> None:
    copy, before = await killed(path, tmp_path / "copy")
    log = Path(f"{copy}-wal")
    os.truncate(log, log.stat().st_size - cut)
    store = await opened(copy)
    assert store.health().salvages == ()
    await store.close()
    after = content(copy)
    assert set(map(repr, after["outbox"])) <= set(map(repr, before["outbox"]))


async def test_a_torn_last_commit_is_what_a_power_cut_leaves(path: Path, tmp_path: Path) -> None:
    copy, _ = await killed(path, tmp_path / "copy")
    damage_log(copy, frames(copy) - 3, b"\x5a\xa5\x5a\xa5")
    store = await opened(copy)
    assert store.health().salvages == ()
    await store.close()
