"""Frames: what is read, what is refused and whether the refusal is answered."""

import orjson
import pytest

from sitectl.ocpp.frame import (
    MAX_DEPTH,
    MAX_LIMIT,
    MAX_VALUES,
    MAX_VALUES_AT_LENGTH,
    NUMBER,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Malformed,
    Send,
    encode,
    parse,
)
from sitectl.ocpp.versions import ErrorCode


@pytest.mark.parametrize(
    "frame",
    [
        Call("1", "Heartbeat", {}),
        CallResult("1", {"currentTime": "2026-11-20T06:11:00Z"}),
        CallError("1", "NotImplemented", "no such action", {"action": "Dance"}),
        CallResultError("1", "GenericError", "", {}),
        Send("1", "NotifyPeriodicEventStream", {"id": 3}),
    ],
)
def test_what_is_written_is_read_back(frame):
    assert parse(encode(frame)) == frame
    assert parse(encode(frame).encode()) == frame


@pytest.mark.parametrize(
    ("data", "answer", "message_id", "code"),
    [
        (b"", False, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b" \n ", False, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b"hello", True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b"\x00\xff\xfe", True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b"{}", True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b"[]", True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b"[true]", True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'["2","1","Heartbeat",{}]', True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b"[2]", True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[2,1.5,"Heartbeat",{}]', True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[2,"","Heartbeat",{}]', True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[2,"' + b"x" * 65 + b'","Heartbeat",{}]', True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[2,"1"]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat"]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","",{}]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1",7,{}]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat",[]]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat",{},1]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat",{', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat",{}]\x00x', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat",{"a":"\xff}]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"1","Heartbeat",{"a":nano}]', True, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[2,"\xff","Heartbeat",{}', True, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[2 , "a b" , "Heartbeat" {}]', True, "a b", ErrorCode.FORMAT_VIOLATION),
        (b'[3,"1"]', False, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[3,"1",null]', False, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[3,"1",{"a":]', False, "1", ErrorCode.FORMAT_VIOLATION),
        (b'[4,"1",', False, "1", ErrorCode.FORMAT_VIOLATION),
        (b"[4,5,", False, None, ErrorCode.RPC_FRAMEWORK_ERROR),
        (b'[7,"1",{}]', False, None, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
        (b'[6,"1","X"]', False, "1", ErrorCode.FORMAT_VIOLATION),
    ],
)
def test_bad_frames(data, answer, message_id, code):
    frame = parse(data)
    assert isinstance(frame, Malformed)
    assert (frame.answer, frame.message_id, frame.code) == (answer, message_id, code)
    assert frame.reason


def nested(depth: int) -> bytes:
    return b'[2,"1","X",{"a":' + b"[" * (depth - 2) + b"]" * (depth - 2) + b"}]"


def test_depth_is_bounded():
    assert isinstance(parse(nested(MAX_DEPTH)), Call)
    deep = parse(nested(MAX_DEPTH + 1))
    assert isinstance(deep, Malformed)
    assert (deep.message_id, deep.answer) == ("1", True)
    assert "deeper" in deep.reason
    assert isinstance(parse(nested(30_000)), Malformed)


def test_brackets_in_strings_are_text():
    frame = Call("1", "X", {"a": '[[[[[{{{{{"\\' * 5, "b": [{}] * 20})
    assert parse(encode(frame)) == frame


def test_brackets_in_strings_do_not_hide_depth():
    hidden = b'[2,"1","X",{"a":' + b'["]",' * 40 + b"1" + b"]" * 40 + b"}]"
    orjson.loads(hidden)
    assert isinstance(parse(hidden), Malformed)


def test_wide_is_not_deep():
    frame = Call("1", "X", {"a": [{"b": [i]} for i in range(100)]})
    assert parse(encode(frame)) == frame


@pytest.mark.parametrize(("digits", "fits"), [(20, True), (21, False)])
def test_numbers_are_bounded(digits, fits):
    number = b"1" * digits
    assert isinstance(parse(b'[2,"1","X",{"a":' + number + b"}]"), Call) is fits
    assert isinstance(parse(b'[2,"1","X",{"a":' + number + b".5e-7}]"), Call) is fits
    assert isinstance(parse(b'[2,"1","X",{"a":"' + number + b'"}]'), Call)


@pytest.mark.parametrize(("digits", "fits"), [(21, True), (25, True), (26, False)])
def test_decimals_may_be_those_of_a_small_double(digits, fits):
    assert isinstance(parse(b'[2,"1","X",{"a":-0.' + b"1" * digits + b"}]"), Call) is fits


def test_size_is_bounded():
    data = encode(Call("1", "X", {"a": "x" * 1000}))
    assert isinstance(parse(data, limit=len(data)), Call)
    assert isinstance(parse(data, limit=len(data) - 1), Malformed)


def test_the_number_of_values_is_bounded():
    many = Call("1", "X", {"a": [0] * (MAX_VALUES + 1)})
    assert isinstance(parse(encode(many)), Malformed)
    text = Call("1", "X", {"a": "," * (MAX_VALUES + 1)})
    assert parse(encode(text)) == text


def test_an_error_frame_needs_little():
    assert parse(b'[4,"1"]') == CallError("1", "GenericError")
    assert parse(b'[4,"1","NotSupported",null,null]') == CallError("1", "NotSupported")
    assert parse(b'[4,"1",3,{},"x"]') == CallError("1", "GenericError")
    assert parse(b'[5,"1","NotSupported"]') == CallResultError("1", "NotSupported")


def test_a_duplicate_key_takes_its_last_value():
    assert parse(b'[2,"1","X",{"a":1,"a":2}]') == Call("1", "X", {"a": 2})


# --- a stop with all its readings -------------------------------------------------------------------------------------

AT_LENGTH = frozenset({"StopTransaction"})


def stop_with(readings: int, action: str = "StopTransaction") -> bytes:
    reading = {"timestamp": "2026-11-20T06:11:00Z", "sampledValue": [{"value": "1", "unit": "A", "phase": "L1"}] * 3}
    return encode(Call("1", action, {"meterStop": 5, "transactionData": [reading] * readings})).encode()


@pytest.mark.parametrize("readings", [1, 500, 1400])
def test_a_stop_may_bring_the_readings_of_a_whole_day(readings):
    data = stop_with(readings)
    assert isinstance(parse(data, at_length=AT_LENGTH), Call)
    assert isinstance(parse(data.replace(b'"1"', b'"\xff"'), at_length=AT_LENGTH), Call)
    other = parse(stop_with(readings, "DataTransfer"), at_length=AT_LENGTH)
    assert isinstance(other, Call) is (readings == 1)


@pytest.mark.parametrize(
    "data",
    [
        stop_with(2000),
        stop_with(1) + b" " * MAX_LIMIT,
        b"[" * 50_000,
        stop_with(500).replace(b'Stop":5', b'Stop":5' * 30),
    ],
    ids=["longest", "blank", "deep", "broken"],
)
def test_even_a_stop_is_bounded(data):
    assert isinstance(parse(data, at_length=AT_LENGTH), Malformed)


def test_even_a_stop_has_so_many_values():
    many = encode(Call("1", "StopTransaction", {"a": [0] * (MAX_VALUES_AT_LENGTH + 1)}))
    assert isinstance(parse(many, at_length=AT_LENGTH), Malformed)


@pytest.mark.parametrize("number", ["0", "17", "-4", "1764489600123"])
def test_an_id_that_is_a_number_is_read_and_repeated_as_one(number):
    call = parse(f'[2,{number},"StopTransaction",{{}}]')
    assert (call.message_id, call.action, call.mended) == (number, "StopTransaction", NUMBER)
    assert encode(CallResult(call.message_id, {})) == f"[3,{number},{{}}]"
    assert encode(CallError(call.message_id, "X")) == f'[4,{number},"X","",{{}}]'
    assert encode(CallResult(parse(f'[2,"{number}","X",{{}}]').message_id, {})) == f'[3,"{number}",{{}}]'


@pytest.mark.parametrize("other", ["true", "null", "1.0", "[1]", '""'])
def test_what_is_neither_text_nor_a_whole_number_is_no_id(other):
    assert isinstance(parse(f'[2,{other},"StopTransaction",{{}}]'), Malformed)
