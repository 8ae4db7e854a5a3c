"""The pages that say where each table begins, kept beside the file: without them it is a heap of pages.

They change with the schema only, so that a copy made at the last opening serves. It is made while no connection is
open: to close a file takes SQLite's locks on it away from the whole process.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from sitectl.store import disk
from sitectl.store.pages import INTERIORS, LEAVES, MAGIC, Damaged, Pages, children, kind

SCHEMA_COOKIE, SCHEMA_VERSION, CHANGES, VALID_FOR, PAGE_COUNT = 40, 60, 24, 92, 28
"""Where these stand in the first page."""

Outline = dict[int, bytes]


def take(path: Path, page_size: int) -> Outline | None:
    """The first page and all that it refers to; None where that cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return read(Pages(handle, page_size))
    finally:
        os.close(handle)


def read(pages: Pages) -> Outline | None:
    """The same of an open file."""
    found: Outline = {}
    waiting = [1]
    try:
        if not pages.read(1).startswith(MAGIC):
            return None
        while waiting:
            number = waiting.pop()
            page = found[number] = pages.read(number)
            if kind(page, number) in INTERIORS and len(found) < 100:
                waiting += children(page, number)
            elif kind(page, number) != LEAVES[0]:
                return None
    except Damaged:
        return None
    return found


def number_at(outline: Outline, place: int) -> int:
    """One of the numbers in the first page."""
    return int(struct.unpack_from(">I", outline[1], place)[0])


def keep(path: Path, outline: Outline) -> None:
    """Write it down, if it is another than before. Raises OSError."""
    content = b"".join(struct.pack(">I", number) + page for number, page in sorted(outline.items()))
    kept = _kept(path)
    if not kept.exists() or kept.read_bytes() != content:
        disk.replace(kept, content)


def kept(path: Path, page_size: int) -> Outline | None:
    """What was written down last."""
    try:
        content = _kept(path).read_bytes()
    except OSError:
        return None
    step = 4 + page_size
    parts = [content[at : at + step] for at in range(0, len(content) - step + 1, step)]
    return {int.from_bytes(part[:4], "big"): part[4:] for part in parts} or None


def _kept(path: Path) -> Path:
    return Path(f"{path}.outline")
