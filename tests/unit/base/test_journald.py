import logging
import os
import socket
import struct
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitectl.base import journald
from sitectl.base.logging import JournalFormatter


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    """What the journal would receive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "journal"))
        listening.settimeout(5.0)
        yield listening


@pytest.fixture
def log(journal: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A logger that speaks the journal's protocol itself."""
    monkeypatch.setitem(sys.modules, "systemd.journal", None)
    handler = journald.handler(JournalFormatter(), journal.getsockname())
    logger = logging.Logger("sitectl.stations")  # noqa: LOG001  not one that others share
    logger.addHandler(handler)
    yield logger
    handler.close()


def received(journal: socket.socket) -> dict[str, str]:
    """One datagram, read as the journal reads it."""
    data, fields = journal.recv(2**20), {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + length], data[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


def test_a_line_has_its_fields(log: logging.Logger, journal: socket.socket) -> None:
    log.warning("limit %s refused", 16.0, extra={"station": "CP01", "evse": 1, "uplink": None})
    fields = received(journal)
    assert fields["MESSAGE"] == "limit 16.0 refused"
    assert (fields["STATION"], fields["EVSE"], fields["PRIORITY"]) == ("CP01", "1", "4")
    assert (fields["SYSLOG_IDENTIFIER"], fields["LOGGER"]) == ("sitectl", "sitectl.stations")
    assert "UPLINK" not in fields


def test_several_lines_are_one_value(log: logging.Logger, journal: socket.socket) -> None:
    log.error("first\nSTATION=CP99", extra={"station": "CP01"})
    fields = received(journal)
    assert (fields["MESSAGE"], fields["STATION"]) == ("first\nSTATION=CP99", "CP01")


def test_no_secret_and_nothing_endless_goes_there(log: logging.Logger, journal: socket.socket) -> None:
    log.info("password: %s", "hunter2")
    assert received(journal)["MESSAGE"] == "password: ***"
    log.info("x" * 10_000_000)
    assert received(journal)["MESSAGE"] == "x" * 48 * 1024


def test_a_journal_that_is_gone_ends_nothing(
    log: logging.Logger, journal: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(journal.getsockname()).unlink()
    log.error("still here")
    assert "still here" in capsys.readouterr().err


def test_the_library_is_given_fields_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[logging.LogRecord] = []

    class JournalHandler(logging.Handler):
        def __init__(self, **extra: str) -> None:
            super().__init__()
            self.extra = extra

        def emit(self, record: logging.LogRecord) -> None:
            sent.append(record)

    library = types.ModuleType("systemd.journal")
    library.JournalHandler = JournalHandler  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd", types.ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.journal", library)
    logger = logging.Logger("sitectl.stations")  # noqa: LOG001  not one that others share
    logger.addHandler(journald.handler(JournalFormatter()))
    logger.info("password: %s", "hunter2", extra={"station": "CP01", "event": "station.booted"})
    (record,) = sent
    assert (record.getMessage(), record.args) == ("password: ***", None)
    assert (record.__dict__["STATION"], record.__dict__["SITECTL_EVENT"]) == ("CP01", "station.booted")


def test_only_a_standard_error_that_goes_there_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "error").open("w") as error:
        monkeypatch.setattr(sys, "stderr", error)
        status = os.fstat(error.fileno())
        assert journald.collects({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not journald.collects({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not journald.collects({})
