"""Who asks: one central, of one station that we play, with its rights and as far as it has accepted us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import IdTokenInfo, Payload
from sitectl.model.uplink import Right
from sitectl.uplinks.news import News


class Admission(Enum):
    """What the central said to our boot, and so what it may ask (OCPP 1.6, 4.2)."""

    PENDING = "pending"
    """Not accepted yet: it may read and configure, but neither start nor stop."""
    REJECTED = "rejected"
    """A rejected station answers nothing."""
    ACCEPTED = "accepted"


class VirtualStation(Protocol):
    """The link, as far as a call can use or change it."""

    admission: Admission
    heartbeat_s: float
    news: News

    def beat_every(self, seconds: float) -> None:
        """Heartbeats at this interval."""

    def ping_every(self, seconds: float) -> None:
        """WebSocket pings at this interval; 0: none."""

    def boot_now(self) -> None:
        """Send the BootNotification again, at once."""

    def reconnect(self) -> None:
        """Dial anew, once nothing is under way."""

    async def call(self, action: str, payload: Payload, deadline_s: float) -> Payload | None:
        """Call the central; None when it is away, says nothing in time, or says no."""

    async def authorize(self, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask the central about a token; None when it does not answer in time."""


@dataclass(frozen=True, slots=True)
class Asker:
    """One central that asks something of one station."""

    uplink: UplinkId
    station: StationId
    rights: frozenset[Right]
    link: VirtualStation
    security_profile: Callable[[], int] = lambda: 0
    """Of the connection to this central, as it stands."""
    vendors: frozenset[str] | None = None
    """Whose private messages (DataTransfer) are passed on between the two; None: everybody's."""
