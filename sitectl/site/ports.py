"""What the site room needs from others, by shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import StationId
from sitectl.model.limits import StoredLimit


class Actuator(Protocol):
    """Where offers go: the stations' outbound queues. What became of an offer comes back as events, never as a wait."""

    def offer(self, command: OfferLimit) -> None:
        """Queue a limit; a newer one for the same EVSE replaces one that has not left yet."""

    def install_fallback(self, command: InstallFallback) -> None:
        """Queue the installation of a fallback."""


class LimitStore(Protocol):
    """The limit ledger on disk."""

    def save(self, limits: Sequence[StoredLimit], done: Callable[[bool], None]) -> None:
        """Write in one commit; `done(True)` is called on the event loop after it, `done(False)` when it failed."""

    def load(self) -> Awaitable[Sequence[StoredLimit]]:
        """Everything stored, read once at start-up."""


class Kept(Protocol):
    """One entry of the overlay."""

    @property
    def value(self) -> Any:
        """What JSON can say."""

    @property
    def source(self) -> str:
        """Who said it."""

    @property
    def set_at(self) -> datetime:
        """When."""

    @property
    def expires(self) -> datetime | None:
        """Until when it holds; None: until it is forgotten."""


class OverlayStore(Protocol):
    """What was learned or told at run time, by kind and key."""

    def of(self, kind: str) -> Mapping[str, Kept]:
        """Everything of a kind that holds now, by key."""

    def keep(self, kind: str, key: str, value: Any, *, source: str, expires: datetime | None = None) -> Awaitable[None]:
        """Keep a value; resolves when it is on disk, else raises EnvironmentFault."""

    def forget(self, kind: str, key: str) -> Awaitable[None]:
        """Forget one; as `keep`."""


class Journal(Protocol):
    """What happened, for people."""

    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note one event."""
