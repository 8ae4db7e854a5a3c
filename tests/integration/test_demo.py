"""The demo's engine with stand-ins for the daemon: what it starts it ends, and what goes wrong it finds."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.clock import SystemClock
from sitectl.base.errors import PeerError
from sitectl.base.tasks import Tasks
from sitectl.simulator import display
from sitectl.simulator.daemon_process import DaemonProcess, get_json
from sitectl.simulator.demo import DaemonUnusable, Demo, run_demo
from sitectl.simulator.layout import lay_out
from sitectl.simulator.scenario import Scenario
from sitectl.simulator.site import SimulatedSite

RELAY = (sys.executable, str(Path(__file__).with_name("forgetful_relay.py")))
SHORT = Scenario("short", "in a hurry", (0.1, 0.3), (0.8, 0.9), 1.0, ((0.0, 0.1), (0.5, 0.3)), (0.5, 0.6), (0.6, 0.7))
READY = "import sys, time; print('sitectl ready ocpp=127.0.0.1:1', file=sys.stderr, flush=True); time.sleep(60)"


class Notes(display.ProgressLines):
    """Progress lines that a test can read, and hooks on to what is shown."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.said: list[str] = []
        self.kill_amid = False
        """Kill the daemon once it knows of a transaction that runs."""

    def say(self, at_s: float, text: str) -> None:
        self.said.append(text)

    def show(self, at_s: float, site: SimulatedSite, status: Mapping[str, Any], daemon: str) -> None:
        super().show(at_s, site, status, daemon)
        pids = [text.removeprefix("daemon pid ") for text in self.said if text.startswith("daemon pid ")]
        if self.kill_amid and status.get("transactions", {}).get("open"):
            self.kill_amid = False
            os.kill(int(pids[-1]), signal.SIGKILL)


def demo(directory: Path, notes: Notes, seconds: float, command: Sequence[str] = RELAY) -> Demo:
    return Demo(SHORT, lay_out(4), seconds, directory, notes, SystemClock(), command)


async def test_a_faithful_relay_loses_nothing(tmp_path: Path) -> None:
    notes = Notes()
    report = await demo(tmp_path, notes, 5).run()
    assert (report.transactions.stations, report.transactions.lost, report.transactions.doubled) == (5, 0, 0)
    assert report.transactions.ledger == report.transactions.csms == 5
    assert report.transactions.max_energy_difference_wh <= 1
    assert report.problems == ()
    assert (report.restarts, report.cycle_p99_ms) == (0, 2)
    assert sorted(report.circuits) == ["garage", "grid"]
    assert "the uplink is cut" in notes.said
    assert "the uplink is back" in notes.said


async def test_a_daemon_that_forgets_when_killed_is_found_out(tmp_path: Path) -> None:
    notes = Notes()
    notes.kill_amid = True
    report = await demo(tmp_path, notes, 5).run()
    assert report.restarts == 1
    assert "the daemon ended with signal 9" in notes.said
    assert report.transactions.lost > 0
    assert report.transactions.csms == report.transactions.stations
    assert not report.ok


async def test_a_daemon_that_refuses_its_configuration_ends_the_demo_with_its_words(tmp_path: Path) -> None:
    refuses = (sys.executable, "-c", "import sys; print('site.yaml:1:1: no', file=sys.stderr); sys.exit(2)")
    with pytest.raises(DaemonUnusable, match=r"site.yaml:1:1: no"):
        await demo(tmp_path, Notes(), 5, refuses).run()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scenario": "storm"}, "no scenario 'storm'"),
        ({"stations": 0}, "1 to 200 stations"),
        ({"seconds": 5}, "20 s at least"),
    ],
)
def test_impossible_demos_are_usage_errors(
    arguments: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_demo(**arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""


async def test_a_daemon_that_dies_is_started_again_and_stopped_in_order() -> None:
    said: list[str] = []
    daemon, tasks = DaemonProcess([sys.executable, "-c", READY], said.append), Tasks()
    task = tasks.spawn(daemon.run(), "daemon")
    await asyncio.wait_for(daemon.ready.wait(), 30)
    assert daemon.pid is not None
    os.kill(daemon.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while daemon.starts < 2 or not daemon.ready.is_set():
            await asyncio.sleep(0.02)
    assert said[1] == "the daemon ended with signal 9"
    assert await daemon.stop()
    await asyncio.wait_for(task, 30)
    assert daemon.pid is None


async def test_nobody_on_the_socket_is_a_peer_error(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="does not answer /v1/status"):
        await get_json(tmp_path / "nothing.sock", "/v1/status")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 503 Unavailable\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\n\r\nnot json", "no JSON"),
        (b"", "does not answer"),
    ],
)
async def test_an_unusable_answer_is_a_peer_error(tmp_path: Path, reply: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "api.sock"):
        with pytest.raises(PeerError, match=words):
            await get_json(tmp_path / "api.sock", "/v1/status")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_a_terminal_gets_the_live_table_and_a_pipe_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    out = Terminal()
    site = SimulatedSite(lay_out(30), "ws://127.0.0.1:9", SystemClock(), seed=1)
    with display.choose(out) as table:
        assert isinstance(table, display.LiveTable)
        table.say(1.0, "a car arrives")
        table.show(1.0, site, {"state": "degraded"}, "daemon pid 4711")
    for words in ("site degraded", "daemon pid 4711", "garage", "CP01/1", "and 12 more", "a car arrives"):
        assert words in out.getvalue()
    assert isinstance(display.choose(io.StringIO()), display.ProgressLines)
