"""A configuration that is broken at the next start: the one that served last can be told to go on."""

import asyncio
import os
from pathlib import Path

import pytest

from sitectl.config.load import Loaded, load
from sitectl.daemon import last_good
from tests.e2e.rig import Daemon, daemon, site, sitectl, until

PASSWORD = "a-long-password-for-one-station"


def protected(folder: Path) -> Path:
    """A site whose configuration names a file of its own directory, one elsewhere, and a part in conf.d."""
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "CP01").write_text(PASSWORD)
    (folder / "secrets" / "CP01").chmod(0o640)
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "priority.yaml").write_text("stations: {CP02: {priority: 3}}\n")
    config = site(folder)
    config.write_text(config.read_text().replace("  CP01:\n", "  CP01:\n    password_file: secrets/CP01\n"))
    return config


async def served_once(config: Path) -> Path:
    """Let the daemon serve by it and stop; where the copy is."""
    async with daemon(config) as running:
        await until(lambda: last_good.kept(config) is not None, what=running.log)
        await running.stop()
    copy = last_good.kept(config)
    assert copy is not None
    return copy


async def test_a_broken_file_is_refused_and_the_last_good_one_serves_when_told(tmp_path: Path) -> None:
    config = protected(tmp_path)
    copy = await served_once(config)
    (tmp_path / "secrets" / "CP01").unlink()
    whole = config.read_text()
    config.write_text(whole[: len(whole) // 2] + "\n  [")

    refused = Daemon(config)
    await refused.launch()
    assert await refused.ended() == 2
    async with daemon(config, "--last-good", STATE_DIRECTORY=str(tmp_path / "data")) as running:
        assert f"serving by the last configuration that did, {copy}" in running.log
        status = await running.get("status")
        (problem,) = [problem for problem in status["problems"] if problem["where"] == "configuration"]
        assert problem["what"].startswith("The configuration is not used: ")
        assert "site.yaml" in problem["what"]
        assert set(status["stations"]) == {"CP01", "CP02", "CP03", "CP04"}
        assert (tmp_path / "data" / "ledger.db").exists()

        (tmp_path / "secrets" / "CP01").write_text(PASSWORD)
        config.write_text(whole)
        os.kill(running.pid, 1)
        await until(lambda: "was read again and holds from now on" in running.log, what=running.log)
        where = [problem["where"] for problem in (await running.get("status"))["problems"]]
        assert "configuration" not in where
        await running.stop()


@pytest.mark.parametrize("starts", [2, pytest.param(20, marks=[pytest.mark.full, pytest.mark.timeout(300)])])
async def test_every_start_with_a_broken_file_serves(tmp_path: Path, starts: int) -> None:
    """The site of a boot loop (row P6): every start serves, none is worse than the one before."""
    config = site(tmp_path)
    await served_once(config)
    config.write_text("site: [\n")
    before = sorted(path.name for path in (tmp_path / "data").iterdir())
    for _ in range(starts):
        async with daemon(config, "--last-good", STATE_DIRECTORY=str(tmp_path / "data")) as running:
            assert set((await running.get("status"))["stations"]) == {"CP01", "CP02", "CP03", "CP04"}
            await running.kill()
    assert sorted(path.name for path in (tmp_path / "data").iterdir() if not path.name.startswith("ledger")) == [
        name for name in before if not name.startswith("ledger")
    ]


async def test_without_a_copy_the_broken_file_is_refused_all_the_same(tmp_path: Path) -> None:
    config = site(tmp_path)
    config.write_text("site: [\n")
    ended = await sitectl("run", "--config", config, "--last-good", STATE_DIRECTORY=str(tmp_path / "data"))
    assert ended.status == 2
    assert "site.yaml:" in ended.err


def loaded(config: Path) -> Loaded:
    found = load(config)
    assert isinstance(found, Loaded), found
    return found


def test_the_copy_is_whole_private_and_read_like_the_original(tmp_path: Path) -> None:
    config = protected(tmp_path)
    original = loaded(config)
    original.settings.site.data_dir.mkdir()
    assert last_good.keep(original)
    copy = last_good.kept(config)
    assert copy is not None
    read = loaded(copy)
    assert (read.effective, read.settings.passwords) == (original.effective, original.settings.passwords)
    assert read.settings.site == original.settings.site
    files = [path for path in copy.parent.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"site.yaml", "priority.yaml", "CP01", ".kept-from"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_it_is_written_when_something_changed_and_only_then(tmp_path: Path) -> None:
    config = protected(tmp_path)
    first = loaded(config)
    first.settings.site.data_dir.mkdir()
    assert last_good.keep(first)
    assert not last_good.keep(first)
    (tmp_path / "conf.d" / "priority.yaml").write_text("stations: {CP02: {priority: 4}}\n")
    assert last_good.keep(loaded(config))
    copy = last_good.kept(config)
    assert copy is not None
    assert not last_good.keep(loaded(copy)), "a copy is never copied"
    assert len([path for path in first.settings.site.data_dir.iterdir() if not path.is_symlink()]) == 1


def test_what_changed_since_it_was_read_is_not_kept(tmp_path: Path) -> None:
    config = protected(tmp_path)
    read = loaded(config)
    read.settings.site.data_dir.mkdir()
    config.write_text("site: [\n")
    assert not last_good.keep(read)
    assert last_good.kept(config, {"STATE_DIRECTORY": str(read.settings.site.data_dir)}) is None


def test_a_password_that_the_service_manager_hands_over_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = protected(tmp_path / "etc")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "secrets_CP01").write_text("another-password-for-this-station\n")
    (tmp_path / "credentials" / "secrets_CP01").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    read = loaded(config)
    assert list(read.settings.passwords.values()) == [b"another-password-for-this-station"]
    assert not read.warnings or "open to others" not in str(read.warnings)
    (tmp_path / "credentials" / "secrets_CP01").unlink()
    assert list(loaded(config).settings.passwords.values()) == [PASSWORD.encode()]


async def test_a_data_folder_that_takes_no_copy_stops_nobody(tmp_path: Path) -> None:
    config = site(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "last-good.1").write_text("in the way")
    async with daemon(config) as running:
        await until(lambda: "not kept as the last good one" in running.log)
        await asyncio.sleep(0.1)
        assert (await running.get("status"))["site"] == "depot-north"
        await running.stop()
