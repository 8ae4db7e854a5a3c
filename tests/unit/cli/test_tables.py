"""Tables for people: they fit a terminal of 80 columns, and show nothing but text."""

import io
from typing import Any

import pytest
from rich.console import Console

from sitectl.cli import tables
from tests.unit.cli.canned import (
    ANSWERS,
    EVENT,
    HAPPENED,
    LETTER,
    MESSAGE,
    STATION,
    STATUS,
    STOPPED,
    TIMELINE,
    TRANSACTION,
    WHY,
)

VIEWS = [
    (tables.status, STATUS),
    (tables.stations, ANSWERS["/v1/stations"]),
    (tables.station, ANSWERS["/v1/stations/CP01"]),
    (tables.meters, ANSWERS["/v1/meters"]),
    (tables.uplinks, ANSWERS["/v1/uplinks"]),
    (tables.transactions, ANSWERS["/v1/transactions"]),
    (tables.why, WHY),
]


def shown(view: tables.View, answer: dict[str, Any], width: int | None = None, **options: Any) -> str:
    """As a terminal of that width shows it; None: as a pipe gets it."""
    out = io.StringIO()
    terminal = width is not None
    tables.show(Console(file=out, force_terminal=terminal, width=width, highlight=False, **options), answer, view)
    return out.getvalue()


@pytest.mark.parametrize(("view", "answer"), VIEWS)
def test_on_eighty_columns_no_line_breaks_a_word(view: tables.View, answer: dict[str, Any]) -> None:
    text = shown(view, answer, 80, color_system=None)
    assert max(map(len, text.splitlines())) <= 80
    for words in ("Charging", "quarantined", "41.2/39.9/44.0", "central", "15.8/15.9/15.7", "EVDisconnected"):
        plain = shown(view, answer)
        assert (words in text) == (words in plain), words


@pytest.mark.parametrize(("view", "answer"), VIEWS)
def test_a_pipe_gets_plain_text(view: tables.View, answer: dict[str, Any]) -> None:
    assert "\x1b" not in shown(view, answer)


def test_a_terminal_gets_colour() -> None:
    assert "\x1b[1;32m" in shown(tables.status, STATUS, 120, color_system="standard")


def test_status_is_one_look() -> None:
    text = shown(tables.status, STATUS)
    for words in (
        "depot-north  ok  2026-11-20T06:11:00Z",
        "transactions: 3 open, 0 messages unsent, 0 dead; cycle 5312, 1.2 ms (p99 3.1 ms)",
        "CP02     06:10:00  Offline. Check its power.",
        "if this box dies now: at worst 1.12 x: holds",
        "CP01:1    Charging        16.0        16.0      16.0  15.8/15.9/15.7  proven",
        "STRANGER  quarantined",
    ):
        assert words in text, words


def test_what_is_not_known_is_a_dash() -> None:
    silent = STATUS | {"transactions": dict.fromkeys(("open", "unsent", "dead"))}
    assert "transactions: - open, - messages unsent, - dead; " in shown(tables.status, silent)
    rows = [line.split() for line in shown(tables.stations, ANSWERS["/v1/stations"]).splitlines()]
    assert rows[2][:7] == ["CP02:1", "offline", "-", "-", "-", "-", "unknown"]
    lost = shown(tables.meters, ANSWERS["/v1/meters"]).splitlines()[2].split()
    assert lost == ["spare", "lost", "-", "-", "-"]


def test_one_station_says_who_it_is() -> None:
    first = shown(tables.station, ANSWERS["/v1/stations/CP01"]).splitlines()[0]
    assert first == "CP01  online  OCPP 1.6  Acme AC-22 1.2"


def test_transactions_show_energy_when_it_is_known() -> None:
    stopped, running = shown(tables.transactions, ANSWERS["/v1/transactions"]).splitlines()[1:]
    assert "1500  EVDisconnected (synthetic)" in stopped
    assert running.split() == ["2026-11-20T06:00:00Z", "running", "CP01:1", "TAG", "-", "-", "central", "acked"]


@pytest.mark.parametrize(
    ("view", "answer", "words"),
    [
        (tables.stations, {"stations": {}}, "no stations"),
        (tables.meters, {"meters": {}}, "no meters"),
        (tables.uplinks, {"uplinks": {}}, "no uplinks"),
        (tables.transactions, {"transactions": []}, "no transactions"),
        (tables.dead_letters, {"transactions": []}, "no dead messages"),
    ],
)
def test_nothing_is_said_in_words(view: tables.View, answer: dict[str, Any], words: str) -> None:
    assert words in shown(view, answer)


HOSTILE = "[/red][bold]\x1b[2J\x07\r\n\u202e"


@pytest.mark.parametrize("width", [None, 80, 200])
def test_what_a_station_says_of_itself_is_only_text(width: int | None) -> None:
    hostile = STATION | {"vendor": HOSTILE, "ocpp": HOSTILE}
    text = shown(tables.station, {"stations": {HOSTILE: hostile}}, width, color_system=None)
    text += shown(tables.transactions, {"transactions": [STOPPED | {"id_token": HOSTILE}]}, width, color_system=None)
    letter = {"dead_letters": [LETTER | {"why": HOSTILE}]}
    text += shown(tables.dead_letters, {"transactions": [STOPPED | letter]}, width, color_system=None)
    hostile_entry = MESSAGE | {"action": HOSTILE, "frame": HOSTILE, "payload": None}
    lines = tables.timeline(TIMELINE | {"entries": [hostile_entry, HAPPENED | {"type": HOSTILE}]}, True)
    text += "".join(line.plain for line in lines)
    text += tables.event(EVENT | {"data": {"info": HOSTILE}})
    text += tables.event(EVENT | {"data": {"info": HOSTILE}}, 80).replace("\n", "")
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
    assert "[/red]" in text


def test_an_event_is_one_line() -> None:
    line = tables.event(EVENT)
    assert line == "2026-11-20T06:11:00Z  transaction.started      CP01:1       meter_start_wh=100"
    assert tables.event(TRANSACTION | EVENT | {"station": None, "evse": None, "data": None}).endswith("started")
    data = {"kept": True, "a": 60.0, "until": None, "keys": {"x": [1]}, "wh": 12345678.0}
    assert tables.event(EVENT | {"data": data}).endswith('kept=yes a=60 until=- keys={"x": [1]} wh=12345678')


def test_an_event_that_is_too_long_for_the_terminal_goes_on_below_set_in() -> None:
    long = EVENT | {"data": {"what": "is counted at its maximum until somebody has looked at it, " * 3}}
    first, *rest = tables.event(long, 80).split("\n")
    assert first.startswith("11-20T06:11:00 transaction.started  CP01:1  what=is counted")
    assert len(rest) >= 2
    assert all(line.startswith("    ") and len(line) <= 80 for line in rest)
    assert "\n" not in tables.event(long)
