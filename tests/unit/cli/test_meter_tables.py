from io import StringIO
from typing import Any

from rich.console import Console

from sitectl.cli import meter_tables
from sitectl.cli.tables import show

READING: dict[str, Any] = {
    "schema": 1, "meter": "main", "sheet": "eastron-sdm630", "connection": "rtu:///dev/ttyUSB0", "unit": 1,
    "took_ms": 12.5, "current_a": [1.5, -2.5, 0.0], "objection": None,
    "values": {
        "l1_voltage": {"value": 231.25, "unit": "V"}, "l2_voltage": {"value": None, "unit": "V"},
        "l1_current": {"value": 1.5, "unit": "A"}, "total_power": {"value": 345.0, "unit": "W"},
    },
}  # fmt: skip


def shown(answer: dict[str, Any], view: Any) -> str:
    out = StringIO()
    show(Console(file=out), answer, view)
    return "\n".join(" ".join(line.split()) for line in out.getvalue().splitlines())


def test_a_reading_shows_phases_side_by_side_and_the_verdict() -> None:
    assert shown(READING, meter_tables.reading).splitlines() == [
        "main eastron-sdm630 at rtu:///dev/ttyUSB0 unit 1, read in 12.5 ms",
        "L1 L2 L3",
        "voltage 231.25 V - -",
        "current 1.5 A - -",
        "import 1.50 A -2.50 A 0.00 A",
        "total power: 345 W",
        "a good reading",
    ]
    nothing = READING | {"values": {}, "current_a": None, "took_ms": None, "objection": "unit 1: no answer"}
    assert shown(nothing, meter_tables.reading).splitlines()[-1] == "no good: unit 1: no answer"


def test_what_a_scan_found() -> None:
    fit = {
        "sheet": "eastron-sdm630",
        "title": "Eastron SDM630",
        "named": True,
        "values": 13,
        "current_a": [1.0, 2.0, 3.0],
    }
    found = [
        {"connection": "tcp://h:502", "unit": 1, "trouble": None, "fits": [fit]},
        {"connection": "tcp://h:502", "unit": 2, "trouble": "noise", "fits": []},
        {"connection": "tcp://h:502", "unit": 3, "trouble": None, "fits": []},
    ]
    lines = shown({"found": found}, meter_tables.found).splitlines()
    assert lines[1:] == [
        "tcp://h:502 1 eastron-sdm630 13 1 2 3 Eastron SDM630, as it says itself",
        "tcp://h:502 2 - - - noise",
        "tcp://h:502 3 - - - it answers, and no sheet fits it",
    ]
    assert "nothing answered: check the cable" in shown({"found": []}, meter_tables.found)


def test_signals_with_what_they_ask_for() -> None:
    closed = {"input": "modbus:box:0", "contact": "closed", "since": "2026-11-29T22:50:58Z", "why": None, "asks": []}
    dim = [{"circuit": "grid", "ceiling_a": 18.0}]
    lost = {
        "input": "gpio:gpiochip0:17",
        "contact": "lost",
        "since": "2026-11-29T22:51:08Z",
        "why": "no chip",
        "asks": dim,
    }
    new = {"input": "modbus:box:1", "contact": None, "since": None, "why": None, "asks": []}
    answer = {"signals": {"dso": closed, "fire": lost, "new": new}}
    assert shown(answer, meter_tables.signals).splitlines()[1:] == [
        "dso modbus:box:0 closed 2026-11-29T22:50:58Z -",
        "fire gpio:gpiochip0:17 lost 2026-11-29T22:51:08Z grid 18 A no chip",
        "new modbus:box:1 not known yet - -",
    ]
    assert shown({"signals": {}}, meter_tables.signals) == "no signals"


def test_a_trial_says_whether_a_fuse_may_rest_on_it() -> None:
    answer: dict[str, Any] = {
        "meter": "main", "ok": False, "reads": 20, "failed": {"no answer": 3}, "answer_ms": {"p50": 50.0, "max": 70.0},
        "renewed_s": 1.0, "remarks": [{"level": "wrong", "text": "a ratio is wrong"}], "since_start": {"asked": 7},
    }  # fmt: skip
    assert shown(answer, meter_tables.trial).splitlines() == [
        "main not fit to guard a fuse",
        "20 readings, half of them within 50 ms, all within 70 ms",
        "3 times: no answer",
        "wrong a ratio is wrong",
        "since the daemon's start: asked 7",
    ]
    assert "main fit to guard a fuse" in shown(answer | {"ok": True}, meter_tables.trial)
