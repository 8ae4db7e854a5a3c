"""The local lists of tokens that centrals keep on their virtual stations. Read from memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping

from sitectl.model.authorization import LocalList, folded
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import IdTokenInfo
from sitectl.store.database import Database
from sitectl.store.verdicts import Columns, from_columns, to_columns

KeptLists = dict[tuple[UplinkId, StationId], LocalList]

_PUT = (
    "INSERT OR REPLACE INTO local_list_tokens (uplink, station, id_token, status, expires_us, parent)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_DROP = "DELETE FROM local_list_tokens WHERE uplink = ? AND station = ? AND id_token = ?"


class LocalLists:
    """One list an uplink and station. What is read here has been committed; a change is whole or not at all."""

    def __init__(self, database: Database, kept: KeptLists) -> None:
        self._database = database
        self._kept = kept

    def of(self, uplink: UplinkId, station: StationId) -> LocalList:
        """The list as it holds now."""
        return self._kept.get((uplink, station), LocalList())

    def replace(
        self, uplink: UplinkId, station: StationId, version: int, tokens: Mapping[str, IdTokenInfo]
    ) -> Awaitable[None]:
        """Put another list in its place."""
        new = _shared(self._kept, {folded(token): info for token, info in tokens.items()})

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM local_list_tokens WHERE uplink = ? AND station = ?", (uplink, station))
            connection.executemany(_PUT, [(uplink, station, key, *to_columns(info)) for key, info in new.items()])
            _set_version(connection, uplink, station, version)

        return self._write(uplink, station, job, lambda: LocalList(version if new else 0, new))

    def change(
        self,
        uplink: UplinkId,
        station: StationId,
        version: int,
        put: Mapping[str, IdTokenInfo],
        gone: Collection[str],
    ) -> Awaitable[None]:
        """Add or replace some tokens of the list, and take others out of it."""
        new = {folded(token): info for token, info in put.items()}
        left = {folded(token) for token in gone}

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_DROP, [(uplink, station, key) for key in left])
            connection.executemany(_PUT, [(uplink, station, key, *to_columns(info)) for key, info in new.items()])
            _set_version(connection, uplink, station, version)

        def changed() -> LocalList:
            tokens = {key: info for key, info in self.of(uplink, station).tokens.items() if key not in left} | new
            return LocalList(version if tokens else 0, _shared(self._kept, tokens))

        return self._write(uplink, station, job, changed)

    def _write(
        self,
        uplink: UplinkId,
        station: StationId,
        job: Callable[[sqlite3.Connection], None],
        changed: Callable[[], LocalList],
    ) -> Awaitable[None]:
        writing = self._database.run(job)

        def done(future: asyncio.Future[None]) -> None:
            if future.exception() is None:
                self._kept[uplink, station] = changed()

        writing.add_done_callback(done)
        return asyncio.shield(writing)  # who stops waiting does not stop the write


def _set_version(connection: sqlite3.Connection, uplink: UplinkId, station: StationId, version: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO local_lists (uplink, station, version) VALUES (?, ?, ?)", (uplink, station, version)
    )


def _shared(kept: KeptLists, tokens: dict[str, IdTokenInfo]) -> Mapping[str, IdTokenInfo]:
    """The same list on a hundred stations, as centrals send them, is held once."""
    return next((other.tokens for other in kept.values() if other.tokens == tokens), tokens)


def load_lists(connection: sqlite3.Connection) -> KeptLists:
    """All lists, read once at start-up."""
    known: dict[Columns, IdTokenInfo | None] = {}
    found: dict[tuple[UplinkId, StationId], dict[str, IdTokenInfo]] = {}
    for uplink, station, id_token, *columns in connection.execute(
        "SELECT uplink, station, id_token, status, expires_us, parent FROM local_list_tokens"
    ):
        key: Columns = (columns[0], columns[1], columns[2])
        if key not in known:
            known[key] = from_columns(*key)
        if (info := known[key]) is not None:
            found.setdefault((uplink, station), {})[id_token] = info
    kept: KeptLists = {}
    for uplink, station, version in connection.execute("SELECT uplink, station, version FROM local_lists"):
        if tokens := found.get((uplink, station)):
            kept[uplink, station] = LocalList(version, _shared(kept, tokens))
    return kept
