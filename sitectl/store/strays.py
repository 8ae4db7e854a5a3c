"""Transactions that stations name and this ledger does not know: a start was lost, or the file is older than they are.

What is remembered belongs to the writer's thread and to this opening of the file; a restart only knows less.
"""

from __future__ import annotations

from collections.abc import Sequence

from sitectl.model.ids import StationId
from sitectl.store.running import Running

EVERY_S = 60.0
MOST_IDS = 8
"""Unknown ids of one station that are remembered; the one that was met first is forgotten first."""


class Strays:
    """Where stations charge under ids that nobody gave them."""

    def __init__(self) -> None:
        self._places: dict[StationId, dict[int, set[int]]] = {}
        self._kept: dict[StationId, tuple[int, float]] = {}

    def clear(self) -> None:
        """Something was rolled back: nothing here is certain."""
        self._places.clear()
        self._kept.clear()

    def met(self, station: StationId, named: int | None, evse: int) -> None:
        """Values of this EVSE named an id that is not known here. Neither 0 nor less is an id, nor EVSE 0 a place."""
        if named is None or named <= 0 or evse <= 0:
            return
        places = self._places.setdefault(station, {})
        places.setdefault(named, set()).add(evse)
        if len(places) > MOST_IDS:
            del places[next(iter(places))]

    def fitting(self, running: Sequence[Running], station: StationId, named: int | None) -> Sequence[Running]:
        """Those that a stop naming this id can mean. Where its values came from other EVSEs, something of which nothing
        is known here has run there, and the stop is of that."""
        places = None if named is None else self._places.get(station, {}).get(named)
        return running if places is None else [one for one in running if one.evse.evse in places]

    def keep(self, station: StationId, named: int, at: float) -> bool | None:
        """Whether a frame of such values is kept, at most one in EVERY_S: True, and they are news; False, and they are
        not; None: it is not kept. `at` is the monotonic clock."""
        last = self._kept.get(station)
        if last is not None and at - last[1] < EVERY_S:
            return None
        self._kept[station] = (named, at)
        return last is None or last[0] != named
