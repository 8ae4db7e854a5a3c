"""The commands about healing, opposite canned answers."""

import json
from pathlib import Path

import pytest

from sitectl.cli import heal_tables
from tests.unit.cli.canned import Canned
from tests.unit.cli.test_main import sitectl
from tests.unit.cli.test_tables import shown

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
    "without_person": 0.5,
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


def test_the_rules_are_whole_on_a_narrow_terminal() -> None:
    many = [{"do": step, "wait_s": 180.0} for step in ("trigger", "unlock", "availability_cycle", "soft_reset", "tell")]
    rule = RULES["rules"][0] | {"ladder": many, "codes": [f"code{n}" for n in range(12)]}
    text = shown(heal_tables.rules, RULES | {"rules": [rule]}, 80, color_system=None)
    assert max(map(len, text.splitlines())) <= 80
    assert "other: code0, code1," in text
    assert "  trigger 3 min → unlock 3 min → availability_cycle 3 min → soft_reset 3 min →" in text
    assert "\n  tell" in text
    assert "at most 4 resets of a station" in text


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


# --- simulate ---


def event(at: str, type: str, **data: object) -> str:
    evse = 1 if type == "evse.status" else None
    row = {"schema": 1, "seq": 1, "time": at, "type": type, "station": "CP01", "evse": evse, "data": data}
    return json.dumps(row)


HAPPENED = (
    event("2026-11-20T06:00:00Z", "station.connected"),
    event("2026-11-20T06:01:00Z", "evse.status", status="Faulted", error="InternalError"),
)


def test_what_happened_is_played_through_the_rules_of_a_configuration(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "week.jsonl"
    file.write_text("\n".join(HAPPENED) + "\n\n")
    status, out, err = sitectl("heal", "simulate", file, "--config", config)
    assert (status, err) == (0, "")
    assert "2 events of 1 stations" in out
    assert "2026-11-20T06:01:05Z" in out
    assert "a person would have been told" in out
    answer = json.loads(sitectl("heal", "simulate", file, "--json", "--config", config)[1])
    assert [one["remedy"] for one in answer["attempts"]][:2] == ["trigger", "soft_reset"]
    assert (answer["schema"], answer["told"][0]["where"]) == (1, "CP01:1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it holds no events"),
        ("nonsense\n", "week.jsonl:1"),
        ('{"time": "yesterday", "type": "x"}\n', "no ISO 8601 time"),
        ('{"time": "2026-11-20T06:00:00Z"}\n', "no 'type' in it"),
        ('{"time": "2026-11-20T06:00:00Z", "type": "x", "data": [1]}\n', "of another kind"),
    ],
)
def test_a_file_that_holds_none_is_refused_with_its_place(config: Path, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "week.jsonl"
    file.write_text(text)
    status, out, err = sitectl("heal", "simulate", file, "--config", config)
    assert (status, out) == (2, "")
    assert words in err


def test_a_file_or_a_configuration_that_cannot_be_used(config: Path, tmp_path: Path) -> None:
    assert sitectl("heal", "simulate", tmp_path / "none", "--config", config)[0] == 2
    file = tmp_path / "week.jsonl"
    file.write_text("\n".join(HAPPENED))
    config.write_text("nonsense: [")
    status, _, err = sitectl("heal", "simulate", file, "--config", config)
    assert status == 2
    assert "sitectl check" in err
