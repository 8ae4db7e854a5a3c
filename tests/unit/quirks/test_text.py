import orjson
import pytest

from sitectl.ocpp.frame import Call, Malformed, parse
from sitectl.quirks.text import repair_text

COMMAS = "commas and values that are missing"


@pytest.mark.parametrize(
    ("data", "mended", "what"),
    [
        (b'[2,"1","A",{"meterValue":[,{"v":1}]}]', b'[2,"1","A",{"meterValue":[{"v":1}]}]', COMMAS),
        (b'[2,"1","A",{"transactionId":,"a":1}]', b'[2,"1","A",{"transactionId":null,"a":1}]', COMMAS),
        (b'[2,"1","A",{"transactionId":}]', b'[2,"1","A",{"transactionId":null}]', COMMAS),
        (b'[2,"1","A",{"a":1,,"b":2,}]', b'[2,"1","A",{"a":1,"b":2}]', COMMAS),
        (b'[2,"1","A",{}]\x00\x00', b'[2,"1","A",{}]  ', "control characters"),
        (b'[2,"1","A",{}]xyz', b'[2,"1","A",{}]', "text behind its end"),
        (b'[2,"1","A",{"a":"\xff",}]', '[2,"1","A",{"a":"\ufffd"}]'.encode(), f"bytes that are not UTF-8 and {COMMAS}"),
    ],
)
def test_what_can_only_mean_one_thing_is_mended(data: bytes, mended: bytes, what: str) -> None:
    repaired = repair_text(data)
    assert repaired == (mended, what)
    orjson.loads(mended)


@pytest.mark.parametrize("data", [b"", b"[", b"hello", b'{"a":1}', b'[2,"1","A"', b'[2,"1","A",{"a":"cut'])
def test_what_may_mean_anything_is_left_alone(data: bytes) -> None:
    repaired = repair_text(data)
    assert repaired is None or repaired[0] == data


def test_strings_are_never_looked_into() -> None:
    data = b'[2,"1","A",{"a":",,:,}","b":"\\",,",}]'
    repaired = repair_text(data)
    assert repaired is not None
    assert orjson.loads(repaired[0])[3] == {"a": ",,:,}", "b": '",,'}


def test_a_frame_that_parses_never_comes_here() -> None:
    asked: list[bytes] = []

    def listen(data: bytes) -> None:
        asked.append(data)

    assert isinstance(parse(b'[2,"1","Heartbeat",{}]', repair=listen), Call)
    assert asked == []
    assert isinstance(parse(b'[2,"1","Heartbeat",{]', repair=listen), Malformed)
    assert asked == [b'[2,"1","Heartbeat",{]']


def test_a_call_tells_what_was_mended_and_keeps_how_it_came() -> None:
    data = b'[2,"7","StopTransaction",{"transactionId":,"meterStop":5}]'
    call = parse(data, repair=repair_text)
    assert isinstance(call, Call)
    assert call.payload == {"transactionId": None, "meterStop": 5}
    assert (call.raw, call.mended) == (data, COMMAS)


@pytest.mark.parametrize(
    "text",
    [b'\\"', b'"', b",", b", ", b":,", b"[,", b"]", b"\\", b"-inf ", b"1", b"\\ud800", b'"\\', b'{"a":[,', b"\x00"],
)
@pytest.mark.parametrize("before", [b'[2,"1","A",{"a":"', b"[2,", b""])
@pytest.mark.parametrize("after", [b"", b"\\", b'"', b"}"])
@pytest.mark.timeout(20)
def test_no_text_is_read_over_and_over(before: bytes, text: bytes, after: bytes) -> None:
    """What one station sends must not stop the site: work grows with the length. By its square this takes a minute."""
    data = before + text * (60_000 // len(text)) + after
    mended = repair_text(data)
    assert mended is None or mended[0] != data
