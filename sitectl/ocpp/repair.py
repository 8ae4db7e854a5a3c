"""What can be mended in a text that is no JSON, without guessing at what it says: marks of a bad memory or a bad cable.

Firmware copies what a card reader gave it into a JSON text as it is, and writes a buffer out past its end. All the rest
of such a frame is sound, and it may be the only word of a transaction. Tried only where strict parsing has failed.
"""

from __future__ import annotations

import re

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROL = bytes(range(0x20))
_BLANKED = bytes.maketrans(_CONTROL, b" " * len(_CONTROL))
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rb"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
_ESCAPE = re.compile(rb"%b|%b|\\." % (_PAIR, _HALF), re.DOTALL)


def repaired_text(data: bytes) -> tuple[bytes, str] | None:
    """The text as JSON can take it, and what was mended; None when there is nothing of the kind to mend.

    Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD, control characters become blanks (NUL bytes
    behind the text with them), a byte order mark goes. What is written outside of strings keeps its meaning.
    """
    text, mended = data.removeprefix(_BYTE_ORDER_MARK), []
    if len(text) < len(data):
        mended.append("a byte order mark")
    try:
        text.decode()
    except UnicodeDecodeError:
        text = text.decode(errors="replace").encode()
        mended.append("bytes that are not UTF-8")
    if (blanked := text.translate(_BLANKED)) != text:
        text = blanked
        mended.append("control characters")
    if b"\\u" in text and (whole := _ESCAPE.sub(_whole, text)) != text:
        text = whole
        mended.append("half a surrogate pair")
    return (text, " and ".join(mended)) if mended else None


def _whole(escape: re.Match[bytes]) -> bytes:
    """This escape, unless it is one half of a pair whose other half is not beside it."""
    return b"\\ufffd" if escape[1] is not None else escape[0]
