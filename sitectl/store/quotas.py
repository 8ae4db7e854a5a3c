"""How much waits for the centrals, of how much may; and in words when that becomes a problem."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from sitectl.model.health import Finding
from sitectl.model.ids import StationId, UplinkId

MEGABYTE = 1_000_000
ROW_BYTES = 400
"""What a message takes beside its payload: other columns, its entry in the index, unused ends of pages (measured: 235
for payloads of 150 bytes, 520 for 600, 650 for 1,500)."""

ALARMS = (95, 80, 50)
CALM = 5
"""A problem is over when so many per cent less are used."""

THIN_ABOVE, THIN_TO = 0.95, 0.90
Queue = tuple[UplinkId, StationId]
WHERE = "backlog"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that may wait: of all stations, and of each."""

    all: int
    each: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes that wait, by queue, and messages, by uplink."""

    queues: Mapping[Queue, int] = field(default_factory=dict)
    messages: Mapping[UplinkId, int] = field(default_factory=dict)

    @property
    def stations(self) -> Mapping[StationId, int]:
        """The same by station."""
        stations: dict[StationId, int] = {}
        for (_, station), size in self.queues.items():
            stations[station] = stations.get(station, 0) + size
        return stations

    @property
    def all(self) -> int:
        """Of all queues."""
        return sum(self.queues.values())


def usage(connection: sqlite3.Connection) -> Usage:
    """What waits, from the index alone."""
    rows = connection.execute(
        "SELECT uplink, station, sum(size), count(*) FROM outbox INDEXED BY outbox_waiting WHERE state <> 'dead'"
        " GROUP BY uplink, station"
    )
    queues: dict[Queue, int] = {}
    messages: dict[UplinkId, int] = {}
    for uplink, station, size, count in rows:
        queues[uplink, station] = size + ROW_BYTES * count
        messages[uplink] = messages.get(uplink, 0) + count
    return Usage(queues, messages)


@dataclass(frozen=True, slots=True)
class Crowded(Container[StationId]):
    """Stations whose messages take all the room there is."""

    stations: frozenset[StationId] = frozenset()
    everyone: bool = False

    def __contains__(self, station: object) -> bool:
        return self.everyone or station in self.stations


def crowded(used: Usage, limits: Limits) -> Crowded:
    """Whose new meter values must take the place of older ones from now on."""
    full = frozenset(station for station, size in used.stations.items() if size >= limits.each)
    return Crowded(full, everyone=used.all >= limits.all)


def to_free(used: Usage, limits: Limits) -> tuple[int, Mapping[StationId, int]]:
    """How many bytes are to be taken out: of all together, and of single stations."""
    stations = {
        station: size - int(THIN_TO * limits.each)
        for station, size in used.stations.items()
        if size >= THIN_ABOVE * limits.each
    }
    return (used.all - int(THIN_TO * limits.all) if used.all >= THIN_ABOVE * limits.all else 0), stations


_WORDS = {
    50: "Half of the room for waiting messages is used",
    80: "Most of the room for waiting messages is used",
    95: "The room for waiting messages is used up",
}
_DO = {
    50: "Bring the central back; until then everything is kept.",
    80: "Bring the central back, or raise retention.{key}; soon meter values are thinned, starts and stops never.",
    95: "Bring the central back, or raise retention.{key}: meter values are thinned, starts and stops never.",
}


class Alarms:
    """At which of its marks each quota stands; it leaves one when clearly less is used."""

    def __init__(self) -> None:
        self._stands: dict[str, int] = {}
        self._found: list[Finding] = []

    def look(self, used: Usage, limits: Limits) -> None:
        """See how the quotas stand now."""
        quotas = {WHERE: (used.all, limits.all, "backlog_mb")}
        for station, size in used.stations.items():
            quotas[station] = (size, limits.each, "backlog_station_mb")
        before, self._stands = self._stands, {}
        self._found = []
        for where, (size, limit, key) in quotas.items():
            mark = _mark(100 * size / limit, before.get(where, 0))
            if mark:
                self._stands[where] = mark
                what = f"{_WORDS[mark]}: {size / MEGABYTE:.0f} of {limit / MEGABYTE:.0f} MB"
                self._found.append((what, where, _DO[mark].format(key=key)))

    def findings(self) -> Iterator[Finding]:
        """What is wrong: what, where, what to do."""
        yield from self._found


def _mark(percent: float, before: int) -> int:
    for mark in ALARMS:
        if percent >= mark or (mark == before and percent >= mark - CALM):
            return mark
    return 0
