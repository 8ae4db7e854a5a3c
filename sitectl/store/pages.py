"""The file's format, as far as rows can be read and trees be walked without SQLite: pages, cells, records.

For a file that SQLite itself refuses to read. The format: https://www.sqlite.org/fileformat2.html, sections 1.3 to 2.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR = 13, 5, 10, 2
LEAVES = (TABLE_LEAF, INDEX_LEAF)
INTERIORS = (TABLE_INTERIOR, INDEX_INTERIOR)
WITH_ROWS = (TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR)
"""In an index, and so in a table without rowids, interior pages hold rows as well."""

FILE_HEADER = 100
MAGIC = b"SQLite format 3\0"
LONGEST_RECORD = 16 * 2**20
"""Far more than any row of a ledger; a length beyond it is damage."""

Value = int | float | str | bytes | None


class Damaged(Exception):
    """This part is not what the format says."""


class Row(NamedTuple):
    """One record; `rowid` is None in an index, and so in a table without rowids."""

    rowid: int | None
    values: tuple[Value, ...]


class Pages:
    """The pages of an open file, from 1 on."""

    def __init__(self, handle: int, size: int) -> None:
        self.handle = handle
        self.size = size

    @property
    def count(self) -> int:
        """Whole and begun pages."""
        return -(-os.fstat(self.handle).st_size // self.size)

    def read(self, number: int) -> bytes:
        """A page; filled up with zeros where the file ends or the disk cannot read it."""
        try:
            found = os.pread(self.handle, self.size, (number - 1) * self.size) if number > 0 else b""
        except OSError:
            found = b""
        return found.ljust(self.size, b"\0")

    def write(self, changed: Mapping[int, bytes]) -> None:
        """Replace pages. Raises OSError."""
        for number, content in changed.items():
            os.pwrite(self.handle, content, (number - 1) * self.size)

    def nothing(self, number: int, leaf: int) -> bytes:
        """A leaf of one row without values: one without a row would count as damage."""
        cell = b"\x02\x01\x02\x00" if leaf == TABLE_LEAF else b"\x02\x02\x00"
        begin = self.read(1)[:FILE_HEADER] if number == 1 else b""
        at = self.size - 4
        head = struct.pack(">BHHHBH", leaf, 0, 1, at, 0, at)
        return (begin + head).ljust(at, b"\0") + cell.ljust(4, b"\0")


def children(page: bytes, number: int) -> list[int]:
    """The pages below an interior page, in order. Raises Damaged."""
    begin = FILE_HEADER if number == 1 else 0
    if page[begin] not in INTERIORS:
        raise Damaged(f"page {number} is of kind {page[begin]}")
    cells = _pointers(page, begin, 12)
    found = [int.from_bytes(page[at : at + 4], "big") for at in cells]
    return [*found, int.from_bytes(page[begin + 8 : begin + 12], "big")]


def kind(page: bytes, number: int) -> int:
    """What a page is: one of the four kinds, with its cells where they can be. Raises Damaged."""
    begin = FILE_HEADER if number == 1 else 0
    found = page[begin]
    if found not in LEAVES + INTERIORS:
        raise Damaged(f"page {number} is of kind {found}")
    _pointers(page, begin, 8 if found in LEAVES else 12)
    return found


def rows(pages: Pages, number: int, *, strict: bool = True) -> Iterator[Row]:
    """The rows that a page holds itself; those that cannot be read are left out.

    `strict`: a page whose cells cannot lie where it says raises Damaged; otherwise they are tried one by one.
    """
    page = pages.read(number)
    begin = FILE_HEADER if number == 1 else 0
    found = kind(page, number) if strict else page[begin]
    if found not in WITH_ROWS:
        return
    interior = found == INDEX_INTERIOR
    for at in _pointers(page, begin, 12 if interior else 8, strict=strict):
        try:
            yield _cell(pages, page, at + 4 if interior else at, found == TABLE_LEAF)
        except (Damaged, IndexError, struct.error, UnicodeDecodeError):
            continue


def _pointers(page: bytes, begin: int, header: int, *, strict: bool = True) -> tuple[int, ...]:
    count = int.from_bytes(page[begin + 3 : begin + 5], "big")
    first = begin + header
    most = (len(page) - first) // 2
    if count > most and strict:
        raise Damaged(f"{count} cells do not fit")
    cells = struct.unpack_from(f">{min(count, most)}H", page, first)
    inside = tuple(at for at in cells if first + 2 * count <= at < len(page))
    if len(inside) < count and strict:
        raise Damaged("a cell lies outside its page")
    return inside


def _cell(pages: Pages, page: bytes, at: int, table: bool) -> Row:
    length, at = varint(page, at)
    rowid: int | None = None
    if table:
        rowid, at = varint(page, at)
    if length > LONGEST_RECORD:
        raise Damaged("a record longer than any")
    most = pages.size - 35 if table else (pages.size - 12) * 64 // 255 - 23
    if length <= most:
        return Row(rowid, _record(page[at : at + length], length))
    least = (pages.size - 12) * 32 // 255 - 23
    here = least + (length - least) % (pages.size - 4)
    here = here if here <= most else least
    parts, got = [page[at : at + here]], here
    following = int.from_bytes(page[at + here : at + here + 4], "big")
    while got < length:
        if not 1 < following <= pages.count:
            raise Damaged("the rest of a record is not there")
        more = pages.read(following)
        following = int.from_bytes(more[:4], "big")
        parts.append(more[4 : 4 + length - got])
        got += len(parts[-1])
    return Row(rowid, _record(b"".join(parts), length))


def _record(data: bytes, length: int) -> tuple[Value, ...]:
    """The values. All of the record must be accounted for, which chance hardly brings about."""
    header, at = varint(data, 0)
    body, values = header, []
    while at < header:
        code, at = varint(data, at)
        value, body = _value(data, body, code)
        values.append(value)
    if at != header or body != length or len(data) != length:
        raise Damaged("a record of another length")
    return tuple(values)


_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def _value(data: bytes, at: int, code: int) -> tuple[Value, int]:
    if code == 0:
        return None, at
    if code in (8, 9):
        return code - 8, at
    if code in _INTEGERS:
        end = at + _INTEGERS[code]
        return int.from_bytes(data[at:end], "big", signed=True), end
    if code == 7:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if code < 12:
        raise Damaged(f"a value of kind {code}")
    end = at + (code - 12) // 2
    if end > len(data):
        raise Damaged("a value reaches beyond its record")
    return (data[at:end].decode() if code % 2 else bytes(data[at:end])), end


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where the next thing begins. Raises IndexError at the end of the data."""
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    value = value << 8 | data[at + 8]
    return value - 2**64 if value >= 2**63 else value, at + 9
