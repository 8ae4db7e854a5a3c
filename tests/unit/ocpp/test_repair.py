"""Texts that are no JSON because of their letters: what is mended, what is left alone, and that it says so."""

import orjson
import pytest

from sitectl.ocpp.frame import MAX_LIMIT, Call, CallResult, Malformed, parse
from sitectl.ocpp.repair import repaired_text


@pytest.mark.parametrize(
    ("tag", "read", "mended"),
    [
        (b"\xff", "\ufffd", "bytes that are not UTF-8"),
        (b"caf\xe9", "caf\ufffd", "bytes that are not UTF-8"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd", "bytes that are not UTF-8"),
        (b"A\x00\x1f", "A  ", "control characters"),
        (b"\\ud83d", "\ufffd", "half a surrogate pair"),
        (b"\\ude00\\ud83d", "\ufffd\ufffd", "half a surrogate pair"),
        (b"\\ud83d\\ude00\\uD83D", "\U0001f600\ufffd", "half a surrogate pair"),
        (b"\\\\ud83d\xff", "\\ud83d\ufffd", "bytes that are not UTF-8"),
        (b"\xff\n", "\ufffd ", "bytes that are not UTF-8 and control characters"),
    ],
)
def test_a_damaged_string_is_read_and_said_to_be(tag, read, mended):
    data = b'[2,"1","Authorize",{"idTag":"' + tag + b'"}]'
    call = parse(data)
    assert call == Call("1", "Authorize", {"idTag": read})
    assert (call.raw, call.mended) == (data, mended)


@pytest.mark.parametrize(
    "number", [b"NaN", b"-nan", b"Infinity", b"-inf", b"1" + b"0" * 25, b"0." + b"1" * 30, b"-1" + b"0" * 400 + b"e5"]
)
def test_what_is_no_number_is_unknown_in_a_transaction(number):
    data = b'[2,"1","StopTransaction",{"idTag":"NaN \\" inf 1' + b"0" * 30 + b'","meterStop":' + number + b"}]"
    call = parse(data, at_length=frozenset({"StopTransaction"}))
    assert call == Call("1", "StopTransaction", {"idTag": 'NaN " inf 1' + "0" * 30, "meterStop": None})
    assert call.mended == "what is no number"


def test_numbers_that_meters_show_stay_as_they_are():
    data = b'{"a":0.000013925396023892095,"b":-12.50,"c":12345678901234567890,"d":1e300}'
    assert repaired_text(data) is None


def test_a_number_too_long_is_no_message_elsewhere():
    assert isinstance(parse(b'[2,"1","Heartbeat",{"a":1' + b"0" * 25 + b"}]"), Malformed)


@pytest.mark.parametrize("frame", [b'[2,"1","Heartbeat",{}]\x00\x00', b'\xef\xbb\xbf[2,"1","Heartbeat",{}]'])
def test_what_stands_around_a_text_is_dropped(frame):
    call = parse(frame)
    assert call == Call("1", "Heartbeat", {})
    assert call.mended


def test_what_is_sound_is_not_touched():
    call = parse(b'[2, "1",\n "Authorize",\t{"idTag":"\xc3\xa9\\ud83d\\ude00\\n"}]')
    assert call == Call("1", "Authorize", {"idTag": "é\U0001f600\n"})
    assert call.mended == ""
    assert repaired_text(b'{"a":"\\ud83d\\ude00"}') is None


def test_answers_are_mended_too():
    assert parse(b'[3,"1",{"status":"\xff"}]') == CallResult("1", {"status": "\ufffd"})


@pytest.mark.parametrize(
    "data", [b'[2,"1","Heartbeat",{"a":"\xff}', b'[2,"1","Heartbeat",{\xff}]', b'[2,"1","Heartbeat",{"a":"\\\xff"}]']
)
def test_what_is_broken_otherwise_stays_broken(data):
    frame = parse(data)
    assert isinstance(frame, Malformed)
    assert (frame.message_id, frame.answer) == ("1", True)


def test_the_guard_looks_at_what_was_mended_again():
    deep = b'[2,"1","X",{"a":"\xff","b":' + b"[" * 15 + b"]" * 15 + b"}]"
    assert isinstance(parse(deep), Malformed)
    large = b'[2,"1","X",{"a":"' + b"\xff" * (MAX_LIMIT - 20) + b'"}]'
    assert isinstance(parse(large, MAX_LIMIT), Call)


def test_what_was_mended_can_be_written():
    for data in (b'["\xff\xed\xa0\x80"]', b'["\\udfff\\ud800x"]', b'["\x00\x7f"]'):
        repaired = repaired_text(data)
        assert repaired is not None
        assert orjson.loads(orjson.dumps(orjson.loads(repaired[0])))
