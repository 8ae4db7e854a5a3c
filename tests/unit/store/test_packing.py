import zlib

from hypothesis import given
from hypothesis import strategies as st

from sitectl.store.packing import WORTH_IT, packed, unpacked

LONG = b'[2,"x","MeterValues",{"meterValue":[' + b'{"value":"1"},' * 60 + b"]}]"


@given(st.binary(max_size=3 * WORTH_IT))
def test_every_frame_comes_back_to_the_byte(frame: bytes) -> None:
    assert unpacked(packed(frame)) == frame
    assert unpacked(packed(packed(frame))) == packed(frame)


def test_long_ones_take_less_room_and_short_ones_stay_as_they_are() -> None:
    assert len(packed(LONG)) < len(LONG) / 2
    assert packed(LONG[: WORTH_IT - 1]) == LONG[: WORTH_IT - 1]


def test_one_that_only_looks_packed_is_what_came() -> None:
    for odd in (b"\0z", b"\0z{}", b"\0z" + zlib.compress(b"x")[:-1]):
        assert unpacked(odd) == odd
