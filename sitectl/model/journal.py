"""What happened, for people: entries of the journal, and what went over the wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sitectl.model.ids import StationId, UplinkId


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One event as `sitectl events` shows it. `seq` grows over the life of the installation."""

    seq: int
    time: datetime
    type: str
    station: StationId | None
    evse: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of one station (None: all), of these types (`transaction`: all that begin so; none: all)."""

    station: StationId | None = None
    types: tuple[str, ...] = ()


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Message:
    """One frame on a wire, without secrets. `uplink` None: between the station and us; `sent`: it left us."""

    time: datetime
    uplink: UplinkId | None
    sent: bool
    frame: str


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """What happened at a station, the oldest first. `more`: there is more before it, in the span that was asked for."""

    entries: Sequence[JournalEntry | Message]
    more: bool


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A stop that was set aside: it fitted none (`unmatched_stop`), or came second and differs (`conflicting_stop`)."""

    kind: str
    station: StationId
    transaction: str | None
    received: datetime
    payload: Mapping[str, Any]
