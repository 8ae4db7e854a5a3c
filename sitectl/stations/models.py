"""Which sheets fit a station, by what it says of itself and by the one that its plan names."""

from __future__ import annotations

from collections.abc import Sequence

from sitectl.model.station import StationIdentity, StationPlan
from sitectl.quirks.match import Matched, match
from sitectl.quirks.sheet import StationSheet

MOST_KEPT = 1000
"""Identities whose match is kept: a site has a handful of models, and a stranger may invent any number."""


class Models:
    """The sheets that there are. Stations of one model share what was found."""

    def __init__(self, sheets: Sequence[StationSheet] = ()) -> None:
        self._sheets = {sheet.id: sheet for sheet in sheets}
        self._kept: dict[tuple[StationIdentity, str | None], Matched] = {}

    def sheet(self, name: str) -> StationSheet | None:
        """The sheet of this name."""
        return self._sheets.get(name)

    def of(self, plan: StationPlan | None, identity: StationIdentity) -> Matched:
        """What holds of a station."""
        named = plan.sheet if plan is not None else None
        model = StationIdentity(identity.vendor, identity.model, identity.firmware)
        found = self._kept.get((model, named))
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            found = match(model, self._sheets.values(), self._sheets.get(named) if named is not None else None)
            self._kept[model, named] = found
        return found
