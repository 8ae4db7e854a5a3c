"""The man page and the completions, made from the commands."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sitectl.cli.main import app
from tests.packaging.packages import ROOT, needs, run

MANUAL = (sys.executable, ROOT / "packaging" / "manual.py")
AS_SITE = {"PYTHONPATH": str(ROOT)}


def commands(command: Any, name: str = "sitectl") -> Iterator[str]:
    below = getattr(command, "commands", None)
    if not below:
        yield name
    for word, inner in (below or {}).items():
        yield from commands(inner, f"{name} {word}")


@pytest.fixture(scope="module")
def page() -> str:
    return run(*MANUAL, "man", "1.2.3", "1700000000", **AS_SITE).stdout


def test_every_command_has_its_place(page: str) -> None:
    for name in commands(typer.main.get_command(app)):
        assert f".SS {name}\n".replace("-", "\\-") in page, name
    assert '.TH SITECTL 1 "2023-11-14" "sitectl 1.2.3"' in page


def test_it_is_read_without_a_complaint(page: str, tmp_path: Any) -> None:
    needs("man", root=False)
    (tmp_path / "sitectl.1").write_text(page)
    shown = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", tmp_path / "sitectl.1", MANWIDTH="80")
    assert shown.stderr == ""
    assert "sitectl check site.yaml" in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_for_each_shell(shell: str) -> None:
    script = run(*MANUAL, "completion", shell, **AS_SITE).stdout
    assert "_SITECTL_COMPLETE" in script
    assert "sitectl" in script


@pytest.mark.parametrize(("line", "offered"), [("sitectl sta", "status"), ("sitectl station prob", "probe")])
def test_a_shell_that_asks_is_told_how_the_line_goes_on(line: str, offered: str) -> None:
    words = line.split()
    environ = {"_SITECTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    said = run(Path(sys.executable).with_name("sitectl"), check=False, **environ).stdout.split()
    assert offered in said
    assert all(word.startswith(words[-1]) for word in said)


def test_every_exit_status_of_the_man_page_is_one_of_the_commands(page: str) -> None:
    statuses = page.partition(".SH EXIT STATUS")[2].partition(".SH FILES")[0]
    assert [line[3:] for line in statuses.splitlines() if line.startswith(".B ")] == list("012345")
