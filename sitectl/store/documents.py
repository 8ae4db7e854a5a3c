"""What is remembered of a station for a central besides keys and profiles: a JSON document a kind. Read from memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field

import orjson

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import Payload
from sitectl.store.database import Database


@dataclass(slots=True)
class RememberedDocuments:
    """The table as it is on disk: kind -> (uplink, station) -> document."""

    kinds: dict[str, dict[tuple[UplinkId, StationId], Payload]] = field(default_factory=dict)


class VirtualDocuments:
    """What is read here has been committed: a document changes in memory after it changed on disk."""

    def __init__(self, database: Database, remembered: RememberedDocuments) -> None:
        self._database = database
        self._remembered = remembered

    def of(self, kind: str) -> Mapping[tuple[UplinkId, StationId], Payload]:
        """All documents of a kind."""
        return dict(self._remembered.kinds.get(kind, {}))

    def keep(self, kind: str, uplink: UplinkId, station: StationId, document: Payload | None) -> Awaitable[None]:
        """Replace a document; None: forget it."""
        text = None if document is None else orjson.dumps(document).decode()

        def job(connection: sqlite3.Connection) -> None:
            if text is None:
                connection.execute(
                    "DELETE FROM virtual_documents WHERE kind = ? AND uplink = ? AND station = ?",
                    (kind, uplink, station),
                )
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO virtual_documents (kind, uplink, station, document) VALUES (?, ?, ?, ?)",
                    (kind, uplink, station, text),
                )

        writing = self._database.run(job)

        def done(future: asyncio.Future[None]) -> None:
            if future.cancelled() or future.exception() is not None:
                return
            held = self._remembered.kinds.setdefault(kind, {})
            if text is None:
                held.pop((uplink, station), None)
            else:
                held[uplink, station] = orjson.loads(text)

        writing.add_done_callback(done)
        return asyncio.shield(writing)  # who stops waiting does not stop the write


def load_documents(connection: sqlite3.Connection) -> RememberedDocuments:
    """All of it, read once at start-up."""
    remembered = RememberedDocuments()
    for kind, uplink, station, text in connection.execute(
        "SELECT kind, uplink, station, document FROM virtual_documents"
    ):
        remembered.kinds.setdefault(kind, {})[UplinkId(uplink), StationId(station)] = orjson.loads(text)
    return remembered
