"""Versions and the spelling of error codes."""

import pytest

from sitectl.ocpp.versions import ErrorCode, Version, error_code, spelling, version_of


def test_subprotocols():
    assert [v.subprotocol for v in Version] == ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    assert version_of("ocpp2.0.1") is Version.V201
    assert version_of("ocpp1.5") is None


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        (ErrorCode.FORMAT_VIOLATION, ["FormationViolation", "FormatViolation", "FormatViolation"]),
        (
            ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
            ["OccurenceConstraintViolation", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"],
        ),
        (ErrorCode.RPC_FRAMEWORK_ERROR, ["ProtocolError", "RpcFrameworkError", "RpcFrameworkError"]),
        (ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, ["NotSupported", "MessageTypeNotSupported", "MessageTypeNotSupported"]),
        (ErrorCode.INTERNAL_ERROR, ["InternalError"] * 3),
    ],
)
def test_spelling(code, spellings):
    assert [spelling(code, version) for version in Version] == spellings


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("code", ErrorCode)
def test_every_spelling_is_read(version, code):
    read = error_code(spelling(code, version))
    assert read is code or spelling(code, version) == spelling(read, version)


def test_unknown_words_are_generic():
    assert error_code("formationviolation ") is ErrorCode.FORMAT_VIOLATION
    assert error_code("Dunno") is ErrorCode.GENERIC_ERROR
