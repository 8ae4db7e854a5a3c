"""The file over its life: opened, watched, replaced when it is damaged, closed. Runs in the writer's thread.

`open` and `reopen` raise what SQLite or the machine said; `fault` tells what that means.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from sitectl.base.clock import Clock
from sitectl.model.storage import DiskUse, Salvage, StoreState
from sitectl.store import disk, outline, quarantine, repair
from sitectl.store.ballast import SHED_BELOW, Ballast
from sitectl.store.connection import CHECKPOINT_PAGES, PAGE_SIZE, WAL_LIMIT, hold, hold_log, read_only, read_write
from sitectl.store.inspection import damage_within

T = TypeVar("T")

DOUBT_S = 5.0  # how long a file is read before it is believed again; the rest is read later
ROOM_TO_GO_ON = 256 * 1024  # with less a full disk would be full again with the next commit
WAL_EXPECTED = WAL_LIMIT * 3 // 2  # a log above this was not folded into the file when its time had come
SHORT_LOG = (500, 2**20)  # pages and bytes, where room is short

log = logging.getLogger(__name__)


class Fault(NamedTuple):
    """Nothing was stored."""

    state: StoreState
    why: str


class Damage(sqlite3.DatabaseError):
    """The file was read and found wrong."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class LedgerFile:
    """One read-write connection, the hold on the file, and the ballast beside it. `path` None: a store in memory.

    `state` (ok, tight or reserve) and `use` tell of the room that there was when it was last looked at. Each of
    `on_replaced` is run on a file that came into the place of a damaged one: what memory holds is newer than it.
    """

    def __init__(self, path: Path | None, ballast: Ballast, clock: Clock) -> None:
        self.path = path
        self.ballast = ballast
        self._clock = clock
        self._held: int | None = None
        self._renewed = False
        self.connection: sqlite3.Connection | None = None
        self.on_replaced: list[Callable[[sqlite3.Connection], object]] = []
        self.state = StoreState.OK
        self.use: DiskUse | None = None
        self.salvages: tuple[Salvage, ...] = ()

    # --- opening -----------------------------------------------------------------------------------------------------

    def open(self, prepare: Callable[[sqlite3.Connection], T]) -> T:
        """Open or create the file and let `prepare` bring it up to date. A damaged one is replaced first."""
        if self.path is None:
            self.connection = read_write(None, create=True)
            return prepare(self.connection)
        if self._held is None:
            self._held = hold(self.path)
        return self._on_the_reserve(lambda: self._mended(prepare))

    def _on_the_reserve(self, call: Callable[[], T]) -> T:
        """Once more with the ballast given up, where the disk is full."""
        try:
            return call()
        except (sqlite3.Error, OSError) as error:
            if self.state_of(error) is not StoreState.FULL or not self.ballast.give_up():
                raise
        self._close_connection()
        return call()

    def _mended(self, prepare: Callable[[sqlite3.Connection], T]) -> T:
        path = self.path
        assert path is not None
        repair.resume(path)
        if (why := repair.hidden_damage(path)) is not None:
            self._replace(path, why)
        try:
            return self._prepared(path, prepare)
        except sqlite3.Error as error:
            if self.state_of(error) is not StoreState.CORRUPT:
                raise
            why = str(error)
        self._leave(path)
        self._replace(path, why)
        return self._prepared(path, prepare)

    def _prepared(self, path: Path, prepare: Callable[[sqlite3.Connection], T]) -> T:
        known = outline.take(path, PAGE_SIZE)
        self.connection = read_write(path, create=True)
        prepared = prepare(self.connection)
        self._keep_outline(path, known)
        self._renewed = False
        self.measure()
        return prepared

    def _keep_outline(self, path: Path, known: outline.Outline | None) -> None:
        """With the schema of now, for which the file is opened once more where that has changed."""
        assert self.connection is not None
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        (cookie,) = self.connection.execute("PRAGMA schema_version").fetchone()
        if known is None or outline.number_at(known, outline.SCHEMA_COOKIE) != cookie:
            self._close_connection()
            known = outline.take(path, PAGE_SIZE)
            self.connection = read_write(path, create=False)
        try:
            if known is not None:
                outline.keep(path, known)
        except OSError as error:
            log.warning("%s: the outline is not kept: %s", path, error)

    # --- watching ----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Keep house: see how much room is left, make the ballast again, fold the log in."""
        self.measure()
        connection = self.connection
        if connection is None or self.path is None:
            return
        if self.state is not StoreState.OK and disk.size(self._wal) > SHORT_LOG[1]:
            connection.execute("PRAGMA busy_timeout = 0")  # never at the cost of waiting for a reader
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute("PRAGMA busy_timeout = 5000")
        elif disk.size(self._wal) > WAL_EXPECTED:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def measure(self) -> None:
        """See how much room there is, and take the ballast back when there is enough. Raises OSError."""
        if self.path is None:
            return
        free, total = disk.space(self.path.parent)
        if not self.ballast.there and self.ballast.make(free):
            free, total = disk.space(self.path.parent)
        reserve = self.ballast.there
        enough = SHED_BELOW if self.state is StoreState.OK else SHED_BELOW * 5 // 4
        if not reserve:
            self.short(StoreState.RESERVE)
        elif free < enough:
            self.short(StoreState.TIGHT)
        elif self.state is not StoreState.OK:
            self.state = StoreState.OK
            if self.connection is not None:
                hold_log(self.connection, CHECKPOINT_PAGES, WAL_LIMIT)
        self.use = DiskUse(free, total, disk.size(self.path), disk.size(self._wal), reserve)
        self.salvages = tuple(case.told() for case in quarantine.cases(self.path))

    def short(self, state: StoreState) -> None:
        """Room is short: the log must not take any more of it."""
        before, self.state = self.state, state
        if before is StoreState.OK and self.connection is not None:
            hold_log(self.connection, *SHORT_LOG)

    # --- again -------------------------------------------------------------------------------------------------------

    def reopen(self, *, doubt: bool, damage: str | None) -> None:
        """Replace the connection and prove that it writes. All others have let go of the file.

        `doubt`: what is on the disk may not be what was written, so that it is read before it is believed.
        `damage`: it is known to be damaged, and is replaced.
        """
        if self.path is not None:
            self._on_the_reserve(lambda: self._renew(damage, doubt=doubt))
        assert self.connection is not None
        self.connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', hex(randomblob(8)))")
        self.state = StoreState.OK
        self.measure()

    def _renew(self, damage: str | None, *, doubt: bool) -> None:
        path = self.path
        assert path is not None
        if damage is None:
            self._close_connection()
        else:
            self._leave(path)
        if (refusal := disk.refusal(path, ROOM_TO_GO_ON)) is not None:
            raise refusal
        if damage is not None and path.exists():
            self._replace(path, damage)
        repair.resume(path)
        if doubt:
            disk.drop_cache(path, self._wal)
        self.connection = read_write(path, create=False)
        if self._renewed:
            self._restore(self.connection)
            self._keep_outline(path, None)
        elif doubt:
            self._believe(self.connection)

    def _believe(self, connection: sqlite3.Connection) -> None:
        """Move all that was committed into the file, whose sync covers what it wrote, and read that."""
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if (found := damage_within(connection, DOUBT_S, self._clock.monotonic)) is not None:
            raise Damage(found)

    def _replace(self, path: Path, why: str) -> None:
        log.error("%s is damaged and is replaced by what can be read of it: %s", path, why)
        self._renewed = True
        repair.replace(path, why, self._clock.wall)

    def _restore(self, connection: sqlite3.Connection) -> None:
        for job in self.on_replaced:
            connection.execute("BEGIN")
            job(connection)
            if connection.in_transaction:
                connection.execute("COMMIT")
        self._renewed = False

    # --- what went wrong ---------------------------------------------------------------------------------------------

    def fault(self, error: Exception) -> Fault:
        """What an error means."""
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Fault(self.state_of(error), f"{self.path}: {said}")

    def state_of(self, error: Exception) -> StoreState:
        """The state that an error puts the store into."""
        return StoreState.FULL if self.path is None else disk.state_of(error, self.path)

    @property
    def _wal(self) -> Path:
        return Path(f"{self.path}-wal")

    # --- letting go --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the file."""
        self._close_connection()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _leave(self, path: Path) -> None:
        """Close the connection without folding the log in, which may be what is damaged: only the last writer does."""
        last = None
        with suppress(sqlite3.Error):
            last = read_only(path)
            last.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        self._close_connection()
        if last is not None:
            last.close()

    def _close_connection(self) -> None:
        connection, self.connection = self.connection, None
        try:
            if connection is not None:
                connection.close()
        except sqlite3.Error as error:
            log.warning("closing %s: %s", self.path, error)
