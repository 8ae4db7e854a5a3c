"""HTTP over the socket: what goes wrong becomes one of three errors that say what to do."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitectl.api import answers, trials
from sitectl.cli import client
from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused
from tests.unit.cli.canned import EVENT, STATUS, Canned, canned, stream


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sitectl.sock"


@pytest.fixture
def daemon(path: Path) -> Iterator[Canned]:
    with canned(path) as daemon:
        yield daemon


def test_an_answer_is_json(daemon: Canned, path: Path) -> None:
    assert Client(path).get("status") == STATUS


def test_names_and_questions_are_quoted(daemon: Canned, path: Path) -> None:
    with pytest.raises(Refused, match="no such thing here"):
        Client(path).get("stations", "a/b c&d")
    Client(path).get("transactions", only="dead", limit=5, follow=False, since=None)
    assert daemon.asked == ["/v1/stations/a%2Fb%20c%26d", "/v1/transactions?only=dead&limit=5&follow=false"]


def test_what_is_set_goes_as_json_and_what_is_withdrawn_by_its_name(daemon: Canned, path: Path) -> None:
    client = Client(path)
    client.put("stations", "CP01", body={"value": 10.5, "valid_s": None}, dry=True)
    client.post("stations", "CP01", body={"n": 1})
    client.post("stations", "CP01")
    client.delete("stations", "CP01", evse=2)
    assert daemon.asked == [
        "PUT /v1/stations/CP01?dry=true",
        "POST /v1/stations/CP01",
        "POST /v1/stations/CP01",
        "DELETE /v1/stations/CP01?evse=2",
    ]
    assert daemon.sent == [{"value": 10.5, "valid_s": None}, {"n": 1}]


def test_a_stream_is_events_without_its_signs_of_life(daemon: Canned, path: Path) -> None:
    daemon.answers["/v1/events"] = stream(EVENT, EVENT | {"seq": 18})
    assert [event["seq"] for event in Client(path).events("events", follow=True)] == [17, 18]
    assert daemon.asked == ["/v1/events?follow=true"]


def test_nobody_there(path: Path) -> None:
    with pytest.raises(
        DaemonAway, match=r"no daemon answers on .*; start it \(`systemctl start sitectl`\), or name --socket"
    ):
        Client(path).get("status")
    (path.parent / "file").write_text("")
    for unusable in (path.parent / "file", path.parent / "file" / "below", path.parent / ("x" * 200)):
        with pytest.raises(DaemonAway):
            Client(unusable).get("status")


def test_a_dead_daemons_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(DaemonAway):
        Client(path).get("status")


def test_a_daemon_that_hangs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITECTL_TIMEOUT_S", "0.2")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        mute.listen()
        with pytest.raises(DaemonAway, match=r"does not answer: timed out; if it stays, .* restart sitectl"):
            Client(path).get("status")


def test_an_answer_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, meant in (("30", 30.0), ("0", 5.0), ("-1", 5.0), ("nan", 5.0), ("1e9", 5.0), ("soon", 5.0)):
        monkeypatch.setenv("SITECTL_TIMEOUT_S", told)
        assert client._timeout_s() == meant
    monkeypatch.delenv("SITECTL_TIMEOUT_S")
    assert client._timeout_s() == 5.0 > answers.LEDGER_S > trials.PATIENCE_S


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not(daemon: Canned, path: Path, status: int) -> None:
    daemon.answers["/v1/status"] = (status, b'{"detail": "viewers only look"}')
    with pytest.raises(NotAllowed, match="viewers only look"):
        Client(path).get("status")


def test_a_socket_of_others(path: Path) -> None:
    with canned(path):
        path.chmod(0)
        user = os.geteuid()
        try:
            os.seteuid(65534 if user == 0 else user)  # root may everything
            with pytest.raises(NotAllowed, match="socket's group"):
                Client(path).get("status")
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("body", [b"oops", b"[1]", b'{"other": 1}', b"\xff"])
def test_a_refusal_without_reason(daemon: Canned, path: Path, body: bytes) -> None:
    daemon.answers["/v1/status"] = (500, body)
    with pytest.raises(Refused, match="HTTP 500"):
        Client(path).get("status")


def test_a_daemon_that_dies_over_its_answer(daemon: Canned, path: Path) -> None:
    daemon.cut = True
    with pytest.raises(DaemonAway, match="broke off"):
        Client(path).get("status")
    daemon.answers["/v1/events"] = stream(EVENT)
    seen = Client(path).events("events")
    assert next(seen)["seq"] == 17


def test_an_answer_that_is_no_json(daemon: Canned, path: Path) -> None:
    daemon.answers["/v1/status"] = b"<html>"
    with pytest.raises(DaemonAway, match="broke off"):
        Client(path).get("status")
    daemon.answers["/v1/events"] = b"data: {\n\n"
    with pytest.raises(DaemonAway, match="broke off"):
        list(Client(path).events("events"))
