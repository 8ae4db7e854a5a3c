"""Which uplinks a station is shown to. With one uplink this is one line; rules by station and token widen it."""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.model.ids import StationId, UplinkId


@dataclass(frozen=True, slots=True)
class Route:
    """The site's routing. `default` None: stations are shown to nobody."""

    default: UplinkId | None

    def uplinks_of(self, station: StationId) -> tuple[UplinkId, ...]:
        """The uplinks that see this station."""
        return () if self.default is None else (self.default,)

    def copies(self, station: StationId, id_token: str) -> tuple[UplinkId, ...]:
        """The uplinks that get a transaction of this token; the first is asked and decides."""
        return self.uplinks_of(station)
