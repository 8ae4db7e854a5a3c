"""What is remembered of stations, so that all of them are known again when everything else is away."""

import sqlite3
from collections.abc import Awaitable, Mapping
from typing import Any

import orjson

from sitectl.model.ids import StationId
from sitectl.model.station import KnownStation, StationIdentity
from sitectl.store.database import Database


class StationBook:
    """One record a station."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> Awaitable[Mapping[StationId, KnownStation]]:
        """Everything remembered, read once at start-up."""
        return self._database.query(_known)

    def remember(self, known: KnownStation) -> Awaitable[None]:
        """Store a station's record; the whole replaces the old one."""
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

        return self._database.run(job)


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
