"""Every command on a terminal that has not all letters, and of texts that others wrote."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitectl.cli import adopting, commission, drills, uplinks
from sitectl.cli.tables import View
from tests.unit.cli.canned import Canned, canned
from tests.unit.cli.test_tables import HOSTILE, shown

ROOT = Path(__file__).parents[3]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Canned]:
    with canned(tmp_path / "s.sock") as daemon:
        daemon.answers["/v1/events"] = (
            b'data: {"seq":1,"time":"t","type":"x","data":{"info":"a \\u2192 \\u00e9 \\u6c34"}}\n\n'
        )
        yield daemon


@pytest.mark.parametrize(("encoding", "words"), [("utf-8", "a → é 水"), ("latin-1", "a > é ?"), ("ascii", "a > ? ?")])
def test_letters_that_a_terminal_has_not_are_spelled_otherwise(
    encoding: str, words: str, tmp_path: Path, daemon: Canned
) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    for question in (["timeline", "CP01"], ["events"]):
        command = [sys.executable, "-m", "sitectl", *question, "--socket", str(tmp_path / "s.sock")]
        ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, b""), ended
        assert (words if question == ["events"] else words[2]) in ended.stdout.decode(encoding)


STRANGER = {"online": True, "ocpp": "1.6", "vendor": HOSTILE, "model": HOSTILE, "firmware": None, "serial": HOSTILE}
LEG = {"state": "refused", "why": HOSTILE, "heartbeat_ms": None}
DRILL = {"began": "t", "kind": "uplink", "target": HOSTILE, "by": "anna", "verdict": "failed"}
STEP = {"number": 1, "key": "site", "title": HOSTILE, "light": "open", "evidence": [HOSTILE], "do": HOSTILE}


@pytest.mark.parametrize("width", [None, 80, 200])
@pytest.mark.parametrize(
    ("view", "answer"),
    [
        (adopting._knocking, {"url": "ws://gw/", "knocking": [STRANGER | {"station": "CP09"}]}),
        (uplinks._tried, {"uplink": "central", "token": None, "stations": {"CP01": LEG}}),
        (drills._reports, {"drills": [DRILL | {"evidence": [{"kept": False, "text": HOSTILE}]}]}),
        (commission._steps, {"finished": False, "steps": [STEP]}),
    ],
)
def test_what_others_say_of_themselves_is_only_text(view: View, answer: dict[str, Any], width: int | None) -> None:
    text = shown(view, answer, width, color_system=None)
    assert "[/red]" in text.replace("\n", "")
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
