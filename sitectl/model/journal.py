"""What happened, for people: one entry of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sitectl.model.ids import StationId


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
class Anomaly:
    """A stop that was set aside: it fitted none (`unmatched_stop`), or came second and differs (`conflicting_stop`)."""

    kind: str
    station: StationId
    transaction: str | None
    received: datetime
    payload: Mapping[str, Any]
