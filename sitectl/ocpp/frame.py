"""Frames of OCPP-J: text to values and back. `parse` never raises, whatever the bytes are.

The guard looks at the bytes before the JSON parser does: size, nesting, length of numbers. It is made of whole-buffer
operations that run in C, so that a heartbeat costs about a microsecond; only a frame that looks suspicious is looked at
again with its strings taken out, because brackets and digits are lawful there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from sitectl.model.transaction import Payload
from sitectl.ocpp.repair import MAX_DECIMALS, MAX_DIGITS, repaired_text
from sitectl.ocpp.versions import ErrorCode

DEFAULT_LIMIT = 64 * 1024
MAX_LIMIT = 256 * 1024
LONGEST_MENDED = 3 * MAX_LIMIT
"""A byte that is no letter becomes three."""
MAX_DEPTH = 16
MAX_VALUES = 10_000
MAX_VALUES_AT_LENGTH = 50_000
LONG = 10_000
"""Bytes; a shorter frame offends by its depth or its numbers, and its length changes nothing."""
MAX_MESSAGE_ID = 64
"""OCPP-J allows 36; braced UUIDs (38) and the like are seen in the field and can be echoed without harm."""

NUMBER = "a message id that is a number"

UNREADABLE_ID = "-1"
"""Id of a CALLERROR that answers a frame whose id cannot be read (OCPP-J 2.0.1 section 4.2.3)."""


class NumberId(str):
    """An id that its sender wrote as a number, against OCPP-J: it can be read, and the answer repeats it as one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Call:
    """CALL, type 2: asks for an answer. `raw` is the frame as it came, empty for one of our own making.

    `mended`: what had to be repaired in its text before it could be read, empty for nearly all.
    """

    message_id: str
    action: str
    payload: Payload
    raw: bytes = field(default=b"", compare=False, repr=False)
    mended: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CallResult:
    """CALLRESULT, type 3: the answer to a CALL."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallError:
    """CALLERROR, type 4: the refusal of a CALL. `code` as spelled on the wire; `versions.error_code` reads it."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallResultError:
    """CALLRESULTERROR, type 5 (OCPP 2.1): our answer could not be processed. Never answered."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """SEND, type 6 (OCPP 2.1): a message without an answer, allowed while a CALL is open."""

    message_id: str
    action: str
    payload: Payload


Frame = Call | CallResult | CallError | CallResultError | Send


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame that is none. `answer` says whether the sender is owed a CALLERROR with `code`.

    `kind` and `message_id` are what could still be read of the message type and the id, None when nothing could.
    """

    reason: str
    answer: bool
    code: ErrorCode = ErrorCode.FORMAT_VIOLATION
    message_id: str | None = None
    kind: int | None = None


Repair = Callable[[bytes], tuple[bytes, str] | None]
"""Makes JSON of a text that is none, and says what was mended; None: nothing can be."""


def parse(
    data: bytes | str,
    limit: int = DEFAULT_LIMIT,
    at_length: frozenset[str] = frozenset(),
    repair: Repair = repaired_text,
) -> Frame | Malformed:
    """Read one text frame of at most `limit` bytes, a call of an action in `at_length` of MAX_LIMIT. Never raises.

    A duplicate key takes its last value, and a number of more than 15 digits may lose precision. What is no JSON only
    because of its letters is mended (by `repair`); `raw` of a call stays as it came.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    offence = _offence(data, limit)
    if offence is not None and at_length and len(data) > LONG and _action(data) in at_length:
        offence = _offence(data, MAX_LIMIT, MAX_VALUES_AT_LENGTH)
    if offence is not None:
        mended = _mended(data, repair) if offence == LONG_NUMBER and _action(data) in at_length else None
        return mended or _unreadable(data, offence)
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _mended(data, repair) or _unreadable(data, f"not JSON: {error.msg}")
    return _typed(message, data)


def _mended(data: bytes, repair: Repair) -> Frame | Malformed | None:
    """The frame in a text that strict parsing refused; None when no repair makes it JSON."""
    repaired = repair(data)
    if repaired is None or _offence(repaired[0], LONGEST_MENDED, MAX_VALUES_AT_LENGTH) is not None:
        return None
    try:
        message = orjson.loads(repaired[0])
    except orjson.JSONDecodeError:
        return None
    frame = _typed(message, data)
    return replace(frame, mended=repaired[1]) if isinstance(frame, Call) else frame


def encode(frame: Frame) -> str:
    """Write one text frame. The payload must be made of JSON's own types; raises TypeError otherwise (our mistake)."""
    match frame:
        case CallResult():
            message: list[Any] = [3, _as_written(frame.message_id), frame.payload]
        case Call():
            message = [2, frame.message_id, frame.action, frame.payload]
        case CallError():
            message = [4, _as_written(frame.message_id), frame.code, frame.description, frame.details]
        case CallResultError():
            message = [5, frame.message_id, frame.code, frame.description, frame.details]
        case Send():
            message = [6, frame.message_id, frame.action, frame.payload]
    return orjson.dumps(message).decode()


def _as_written(message_id: str) -> str | int:
    return int(message_id) if type(message_id) is NumberId else message_id


# --- the guard ---

_DIGITS_ONLY = bytes(ord("0") if chr(c).isdecimal() and c < 128 else ord(" ") for c in range(256))
LONG_NUMBER = f"a number of more than {MAX_DIGITS} digits"
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)
_TOO_LONG = re.compile(rb"(?<![.\d])\d{%d}|\.\d{%d}" % (MAX_DIGITS + 1, MAX_DECIMALS + 1))
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(c for c in range(256) if c not in b"[]{}")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)


def _offence(data: bytes, limit: int, most_values: int = MAX_VALUES) -> str | None:
    """What the guard has against these bytes, or None."""
    if len(data) > limit:
        return f"longer than {limit} bytes"
    shallow = data.count(b"[") + data.count(b"{") <= MAX_DEPTH
    short_numbers = _LONG_NUMBER not in data.translate(_DIGITS_ONLY)
    few_values = len(data) <= most_values or data.count(b",") < most_values
    if shallow and short_numbers and few_values:
        return None
    bare = _without_strings(data)
    if not short_numbers and _TOO_LONG.search(bare):
        return LONG_NUMBER
    if not few_values and bare.count(b",") >= most_values:
        return f"more than {most_values} values"
    if not shallow and _deeper_than(MAX_DEPTH, bare):
        return f"nested deeper than {MAX_DEPTH}"
    return None


def _without_strings(data: bytes) -> bytes:
    """The text outside of JSON strings. An escape is lawful only inside of one, so escapes can be dropped first."""
    if b"\\" in data:
        data = _ESCAPED.sub(b"", data)
    return b" ".join(data.split(b'"')[::2])


def _deeper_than(depth: int, bare: bytes) -> bool:
    """Whether brackets nest deeper than `depth`: each pass removes exactly the innermost level."""
    brackets = bare.translate(_SQUARE, _NO_BRACKET)
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


# --- from JSON to frames ---

_HEAD = re.compile(rb'\s*\[\s*(\d{1,3})(?!\d)\s*(?:,\s*"([^"\\\x00-\x1f]{1,64})")?')
_ACTION = re.compile(rb'\s*\[\s*2\s*,\s*(?:"[^"\\]{1,64}"|\d{1,15})\s*,\s*"([A-Za-z0-9]{1,50})"')
_BLANK = re.compile(rb"\s*\Z")
_NOT_ANSWERED = "message type {} is not known"


def _action(data: bytes) -> str:
    """The action of a call, by its head; "" where it shows none."""
    head = _ACTION.match(data, 0, 256)
    return "" if head is None else head[1].decode()


def _unreadable(data: bytes, reason: str) -> Malformed:
    """A frame that could not be parsed: read type and id from its head, as far as they are there.

    Only what shows that it is *not* a call goes unanswered: answers, and the types that OCPP-J wants ignored.
    """
    head = _HEAD.match(data, 0, 256)
    if head is None:
        return Malformed(reason, answer=_BLANK.match(data) is None, code=ErrorCode.RPC_FRAMEWORK_ERROR)
    kind = int(head[1])
    message_id: str | None = None
    if head[2] is not None:
        try:
            message_id = head[2].decode()
        except UnicodeDecodeError:
            message_id = None
    code = ErrorCode.RPC_FRAMEWORK_ERROR if message_id is None else ErrorCode.FORMAT_VIOLATION
    return Malformed(reason, answer=kind == 2, code=code, message_id=message_id, kind=kind)


def _typed(message: Any, data: bytes) -> Frame | Malformed:
    """The frame in a parsed JSON text."""
    if type(message) is not list or not message or type(message[0]) is not int:
        return Malformed("not an array that begins with a message type", True, ErrorCode.RPC_FRAMEWORK_ERROR)
    kind = message[0]
    if kind not in (2, 3, 4, 5, 6):
        return Malformed(_NOT_ANSWERED.format(kind), False, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, kind=kind)
    message_id = message[1] if len(message) > 1 else None
    if type(message_id) is int and kind == 2:
        message_id = NumberId(message_id)
    if not isinstance(message_id, str) or not 0 < len(message_id) <= MAX_MESSAGE_ID:
        return Malformed("no readable message id", kind == 2, ErrorCode.RPC_FRAMEWORK_ERROR, kind=kind)
    rest = message[2:]
    if kind == 2 or kind == 6:
        if len(rest) == 2 and isinstance(rest[0], str) and rest[0] and isinstance(rest[1], dict):
            if kind == 6:
                return Send(message_id, rest[0], rest[1])
            return Call(message_id, rest[0], rest[1], data, NUMBER if type(message_id) is NumberId else "")
        return Malformed("not [type, id, action, {payload}]", kind == 2, message_id=message_id, kind=kind)
    if kind == 3:
        if len(rest) == 1 and isinstance(rest[0], dict):
            return CallResult(message_id, rest[0])
        return Malformed("not [type, id, {payload}]", False, message_id=message_id, kind=kind)
    return _refusal(kind, message_id, rest)


def _refusal(kind: int, message_id: str, rest: list[Any]) -> CallError | CallResultError:
    """An error frame: description and details are often missing or of another type, and never decide anything."""
    code, description, details = [*rest[:3], None, None, None][:3]
    make = CallError if kind == 4 else CallResultError
    return make(
        message_id,
        code if isinstance(code, str) else ErrorCode.GENERIC_ERROR.value,
        description if isinstance(description, str) else "",
        details if isinstance(details, dict) else {},
    )
