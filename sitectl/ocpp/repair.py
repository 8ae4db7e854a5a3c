"""What can be mended in a text that is no JSON, without guessing at what it says: marks of a bad memory or a bad cable.

Firmware copies what a card reader gave it into a JSON text as it is, and writes a buffer out past its end. All the rest
of such a frame is sound, and it may be the only word of a transaction. Tried only where strict parsing has failed.
"""

from __future__ import annotations

import re

MAX_DIGITS = 20
MAX_DECIMALS = 25
"""Digits behind a decimal point: a small double written out takes 21."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROL = bytes(range(0x20))
_BLANKED = bytes.maketrans(_CONTROL, b" " * len(_CONTROL))
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rb"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
"""A string, or what looks like the beginning of one, to the end of the text. It must match wherever a quote stands:
else a frame of quotes is read anew from each of them, which takes minutes."""

_NO_NUMBER = rb"[-+]?\b(?:nan|inf(?:inity)?)\b"
_TOO_LONG = rb"-?(?<![.\w])(?:\d{%d,}(?:\.\d+)?|\d+\.\d{%d,})(?:e[-+]?\d+)?\b" % (MAX_DIGITS + 1, MAX_DECIMALS + 1)
_NUMBER = re.compile(rb"%b|(%b|%b)" % (STRING, _NO_NUMBER, _TOO_LONG), re.DOTALL | re.IGNORECASE)
_ESCAPE = re.compile(rb"%b|%b|\\." % (_PAIR, _HALF), re.DOTALL)


def repaired_text(data: bytes) -> tuple[bytes, str] | None:
    """The text as JSON can take it, and what was mended; None when there is nothing of the kind to mend.

    Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD, control characters become blanks (NUL bytes
    behind the text with them), a byte order mark goes. Outside of strings, NaN, infinities and numbers longer than any
    meter shows become null: they say nothing. All else there keeps its meaning.
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
    if (numbered := _NUMBER.sub(_known, text)) != text:
        text = numbered
        mended.append("what is no number")
    return (text, " and ".join(mended)) if mended else None


def _whole(escape: re.Match[bytes]) -> bytes:
    """This escape, unless it is one half of a pair whose other half is not beside it."""
    return b"\\ufffd" if escape[1] is not None else escape[0]


def _known(token: re.Match[bytes]) -> bytes:
    """A string as it is; nothing for what is no number."""
    return b"null" if token[1] is not None else token[0]
