"""Names of things. Plain strings told apart by the type checker, and the one compound name: an EVSE of a station."""

from __future__ import annotations

from typing import NamedTuple, NewType

StationId = NewType("StationId", str)
CircuitId = NewType("CircuitId", str)
MeterId = NewType("MeterId", str)
UplinkId = NewType("UplinkId", str)
TransactionId = NewType("TransactionId", str)
"""Our own name of a transaction (a UUID as text). Not what the station or a central calls it."""


class EvseId(NamedTuple):
    """One EVSE of one station. `evse` counts from 1; 0 means the station as a whole."""

    station: StationId
    evse: int

    def __str__(self) -> str:
        return f"{self.station}:{self.evse}"
