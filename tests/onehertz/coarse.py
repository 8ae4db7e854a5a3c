"""Whole days in seconds: the real owner in steps of half a minute, around cars that follow at once.

For energy over a day reactions do not matter; what does is who may charge when. Stations answer at once and report in
every step; between an answer and the reading that shows it lie some seconds, as the limit ledger wants it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sitectl.allocator.rules import SharingRules
from sitectl.model import events
from sitectl.model.circuit import Topology
from sitectl.model.commands import OfferLimit
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.limits import Wish
from sitectl.model.metering import EvseReading
from sitectl.model.station import ChargingState, ConnectorStatus, EvseStatus, StationIdentity
from sitectl.site.memory import MemoryActuator, MemoryJournal, MemoryLimits
from sitectl.site.owner import Site
from sitectl.state.site_state import SiteRules, initial_state
from tests.onehertz.cars import NOMINAL_V
from tests.onehertz.days import Visit
from tests.properties.site_world import EPOCH

STEP_S = 30.0
ANSWER_S, READING_S = 1.0, 10.0
MIN_A = 6.0


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)


@dataclass
class Stay:
    """One visit as it goes. `served_s`: how long it was offered a minimum; `waits`: spans of having none."""

    visit: Visit
    evse: EvseId
    id: int
    got_wh: float = 0.0
    limit_a: float = 0.0
    starts: int = 0
    changes: int = 0
    served_s: float = 0.0
    waiting_s: float = 0.0
    longest_wait_s: float = 0.0
    full: bool = False

    @property
    def fulfilled(self) -> float:
        return self.got_wh / self.visit.wants_wh

    def draws_a(self) -> float:
        return 0.0 if self.full or self.limit_a < MIN_A else min(self.limit_a, self.visit.max_a)

    def pass_time(self, seconds: float) -> None:
        a = self.draws_a()
        more_wh = a * self.visit.phases * NOMINAL_V * seconds / 3600.0
        self.got_wh = min(self.visit.asks_wh, self.got_wh + more_wh)
        if self.limit_a >= MIN_A:
            self.served_s += seconds
            self.waiting_s = 0.0
        elif not self.full:
            self.waiting_s += seconds
            self.longest_wait_s = max(self.longest_wait_s, self.waiting_s)
        self.full = self.full or self.got_wh >= self.visit.asks_wh - 1e-6


@dataclass
class Day:
    """What came of one day."""

    stays: list[Stay] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def kwh(self) -> float:
        return sum(stay.got_wh for stay in self.stays) / 1000.0

    def jain(self) -> float:
        """Fairness of what was fulfilled: 1 when all are equal."""
        shares = [stay.fulfilled for stay in self.stays]
        return sum(shares) ** 2 / (len(shares) * sum(s * s for s in shares)) if any(shares) else 0.0

    def starts(self) -> float:
        """Starts a visit, those that got nothing included."""
        return sum(stay.starts for stay in self.stays) / max(1, len(self.stays))


class CoarseDay:
    """One day of visits under the real owner. `tells`: what it is told of departures: "nothing", "actual", "typed"."""

    def __init__(
        self, site: Topology, visits: Sequence[Visit], tells: str = "nothing", rules: SharingRules | None = None
    ) -> None:
        self.clock, self.actuator = HandClock(), MemoryActuator()
        self.begins_s = min(visit.arrives_s for visit in visits) - 60.0
        self.ends_s = max(visit.departs_s for visit in visits)
        state = initial_state(site, SiteRules(), 0.0)
        self.site = Site(state, rules or SharingRules(), self.clock, self.actuator, MemoryLimits(), MemoryJournal())
        self.tells, self.day = tells, Day()
        self.coming = sorted(visits, key=lambda visit: visit.arrives_s, reverse=True)
        self.here: dict[EvseId, Stay] = {}
        self.rotations: Mapping[EvseId, Any] = {id: plan.rotation for id, plan in site.evses().items()}
        for station in site.stations:
            for event in (
                events.StationConnected(station, 0.0, "1.6", "10.0.0.1"),
                events.StationBooted(station, 0.0, StationIdentity("Model", "M1", "1.0")),
                events.ClockSkewLearned(station, 0.0, 0.0),
                events.StartControlLearned(station, 0.0, True),
            ):
                self.site.post(event)

    def live(self) -> Day:
        """The whole day."""
        while self.clock.now + self.begins_s < self.ends_s:
            self._come_and_go()
            self._think()
            self._pass(READING_S)
            self._report()
            self._think()
            self._pass(STEP_S - READING_S)
        for stay in list(self.here.values()):
            self._leave(stay)
        return self.day

    def _come_and_go(self) -> None:
        now_s = self.clock.now + self.begins_s
        for stay in [stay for stay in self.here.values() if stay.visit.departs_s <= now_s]:
            self._leave(stay)
        while self.coming and self.coming[-1].arrives_s <= now_s:
            self._come(self.coming.pop())

    def _come(self, visit: Visit) -> None:
        now, evse = self.clock.now, EvseId(StationId(visit.place), 1)
        if evse in self.here:
            self._leave(self.here[evse])
        stay = self.here[evse] = Stay(visit, evse, len(self.day.stays) + 1)
        self.day.stays.append(stay)
        self.site.post(events.TransactionStarted(evse, TransactionId(f"t{stay.id}"), now, stay.id))
        self._status(stay, ChargingState.CHARGING)
        if self.tells != "nothing":
            departs_s = visit.departs_s if self.tells == "actual" else visit.says_s
            self._wish(evse, departs_s - self.begins_s, visit.asks_wh)

    def _wish(self, evse: EvseId, departs_at: float, energy_wh: float) -> None:
        """What the driver says."""
        self.site.post(events.WishSet(Wish(evse, departs_at, energy_wh, "driver"), self.clock.now))

    def _leave(self, stay: Stay) -> None:
        del self.here[stay.evse]
        self.site.post(events.TransactionEnded(stay.evse, TransactionId(f"t{stay.id}"), self.clock.now))
        available = EvseStatus(ConnectorStatus.AVAILABLE)
        self.site.post(events.EvseStatusChanged(stay.evse, self.clock.now, available))

    def _status(self, stay: Stay, state: ChargingState) -> None:
        status = EvseStatus(ConnectorStatus.OCCUPIED, state)
        self.site.post(events.EvseStatusChanged(stay.evse, self.clock.now, status))

    def _think(self) -> None:
        decision = self.site.cycle()
        self.day.violations.extend(decision.violations)
        commands = self.actuator.taken()
        for command in commands:
            offer = command.offer
            stay = self.here.get(offer.evse)
            if isinstance(command, OfferLimit) and stay is not None:
                stay.starts += stay.limit_a < MIN_A <= offer.limit_a and not stay.full
                stay.changes += offer.limit_a != stay.limit_a
                stay.limit_a = offer.limit_a
            self.site.post(events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, self.clock.now + ANSWER_S))

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds
        for stay in self.here.values():
            full = stay.full
            stay.pass_time(seconds)
            if stay.full and not full:
                self._status(stay, ChargingState.SUSPENDED_EV)

    def _report(self) -> None:
        for stay in self.here.values():
            a = stay.draws_a()
            own = PhaseCurrents(*(a if phase < stay.visit.phases else 0.0 for phase in range(3)))
            reading = EvseReading(stay.evse, self.clock.now, own, register_wh=stay.got_wh)
            self.site.post(events.EvseMetered(reading))
