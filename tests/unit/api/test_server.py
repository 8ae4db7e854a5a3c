"""The socket: ours alone, its mode set from the first moment, never taken from another daemon."""

import socket
import stat
from pathlib import Path

import pytest

from sitectl.api.server import bind
from sitectl.base.errors import EnvironmentFault


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_socket_is_for_owner_and_group_and_its_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "run" / "sitectl" / "sitectl.sock"
    with bind(path):
        assert mode(path) == 0o660


def test_what_a_dead_daemon_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "sitectl.sock"
    bind(path).close()
    assert path.is_socket()
    with bind(path):
        assert path.is_socket()


def test_a_daemon_that_lives_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "sitectl.sock"
    with bind(path):
        inode = path.stat().st_ino
        with pytest.raises(EnvironmentFault, match=r"another sitectl answers there; set api.socket"):
            bind(path)
        assert path.stat().st_ino == inode


def test_a_daemon_that_is_too_busy_to_answer_keeps_its_socket_too(tmp_path: Path) -> None:
    path = tmp_path / "sitectl.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        with pytest.raises(EnvironmentFault):
            bind(path)
        assert path.is_socket()


@pytest.mark.parametrize("what", ["file", "too long", "below a file"])
def test_a_place_that_cannot_be_had_is_named_with_its_cure(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").write_text("")
    path = {"file": tmp_path / "file", "too long": tmp_path / ("x" * 120), "below a file": tmp_path / "file" / "s"}[
        what
    ]
    with pytest.raises(EnvironmentFault, match=r"cannot listen on .*; set api.socket"):
        bind(path)
    assert (tmp_path / "file").read_text() == ""


def test_what_is_no_socket_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("somebody's")
    with pytest.raises(EnvironmentFault, match=r"what stands there is no socket, and is left alone; set api.socket"):
        bind(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "somebody's"
