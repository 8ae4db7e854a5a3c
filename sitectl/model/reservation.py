"""Reservations: an EVSE, or any of a station, is kept for one token, or for those of its parent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sitectl.model.ids import EvseId, UplinkId


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation of one central, by the `id` that it gave; EVSE 0: any one of the station.

    `station_id`: the id by which the station itself holds it, None where we hold it. `ended`: when it was used,
    cancelled, or taken away by a fault, before it `expires`.
    """

    owner: UplinkId
    id: int
    evse: EvseId
    id_token: str
    parent: str | None
    made: datetime
    expires: datetime
    station_id: int | None = None
    ended: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it keeps anything now."""
        return self.ended is None and now < self.expires

    def held(self, then: datetime) -> bool:
        """Whether it did at some moment."""
        return self.made <= then < (self.expires if self.ended is None else min(self.ended, self.expires))
