"""What a source of ceilings is, and what the signals room needs from others, by shape."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from sitectl.model.events import Event
from sitectl.model.health import Finding
from sitectl.model.ids import StationId
from sitectl.model.limits import Ceiling


class SiteInbox(Protocol):
    """The site's ear."""

    def post(self, event: Event) -> None:
        """Take one event (`CeilingSet`, `CeilingCleared`)."""


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


class Kept(Protocol):
    """One entry of the overlay."""

    @property
    def value(self) -> Any:
        """What JSON can say."""


class OverlayStore(Protocol):
    """What was done or learned at run time, over restarts, by kind and key."""

    def of(self, kind: str) -> Mapping[str, Kept]:
        """Everything of a kind."""

    def keep(self, kind: str, key: str, value: Any, *, source: str) -> Awaitable[None]:
        """It is on disk when this returns; raises EnvironmentFault where the disk takes nothing."""

    def forget(self, kind: str, key: str) -> Awaitable[None]:
        """The same of forgetting it."""


class CeilingDoor(Protocol):
    """Where a source leaves what it asks for."""

    def ask(self, source: str, ceilings: Sequence[Ceiling], why: str) -> None:
        """From now on exactly these ceilings of `source` hold; `why` is a clause for people. Never waits."""


class CeilingSource(Protocol):
    """Somebody outside who may bound what is drawn here: a grid operator's relay, hours of the day, a price."""

    @property
    def name(self) -> str:
        """Unique on the site; the source of its ceilings."""

    @property
    def worst(self) -> Sequence[Ceiling]:
        """All that it could ask for: what holds when it fails."""

    def resume(self, door: CeilingDoor) -> None:
        """Ask for what holds until it is heard: before the first control cycle, so that no start lifts a bound."""

    async def run(self, door: CeilingDoor) -> None:
        """Watch, and ask, until cancelled."""

    def findings(self) -> Sequence[Finding]:
        """What is wrong with it now."""
