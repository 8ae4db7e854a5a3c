"""What the interface needs from the rooms behind it, by shape."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sitectl.api.history import History
from sitectl.api.ports_commissioning import Adopting, Centrals, DrillDoor, Notes, Passwords, Pauses, Signer
from sitectl.api.roles import Roles
from sitectl.base.clock import SystemClock
from sitectl.config.settings import ApiGroups
from sitectl.fieldbus.buses import Buses
from sitectl.healing.memory import HealingMemory
from sitectl.healing.policy import HealingRules
from sitectl.model.alerts import ChannelView, Tried
from sitectl.model.attempts import StoredAttempt
from sitectl.model.commands import ResetKind
from sitectl.model.health import HealingMode, Problem
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.journal import EVERYTHING, JournalEntry, TimelinePage, Wanted
from sitectl.model.knowledge import StationKnowledge
from sitectl.model.signals import SignalView
from sitectl.model.storage import StoreHealth
from sitectl.model.transaction import NotRequeued, Requeued, TransactionTotals, TransactionView
from sitectl.model.uplink import UplinkView
from sitectl.site.ceilings import Bounded, NotTaken, Stands
from sitectl.site.cycle import Decision
from sitectl.site.cycle_times import CycleTimes
from sitectl.site.departures import NotSaid, Said
from sitectl.site.healer import Paused
from sitectl.site.incidents import NotCovered
from sitectl.site.replay import Replayed
from sitectl.site.trials import Trial, TrialKind
from sitectl.site.writes import Written
from sitectl.state.site_state import SiteState
from sitectl.stations.orders import Configuration, NotOrdered, Ordered


class SiteReader(Protocol):
    """The site as it stands."""

    @property
    def state(self) -> SiteState:
        """The state now."""

    @property
    def decision(self) -> Decision | None:
        """The last completed cycle, None before the first."""

    @property
    def times(self) -> CycleTimes:
        """How long cycles take."""

    def written(self, station: StationId) -> Written:
        """The charging profiles written into a station in the last day."""


class LedgerReader(Protocol):
    """Read-only questions to the ledger."""

    def transactions(
        self, *, open: bool = False, unsent: bool = False, dead: bool = False, limit: int = 1000
    ) -> Awaitable[Sequence[TransactionView]]:
        """Newest first; each filter that is set must hold. With `dead`, their dead letters too."""

    def totals(self) -> Awaitable[TransactionTotals]:
        """Counts for the status page."""

    def events(
        self,
        since: datetime | None = None,
        limit: int = 1000,
        after_seq: int | None = None,
        wanted: Wanted = EVERYTHING,
    ) -> Awaitable[Sequence[JournalEntry]]:
        """The journal, oldest first: the next `limit` after `after_seq`, else the last `limit` (since a moment)."""

    def newest_event(self) -> Awaitable[int]:
        """The sequence number of the newest event; 0: none."""


class Timeline(Protocol):
    """What happened at one station."""

    def of(self, station: StationId, since: datetime, search: str = "", limit: int = 1000) -> Awaitable[TimelinePage]:
        """The newest `limit` entries since a moment, the oldest first; with `search` those that hold this text."""


class DeadLetters(Protocol):
    """What people do about messages that a central refused for good."""

    def requeue(self, name: str) -> Awaitable[Requeued | NotRequeued]:
        """Send those of a transaction again, in their old places; `name` is its id or a beginning of it."""


class Orders(Protocol):
    """What people want of stations."""

    async def wish(self, evse: EvseId, operative: bool, *, by: str = "") -> str:
        """The site's own wish for an EVSE (0: the station): Accepted, Scheduled (it holds later), or Rejected.

        `by`: who says so.
        """


class StationOrders(Protocol):
    """What people order of one station."""

    async def reset(self, station: StationId, kind: ResetKind, by: str, *, force: bool = False) -> Ordered | NotOrdered:
        """Reset it; `force`: also while a car charges there."""

    async def unlock(self, evse: EvseId, by: str, *, force: bool = False) -> Ordered | NotOrdered:
        """Release its plug; `force` as in `reset`."""

    async def read(self, station: StationId, keys: Sequence[str] = ()) -> Configuration | NotOrdered:
        """Its configuration keys, those named or all."""

    async def write(self, station: StationId, key: str, value: str, by: str) -> Ordered | NotOrdered:
        """Write one of them."""


class Ceilings(Protocol):
    """Ceilings that people and programs set from outside."""

    async def set(self, bounded: Bounded, asked_a: float, valid_s: float | None, source: str) -> Stands | NotTaken:
        """Set one; `valid_s` None: until it is withdrawn."""

    async def clear(self, bounded: Bounded, source: str) -> bool:
        """Withdraw it; whether there was one. Raises EnvironmentFault where the disk does not take it."""


class TrialDoor(Protocol):
    """What is tried with cars that charge."""

    def begin(self, kind: TrialKind, evse: EvseId, source: str, of: Mapping[str, str]) -> Trial:
        """Begin one; raises TrialFailed where it cannot be done now, with what to do."""

    def newest(self, evse: EvseId) -> Trial | None:
        """The last trial of an EVSE since the start."""

    def kept(self, evse: EvseId) -> Mapping[str, Any]:
        """The outcomes that are remembered, by kind."""


class Departures(Protocol):
    """When cars leave, as people say it."""

    async def set(
        self, evse: EvseId, at: str | None, in_s: float | None, energy_kwh: float | None, source: str
    ) -> Said | NotSaid:
        """Say when the car at an EVSE leaves, and what it needs."""

    async def clear(self, evse: EvseId, source: str) -> bool | NotSaid:
        """Withdraw it; whether there was one."""


class Recordings(Protocol):
    """What the site saw and decided in the past."""

    async def at(self, wall: float) -> Replayed | NotCovered:
        """The cycle of a moment (s since 1970), decided again. Raises EnvironmentFault where it cannot be read."""


class Overview(Protocol):
    """What is put together from several rooms."""

    @property
    def site_name(self) -> str:
        """As configured."""

    def wall(self) -> datetime:
        """The wall clock."""

    def monotonic(self) -> float:
        """The monotonic clock (s)."""

    def problems(self) -> Sequence[Problem]:
        """What is wrong now."""

    def uplinks(self) -> Mapping[UplinkId, UplinkView]:
        """How the central CSMSs stand."""

    def store(self) -> StoreHealth:
        """How the disk under the ledger stands."""

    def time_known(self) -> bool:
        """Whether the wall clock can be believed."""

    def effective_configuration(self) -> Mapping[str, Any]:
        """The whole configuration with the source of each value.

        {"file": …, "settings": …, "origins": {path: place}, "warnings": […], "fallback_sum_a": {circuit: […]},
        "tokens": count}.
        """


class AlertDesk(Protocol):
    """Whom alerts go to."""

    def views(self) -> Sequence[ChannelView]:
        """The channels as they stand."""

    async def test(self, name: str | None = None) -> Sequence[Tried]:
        """Send a test message at once, by the channel of this name or by all."""


class Healing(Protocol):
    """What heals stations."""

    @property
    def rules(self) -> HealingRules:
        """What it goes by now."""

    @property
    def mode(self) -> HealingMode:
        """What it does now."""

    @property
    def mode_source(self) -> str:
        """Who said so; "" the configuration."""

    @property
    def memory(self) -> HealingMemory:
        """The cases as they stand."""

    def paused(self) -> Mapping[StationId, Paused]:
        """The stations that it leaves alone."""

    async def set_mode(self, mode: HealingMode | None, by: str) -> None:
        """Choose the mode; None: as configured."""

    async def pause(self, station: StationId, by: str, why: str = "", for_s: float | None = None) -> None:
        """Leave a station alone."""

    async def resume(self, station: StationId, by: str) -> bool:
        """Heal it again; whether it was paused."""


class AttemptReader(Protocol):
    """What was done about symptoms."""

    def history(
        self, since: datetime | None, station: StationId | None = None, limit: int = 1000
    ) -> Awaitable[Sequence[StoredAttempt]]:
        """The newest, the oldest of them first."""

    def saved(self, attempts: Sequence[StoredAttempt], within: timedelta) -> Awaitable[tuple[int, float]]:
        """Transactions that began where an attempt had helped, so soon after it, and their energy (Wh)."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The rooms behind the interface. `closing` is set when open streams shall end; `roles`: who may do what;
    `buses`, `signals`, `alerts`: as they are now; `history` None: nothing is asked of it."""

    site: SiteReader
    ledger: LedgerReader
    dead_letters: DeadLetters
    timeline: Timeline
    overview: Overview
    orders: Orders
    ceilings: Ceilings
    trials: TrialDoor
    departures: Departures
    recordings: Recordings
    station_orders: StationOrders
    healing: Healing
    attempts: AttemptReader
    adoption: Adopting
    notes: Notes
    seal: Signer
    drills: DrillDoor
    centrals: Centrals
    pauses: Pauses
    passwords: Passwords
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    roles: Roles = field(default_factory=lambda: Roles(ApiGroups()))
    buses: Callable[[], Buses] = lambda: Buses((), SystemClock())
    signals: Callable[[], Sequence[SignalView]] = lambda: ()
    alerts: Callable[[], AlertDesk | None] = lambda: None
    history: History | None = None
    knowledge: Callable[[StationId], StationKnowledge | None] = lambda station: None
    """What is known of a station beyond the standard; None: there is no such station."""
