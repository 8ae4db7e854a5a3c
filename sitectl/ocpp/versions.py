"""The OCPP versions, their WebSocket subprotocols, and how each of them spells the codes of a CALLERROR."""

from __future__ import annotations

from enum import StrEnum


class Version(StrEnum):
    """A version of OCPP that we can speak; the value is how the configuration writes it."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"

    @property
    def subprotocol(self) -> str:
        """The WebSocket subprotocol of this version (OCPP-J 1.6 section 3.1.2; 2.0.1 Part 4 section 3.1.2)."""
        return f"ocpp{self.value}"


def version_of(subprotocol: str) -> Version | None:
    """The version that a subprotocol names; None when it is not one of ours."""
    for version in Version:
        if version.subprotocol == subprotocol:
            return version
    return None


class ErrorCode(StrEnum):
    """Codes of a CALLERROR, under the name of OCPP 2.1; `spelling` gives the word for the wire."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


_SPELLINGS: dict[Version, dict[ErrorCode, str]] = {
    # 1.6J section 4.2.3, misspelt there, and expected misspelt by the stations of that time. The last two codes came
    # with 2.0 and become the nearest that 1.6 knows.
    Version.V16: {
        ErrorCode.FORMAT_VIOLATION: "FormationViolation",
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
        ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
        ErrorCode.RPC_FRAMEWORK_ERROR: "ProtocolError",
    },
    Version.V201: {ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation"},
    Version.V21: {},
}

_READ: dict[str, ErrorCode] = {code.value.lower(): code for code in ErrorCode} | {
    "formationviolation": ErrorCode.FORMAT_VIOLATION,
    "occurenceconstraintviolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
}


def spelling(code: ErrorCode, version: Version) -> str:
    """The word for `code` on a wire of `version`."""
    return _SPELLINGS[version].get(code, code.value)


def error_code(text: str) -> ErrorCode:
    """The code that a peer meant, in whatever spelling and case; GenericError when nobody knows the word."""
    return _READ.get(text.strip().lower(), ErrorCode.GENERIC_ERROR)
