"""Files that hold recorded frames: written once from front to back, a file an hour, found again by station.

Not in the database: these frames may be lost, so they need neither its syncs nor its double writing, and an old hour is
deleted with one call. A file is a row of batches. A batch has an index of its stations and a piece of text for each,
compressed. The pieces of a station in one file are one stream, each knowing the end of the text before it, because the
frames of a station repeat each other: a frame of 650 bytes becomes 30 to 90. What is kept open of a stream is that end
and not a compressor, which would hold 72 kB a station. A torn end, left by a power cut, is as good as absent.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import orjson

from sitectl.base.logging import may_hold_secrets, scrub
from sitectl.model.ids import StationId
from sitectl.store.connection import make_private
from sitectl.store.moments import from_us, to_us

SUFFIX = ".wire"
HOUR_US = 3_600_000_000

_HEADER = struct.Struct("<4sIIIqq")  # magic, bytes that follow, bytes of the index, its checksum, first and last time
_MAGIC = b"SCW1"
_WINDOW = -13  # raw deflate over the last 8 kB
_KNOWN = 2048  # bytes of text that a piece knows of what was before it: two or three frames
_MEMORY_LEVEL = 6
_LEVEL = 3
_LONGEST_INDEX = 1 << 22


class Heard(NamedTuple):
    """One frame of a station, or of one that we play for it (`uplink`); `sent`: it left us."""

    time_us: int
    station: StationId
    uplink: str | None
    sent: bool
    data: bytes | str


class Recorded(NamedTuple):
    """The same, read again; without secrets."""

    time_us: int
    uplink: str | None
    sent: bool
    frame: str


class Writer:
    """Appends batches. `part` tells files of one hour apart; it changes with each opening of the ledger."""

    def __init__(self, directory: Path, part: str) -> None:
        self._directory = directory
        self._part = part
        self._broken = 0
        self._hour_us = -1
        self._file: IO[bytes] | None = None
        self._ends: dict[StationId, bytes] = {}

    def write(self, frames: Iterable[Heard], now_us: int) -> int:
        """Append one batch; how many bytes. Raises OSError: nothing of it can be relied on, the next begins anew."""
        texts: dict[StationId, list[bytes]] = {}
        times: list[int] = []
        for frame in frames:
            line = orjson.dumps((frame.time_us, frame.sent, frame.uplink, readable(frame.data)))
            texts.setdefault(frame.station, []).append(line)
            times.append(frame.time_us)
        if not times:
            return 0
        try:
            file = self._open(now_us)
            batch = self._batch(texts, min(times), max(times))
            if file.write(batch) < len(batch):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._directory))
        except OSError:
            self.close()
            self._broken += 1
            raise
        return len(batch)

    def close(self) -> None:
        """End the file; the next batch begins another."""
        file, self._file = self._file, None
        self._ends.clear()
        self._hour_us = -1
        if file is not None:
            file.close()

    def _open(self, now_us: int) -> IO[bytes]:
        hour_us = now_us - now_us % HOUR_US
        if self._file is None or hour_us != self._hour_us:
            self.close()
            self._directory.mkdir(mode=0o750, exist_ok=True)
            name = f"{from_us(hour_us):%Y%m%dT%H}-{self._part}-{self._broken}{SUFFIX}"
            # Unbuffered: a batch is one call, and what was written survives the end of this process, however it ends.
            path = self._directory / name
            make_private(path)
            self._file = path.open("ab", buffering=0)
            self._hour_us = hour_us
        return self._file

    def _batch(self, texts: dict[StationId, list[bytes]], first_us: int, last_us: int) -> bytes:
        entries, pieces, offset = [b""], [], 0
        for station, lines in texts.items():
            known, text = self._ends.get(station, b""), b"\n".join([*lines, b""])
            stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY_LEVEL, zdict=known)
            piece = stream.compress(text) + stream.flush()
            self._ends[station] = _end(known, text)
            entries.append(f"{station} {'c' if known else 'b'} {offset} {len(piece)}".encode())
            pieces.append(piece)
            offset += len(piece)
        index = b"\n".join([*entries, b""])
        header = _HEADER.pack(_MAGIC, len(index) + offset, len(index), zlib.crc32(index), first_us, last_us)
        return b"".join([header, index, *pieces])


def _end(known: bytes, text: bytes) -> bytes:
    """What the next piece of a stream knows of those before it."""
    return (known + text)[-_KNOWN:] if len(text) < _KNOWN else text[-_KNOWN:]


def readable(data: bytes | str) -> str:
    """A frame as text, without secrets."""
    text = data if isinstance(data, str) else data.decode(errors="replace")
    return scrub(text) if may_hold_secrets(text) else text


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """One file, by its name: what it holds was written from `hour_us` on, for an hour."""

    path: Path
    hour_us: int


def segments(directory: Path) -> Sequence[Segment]:
    """All files, the oldest first; others that lie there are left alone."""
    found = []
    for path in directory.glob(f"*{SUFFIX}") if directory.is_dir() else ():
        hour_us = _hour_of(path.name)
        if hour_us is not None:
            found.append(Segment(path, hour_us))
    return sorted(found, key=lambda segment: (segment.hour_us, _age(segment.path)))


def _age(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.stem.split("-")[1:] if part.isdigit())


def _hour_of(name: str) -> int | None:
    try:
        return to_us(datetime.strptime(name[:11], "%Y%m%dT%H").replace(tzinfo=UTC))
    except ValueError:
        return None


def read(segment: Segment, station: StationId, until_us: int) -> Iterator[Recorded]:
    """The frames of a station in one file, in order, up to the batches that begin at `until_us`.

    What cannot be read is left out.
    """
    try:
        with segment.path.open("rb") as file:
            yield from _frames(file, b"\n%b " % station.encode(), until_us)
    except OSError:
        return  # deleted meanwhile, or the disk fails: the rest of the timeline is there


def _frames(file: IO[bytes], entry: bytes, until_us: int) -> Iterator[Recorded]:
    known: bytes | None = None
    for begins, piece in _pieces(file, entry, until_us):
        if begins:
            known = b""
        if known is None:
            continue
        stream = zlib.decompressobj(_WINDOW, zdict=known)
        try:
            text = stream.decompress(piece)
        except zlib.error:
            known = None
            continue
        known = _end(known, text) if stream.eof else None
        for line in text.splitlines():
            try:
                time_us, sent, uplink, frame = orjson.loads(line)
            except ValueError:
                continue
            yield Recorded(time_us, uplink, sent, frame)


def _pieces(file: IO[bytes], entry: bytes, until_us: int) -> Iterator[tuple[bool, bytes]]:
    """What each batch holds of a station: (whether its stream begins here, data)."""
    while len(header := file.read(_HEADER.size)) == _HEADER.size:
        magic, size, index_size, checksum, first_us, _ = _HEADER.unpack(header)
        if magic != _MAGIC or index_size > min(size, _LONGEST_INDEX) or first_us >= until_us:
            return
        index = file.read(index_size)
        if len(index) < index_size or zlib.crc32(index) != checksum:
            return
        ends_at = file.tell() + size - index_size
        at = index.find(entry)
        if at >= 0:
            flag, offset, length = index[at + len(entry) :].split(b"\n", 1)[0].split()
            file.seek(int(offset), os.SEEK_CUR)
            yield flag == b"b", file.read(int(length))
        file.seek(ends_at)
