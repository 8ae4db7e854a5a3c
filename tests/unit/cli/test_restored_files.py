"""What root lays out of a backup is for the daemon's user to read, and its credentials to write."""

import os
from pathlib import Path

import pytest

from sitectl.cli.restored_files import lay_out_rest

DAEMON = 12345
"""A user and a group; nobody has to be known by this number."""


def _tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _owner_and_mode(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid, status.st_mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_they_belong_to_whom_their_folder_belongs(tmp_path: Path) -> None:
    laid = _tree(
        tmp_path / "laid",
        "configuration/site.yaml",
        "configuration/conf.d/a.yaml",
        "secrets/cp01.password",
        "secrets/secrets/CP02",
        "credentials/gateway/key.pem",
    )
    etc, data = tmp_path / "etc", tmp_path / "data"
    etc.mkdir()
    data.mkdir()
    os.chown(etc, 0, DAEMON)
    os.chown(data, DAEMON, DAEMON)
    before = os.umask(0o077)
    try:
        lay_out_rest(laid, etc / "site.yaml", data, "before")
    finally:
        os.umask(before)
    assert _owner_and_mode(data / "credentials") == (DAEMON, DAEMON, 0o700)
    assert _owner_and_mode(data / "credentials/gateway") == (DAEMON, DAEMON, 0o700)
    assert _owner_and_mode(data / "credentials/gateway/key.pem") == (DAEMON, DAEMON, 0o600)
    assert _owner_and_mode(etc / "site.yaml") == (0, DAEMON, 0o640)
    assert _owner_and_mode(etc / "conf.d") == (0, DAEMON, 0o755)
    assert _owner_and_mode(etc / "cp01.password") == (0, DAEMON, 0o640)
    assert _owner_and_mode(etc / "secrets") == (0, DAEMON, 0o700)
