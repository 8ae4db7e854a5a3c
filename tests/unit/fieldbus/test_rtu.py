import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyModbusTCP.utils import crc16

from sitectl.fieldbus import rtu
from sitectl.fieldbus.bus import COILS, DISCRETE, HOLDING, INPUT, WRITE_COIL, Request

ASKED = Request(1, HOLDING, 100, 2)
ANSWER = rtu.sealed(bytes((1, 3, 4, 0, 11, 0, 22)))
FOREIGN = rtu.sealed(bytes((2, 3, 4, 0, 1, 0, 2)))
REFUSAL = rtu.sealed(bytes((1, 0x83, 2)))


@given(st.binary(max_size=260))
def test_the_checksum_is_what_another_implementation_computes(data: bytes) -> None:
    assert rtu.checksum(data) == crc16(data)


def test_a_request_is_what_the_specification_prints() -> None:
    """MODBUS Application Protocol V1.1b3, 6.3, with the checksum of the serial line."""
    assert rtu.encoded(Request(17, 3, 0x6B, 3)).hex(" ") == "11 03 00 6b 00 03 76 87"


@pytest.mark.parametrize("before", [b"", b"\x00", b"\xff\x00", rtu.encoded(ASKED), FOREIGN])
@pytest.mark.parametrize("after", [b"", b"\x00"])
def test_an_answer_is_found_among_stray_bytes_echoes_and_answers_of_others(before: bytes, after: bytes) -> None:
    found = rtu.find(before + ANSWER + after, ASKED)
    assert found is not None
    assert rtu.values(found.payload, ASKED) == (11, 22)
    assert found.stray == len(before) + len(after)


def test_an_exception_is_an_answer() -> None:
    found = rtu.find(REFUSAL, ASKED)
    assert found is not None
    assert found.exception == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ANSWER[:-1],
        rtu.sealed(bytes((2, 3, 4, 0, 11, 0, 22))),
        rtu.sealed(bytes((1, 4, 4, 0, 11, 0, 22))),
        rtu.sealed(bytes((1, 3, 2, 0, 11))),
        rtu.sealed(bytes((1, 3, 6, 0, 11, 0, 22, 0, 33))),
        rtu.sealed(bytes((1, 0x84, 2))),
        ANSWER[:-1] + b"\x00",
    ],
)
def test_nothing_else_is_an_answer(data: bytes) -> None:
    assert rtu.find(data, ASKED) is None


@given(st.binary(max_size=64), st.sampled_from([COILS, DISCRETE, HOLDING, INPUT]), st.integers(1, 20))
def test_any_bytes_are_looked_through_without_harm(data: bytes, function: int, count: int) -> None:
    request = Request(1, function, 0, count)
    found = rtu.find(data, request)
    if found is not None and found.exception is None:
        assert len(rtu.values(found.payload, request)) == count
    rtu.is_sound_frame_in(data)
    rtu.is_spoilt(data, request)


def test_bits_come_eight_a_byte_the_lowest_first() -> None:
    request = Request(1, DISCRETE, 0, 10)
    assert request.payload_bytes == 2
    assert rtu.values(bytes((0b00000101, 0b10)), request) == (1, 0, 1, 0, 0, 0, 0, 0, 0, 1)


def test_a_turned_bit_is_told_from_a_foreign_answer() -> None:
    spoilt = bytearray(ANSWER)
    spoilt[4] ^= 1
    assert rtu.is_spoilt(bytes(spoilt), ASKED)
    assert not rtu.is_sound_frame_in(bytes(spoilt))
    assert rtu.is_sound_frame_in(b"\x00" + rtu.sealed(bytes((9, 4, 2, 0, 1))))


ON, OFF = Request(17, WRITE_COIL, 0xAC, 1, on=True), Request(17, WRITE_COIL, 0xAC, 1)


def test_a_coil_is_written_as_the_specification_prints() -> None:
    """MODBUS Application Protocol V1.1b3, 6.5."""
    assert rtu.encoded(ON)[:-2].hex(" ") == "11 05 00 ac ff 00"
    assert rtu.encoded(OFF)[:-2].hex(" ") == "11 05 00 ac 00 00"


def test_what_answers_a_write_is_the_request_again_and_nothing_else() -> None:
    found = rtu.find(b"\x00" + rtu.encoded(ON), ON)
    assert found is not None
    assert (rtu.values(found.payload, ON), found.stray) == ((1,), 1)
    assert rtu.find(rtu.encoded(OFF), ON) is None
    assert rtu.find(ANSWER, ON) is None
    assert rtu.find(rtu.sealed(bytes((17, 0x85, 2))), ON) == rtu.Frame(b"", 2, 0)
    spoilt = rtu.encoded(ON)[:-1] + bytes((rtu.encoded(ON)[-1] ^ 1,))
    assert rtu.is_spoilt(spoilt, ON)
    assert rtu.is_sound_frame_in(b"\x00" + rtu.encoded(OFF))
