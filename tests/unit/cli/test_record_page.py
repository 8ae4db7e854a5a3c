"""The record as a page: whole, self-contained, and nothing that a station calls itself becomes part of the page."""

import json
from typing import Any

from sitectl.cli.record_page import page, within

EVIL = '</script><img src=x onerror="alert(1)">&'
EVSE = {
    "max_a": 32.0,
    "min_a": 6.0,
    "fallback_a": 6.0,
    "wiring": "",
    "control": "tx_profile",
    "proven": True,
    "contradicted": False,
    "tests": {"limit_test": {"verdict": "followed", "meter_s": 3.2}},
}
RECORD: dict[str, Any] = {
    "schema": 1,
    "site": EVIL,
    "made": "2026-11-20T06:11:00Z",
    "by": EVIL,
    "finished": False,
    "steps": [
        {"number": 1, "key": "site", "title": EVIL, "light": "by hand", "evidence": [EVIL, "fine"], "do": ""},
        {"number": 2, "key": "meters", "title": "Meters", "light": "red", "evidence": ["lost"], "do": "Look."},
    ],
    "circuits": {
        EVIL: {"rated_a": 100, "fallback_a": 30, "base_load_worst_a": 60, "ratio": 1.12, "phase": "L2", "holds": False}
    },
    "if_dead": [f"if this box dies now: at worst 1.12 x its rating for 240 s on {EVIL} L2"],
    "meters": {"main": {"state": EVIL}},
    "stations": {
        "CP01": {
            "vendor": EVIL,
            "model": "x",
            "serial": None,
            "firmware": EVIL,
            "circuit": "grid",
            "evses": {"1": EVSE},
        }
    },
    "uplinks": {"central": {"state": "online"}},
    "drills": [
        {
            "began": "2026-11-20T06:00:00Z",
            "kind": "meter",
            "target": EVIL,
            "verdict": "passed",
            "evidence": [{"kept": True, "text": EVIL}],
        }
    ],
    "signals": {"dso": {"contact": "open"}},
    "authorization": {"mode": "list", "tokens": 3, "offline_unknown": "reject"},
    "signature": {"algorithm": "Ed25519", "public_key": "k", "value": "v"},
}


def test_the_page_holds_the_record_as_it_was_signed() -> None:
    assert json.loads(within(page(RECORD))) == RECORD
    assert within("{}") == "{}"


def test_what_others_say_stays_text() -> None:
    made = page(RECORD)
    assert "<img" not in made
    assert made.count("<script") == made.count("</script>") == 1


def test_the_page_needs_nothing_else_and_shows_what_matters() -> None:
    made = page(RECORD)
    assert "http://" not in made
    assert "https://" not in made
    for text in ("1.12 x", "not proven", "limit test: followed after 3.2 s", "Not finished", "class=hand", "class=red"):
        assert text in made
