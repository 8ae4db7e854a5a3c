"""The live view: whole screens at two sizes, the keys, a daemon that goes and comes back, and a real terminal."""

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitectl.cli.client import Client
from sitectl.cli.top_app import Top
from tests.unit.cli.canned import EVSE, GRID, STATION, STATUS, WHY, Canned, canned

SCREENS = Path(__file__).parent / "screens"
SIZES = [(80, 24), (200, 50)]
CHAIN = WHY | {"evse": 1}


def many_stations() -> dict[str, Any]:
    """Thirty stations, one of which has two EVSEs and an odd name."""
    found = {f"CP{n:02}": STATION | {"evses": {"1": EVSE | {"transaction": f"t{n}"}}} for n in range(1, 30)}
    found["POST*[b]"] = STATION | {"online": False, "evses": {"1": EVSE, "2": EVSE | {"reason": "warm breaker"}}}
    return found


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "s.sock"


@pytest.fixture
def daemon(socket: Path) -> Iterator[Canned]:
    with canned(socket) as daemon:
        prepare(daemon)
        yield daemon


def prepare(daemon: Canned) -> None:
    over = GRID | {"measured_a": [112.0, 39.9, 44.0], "rated_a": 100}
    circuits = {"grid": over, "garage": GRID | {"measured_a": None, "meter": None, "rated_a": 63}}
    daemon.answers["/v1/status"] = STATUS | {"stations": many_stations(), "circuits": circuits}
    daemon.answers["/v1/config"] = {"schema": 1, "settings": {"circuits": {"grid": {}, "garage": {"parent": "grid"}}}}
    daemon.answers["/v1/why/CP01:1"] = CHAIN
    daemon.answers["/v1/why/CP01%3A1"] = CHAIN
    daemon.answers["/v1/stations/CP01/reset"] = ACCEPTED


def screen_of(app: Top) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


async def shows(app: Top, words: str, within_s: float = 30.0) -> str:
    """The screen, once it holds these words."""
    async with asyncio.timeout(within_s):
        while words not in (shown := screen_of(app)):
            await asyncio.sleep(0.05)
    return shown


async def settled(app: Top) -> str:
    """The screen, once it stays as it is."""
    shown, again = "", screen_of(app)
    async with asyncio.timeout(30.0):
        while shown != again:
            shown = again
            await asyncio.sleep(0.5)
            again = screen_of(app)
    return shown


@pytest.mark.parametrize("size", SIZES)
async def test_the_whole_screen(daemon: Canned, socket: Path, size: tuple[int, int]) -> None:
    app = Top(Client(socket))
    async with app.run_test(size=size):
        await shows(app, "Charging")
        await shows(app, "transaction.started")
        compare(await settled(app), f"top-{size[0]}x{size[1]}.txt")


def compare(shown: str, name: str) -> None:
    """With the screen that was looked at and found good; SITECTL_SCREENS=write writes it anew, to be looked at."""
    path = SCREENS / name
    if os.environ.get("SITECTL_SCREENS") == "write":
        path.write_text(shown)
    assert shown == path.read_text()


async def test_a_station_with_the_reason_of_its_limit_and_a_reset(daemon: Canned, socket: Path) -> None:
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Charging")
        await pilot.press("enter")
        shown = await shows(app, "why 16 A on EVSE 1")
        assert "Acme AC-22 1.2" in shown
        assert "circuit garage has 16 A left" in shown
        await pilot.press("r")
        await shows(app, "Reset CP01 softly?")
        assert not [asked for asked in daemon.asked if "reset" in asked]
        await pilot.press("y")
        await shows(app, "CP01: Accepted")
        assert [asked for asked in daemon.asked if "reset" in asked] == [
            "POST /v1/stations/CP01/reset?hard=false&force=false"
        ]
        await pilot.press("escape")
        await pilot.press("u")
        await shows(app, "Release the plug of CP01:1?")
        await pilot.press("escape")
        await pilot.pause()
        assert not [asked for asked in daemon.asked if "unlock" in asked]


CEILING = {"schema": 1, "station": "CP01", "evse": 1, "kept": True, "source": "anna"}
DONE = {
    "limit": CEILING | {"ceiling_a": 10.5, "until": "2026-11-20T06:26:00Z", "notes": []},
    "free": CEILING | {"ceiling_a": None, "cleared": True},
    "out": {"schema": 1, "station": "CP01", "evse": 1, "operative": False, "status": "Scheduled"},
    "in": {"schema": 1, "station": "CP01", "evse": 1, "operative": True, "status": "Accepted"},
    "alone": {"schema": 1, "station": "CP01", "paused": True, "by": "anna", "why": ""},
    "healed": {"schema": 1, "station": "CP01", "paused": False, "was_paused": False},
}
ACCEPTED = {"schema": 1, "station": "CP01", "kind": "OnIdle", "status": "Accepted"}


@pytest.mark.parametrize(
    ("keys", "answer", "asked", "words"),
    [
        ("l10,5", DONE["limit"], "PUT evses/1/ceiling", "at most 10.5 A per phase until"),
        (
            "l-",
            DONE["limit"] | {"ceiling_a": None, "cleared": True},
            "DELETE evses/1/ceiling",
            "the limit is withdrawn",
        ),
        ("oo", DONE["out"], "POST availability?operative=false&evse=1", "out of service, Scheduled"),
        ("oi", DONE["in"], "POST availability?operative=true&evse=1", "into service, Accepted"),
        ("ha", DONE["alone"], "PUT healing/pause", "healing leaves it alone for 2 h"),
        ("hh", DONE["healed"], "DELETE healing/pause", "was not left alone"),
    ],
)
async def test_each_order_is_asked_for_and_then_done(
    daemon: Canned, socket: Path, keys: str, answer: dict[str, Any], asked: str, words: str
) -> None:
    method, _, path = asked.partition(" ")
    daemon.answers[f"/v1/stations/CP01/{path.partition('?')[0]}"] = answer
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Charging")
        await pilot.press(keys[0])
        await shows(app, "[esc] back")
        assert not ordered(daemon)
        await pilot.press(*[{",": "comma", "-": "minus"}.get(key, key) for key in keys[1:]])
        if keys[0] == "l":
            await pilot.press("enter")
        await shows(app, words)
        assert ordered(daemon) == [f"{method} /v1/stations/CP01/{path}"]
    if keys == "l10,5":
        assert daemon.sent == [{"value": 10.5, "valid_s": 900.0}]


def ordered(daemon: Canned) -> list[str]:
    """All that was asked for and is no question."""
    return [asked for asked in daemon.asked if not asked.startswith("/")]


async def test_what_would_end_a_transaction_wants_a_second_yes(daemon: Canned, socket: Path) -> None:
    busy = b'{"detail": "a car charges there, and its transaction would end; wait for it, or say --force"}'
    daemon.answers["/v1/stations/CP01/reset"] = (409, busy)
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Charging")
        await pilot.press("r")
        await shows(app, "Reset CP01 softly?")
        await pilot.press("y")
        await shows(app, "its transaction would end")
        shown = await shows(app, "[f] do it all the same")
        assert "CP01:1: a car charges there" in shown
        daemon.answers["/v1/stations/CP01/reset"] = {
            "schema": 1,
            "station": "CP01",
            "kind": "OnIdle",
            "status": "Accepted",
        }
        await pilot.press("f")
        await shows(app, "CP01: Accepted")
        assert [one.rpartition("=")[2] for one in ordered(daemon)] == ["false", "true"]


async def test_what_is_no_number_of_ampere_is_not_asked_for(daemon: Canned, socket: Path) -> None:
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Charging")
        await pilot.press("l")
        await shows(app, "[esc] back")
        await shows(app, "ampere per phase for 15 min")
        await pilot.press("n", "a", "n", "enter")
        await shows(app, "'nan' is no number of ampere: write 0 or more")
        assert not ordered(daemon)


async def test_a_station_that_nobody_listed_has_no_plug_to_release(daemon: Canned, socket: Path) -> None:
    stranger = STATION | {"quarantined": True, "evses": {}}
    daemon.answers["/v1/status"] |= {"stations": {"STRANGER": stranger}}
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "quarantined")
        await pilot.press("u")
        await shows(app, "sitectl station adopt STRANGER")


async def test_what_is_not_allowed_is_said(daemon: Canned, socket: Path) -> None:
    refusal = b'{"detail": "this needs the role technician: ask for the group sitectl-tech"}'
    daemon.answers["/v1/stations/CP01/reset"] = (403, refusal)
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Charging")
        await pilot.press("r")
        await shows(app, "Reset CP01 softly?")
        await pilot.press("y")
        await shows(app, "this needs the role technician")


async def test_a_filter_shows_what_holds_its_text(daemon: Canned, socket: Path) -> None:
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "CP09")
        await pilot.press("slash", *"warm")
        shown = await shows(app, "POST*[b]:2")
        assert "CP01" not in shown.split("TXN")[1].split("uplinks")[0]
        await pilot.press("enter", "escape")
        await shows(app, "Charging")


async def test_the_daemon_may_go_and_come_back(socket: Path) -> None:
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        with canned(socket) as daemon:
            prepare(daemon)
            await shows(app, "Charging")
            await pilot.press("down", "down")
        socket.unlink()
        shown = await shows(app, "AWAY since")
        assert "CP01" in shown
        with canned(socket) as daemon:
            prepare(daemon)
            daemon.answers["/v1/status"] |= {"site": "depot-new"}
            shown = await shows(app, "depot-new")
            assert "AWAY" not in shown
            assert app._table.cursor_row == 2


async def test_a_site_of_a_thousand_is_shown_too(daemon: Canned, socket: Path) -> None:
    stations = {f"CP{n:04}": STATION for n in range(1000)}
    daemon.answers["/v1/status"] = STATUS | {"stations": stations}
    app = Top(Client(socket))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "CP0000")
        await pilot.press("ctrl+end")
        await shows(app, "CP0999")


@pytest.mark.parametrize(("letters", "bar"), [("utf-8", "█▒▒▒▒┃······"), ("ascii", "#====|......")])
def test_on_a_real_terminal(daemon: Canned, socket: Path, letters: str, bar: str) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[3])}
    environment |= {"PYTHONIOENCODING": letters}
    process = subprocess.Popen(
        [sys.executable, "-m", "sitectl", "top", "--socket", str(socket)],
        stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(child)
    try:
        shown = read_until(parent, "fair share", 30.0)
        assert "depot-north" in shown
        assert bar in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
        os.write(parent, b"q")
        shown += read_until(parent, "\x1b[?1049l", 30.0)
        assert process.wait(30) == 0
        assert "\x1b[?1049h" in shown  # a screen of its own, and what was there before comes back
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(parent)


def read_until(handle: int, words: str, within_s: float) -> str:
    """What the terminal was sent, until these words are in it, with or without what styles them."""
    shown, ends = "", time.monotonic() + within_s
    while words not in shown and words not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown):
        assert time.monotonic() < ends, shown[-2000:]
        if select.select([handle], [], [], 0.2)[0]:
            try:
                shown += os.read(handle, 65536).decode("utf-8", "replace")
            except OSError:
                break
    return shown


def test_without_a_terminal_it_says_what_to_ask_instead(daemon: Canned, socket: Path) -> None:
    command = [sys.executable, "-m", "sitectl", "top", "--socket", str(socket)]
    for more, words in (([], "needs a terminal"), (["--json"], "sitectl status --json")):
        ended = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=20)
        assert ended.returncode == 2
        assert words in ended.stderr
