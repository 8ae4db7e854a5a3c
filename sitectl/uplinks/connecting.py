"""How a virtual station is dialled in, and where it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

from sitectl.wire.outcomes import Handler, Notice
from sitectl.wire.peer import Peer

Dial = Callable[[Handler, Callable[[Notice], None]], Awaitable[Peer]]
"""Open a connection and make a peer of it, which serves calls and notices as given; raises `DialFailed`."""


class DialFailed(Exception):
    """No connection: `refused` when the central said no, otherwise it could not be reached."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class LinkState(Enum):
    """Where a virtual station stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    OFFLINE = "offline"
    REFUSED = "refused"
    ACCEPTED = "accepted"
