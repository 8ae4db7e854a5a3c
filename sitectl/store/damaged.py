"""A damaged file, made readable: the log folded in as far as it is sound, the outline restored, damaged pages cut out.

What a page held before it was changed is kept beside the file (`.changed`: page number, content), so that nothing is
destroyed by looking.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from sitectl.store import outline, wal
from sitectl.store.connection import PAGE_SIZE
from sitectl.store.mending import cut_damage, orphans, reached
from sitectl.store.outline import Outline
from sitectl.store.pages import MAGIC, Damaged, Pages, Row, rows


class KeptPages(Pages):
    """Pages whose first content is kept when they are changed, and comes back when the file is opened again: so that
    an interrupted salvage begins where the first one began.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), PAGE_SIZE)
        self._changed = Path(f"{path}.changed")
        if self._changed.exists():
            kept = self._changed.read_bytes()
            step = 4 + PAGE_SIZE
            for at in reversed(range(0, len(kept) - step + 1, step)):
                super().write({int.from_bytes(kept[at : at + 4], "big"): kept[at + 4 : at + step]})

    def write(self, changed: Mapping[int, bytes]) -> None:
        """Replace pages; what stood there is on the disk before."""
        before = {number: self.read(number) for number in changed}
        with self._changed.open("ab") as file:
            file.write(b"".join(struct.pack(">I", number) + content for number, content in before.items()))
            file.flush()
            os.fsync(file.fileno())
        super().write(changed)


class DamagedFile:
    """Opens the file for good: nobody else may have it open. Raises OSError."""

    def __init__(self, path: Path, kept: Outline | None) -> None:
        self._path = path
        self._pages = KeptPages(path)
        self._orphans: list[int] | None = None
        self._cut: set[int] = set()
        self.cut: dict[str, int] = {}
        """Pages cut out, by table."""
        log = wal.read(Path(f"{path}-wal"), PAGE_SIZE)
        Pages.write(self._pages, dict(log.pages))  # the log itself is kept
        self.lost_frames = log.lost
        self._restore_size()
        self.roots = self._read_roots()
        if self.roots is None and kept is not None:
            self._pages.write(kept)
            self._restore_size()
            self.roots = self._read_roots()
        found = outline.read(self._pages) or kept
        self.schema = None if found is None else outline.number_at(found, outline.SCHEMA_VERSION)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._pages.handle)

    @property
    def address(self) -> str:
        """How SQLite opens it: as something that nobody changes, its log left alone."""
        return f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"

    def _read_roots(self) -> dict[str, int] | None:
        """Where each table and index begins, None when SQLite cannot read that."""
        try:
            with closing(sqlite3.connect(self.address, uri=True)) as connection:
                found = connection.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0").fetchall()
        except sqlite3.Error:
            return None
        return dict(found) or None

    def _restore_size(self) -> None:
        """Let the file be as long as its beginning says that it is: what was cut off reads as zeros then."""
        first, present = self._pages.read(1), self._pages.count
        told = struct.unpack_from(">I", first, outline.PAGE_COUNT)[0]
        if not first.startswith(MAGIC) or told == present:
            return
        longest = 2 * present + 100_000  # a number beyond it is damage itself
        count = told if present < told <= longest else present
        mended = bytearray(first)
        struct.pack_into(">I", mended, outline.PAGE_COUNT, count)
        mended[outline.VALID_FOR : outline.VALID_FOR + 4] = first[outline.CHANGES : outline.CHANGES + 4]
        self._pages.write({1: bytes(mended)})
        os.ftruncate(self._pages.handle, count * PAGE_SIZE)

    def cut_damage(self, table: str, *, rowids: bool) -> tuple[int, list[Row]]:
        """Cut damaged pages out of a table: how many, and what could be read of them. Those below become orphans."""
        root = (self.roots or {}).get(table)
        if root is None:
            return 0, []
        walked = cut_damage(self._pages, root, rowids=rowids)
        if walked.cut:
            self.cut[table] = self.cut.get(table, 0) + len(walked.cut)
            self._cut.update(walked.cut)
            self._orphans = None
        return len(walked.cut), walked.rows

    def rows_of(self, table: str) -> Iterator[Row]:
        """The rows that a table's own pages hold, page by page."""
        root = (self.roots or {}).get(table)
        for number in sorted(reached(self._pages, root, self._cut)) if root is not None else ():
            yield from self._rows(number)

    def orphaned_rows(self) -> Iterator[Row]:
        """The rows of pages that no table and no index holds."""
        if self._orphans is None:
            known = {1}.union(*(reached(self._pages, root, self._cut) for root in [1, *(self.roots or {}).values()]))
            self._orphans = list(orphans(self._pages, known))
        for number in self._orphans:
            yield from self._rows(number)

    def _rows(self, number: int) -> Iterator[Row]:
        with suppress(Damaged):
            yield from rows(self._pages, number)
