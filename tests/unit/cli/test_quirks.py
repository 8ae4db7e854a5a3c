"""What is known of a station, for people."""

from typing import Any

from rich.console import Console

from sitectl.cli.quirks import quirks

ANSWER: dict[str, Any] = {
    "station": "CP01",
    "vendor": "Acme",
    "model": "One",
    "firmware": "2.1",
    "sheets": [
        {"id": "acme", "title": "Acme One", "notes": ["Upload the authority first."], "sources": ["owner/name #1"]}
    ],
    "flags": [
        {"flag": "transport.pongs", "value": False, "says": "false: it never answers pings", "sheet": "acme"},
        {"flag": "json.units", "value": {"C": "Celsius"}, "says": "its own units", "sheet": "acme"},
        {"flag": "limit.steps", "value": ["tx_profile", "tx_default"], "says": "what limits it", "sheet": "acme"},
    ],
    "deviations": ["MeterValues.: mended: meterValue came as an object"],
    "learned": {"answers_pings": None, "call_timeout_s": 30.0, "stamps_in_local_time": False},
    "evses": {"1": {"limited_by": "TxProfile in A", "verdict": "proven"}},
}


def shown(answer: dict[str, Any]) -> str:
    console = Console(width=140, color_system=None)
    with console.capture() as capture:
        console.print(quirks(answer, narrow=False))
    return capture.get()


def test_who_it_is_what_it_does_and_where_that_is_known_from() -> None:
    text = shown(ANSWER)
    for said in (
        "CP01: Acme One 2.1",
        "C is Celsius",
        "tx_profile, tx_default",
        "sheet acme: Acme One",
        "  Upload the authority first.",
        "  seen in owner/name #1",
        "EVSE 1: limited by TxProfile in A, proven",
        "learned: is waited for, for s: 30; stamps in local time: no",
        "  MeterValues.: mended: meterValue came as an object",
    ):
        assert said in text, text


def test_a_station_that_no_sheet_fits_says_so() -> None:
    nobody = {**ANSWER, "vendor": "", "model": "", "firmware": "", "sheets": [], "flags": [], "deviations": []}
    text = shown(nobody)
    assert "CP01: has not said who it is" in text
    assert "no sheet fits it: it is taken as the standard says" in text
    assert "does not say:" not in text
