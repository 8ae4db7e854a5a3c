"""Frames and payloads as they lie in the file: those of meter values compressed, for they are most of what is written.

A third of a frame is left, and half of a payload, which has to stay text. It costs a tenth of a millisecond, so it is
done where samples come at their leisure.
"""

from __future__ import annotations

import base64
import zlib

_MARK = b"\0z"
"""No text in JSON begins so."""

_TEXT_MARK = "z"
"""Payloads are objects in JSON, which begin otherwise."""

WORTH_IT = 400
"""Bytes; what is shorter stays as it is."""


def packed(frame: bytes) -> bytes:
    """A frame as it is stored."""
    return _MARK + zlib.compress(frame, 1) if len(frame) >= WORTH_IT else frame


def unpacked(stored: bytes) -> bytes:
    """A frame as it came, to the byte, from how it is stored."""
    if not stored.startswith(_MARK):
        return stored
    try:
        return zlib.decompress(stored[len(_MARK) :])
    except zlib.error:
        return stored  # it came so


def packed_text(payload: str) -> str:
    """A payload (JSON) as it is stored."""
    if len(payload) < WORTH_IT:
        return payload
    return _TEXT_MARK + base64.b64encode(zlib.compress(payload.encode(), 1)).decode()


def unpacked_text(stored: str) -> str:
    """A payload as it was handed over, from how it is stored."""
    if not stored.startswith(_TEXT_MARK):
        return stored
    return zlib.decompress(base64.b64decode(stored[len(_TEXT_MARK) :])).decode()
