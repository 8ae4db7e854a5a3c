"""A file takes the place of another whole, whatever was left there by one that was killed."""

import errno
import os
from pathlib import Path

import pytest

from sitectl.config.written import cure, replace


def left_by_a_kill(path: Path) -> Path:
    """As it is when the number of a killed process comes round again."""
    left = path.with_name(f".{path.name}.{os.getpid()}.new")
    left.write_bytes(b"half of")
    return left


def test_what_was_left_by_one_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    left = left_by_a_kill(path)
    replace(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert not left.exists()


def test_what_was_left_as_a_link_leads_nowhere(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "site.yaml", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"not ours")
    left = left_by_a_kill(path)
    left.unlink()
    left.symlink_to(elsewhere)
    replace(path, b"whole")
    assert (path.read_bytes(), elsewhere.read_bytes()) == (b"whole", b"not ours")


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EACCES, "as a user who may"),
        (errno.EROFS, "mount"),
        (errno.EIO, "look at"),
    ],
)
def test_each_refusal_of_a_disk_has_its_own_cure(number: int, word: str) -> None:
    assert word in cure(OSError(number, os.strerror(number)))
