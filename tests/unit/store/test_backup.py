"""A backup is one moment of a ledger that goes on; put back, nothing of before is lost, however it was interrupted."""

import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.store import archive, backup, disk, restoring
from sitectl.store.archive import BadArchive, Part
from sitectl.store.errors import SchemaTooNew, StoreUnavailable
from sitectl.store.migrate import shipped
from sitectl.store.opening import Store
from sitectl.store.restoring import ForeignGateway, restore
from tests.unit.store.builders import NOON, Says

ABOUT = {"site": "depot", "sitectl": "0.1.0", "made": "2026-11-20T12:00:00Z", "gateway_id": "a", "secrets": False}


def write_archive(target: Path, *parts: Part, **about: Any) -> Path:
    target.write_bytes(b"".join(archive.stream(archive.manifest(ABOUT | about, parts), parts)))
    return target


def starts(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM transactions").fetchone()[0])
    finally:
        connection.close()


async def backed_up(store: Store, path: Path) -> Path:
    """A backup of a ledger with one transaction; then a second one comes, and the ledger is closed."""
    says = Says(store)
    await says.start()
    made = write_archive(path.parent / "depot.backup", Part.nameless(archive.LEDGER, backup.copy(path)))
    await says.start(evse=2, message_id="2")
    await store.close()
    return made


async def test_it_is_one_moment_while_others_write(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(n, n) for n in range(20_000)]
    await store.database.run(lambda c: c.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)"))
    await store.database.run(lambda c: c.executemany("INSERT INTO pairs VALUES (?, ?)", pairs))
    monkeypatch.setattr(backup, "STEP_PAGES", 4)
    writer, writes = sqlite3.connect(path), 0

    def write() -> bool:
        nonlocal writes
        writes += 1
        with writer:
            writer.execute("UPDATE pairs SET a = ?, b = ? WHERE rowid % 3 = ?", (-writes, -writes, writes % 3))
        return True

    copied = sqlite3.connect(backup.copy(path, write))
    writer.close()
    assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert copied.execute("SELECT a, b FROM pairs ORDER BY a").fetchall() == pairs
    copied.close()
    assert writes > 20


async def test_where_there_is_no_room_it_says_how_much_it_takes(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "space", lambda directory: disk.Space(1000, 10**9))
    with pytest.raises(StoreUnavailable, match=r"no room for a copy of the ledger: it takes \d+ MB"):
        backup.copy(path)
    assert not backup.copy_of(path).exists()


async def test_one_that_is_broken_off_leaves_nothing(store: Store, path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="broken off"):
        backup.copy(path, lambda: False)
    assert not backup.copy_of(path).exists()


async def test_what_is_put_back_is_what_was_and_what_was_there_is_kept(store: Store, path: Path) -> None:
    made = await backed_up(store, path)
    done = restore(made, path, NOON, take_over=False)
    assert done.aside is not None
    assert (starts(path), starts(done.aside)) == (1, 2)
    assert done.aside.name.endswith("before-restore-20261120T120000Z")
    assert not Path(f"{path}-wal").exists()


async def test_while_a_daemon_runs_it_is_refused(store: Store, path: Path, tmp_path: Path) -> None:
    made = write_archive(tmp_path / "b", Part.nameless(archive.LEDGER, backup.copy(path)))
    with pytest.raises(StoreUnavailable, match="in use by another process"):
        restore(made, path, NOON, take_over=False)


async def test_another_gateways_is_refused_until_it_is_said_to_take_over(store: Store, path: Path) -> None:
    made = await backed_up(store, path)
    Path(f"{path}.identity").write_text('{"gateway_id": "other", "epoch": 1, "slices": [1]}')
    with pytest.raises(ForeignGateway, match=r"of gateway other: .* --take-over"):
        restore(made, path, NOON, take_over=False)
    assert starts(path) == 2
    restore(made, path, NOON, take_over=True)
    assert starts(path) == 1


async def test_a_newer_schema_is_refused(store: Store, path: Path) -> None:
    await store.close()
    newer = path.parent / "newer.db"
    newer.write_bytes(path.read_bytes())
    connection = sqlite3.connect(newer)
    connection.execute(f"PRAGMA user_version = {shipped()[-1].number + 1}")
    connection.close()
    made = write_archive(path.parent / "b", Part.of(archive.LEDGER, newer), sitectl="9.9")
    with pytest.raises(SchemaTooNew, match=r"made by sitectl 9\.9 .* install that version"):
        restore(made, path, NOON, take_over=False)


async def test_a_damaged_one_is_refused_whatever_is_damaged(store: Store, path: Path) -> None:
    made = await backed_up(store, path)
    content = made.read_bytes()
    for place in (len(content) // 2, 600, 1500):
        bad = bytearray(content)
        bad[place] ^= 0xFF
        made.write_bytes(bad)
        with pytest.raises((BadArchive, EnvironmentFault)):
            restore(made, path, NOON, take_over=False)
        assert starts(path) == 2
    for length in (0, 100, 512, len(content) // 2, len(content) - 20_000):
        made.write_bytes(content[:length])
        with pytest.raises(BadArchive):
            restore(made, path, NOON, take_over=False)
    made.write_bytes(b"no backup" * 1000)
    with pytest.raises(BadArchive, match="no backup"):
        archive.check(made)
    assert starts(path) == 2
    assert not Path(f"{path}.restoring").exists()


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    made = write_archive(tmp_path / "b", Part.of("../../evil", tmp_path / "file"))
    with pytest.raises(BadArchive, match="outside of its folder"):
        archive.unpack(made, tmp_path / "into")
    with tarfile.open(tmp_path / "link", "w") as tar:
        info = tarfile.TarInfo(archive.MANIFEST)
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(BadArchive):
        archive.unpack(tmp_path / "link", tmp_path / "into")


class Cut(BaseException):
    """The power goes."""


async def test_wherever_it_is_interrupted_nothing_is_lost(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await backed_up(store, path)
    before = path.read_bytes()
    steps = 0

    def cut(call: Callable[..., Any], at: int) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == at:
                raise Cut
            return call(*arguments, **named)

        return counted

    for at in range(1, 40):
        shutil.rmtree(f"{path}.restoring", ignore_errors=True)
        for left in path.parent.glob(f"{path.name}.before-restore*"):
            left.unlink()
        path.unlink()
        path.write_bytes(before)
        steps = 0
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", cut(os.link, at))
            patch.setattr(os, "fsync", cut(os.fsync, at))
            patch.setattr(os, "fchmod", cut(os.fchmod, at))
            patch.setattr(Path, "unlink", cut(Path.unlink, at))
            patch.setattr(Path, "replace", cut(Path.replace, at))
            patch.setattr(restoring.shutil, "rmtree", lambda *_, **__: None)
            try:
                restore(made, path, NOON, take_over=False)
            except Cut:
                pass
            else:
                break
        kept = [*path.parent.glob(f"{path.name}.before-restore*")]
        assert starts(path) == 2 or (starts(path) == 1 and [starts(p) for p in kept] == [2]), at
        if starts(path) == 2:
            for one in kept:
                one.unlink()
            shutil.rmtree(f"{path}.restoring", ignore_errors=True)
            restore(made, path, NOON, take_over=False)
            assert starts(path) == 1
    assert 5 < at < 39
