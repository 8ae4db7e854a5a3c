"""GetDiagnostics and UpdateFirmware: what is understood, what the station is told, what is kept."""

from datetime import UTC, datetime, timedelta

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.model.commands import Answered, NotSent, RelayCall
from sitectl.model.files import FileKind, FileOrder, Transfer
from sitectl.model.ids import StationId
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16.central_files import (
    diagnostics_ordered,
    document,
    firmware_ordered,
    order_answer,
    order_command,
    status_copy,
    status_told,
    transfer_of,
)
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.versions import ErrorCode, Version

VALIDATOR = Validator(load_schemas(Version.V16))
CP = StationId("CP01")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STAMP = "2026-11-20T12:00:00Z"


def test_orders_are_written_anew_from_what_was_understood():
    asked = {
        "location": "sftp://user:secret@host:2222/dir",
        "retries": 3,
        "retryInterval": 60,
        "startTime": "2026-11-20T13:00:00.123+01:00",
        "stopTime": "noon",
        "extra": None,
    }
    order = diagnostics_ordered(asked)
    assert isinstance(order, FileOrder)
    told = {"location": asked["location"], "retries": 3, "retryInterval": 60, "startTime": STAMP}
    assert (order.kind, order.payload, order.retries_s, order.refused) == (FileKind.DIAGNOSTICS, told, 180.0, "")
    assert order_command(CP, order) == RelayCall(CP, "GetDiagnostics", told)
    assert VALIDATOR.deviations("GetDiagnostics", "request", told) == ()


def test_an_update_names_its_time():
    order = firmware_ordered(
        {"location": "https://host/f.bin", "retrieveDate": "2026-11-20T12:00:00.5Z", "retries": -1}
    )
    assert isinstance(order, FileOrder)
    assert order.payload == {"location": "https://host/f.bin", "retrieveDate": STAMP}
    assert order.begins is not None
    assert VALIDATOR.deviations("UpdateFirmware", "request", order.payload) == ()


@pytest.mark.parametrize(
    "location",
    [
        "ftp://host",
        "FTP://host/",
        "ftps://host:990/a/b?c=d#e",
        "http://10.0.0.1/x",
        "https://[2001:db8::1]:8443/x",
        "sftp://me%40here:pw@host-1.example.com/%20",
        "ftp://user@domain:pw@host/x",
    ],
)
def test_locations_that_may_be_followed(location):
    assert diagnostics_ordered({"location": location}).refused == ""


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "gopher://host/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "ldap://host",
        "tftp://host/x",
        "smb://host/x",
        "host/path",
        "//host/path",
        "ftp:host",
        "ftp://",
        "ftp:///path",
        "ftp://user@/path",
        "http://host name/x",
        "http://host/\u00e9",
        "http://host/a\r\nHost: b",
        "http://host:123456/",
        "http://host/" + "x" * 2000,
    ],
)
def test_locations_that_may_not(location):
    for read in (diagnostics_ordered, firmware_ordered):
        order = read({"location": location, "retrieveDate": STAMP})
        assert isinstance(order, FileOrder)
        assert order.refused
        assert location not in order.refused


@pytest.mark.parametrize(
    ("read", "payload"),
    [
        (diagnostics_ordered, {}),
        (diagnostics_ordered, {"location": {}}),
        (firmware_ordered, {"location": "ftp://host/f"}),
        (firmware_ordered, {"location": "ftp://host/f", "retrieveDate": "soon"}),
        (firmware_ordered, {"retrieveDate": STAMP}),
    ],
)
def test_what_is_no_order(read, payload):
    result = read(payload)
    assert isinstance(result, Invalid)
    assert result.code is ErrorCode.FORMAT_VIOLATION
    assert result.description


def test_the_answer_names_the_file_if_the_station_does():
    log, firmware = diagnostics_ordered({"location": "ftp://h"}), FileOrder(FileKind.FIRMWARE, {})
    assert order_answer(log, Answered("", {"fileName": " a.zip "})) == {"fileName": "a.zip"}
    assert order_answer(log, Answered("", {"fileName": "x" * 300})) == {"fileName": "x" * 255}
    for outcome in (Answered("", {}), Answered("", {"fileName": None}), Answered("", {"fileName": 7}), NotSent("")):
        assert order_answer(log, outcome) == {}
    assert order_answer(firmware, Answered("", {"fileName": "a"})) == {}


def test_words_of_stations():
    assert status_told("DiagnosticsStatusNotification", {"status": "uploaded"}) == "Uploaded"
    assert status_told("FirmwareStatusNotification", {"status": "Installed "}) == "Installed"
    for payload in ({}, {"status": "Dancing"}, {"status": "Uploaded"}, {"status": 7}):
        assert status_told("FirmwareStatusNotification", payload) == ""


def test_copies_are_by_the_book():
    for kind, status in ((FileKind.DIAGNOSTICS, "UploadFailed"), (FileKind.FIRMWARE, "DownloadFailed")):
        message = status_copy(kind, status)
        assert VALIDATOR.deviations(message.action, "request", message.payload) == ()


@pytest.mark.parametrize("order", [diagnostics_ordered({"location": "ftp://h", "retries": 2, "retryInterval": 5}),
                                   firmware_ordered({"location": "ftp://h/f", "retrieveDate": STAMP})])  # fmt: skip
def test_what_is_kept_is_read_back(order):
    for transfer in (
        Transfer(order, NOON, NOON + timedelta(hours=1)),
        Transfer(order, NOON, NOON, sent=True, status="Uploading", over=True, changed=NOON),
    ):
        assert transfer_of(document(transfer)) == transfer


def test_what_cannot_be_read_back_is_nothing():
    assert transfer_of({}) is None
    assert transfer_of({"payload": {}, "ordered": STAMP, "due": STAMP}) is None
