import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU

from sitectl.fieldbus.modbus import intact


def frame(pdu: bytes, transaction: int = 1, unit: int = 1) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


GOOD = frame(b"\x04\x04\x00\x01\x00\x02")
REFUSED = frame(b"\x84\x02")


@pytest.mark.parametrize("data", [b"", GOOD, REFUSED, GOOD + REFUSED, GOOD[:-1], GOOD + GOOD[:5], GOOD[:7]])
def test_sound_or_unfinished_frames_pass(data: bytes) -> None:
    assert intact(data) == data


@pytest.mark.parametrize(
    "pdu",
    [
        b"",
        b"\x04",
        b"\x84",
        b"\x04\x04\x00\x01",  # announces more than it brings
        b"\x04\x03\x00\x01\x02",  # half a register
        b"\x04\xff",
        b"\x80\x02",
        b"\x10\x00\x00\x00\x02",  # not an answer to a read
        b"\x63\x01\x02",
    ],
)
def test_a_frame_that_is_no_answer_is_withheld_with_all_that_follows(pdu: bytes) -> None:
    broken = frame(pdu)
    following = GOOD if len(broken) < 8 else b""
    assert intact(GOOD + broken + following) == GOOD


@given(st.lists(st.binary(max_size=12).map(frame) | st.binary(max_size=20), max_size=4).map(b"".join))
def test_whatever_passes_the_library_can_parse(data: bytes) -> None:
    used, _ = FramerSocket(DecodePDU(False)).handleFrame(intact(data), 1, 1)
    assert 0 <= used <= len(data)
