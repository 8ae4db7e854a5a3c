import io
import logging
import re
from collections.abc import Iterator

import pytest

from sitectl.base.logging import EVENTS, WIRE, FieldLogger, configure, scrub


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    loggers = {logger: logger.level for logger in (root, *map(logging.getLogger, ("sitectl", WIRE, EVENTS)))}
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers
    for logger, level in loggers.items():
        logger.setLevel(level)


def lines(level: str = "INFO", *, wire: bool = False) -> io.StringIO:
    stream = io.StringIO()
    configure(level, wire=wire, stream=stream)
    return stream


def test_a_line_is_readable_and_carries_its_fields() -> None:
    out = lines()
    log = FieldLogger("sitectl.stations").bind(station="CP01")
    log.bind(evse=1).warning("limit %s refused", 16.0)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING stations: limit 16\.0 refused \[station=CP01 evse=1\]\n",
        out.getvalue(),
    )


def test_fields_of_a_call_join_those_of_the_logger() -> None:
    out = lines()
    FieldLogger("sitectl.uplinks", {"uplink": "central"}).info("online", extra={"station": "CP02"})
    assert out.getvalue().endswith("uplinks: online [station=CP02 uplink=central]\n")


def test_wire_traffic_is_silent_unless_asked_for() -> None:
    out = lines("DEBUG")
    logging.getLogger(WIRE).info("quiet")
    assert out.getvalue() == ""
    out = lines(wire=True)
    logging.getLogger(WIRE).debug("loud")
    assert "wire: loud" in out.getvalue()


def test_libraries_are_heard_from_warnings_on() -> None:
    out = lines("DEBUG")
    logging.getLogger("websockets.server").info("connection open")
    logging.getLogger("websockets.server").warning("odd")
    assert [line.split(" ", 1)[1] for line in out.getvalue().splitlines()] == ["WARNING websockets.server: odd"]


def test_a_traceback_is_scrubbed_too() -> None:
    out = lines()
    try:
        raise ValueError("cannot open wss://CP01:hunter2@central.example/ocpp")
    except ValueError:
        logging.getLogger("sitectl.uplinks").exception("failed")
    assert "ValueError" in out.getvalue()
    assert "hunter2" not in out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic aHVudGVyMg==hunter2",
        "{'authorization': 'Bearer hunter2'}",
        "(b'Authorization', b'Basic hunter2')",
        '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2"}]',
        '[2,"7","ChangeConfiguration",{"value": "a\\"hunter2", "key": "AuthorizationKey"}]',
        '{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"hunter2"}]}',
        "AuthorizationKey=hunter2",
        "password: hunter2",
        '{"password": "hunter2"}',
        "wss://CP01:hunter2@central.example/ocpp/CP01",
        "wss://CP01:hunt@hunter2@central.example/ocpp/CP01",
        '[2,"7","ChangeConfiguration",{"key":" authorizationkey","value":"hunter2"}]',
        '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":22hunter2}]',
        "{'key': 'AuthorizationKey', 'value': 'hunter2'}",
        "SetVariable(station='CP01', key='AuthorizationKey', value='hunter2')",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----",
        '{"pem":"-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----\\n"}',
        '{"remoteLocation":"ftp:\\/\\/log:hunter2@files.example\\/in"}',
        "https://files.example/in?se=2026&sig=hunter2&sv=1",
    ],
)
def test_secrets_are_scrubbed(text: str) -> None:
    scrubbed = scrub(text)
    assert "hunter2" not in scrubbed
    assert "***" in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        '[2,"7","ChangeConfiguration",{"key":"HeartbeatInterval","value":"300"}]',
        "authorization by uplink central accepted",
        "listening on ws://10.0.0.1:8887/ocpp/CP01, mail to ops@example.com",
        '[3,"7",{"idTagInfo":{"status":"Accepted"}}]',
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "https://files.example/in?signal=3",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub(text) == text


def test_events_are_for_the_system_journal_alone() -> None:
    out = lines("DEBUG")
    logging.getLogger(EVENTS).info("station.booted")
    assert out.getvalue() == ""


def test_without_the_journal_standard_error_serves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1234")  # of a parent whose standard error went elsewhere
    configure()
    logging.getLogger("sitectl.store").info("open")
    assert "INFO    store: open" in capsys.readouterr().err
