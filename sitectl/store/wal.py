"""The write-ahead log, read without SQLite, which takes the first damaged frame for the end.

A transaction is synced before the next begins. So frames of a later one prove that an earlier one was whole once: what
is damaged there had been promised, and what stands behind it still is. Only the last one may be torn by a power cut.
The format: https://www.sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

HEADER, FRAME_HEADER = 32, 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_WORD = 2**32


class Log(NamedTuple):
    """`pages`: the versions of pages that were committed, in order. `lost`: how many more are damaged. `unseen`:
    whether SQLite would leave out any that were promised."""

    pages: list[tuple[int, bytes]]
    lost: int
    unseen: bool


class _Frame(NamedTuple):
    page: int
    content: bytes
    commits: bool
    sound: bool


def read(path: Path, page_size: int) -> Log:
    """What a log holds. One that is not there, or whose header is damaged, holds nothing."""
    pages: list[tuple[int, bytes]] = []
    lost, unseen, broken = 0, False, False
    transactions = list(_transactions(path, page_size))
    for place, frames in enumerate(transactions):
        broken = broken or not all(frame.sound for frame in frames)
        promised = place < len(transactions) - 1
        if not frames[-1].commits or (broken and not promised and not all(frame.sound for frame in frames)):
            break  # torn
        pages += [(frame.page, frame.content) for frame in frames if frame.sound]
        lost += sum(not frame.sound for frame in frames)
        unseen = unseen or broken
    return Log(pages, lost, unseen)


def _transactions(path: Path, page_size: int) -> Iterator[list[_Frame]]:
    """The frames of the log's present round; the last transaction may lack its end."""
    frames: list[_Frame] = []
    for frame in _frames(path, page_size):
        frames.append(frame)
        if frame.commits:
            yield frames
            frames = []
    if frames:
        yield frames


def _frames(path: Path, page_size: int) -> Iterator[_Frame]:
    """Frame by frame as far as this round goes: frames of an earlier one, behind it, have other salts."""
    try:
        with path.open("rb") as file:
            order, salts, before = _begin(file.read(HEADER), file, page_size)
            words = struct.Struct(f"{order}{page_size // 4}I")
            skipped: _Frame | None = None
            while len(frame := file.read(FRAME_HEADER + page_size)) == FRAME_HEADER + page_size:
                head, content = frame[:FRAME_HEADER], frame[FRAME_HEADER:]
                page, size = struct.unpack_from(">2I", head)
                if head[8:16] != salts:
                    if skipped is not None:
                        return
                    skipped = _Frame(page, content, False, False)
                    continue
                if skipped is not None:
                    yield skipped
                    skipped, before = None, b""
                sums = struct.unpack(">2I", before) if before else None
                sound = page > 0 and sums is not None and _seal(order, words, head, content, *sums) == head[16:24]
                yield _Frame(page, content, size > 0, sound)
                before = head[16:24]
    except OSError:
        return


def _begin(header: bytes, file: BinaryIO, page_size: int) -> tuple[str, bytes, bytes]:
    """Byte order, salts, and the checksum that the first frame follows. Where the header is damaged the first frame
    tells the salts, and cannot be checked itself."""
    order = _MAGIC.get(int.from_bytes(header[:4], "big"))
    if order is not None and len(header) == HEADER:
        sealed = struct.pack(">2I", *_checksum(struct.unpack(f"{order}6I", header[:24]), 0, 0))
        if sealed == header[24:] and struct.unpack_from(">I", header, 8)[0] == page_size:
            return order, header[16:24], header[24:]
    first = file.read(FRAME_HEADER)
    file.seek(HEADER)
    return "<" if sys.byteorder == "little" else ">", first[8:16], b""


def _seal(order: str, words: struct.Struct, head: bytes, content: bytes, first: int, second: int) -> bytes:
    sums = _checksum(struct.unpack(f"{order}2I", head[:8]), first, second)
    return struct.pack(">2I", *_checksum(words.unpack(content), *sums))


def _checksum(words: tuple[int, ...], first: int, second: int) -> tuple[int, int]:
    pair = iter(words)
    for word in pair:
        first = (first + word + second) % _WORD
        second = (second + next(pair) + first) % _WORD
    return first, second
