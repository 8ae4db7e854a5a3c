"""The commands about healing, opposite canned answers."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.canned import Canned
from tests.unit.cli.test_main import sitectl

MODE = {"schema": 1, "mode": "observe", "mode_source": "configuration"}
SHORT = {"remedy": "soft_reset", "begun": "2026-11-20T06:00:00Z", "dry": False, "outcome": "done", "helped": True}
CASE = {
    "station": "CP01",
    "evse": 1,
    "symptom": "fault",
    "code": "OtherError",
    "evidence": {"error": "OtherError"},
    "for_s": 300.0,
    "rule": "other",
    "tried": [SHORT],
    "now": None,
    "next": "hard_reset",
    "waits": "hard reset waits: a transaction runs on EVSE 2",
    "told": False,
}
ATTEMPT = {
    "id": "a",
    "station": "CP01",
    "evse": None,
    "vendor": "Acme",
    "model": None,
    "firmware": "1.2",
    "symptom": "fault",
    "code": "OtherError",
    "rule": "other",
    "step": 2,
    **SHORT,
    "ended": "2026-11-20T06:02:00Z",
    "before": [["error", "OtherError"]],
    "after": [["symptom", "gone"]],
    "recovery_s": 150.0,
}
SHARE = {"attempts": 1, "helped": 1, "share": 1.0, "mean_recovery_s": 150.0}
FIGURES = {
    **SHARE,
    "dry": 0,
    "told": 1,
    "by_rule": {"other": SHARE},
    "by_remedy": {"soft_reset": SHARE},
    "by_vendor": {"Acme": SHARE},
    "by_firmware": {"Acme 1.2": SHARE},
    "saved": {"transactions": 2, "energy_kwh": 12.5, "within_h": 24},
}
RULES = {
    "schema": 1,
    "rules": [
        {
            "name": "other",
            "symptom": "fault",
            "codes": ["othererror"],
            "vendor_codes": [],
            "match": {"vendor": "Acme*", "model": None, "firmware": None},
            "after_s": 5.0,
            "ladder": [{"do": "soft_reset", "wait_s": 180.0}, {"do": "tell", "wait_s": 60.0}],
            "what": "It is sick",
            "do": "Go there.",
            "origin": "faults.yaml:3",
            "source": "",
        }
    ],
    "budget": {
        "station_resets_per_day": 4,
        "site_resets_per_day": 60,
        "station_remedies_per_day": 30,
        "spacing_s": 120.0,
        "at_once": 10,
    },
    "dangers": {"codes": ["groundfailure"], "words": []},
}


@pytest.fixture(autouse=True)
def answers(daemon: Canned) -> None:
    paused = [{"station": "CP02", "by": "anna", "why": "I am here"}]
    told = ATTEMPT | {"remedy": "tell", "helped": None, "recovery_s": None}
    would = ATTEMPT | {"dry": True, "helped": None, "recovery_s": None}
    daemon.answers |= {
        "/v1/healing": {**MODE, "cases": [CASE], "paused": paused},
        "/v1/healing/history": {**MODE, "statistics": FIGURES, "attempts": [would, ATTEMPT, told]},
        "/v1/healing/rules": RULES,
        "/v1/healing/mode": MODE | {"mode": "act", "mode_source": "anna"},
        "/v1/stations/CP01/healing/pause": {"schema": 1, "station": "CP01", "paused": True, "by": "anna", "why": ""},
    }


def test_how_healing_stands(config: Path) -> None:
    status, out, err = sitectl("heal", "--config", config)
    assert (status, err) == (0, "")
    assert "says what it would do" in out
    assert "left alone: CP02, says anna (I am here)" in out
    assert "hard reset waits: a transaction runs on EVSE 2" in out
    assert json.loads(sitectl("heal", "--json", "--config", config)[1])["schema"] == 1


def test_the_history_with_its_figures(daemon: Canned, config: Path) -> None:
    status, out, _ = sitectl("heal", "history", "--since", "1d", "--station", "CP01", "--config", config)
    assert status == 0
    assert [word in out for word in ("would", "helped", "told", "saved: 2 transactions with 12.5 kWh")] == [True] * 4
    assert daemon.asked[-1].startswith("/v1/healing/history?since=")
    assert daemon.asked[-1].endswith("&station=CP01&limit=1000")


def test_the_rules_with_their_ladders(config: Path) -> None:
    out = sitectl("heal", "rules", "--config", config)[1]
    assert "soft_reset 3 min → tell" in out
    assert "at most 4 resets of a station" in out
    assert "never reset by a machine: groundfailure" in out


def test_the_mode_is_told(daemon: Canned, config: Path) -> None:
    assert sitectl("heal", "mode", "act", "--config", config)[1] == "healing acts; says anna\n"
    sitectl("heal", "mode", "configured", "--config", config)
    assert daemon.asked == ["PUT /v1/healing/mode"] * 2
    assert sitectl("heal", "mode", "sideways", "--config", config)[0] == 2


def test_a_station_is_left_alone(daemon: Canned, config: Path) -> None:
    out = sitectl("heal", "pause", "CP01", "--for", "2h", "--why", "I am here", "--config", config)[1]
    assert out == "CP01: left alone until `sitectl heal resume CP01`\n"
    daemon.answers["/v1/stations/CP01/healing/pause"] = {"station": "CP01", "paused": False, "was_paused": True}
    assert sitectl("heal", "resume", "CP01", "--config", config)[1] == "CP01: healed again\n"
    assert daemon.asked == ["PUT /v1/stations/CP01/healing/pause", "DELETE /v1/stations/CP01/healing/pause"]
    assert sitectl("heal", "pause", "CP02", "--config", config)[0] == 1
