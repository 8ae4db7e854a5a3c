"""A terminal that is closed in the middle of `sitectl init`: a real one, whose end the kernel tells by SIGHUP."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from sitectl.config.load import Loaded, load
from tests.e2e.rig import SITECTL, environment
from tests.unit.cli.test_init import BEGIN, REST

WITHIN_S = 60.0


class Terminal:
    """One in which `sitectl init` runs."""

    def __init__(self, target: Path) -> None:
        self._here, there = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [
                "setsid",
                "--ctty",
                *SITECTL,
                "init",
                "--config",
                str(target),
            ],  # its terminal, by which it hears of the end
            stdin=there,
            stdout=there,
            stderr=there,
            env=environment(TERM="xterm", COLUMNS="80", LINES="24"),
        )
        os.close(there)

    def question(self) -> None:
        """Read until it waits for an answer: nothing more comes, and the line is not over."""
        until, seen = time.monotonic() + WITHIN_S, len(self.shown)
        while time.monotonic() < until:
            if select.select([self._here], [], [], 0.5)[0]:
                self.shown += os.read(self._here, 4096).decode()
            elif len(self.shown) > seen and not self.shown.endswith("\n"):
                return
        raise AssertionError(self.shown)

    def type(self, line: str) -> None:
        os.write(self._here, f"{line}\n".encode())

    def close(self) -> None:
        os.close(self._here)


@pytest.mark.parametrize(
    "answered", [5, pytest.param(0, marks=pytest.mark.full), pytest.param(12, marks=pytest.mark.full)]
)
def test_it_goes_on_where_the_terminal_was_closed(tmp_path: Path, answered: int) -> None:
    target, lines = tmp_path / "site.yaml", BEGIN + REST
    terminal = Terminal(target)
    for line in lines[:answered]:
        terminal.question()
        terminal.type(line)
    terminal.question()
    terminal.close()
    assert terminal.process.wait(WITHIN_S) != 0
    assert not target.exists()  # nothing that is half a site
    rest = "".join(f"{line}\n" for line in lines[answered:])
    again = subprocess.run(
        [*SITECTL, "init", "--config", str(target)],
        input=rest,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=WITHIN_S,
        check=False,
    )
    assert again.returncode == 0, again
    found = load(target)
    assert isinstance(found, Loaded)
    assert set(found.settings.topology.stations) == {"CP01", "CP02", "CP03", "2CP"}
