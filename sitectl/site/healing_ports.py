"""What healing needs of other rooms, by shape: the one door to the stations, and what is known of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sitectl.healing.view import StationFacts
from sitectl.model.commands import Command, Outcome, ResetKind, Urgency
from sitectl.model.hands import Hand
from sitectl.model.health import Attempt, AttemptOutcome, Fault
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.station import StationIdentity

Guard = Callable[[], str]
"""Asked just before a command leaves: why it must not any more, "" when it may."""


class Vitals(Protocol):
    """What the stations room knows of how well its stations are."""

    def of(self, station: StationId) -> StationFacts:
        """The facts of one; the same object while nothing of them changed."""

    def security_event(self, station: StationId, type: str, info: str) -> None:
        """A security event of it, as before a restart."""

    def restore(self, station: StationId, faults: Sequence[Fault], firmware: str) -> None:
        """What was so before a restart; what it says of itself since goes first."""

    def looked_at(self, station: StationId) -> None:
        """A person has looked: a tamper alarm is over."""


class HandBook(Protocol):
    """Who ordered what of which station."""

    def under_way(self, station: StationId) -> Sequence[Hand]:
        """Orders that the station has not answered yet."""

    def lately(self, station: StationId) -> Sequence[Hand]:
        """What was done to it in the last day, by anybody."""

    def stations(self) -> Sequence[StationId]:
        """Those on which anybody had a hand."""


class StationDoor(Protocol):
    """The one door to each station, as far as remedies use it."""

    async def execute(
        self, station: StationId, command: Command, urgency: Urgency, by: str = "", guard: Guard | None = None
    ) -> Outcome:
        """Queue a command and wait for its outcome; never raises for a station that is away."""

    async def hang_up(self, station: StationId, why: str, by: str) -> Outcome:
        """Close its connection."""

    async def configure_again(self, station: StationId) -> Outcome:
        """Write again what it has lost of its configuration, and read it back."""

    async def conclude(self, evse: EvseId, meant: TransactionId, why: str) -> bool:
        """End in the ledger this transaction, of which its station knows nothing. Raises EnvironmentFault."""

    def power_cycled(self, station: StationId, by: str) -> None:
        """Its power was cut and given back."""


class Resets(Protocol):
    """Where every reset is ordered, whoever wants it."""

    async def order(self, station: StationId, kind: ResetKind, by: str, guard: Guard | None = None) -> Outcome:
        """Reset a station; what came of it."""

    def under_way(self, station: StationId) -> str | None:
        """Who has ordered a reset that is under way."""


class Service(Protocol):
    """What is in service and what is not."""

    async def wish(self, evse: EvseId, operative: bool, owner: UplinkId) -> str:
        """A wish: Accepted, Scheduled, or Rejected."""

    def outs(self) -> Mapping[StationId, frozenset[int]]:
        """What somebody has taken out of service, by station; EVSE 0: all of it."""


class Power(Protocol):
    """The relays that feed stations, where there are any."""

    def feeds(self, station: StationId) -> bool:
        """Whether one feeds this station."""

    async def power_cycle(self, station: StationId) -> Outcome:
        """Cut it off and feed it again."""


class AttemptStore(Protocol):
    """What was done, on disk."""

    def begin(self, attempts: Sequence[tuple[Attempt, StationIdentity]]) -> Awaitable[None]:
        """Keep attempts that are about to be done. Raises EnvironmentFault."""

    def outcome(self, id: str, outcome: AttemptOutcome) -> None:
        """What the hand says of one. Never waits."""

    def end(self, attempts: Sequence[Attempt]) -> None:
        """What came of them. Never waits."""

    def recovered(self, id: str, since: datetime) -> None:
        """The symptom that one took away had stood since then. Never waits."""

    def remembered(self) -> Awaitable[Sequence[Attempt]]:
        """Those that the ladders go on from after a restart."""
