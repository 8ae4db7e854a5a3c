"""Which topic is about what. Ids are percent-encoded outside `A-Z a-z 0-9 _ . -`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, UplinkId

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_NUMBER = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


def encoded(id: str) -> str:
    """An id as one level of a topic."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in id.encode())


def decoded(level: str) -> str | None:
    """The id at one level of a topic; None: it is not written as `encoded` writes it."""
    try:
        id = unquote_to_bytes(level).decode()
    except UnicodeDecodeError:
        return None
    return id if encoded(id) == level else None


def evse_number(level: str) -> int | None:
    """The number of an EVSE at one level of a topic."""
    return int(level) if _NUMBER.fullmatch(level) else None


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below `base`."""

    base: str

    @property
    def availability(self) -> str:
        """`online`, or `offline` as last will."""
        return f"{self.base}/availability"

    @property
    def site(self) -> str:
        """The site as a whole."""
        return f"{self.base}/site"

    @property
    def events(self) -> str:
        """What happens, not retained."""
        return f"{self.base}/events"

    def circuit(self, id: CircuitId) -> str:
        """One circuit."""
        return f"{self.base}/circuits/{encoded(id)}"

    def meter(self, id: MeterId) -> str:
        """One meter."""
        return f"{self.base}/meters/{encoded(id)}"

    def uplink(self, id: UplinkId) -> str:
        """One central."""
        return f"{self.base}/uplinks/{encoded(id)}"

    def station(self, id: StationId) -> str:
        """One station."""
        return f"{self.base}/stations/{encoded(id)}"

    def evse(self, id: EvseId) -> str:
        """One EVSE."""
        return f"{self.station(id.station)}/evses/{id.evse}"

    @property
    def commands(self) -> tuple[str, ...]:
        """What to subscribe to."""
        stations = f"{self.base}/stations/+"
        return f"{stations}/evses/+/set/+", f"{stations}/set/+", f"{self.base}/circuits/+/set/+"
