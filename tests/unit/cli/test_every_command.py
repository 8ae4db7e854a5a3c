"""Every command: help with examples, and the exit statuses that scripts rely on."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from sitectl.cli.main import app
from tests.unit.cli.canned import Canned, canned
from tests.unit.cli.terminal import on_a_terminal

WORDS = {
    "id": "CP01", "file": "FILE", "name": "main", "service": "operative", "mode": "observe", "step": "files",
    "connection": "tcp://127.0.0.1:9", "station": "CP01", "path": "site.name",
}  # fmt: skip
"""What stands for the arguments that a command needs."""

MORE = {
    "station limit": ["10"], "circuit limit": ["10"], "station departure": ["--at", "17:30"],
    "station adopt": ["--circuit", "grid", "--max-a", "16"], "commission confirm": ["--note", "x"],
    "config show": ["--effective"], "heal pause": ["--why", "x"], "transaction requeue": [],
}  # fmt: skip
ALONE = {
    "run": "serves itself", "config show": "shows the files' part", "doctor": "says so as a finding",
    "top": "wants a terminal", "meter read": "opens the line itself", "meter watch": "opens the line itself",
    "meter scan": "opens the line itself", "meter test": "opens the line itself",
}  # fmt: skip
"""What answers without a daemon, and why."""


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each command that does something, by its words."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, (*path, name))
    if command.invoke_without_command:
        yield " ".join(path), command


ROOT = typer.main.get_command(app)
COMMANDS = dict(leaves(ROOT))
ASKING = sorted(n for n, c in COMMANDS.items() if n not in ALONE and any(one.name == "socket" for one in c.params))


def line(name: str, folder: Path, socket: Path) -> list[str]:
    """The command with all that it needs."""
    (folder / "FILE").write_text("{}")
    given = [WORDS[one.name] for one in COMMANDS[name].params if one.required and one.param_type_name == "argument"]
    given = [str(folder / word) if word == "FILE" else word for word in given]
    return [*name.split(), *given, *MORE.get(name, []), "--socket", str(socket)]


@dataclass
class Ended:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str


def run(*words: str) -> Ended:
    """In this process, with the commands built once: that takes longest."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            ROOT.main(list(words), prog_name="sitectl")
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
    return Ended(status, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SITECTL_CONFIG", "SITECTL_SOCKET", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


class Always(dict[str, Any]):
    """The same answer to whatever is asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    def get(self, key: str, default: Any = None) -> Any:
        return self._answer


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Canned]:
    with canned(tmp_path / "s.sock") as daemon:
        yield daemon


def test_each_has_help_with_examples() -> None:
    for name, command in sorted(COMMANDS.items()):
        shown = run(*name.split(), "--help")
        assert shown.exit_code == 0, name
        assert "Usage: " in shown.stdout, name
        assert command.help, f"{name}: says what it does"
        assert command.epilog, f"{name}: has examples"
        assert "sitectl" in command.epilog, name
        options = [one for one in command.params if one.name != "help" and one.param_type_name == "option"]
        assert all(one.help for one in options), name


def test_an_option_that_it_does_not_know_is_exit_status_2() -> None:
    for name in COMMANDS:
        assert run(*name.split(), "--no-such-thing").exit_code == 2, name


def test_without_a_daemon_each_is_exit_status_3(tmp_path: Path) -> None:
    for name in ASKING:
        ended = run(*line(name, tmp_path, tmp_path / "none.sock"))
        assert ended.exit_code == 3, (name, ended.stdout, ended.stderr)
        assert "sitectl: no daemon answers on" in ended.stderr, name
        assert ended.stdout == "", name


@pytest.mark.parametrize(("answered", "status"), [(403, 4), (409, 1), (503, 1)])
def test_what_the_daemon_refuses_is_said_by_each(answered: int, status: int, tmp_path: Path, daemon: Canned) -> None:
    daemon.answers = Always((answered, b'{"detail": "not while a car charges: unplug it first"}'))
    for name in ASKING:
        ended = run(*line(name, tmp_path, tmp_path / "s.sock"))
        assert ended.exit_code == status, (name, ended.stdout, ended.stderr)
        assert "unplug it first" in ended.stderr, name


@pytest.mark.parametrize("words", [["--help"], ["station", "--help"], ["status"], ["energy"], ["inventory"]])
def test_colour_is_for_terminals_and_not_for_all(words: list[str], tmp_path: Path, daemon: Canned) -> None:
    socket = [] if "--help" in words else ["--socket", str(tmp_path / "s.sock")]
    command = [sys.executable, "-m", "sitectl", *words, *socket]
    named = {"PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm-256color", "COLUMNS": "100"}
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")} | named
    daemon.answers["/v1/energy"] = {"schema": 1, "by": "day", "zone": "UTC", "periods": []}
    box = {"site": "depot", "host": "gw", "machine": "x86_64", "sitectl": "1", "python": "3"}
    daemon.answers["/v1/inventory"] = {"schema": 1, "gateway": box, "stations": {}, "meters": {}, "uplinks": {}}
    piped = subprocess.run(command, env=plain, capture_output=True, text=True, check=False, timeout=30)
    assert piped.returncode == 0, piped
    assert "\x1b" not in piped.stdout
    assert "\x1b" not in on_a_terminal(command, plain | {"NO_COLOR": "1"})


def test_a_look_loads_nothing_that_only_others_need(tmp_path: Path, daemon: Canned) -> None:
    config = tmp_path / "site.yaml"
    config.write_text("api: {socket: s.sock}\n")
    asked = "import sys; sys.argv = ['sitectl', 'status', '--json', '--config', sys.argv[1]]\n"
    asked += "from sitectl.cli.entry import main\ntry: main()\nexcept SystemExit: pass\n"
    asked += "print(*sys.modules, file=sys.stderr)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", asked, str(config)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert "depot-north" in ended.stdout, ended
    loaded = {name.split(".")[0] for name in ended.stderr.split()} | set(ended.stderr.split())
    dear = {
        "asyncio",
        "sitectl.config.load",
        "ruamel",
        "textual",
        "fastapi",
        "cryptography",
        "sqlite3",
        "sitectl.cli.main",
    }
    assert loaded & dear == set()
