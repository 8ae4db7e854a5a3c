"""The socket as the whole reader finds it, or left to that reader."""

from pathlib import Path

import pytest

from sitectl.config.load import api_socket
from sitectl.config.models import Api
from sitectl.config.quick import DEFAULT_SOCKET, NOT_SAID, socket_name

SITE = "site: {name: x}\ncircuits:\n  grid: {rated_a: 100}\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", NOT_SAID),
        ("api: {socket: s.sock}\n", "s.sock"),
        ("api: {listen: null, socket: /run/x/s.sock, groups: {viewer: a}}\n", "/run/x/s.sock"),
        ("api:\n  socket: run/s.sock   # here\n  groups: {viewer: a}\n", "run/s.sock"),
        ("api:   # later\n  # socket: other\n  socket: s.sock\n", "s.sock"),
        ("api:\n  groups: {viewer: a}\n", NOT_SAID),
        ("api: {groups: x}\n", NOT_SAID),
        ("stations:\n  socket: {circuit: grid, max_a: 16}\n", NOT_SAID),
        ("api: {socket: 'a b.sock'}\n", None),
        ("api:\n  socket: >\n    s.sock\n", None),
        ("api: &x {socket: s.sock}\n", None),
        ("api:\n  'socket': s.sock\n", None),
        ('"api": {socket: s.sock}\n', None),
        ("---\napi: {socket: s.sock}\n", None),
        ("api: {socket: s.sock}\napi: {socket: t.sock}\n", None),
        ("{api: {socket: s.sock}}\n", None),
        ("api: {socket: s.sock,\n  listen: null}\n", None),
        ("api:\n\tsocket: s.sock\n", None),
    ],
)
def test_what_it_says_is_what_stands_there(tmp_path: Path, text: str, name: str | None) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text if text.startswith(("---", "{")) else SITE + text)
    found = socket_name(path)
    assert found == name
    if found is not None:
        assert api_socket(path) == (tmp_path / found if found else Path(DEFAULT_SOCKET))


def test_files_beside_it_are_read_too(tmp_path: Path) -> None:
    path, beside = tmp_path / "site.yaml", tmp_path / "conf.d"
    beside.mkdir()
    path.write_text(SITE)
    (beside / "api.yaml").write_text("api: {socket: s.sock}\n")
    assert socket_name(path) == "s.sock"
    assert api_socket(path) == tmp_path / "s.sock"
    path.write_text(SITE + "api: {socket: t.sock}\n")
    assert socket_name(path) is None
    path.write_bytes(b"\xff\xfe")
    assert socket_name(path) is None


def test_the_default_is_that_of_the_configuration() -> None:
    assert Api().socket == DEFAULT_SOCKET
