"""The many rows that nobody waits for, copied from a damaged file while the site goes on: the newest first.

They are read in the inspection's thread and written as jobs that can be done without, a batch at a time. Interrupted,
the copy begins anew at the next start: rows that are there already are left as they are.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sitectl.store import outline, quarantine
from sitectl.store.connection import PAGE_SIZE
from sitectl.store.damaged import DamagedFile
from sitectl.store.executor import Executor
from sitectl.store.quarantine import Case
from sitectl.store.salvage import LATER, newest_first, shapes_in

BATCH = 200
PAUSE_S = 0.05  # what is alive goes first

_Batch = tuple[str, list[Sequence[Any]]]

log = logging.getLogger(__name__)


class Remainder:
    """Copies what is left of each case, one after the other. `write` runs a job and tells whether it was done."""

    def __init__(
        self,
        path: Path,
        thread: Executor,
        write: Callable[[Callable[[sqlite3.Connection], None], Callable[[bool], None]], None],
    ) -> None:
        self._path = path
        self._thread = thread
        self._write = write
        self._case: Case | None = None
        self._file: DamagedFile | None = None
        self._batches: Generator[_Batch, None, None] | None = None
        self._copied: dict[str, int] = {}
        self.running = False

    def begin(self) -> None:
        """Go on with what is left, unless that is under way."""
        if not self.running:
            self.running = True
            self._thread.submit(self._open, self._opened)

    def stop(self) -> None:
        """Let go of the file."""
        self._thread.submit(self._close, lambda _: None)

    def _opened(self, found: bool) -> None:
        if found:
            self._thread.submit(self._read, self._got)
        else:
            self.running = False

    def _got(self, batch: _Batch | None) -> None:
        if batch is None:
            self._thread.submit(self._finish, lambda _: self._thread.submit(self._open, self._opened))
            return
        statement, rows = batch

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(statement, rows)

        self._write(job, self._written)

    def _written(self, done: bool) -> None:
        if done:
            asyncio.get_running_loop().call_later(PAUSE_S, self._thread.submit, self._read, self._got)
        else:  # it is begun again when there is room, or at the next start
            self.running = False
            self._thread.submit(self._close, lambda _: None)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        """Open the next damaged file of which something is left; False when there is none."""
        for case in quarantine.cases(self._path):
            if case.state == quarantine.LATER and case.folder.exists():
                try:
                    self._file = DamagedFile(case.file, outline.kept(self._path, PAGE_SIZE))
                except OSError as error:
                    log.warning("%s: %s", case.file, error)
                    continue
                self._case, self._copied = case, dict.fromkeys(LATER, 0)
                self._batches = self._all(self._file)
                return True
        return False

    def _all(self, file: DamagedFile) -> Generator[_Batch, None, None]:
        for one in shapes_in(file, LATER):
            rows = newest_first(file, one)
            while batch := list(islice(rows, BATCH)):
                self._copied[one.table] += len(batch)
                yield one.statement(len(one.columns)), batch

    def _read(self) -> _Batch | None:
        try:
            return None if self._batches is None else next(self._batches, None)
        except (sqlite3.Error, OSError) as error:
            log.warning("%s cannot be read any further: %s", self._case and self._case.file, error)
            return None

    def _finish(self) -> None:
        case, cut = self._case, {} if self._file is None else self._file.cut
        self._close()
        if case is not None:
            saved, damaged = case.report.get("saved", {}) | self._copied, case.report.get("damaged", {}) | cut
            try:
                case.note(state=quarantine.DONE, saved=saved, damaged=damaged)
            except OSError as error:
                log.warning("%s: %s", case.folder, error)

    def _close(self) -> None:
        batches, self._batches = self._batches, None
        if batches is not None:
            batches.close()
        file, self._file = self._file, None
        if file is not None:
            file.close()
