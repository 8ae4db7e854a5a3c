"""What the commands show on a real terminal of either size, compared with screens that were looked at and found good.

All commands of a size run in one process behind one pseudo-terminal. SITECTL_SCREENS=write writes the screens anew, to
be looked at.
"""

import os
import re
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.unit.cli.canned import Canned, canned
from tests.unit.cli.terminal import on_a_terminal
from tests.unit.cli.test_heal import ATTEMPT, CASE, FIGURES, MODE, RULES

SCREENS = Path(__file__).parent / "screens"
SIZES = [(80, 24), (200, 50)]
COMMANDS = (
    "status", "stations", "stations CP01", "why CP01", "meters", "uplinks", "transactions", "transactions --dead",
    "events", "timeline CP01", "energy", "heal", "heal history", "heal rules", "station config CP01",
    "station limit CP01 10 --evse 2", "commission", "uplink test central", "--help", "station limit --help", "statsu",
)  # fmt: skip
ALL = """
import sys, typer
from sitectl.cli.launch import begin
from sitectl.cli.main import app
for line in sys.argv[2:]:
    print(f"$ sitectl {line}", flush=True)
    named = [] if "help" in line or line == "statsu" else ["--socket", sys.argv[1]]
    sys.argv[1:1], kept = [], sys.argv
    try:
        sys.argv = ["sitectl", *line.split(), *named]
        begin(app)
    except SystemExit as ended:
        print(f"= {ended.code}", flush=True)
    finally:
        sys.argv = kept
"""
PLACE = {"circuit": None, "station": None, "evse": None, "missing_s": 0.0, "notes": []}
ENERGY = [
    PLACE | {"begin": "2026-11-19T00:00:00Z", "circuit": "garage", "kind": "stations", "wh": 41200, "known_wh": 41200},
    PLACE | {"begin": "2026-11-19T00:00:00Z", "station": "CP01", "evse": 1, "kind": "evse", "wh": None,
             "known_wh": 12300, "missing_s": 5400.0, "notes": ["away"]},
]  # fmt: skip
STEPS = [
    {"number": 1, "key": "site", "title": "The site and its time", "light": "green", "evidence": ["depot"], "do": ""},
    {"number": 2, "key": "meters", "title": "Meters answer, and are tested", "light": "red", "evidence": ["main: lost"],
     "do": "Check its line and its unit: `sitectl meter scan` finds what answers there, at which speed."},
]  # fmt: skip
LEGS = {
    "CP01": {"state": "accepted", "why": None, "heartbeat_ms": 12.0},
    "CP02": {"state": "refused", "why": "HTTP 401: the central does not know this password", "heartbeat_ms": None},
}


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    with canned(tmp_path / "s.sock") as daemon:
        prepare(daemon)
        yield tmp_path / "s.sock"


def prepare(daemon: Canned) -> None:
    daemon.answers = deepcopy(daemon.answers)  # what is changed here is for nobody else
    paused = [{"station": "CP02", "by": "anna", "why": "I am here"}]
    key = "ChargingScheduleAllowedChargingRateUnit"
    daemon.answers["/v1/stations/CP01/configuration"]["keys"][key] = {"value": "Current,Power", "readonly": True}
    daemon.answers |= {
        "/v1/healing": {**MODE, "cases": [CASE], "paused": paused},
        "/v1/healing/history": {**MODE, "statistics": FIGURES, "attempts": [ATTEMPT]},
        "/v1/healing/rules": RULES,
        "/v1/energy": {"schema": 1, "by": "day", "zone": "Europe/Berlin", "periods": ENERGY},
        "/v1/commission": {"schema": 1, "finished": False, "steps": STEPS},
        "/v1/uplinks/central/test": {"schema": 1, "uplink": "central", "ok": False, "token": None, "stations": LEGS},
    }


@pytest.mark.parametrize("size", SIZES)
def test_every_command_is_readable_on_a_terminal(socket: Path, size: tuple[int, int]) -> None:
    columns, rows = size
    shown = screen([sys.executable, "-c", ALL, str(socket), *COMMANDS], size)
    path = SCREENS / f"commands-{columns}x{rows}.txt"
    if os.environ.get("SITECTL_SCREENS") == "write":
        path.write_text(shown)
    assert shown == path.read_text()
    long = {line for line in shown.splitlines() if len(line) > columns}
    assert all("→" in line or "* limit.cut" in line for line in long), "only frames of a timeline, as they came"


def screen(command: list[str], size: tuple[int, int]) -> str:
    """What it writes to a terminal of that size, without colours and blanks at the ends of lines."""
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    plain |= {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONIOENCODING": "utf-8"}
    text = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(command, plain, size))
    assert "\x1b" not in text
    return "".join(f"{line.rstrip()}\n" for line in text.replace("\r\n", "\n").split("\n"))
