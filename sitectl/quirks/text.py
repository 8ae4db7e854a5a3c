"""Texts of stations that are no JSON, made JSON where only one thing can be meant."""

from __future__ import annotations

import re

from sitectl.ocpp.repair import STRING, repaired_text

_AFTER = re.compile(rb"(%b)|([\[{])\s*,+|,+\s*([\]}])|(,)(?:\s*,)+|(:)\s*([,}\]])" % STRING, re.DOTALL)
"""A string as a whole (nothing is mended in it); commas behind an opening or before a closing bracket, or several in a
row; a key whose value is missing."""

_PASSES = 4
"""`{"a":,}` needs two: each pass mends what does not overlap."""


def repair_text(data: bytes) -> tuple[bytes, str] | None:
    """The text as JSON can take it, and what was mended; None where nothing can be. Only for what is no JSON.

    Beside letters and numbers (`ocpp.repair`): a comma that separates nothing goes, a value that is missing is null,
    bytes behind the end of the message go.
    """
    lettered = repaired_text(data)
    text, mended = lettered if lettered is not None else (data, "")
    words = [mended] if mended else []
    for _ in range(_PASSES):
        again = _AFTER.sub(_mended, text)
        if again == text:
            break
        text = again
        words = words if _SYNTAX in words else [*words, _SYNTAX]
    if (whole := _without_tail(text)) != text:
        text, words = whole, [*words, "text behind its end"]
    return (text, " and ".join(words)) if words else None


_SYNTAX = "commas and values that are missing"


def _mended(found: re.Match[bytes]) -> bytes:
    string, opening, closing, comma, colon, behind = found.groups()
    if string is not None:
        return string
    if colon is not None:
        return b":null" + behind
    return opening or closing or comma


def _without_tail(text: bytes) -> bytes:
    """Up to where the first bracket is closed again; all of it where it never is."""
    if not text.lstrip().startswith(b"["):
        return text
    depth, at = 0, 0
    for found in _BRACKETS.finditer(text):
        token = found[0]
        if token in (b"[", b"{"):
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
            at = found.end()
        if depth == 0:
            return text[:at] if text[at:].strip() else text
    return text


_BRACKETS = re.compile(rb"%b|[\[\]{}]" % STRING, re.DOTALL)
