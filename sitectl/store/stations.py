"""What is remembered of stations, so that all of them are known again when everything else is away."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Mapping
from typing import Any

import orjson

from sitectl.model.ids import StationId
from sitectl.model.station import KnownStation, StationIdentity
from sitectl.store.database import Database
from sitectl.store.errors import StoreUnavailable


class StationBook:
    """One record a station."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unsaved: dict[StationId, KnownStation] = {}

    def known(self) -> Awaitable[Mapping[StationId, KnownStation]]:
        """Everything remembered, read once at start-up."""
        return self._database.query(_known)

    def remember(self, known: KnownStation) -> Awaitable[None]:
        """Store a station's record; the whole replaces the old one. One that the disk refuses is stored later."""
        who = known.identity
        values = (
            known.station,
            who.vendor,
            who.model,
            who.firmware,
            who.serial,
            known.ocpp,
            _text(known.boot),
            known.credential,
            _text(known.configuration),
        )

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO stations (station, vendor, model, firmware, serial, ocpp, boot, credential,"
                " configuration) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

        self._unsaved[known.station] = known
        writing = self._database.run(job)
        writing.add_done_callback(lambda ended: self._stored(known, ended))
        return writing

    def save_again(self) -> None:
        """The disk takes writes again: store what it refused."""
        for known in list(self._unsaved.values()):
            self.remember(known)

    def _stored(self, known: KnownStation, ended: asyncio.Future[None]) -> None:
        refused = ended.cancelled() or isinstance(ended.exception(), StoreUnavailable)
        if not refused and self._unsaved.get(known.station) is known:
            del self._unsaved[known.station]


def _known(connection: sqlite3.Connection) -> Mapping[StationId, KnownStation]:
    rows = connection.execute(
        "SELECT station, vendor, model, firmware, serial, ocpp, boot, credential, configuration FROM stations"
    )
    return {
        StationId(row[0]): KnownStation(
            station=StationId(row[0]),
            identity=StationIdentity(*row[1:5]),
            ocpp=row[5],
            boot=_value(row[6]),
            credential=row[7],
            configuration=_value(row[8]),
        )
        for row in rows
    }


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(dict(value)).decode()


def _value(text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(orjson.loads(text))
