"""What centrals set on their virtual stations: configuration keys and charging profiles. Read from memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import Payload
from sitectl.store.database import Database
from sitectl.store.writer import Job

_Owner = tuple[str, str]


@dataclass(slots=True)
class Remembered:
    """The tables as they are on disk."""

    variables: dict[_Owner, dict[str, str]] = field(default_factory=dict)
    profiles: dict[_Owner, list[Payload]] = field(default_factory=dict)


class VirtualSettings:
    """What is read here has been committed: a value changes in memory after it changed on disk."""

    def __init__(self, database: Database, remembered: Remembered) -> None:
        self._database = database
        self._remembered = remembered
        database.on_replaced(self._restore)

    def variables(self, uplink: UplinkId, station: StationId) -> Mapping[str, str]:
        """The keys that this central has set on its view of a station."""
        return dict(self._remembered.variables.get((uplink, station), {}))

    def set_variable(self, uplink: UplinkId, station: StationId, key: str, value: str) -> Awaitable[None]:
        """Keep one key."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO virtual_variables (uplink, station, key, value) VALUES (?, ?, ?, ?)",
                (uplink, station, key, value),
            )

        def apply() -> None:
            self._remembered.variables.setdefault((uplink, station), {})[key] = value

        return self._write(job, apply)

    def profiled(self, uplink: UplinkId) -> Sequence[StationId]:
        """The stations for which this central has charging profiles."""
        every = self._remembered.profiles.items()
        return [StationId(station) for (owner, station), kept in every if owner == uplink and kept]

    def profiles(self, uplink: UplinkId, station: StationId) -> Sequence[Payload]:
        """The charging profiles that this central sent for a station, as they were given to `set_profiles`."""
        return list(self._remembered.profiles.get((uplink, station), []))

    def set_profiles(self, uplink: UplinkId, station: StationId, profiles: Sequence[Payload]) -> Awaitable[None]:
        """Replace the list."""
        text = orjson.dumps(list(profiles)).decode()

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO virtual_profiles (uplink, station, profiles) VALUES (?, ?, ?)",
                (uplink, station, text),
            )

        def apply() -> None:
            self._remembered.profiles[(uplink, station)] = orjson.loads(text)

        return self._write(job, apply)

    def _restore(self, connection: sqlite3.Connection) -> None:
        """Into a file that came into the place of a damaged one: what memory holds is all there was."""
        connection.execute("DELETE FROM virtual_variables")
        connection.execute("DELETE FROM virtual_profiles")
        variables = [
            (*owner, key, value)
            for owner, kept in list(self._remembered.variables.items())
            for key, value in kept.items()
        ]
        connection.executemany(
            "INSERT INTO virtual_variables (uplink, station, key, value) VALUES (?, ?, ?, ?)", variables
        )
        profiles = [(*owner, orjson.dumps(kept).decode()) for owner, kept in list(self._remembered.profiles.items())]
        connection.executemany("INSERT INTO virtual_profiles (uplink, station, profiles) VALUES (?, ?, ?)", profiles)

    def _write(self, job: Job[None], apply: Callable[[], None]) -> Awaitable[None]:
        writing = self._database.run(job)

        def done(future: asyncio.Future[None]) -> None:
            if future.exception() is None:
                apply()

        writing.add_done_callback(done)
        return asyncio.shield(writing)  # who stops waiting does not stop the write


def load_virtual(connection: sqlite3.Connection) -> Remembered:
    """All of it, read once at start-up."""
    remembered = Remembered()
    for uplink, station, key, value in connection.execute("SELECT uplink, station, key, value FROM virtual_variables"):
        remembered.variables.setdefault((uplink, station), {})[key] = value
    for uplink, station, profiles in connection.execute("SELECT uplink, station, profiles FROM virtual_profiles"):
        remembered.profiles[(uplink, station)] = orjson.loads(profiles)
    return remembered
