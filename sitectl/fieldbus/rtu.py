"""Frames of Modbus RTU; pure. Unit, function, data, and a checksum of two bytes, low byte first.

A frame carries neither an address nor a number of its request, so only its unit, function and length say which request
it answers (MODBUS over Serial Line V1.02, 2.5.1).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sitectl.fieldbus.bus import COILS, DISCRETE, FUNCTIONS, WRITE_COIL, Request

LONGEST_FRAME = 256
REFUSED = 0x80
_HEADER, _CHECKSUM, _REFUSAL, _WRITTEN = 3, 2, 5, 8
_ON = 0xFF00


@dataclass(frozen=True, slots=True)
class Frame:
    """An answer found among the bytes that came. `stray`: how many of them lay around it."""

    payload: bytes
    exception: int | None
    stray: int


def checksum(data: bytes) -> int:
    """CRC-16 with the polynomial 0xA001, preset to all ones."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value


def sealed(body: bytes) -> bytes:
    """A whole frame."""
    return body + struct.pack("<H", checksum(body))


def encoded(request: Request) -> bytes:
    """What is sent."""
    number = _ON * request.on if request.function == WRITE_COIL else request.count
    return sealed(struct.pack(">BBHH", request.unit, request.function, request.address, number))


def _header(request: Request) -> bytes:
    """How its answer begins; one to a written coil is the request again."""
    if request.function == WRITE_COIL:
        return encoded(request)[:-_CHECKSUM]
    return bytes((request.unit, request.function, request.payload_bytes))


def answer_bytes(request: Request) -> int:
    """How long the answer to a request is."""
    return _HEADER + request.payload_bytes + _CHECKSUM


def find(data: bytes, request: Request) -> Frame | None:
    """The answer to just this request among `data`: its unit, its function, as many values as asked for, sound.

    It is looked for anywhere, because drivers that switch leave a stray byte before a frame, some adapters echo what
    was sent, and an answer to an earlier request may come first.
    """
    good = _header(request)
    refused = bytes((request.unit, request.function | REFUSED))
    for start in range(len(data)):
        for header, size in ((good, answer_bytes(request)), (refused, _REFUSAL)):
            end = start + size
            if data.startswith(header, start) and end <= len(data) and _is_sound(data[start:end]):
                code = data[start + 2] if header is refused else None
                return Frame(data[start + _HEADER : end - _CHECKSUM], code, len(data) - size)
    return None


def is_spoilt(data: bytes, request: Request) -> bool:
    """Whether an answer of the right kind and length is among `data`, and its checksum is wrong."""
    header = _header(request)
    start = data.find(header)
    end = start + answer_bytes(request)
    return start >= 0 and end <= len(data) and not _is_sound(data[start:end])


def is_sound_frame_in(data: bytes) -> bool:
    """Whether a sound answer to anything is among `data`: then the line is good, and somebody answered late."""
    for start in range(len(data) - _REFUSAL + 1):
        function = data[start + 1]
        size = _REFUSAL if function & REFUSED else _HEADER + data[start + 2] + _CHECKSUM
        size = _WRITTEN if function == WRITE_COIL else size
        if (
            function & ~REFUSED in (*FUNCTIONS, WRITE_COIL)
            and start + size <= len(data)
            and _is_sound(data[start : start + size])
        ):
            return True
    return False


def values(payload: bytes, request: Request) -> tuple[int, ...]:
    """What the answer says: bits, the lowest of a byte first, or registers."""
    if request.function == WRITE_COIL:
        return (int(request.on),)
    if request.function in (COILS, DISCRETE):
        return tuple(payload[number // 8] >> number % 8 & 1 for number in range(request.count))
    return struct.unpack(f">{request.count}H", payload)


def _is_sound(frame: bytes) -> bool:
    return checksum(frame[:-_CHECKSUM]) == int.from_bytes(frame[-_CHECKSUM:], "little")
