import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import InlineWorker
from sitectl.security import vault as vaults
from sitectl.security.vault import Vault, segment


async def opened(folder: Path) -> Vault:
    vault = Vault(folder / "credentials", InlineWorker())
    await vault.open()
    return vault


async def test_what_is_written_is_there_after_a_restart_and_for_nobody_else(tmp_path: Path) -> None:
    vault = await opened(tmp_path)
    assert vault.held("a/key.pem") is None
    await vault.write({"a/key.pem": b"secret", "a/leg.json": b"{}"})
    assert vault.held("a/key.pem") == b"secret"
    again = await opened(tmp_path)
    assert again.held("a/key.pem") == again.path("a/key.pem").read_bytes() == b"secret"
    assert again.names("a/") == ["a/key.pem", "a/leg.json"]
    assert again.names("b/") == []
    assert again.path("a/key.pem").stat().st_mode & 0o777 == 0o600
    for folder in (tmp_path / "credentials", tmp_path / "credentials/a"):
        assert folder.stat().st_mode & 0o777 == 0o700


async def test_files_are_replaced_and_removed(tmp_path: Path) -> None:
    vault = await opened(tmp_path)
    await vault.write({"key": b"old"})
    await vault.write({"key": b"new"})
    assert (await opened(tmp_path)).held("key") == b"new"
    await vault.remove("key", "never-there")
    assert vault.held("key") is None
    assert (await opened(tmp_path)).names("") == []


async def test_a_write_that_was_cut_short_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = await opened(tmp_path)
    await vault.write({"key": b"old"})

    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vaults.os, "fsync", fails)
    with pytest.raises(EnvironmentFault, match="No space left"):
        await vault.write({"key": b"new"})
    monkeypatch.undo()
    assert vault.held("key") == b"old"
    assert (tmp_path / "credentials/key.new").exists()
    again = await opened(tmp_path)
    assert again.held("key") == b"old"
    assert again.names("") == ["key"]
    assert not (tmp_path / "credentials/key.new").exists()


async def test_a_secret_that_was_open_is_closed_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vault = await opened(tmp_path)
    await vault.write({"key": b"secret"})
    vault.path("key").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        again = await opened(tmp_path)
    assert again.held("key") == b"secret"
    assert vault.path("key").stat().st_mode & 0o777 == 0o600
    assert "was open to others" in caplog.text


def _is_a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def _is_huge(path: Path) -> None:
    path.write_bytes(b"x" * (vaults.LARGEST + 1))


@pytest.mark.parametrize("make", [_is_a_link, _is_huge, Path.mkdir])
async def test_what_does_not_belong_there_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    vault = await opened(tmp_path)
    await vault.write({"key": b"secret"})
    make(tmp_path / "credentials/strange")
    assert (await opened(tmp_path)).names("") == ["key"]
    assert (tmp_path / "credentials/strange").exists()


@pytest.mark.parametrize("text", ["..", ".", "a/b", "CP*01=|@", "ä", "~"])
def test_any_name_is_one_segment_of_its_own(text: str) -> None:
    made = segment(text)
    assert "/" not in made
    assert not made.startswith(".")
    assert made.isascii()
    assert segment("CP01") == "CP01"
