import os
from pathlib import Path

from sitectl.config.files import Content, Unreadable, read


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    path.chmod(0o600)
    content = read(path, 5)
    assert isinstance(content, Content)
    assert (content.data, content.is_too_open) == (b"12345", False)
    assert isinstance(read(path, 4), Unreadable)


def test_open_to_whom(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    for mode, too_open in ((0o600, False), (0o640, False), (0o644, True), (0o660, True), (0o601, True)):
        path.chmod(mode)
        content = read(path, 10)
        assert isinstance(content, Content)
        assert content.is_too_open is too_open


def test_what_may_never_end_is_not_begun(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / "nowhere", tmp_path / "a\0b"):
        assert isinstance(read(path, 10), Unreadable)
