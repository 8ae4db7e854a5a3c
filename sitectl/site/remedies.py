"""The hands of healing: each remedy done through the one door, and what came of it.

What would interrupt a car is asked for once more just before it leaves: between the decision and that moment a car may
have begun to charge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.healing.view import Done
from sitectl.model.commands import (
    Answered,
    NotSent,
    Outcome,
    Refused,
    RequestStop,
    ResetKind,
    TriggerMessage,
    Unanswered,
    UnlockConnector,
    Urgency,
    in_words,
)
from sitectl.model.events import Event, LimitsDoubted, RebootExpected
from sitectl.model.hands import HEALING
from sitectl.model.health import RESETS, Attempt, AttemptOutcome, Remedy, RemedyKind
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.station import ConnectorStatus
from sitectl.site.healing_ports import Guard, Power, Resets, Service, StationDoor
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

OWNER = UplinkId("site healing")
"""Whose wish it is that an EVSE is out of service for a moment. No uplink has a blank in its name."""

OUT_FOR_S = 5.0
BACK_AGAIN_S, LONGEST_PAUSE_S = 60.0, 3600.0
BACK_WITHIN_S = 300.0
"""A station is back from a power cycle within this."""

DRAWS_A = 1.0
READING_S = 180.0
"""An older reading says nothing of what is drawn now."""
KNOWS_NONE = "the station knows nothing of it"

Running = Mapping[EvseId, TransactionId]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the hands reach for. `state` and `post` are the site's."""

    state: Callable[[], SiteState]
    post: Callable[[Event], None]
    stations: StationDoor
    resets: Resets
    service: Service
    power: Power


class Remedies:
    """Does one remedy at a time for each caller; never raises."""

    def __init__(self, doors: Doors, clock: Clock) -> None:
        self._doors = doors
        self._clock = clock

    async def do(self, attempt: Attempt, running: Running, forbidden: Guard = lambda: "") -> Done:
        """Do it. `running`: the transactions that ran when it was decided; any other is one that began since.

        `forbidden` says why it must not be done any more, whoever charges: asked now, and just before it leaves.
        """
        remedy = attempt.remedy
        try:
            if why := forbidden():
                outcome: Outcome = NotSent(why)
            else:
                outcome = await self._do(remedy, lambda: forbidden() or self._begun_since(remedy, running))
        except EnvironmentFault as fault:
            outcome = NotSent(str(fault))
        except Exception as error:  # a mistake of ours must not end the healing of all other stations
            log.exception("%s: %s failed", remedy.station, remedy.kind.value)
            outcome = NotSent(f"it failed inside: {error!r}")
        return Done(attempt.id, remedy.station, _kind(outcome), self._clock.monotonic(), in_words(outcome))

    def _do(self, remedy: Remedy, guard: Guard) -> Awaitable[Outcome]:
        station, stations = remedy.station, self._doors.stations
        match remedy.kind:
            case RemedyKind.TRIGGER:
                return self._ask_again(remedy)
            case RemedyKind.RECONNECT:
                return stations.hang_up(station, "healing", HEALING)
            case RemedyKind.RESEND_LIMIT:
                return self._say_limits_again(station)
            case RemedyKind.RESEND_CONFIGURATION:
                return stations.configure_again(station)
            case RemedyKind.AVAILABILITY_CYCLE:
                return self._out_and_back(remedy, guard)
            case RemedyKind.UNLOCK:
                unlock = UnlockConnector(EvseId(station, remedy.evse or 1))
                return stations.execute(station, unlock, Urgency.CONTROL, by=HEALING, guard=guard)
            case RemedyKind.END_TRANSACTION:
                return self._end(remedy, guard)
            case RemedyKind.SOFT_RESET:
                return self._doors.resets.order(station, ResetKind.ON_IDLE, HEALING, guard)
            case RemedyKind.HARD_RESET:
                return self._doors.resets.order(station, ResetKind.IMMEDIATE, HEALING, guard)
            case RemedyKind.POWER_CYCLE:
                return self._power(station, guard)
            case RemedyKind.TELL:
                return _nothing()

    # --- guards ------------------------------------------------------------------------------------------------------

    def _begun_since(self, remedy: Remedy, running: Running) -> str:
        """Whether a car has begun to charge where the remedy would interrupt it."""
        state, now = self._doors.state(), self._clock.monotonic()
        meant = None if remedy.kind in RESETS else remedy.evse
        for id in self._evses(remedy.station, meant):
            evse = state.evses[id]
            if evse.transaction is not None and running.get(id) != evse.transaction.id:
                return f"a car has begun to charge at EVSE {id.evse}"
            reading = evse.reading
            if reading is None or reading.current_a is None or now - reading.at > READING_S:
                continue
            if max(reading.current_a) > DRAWS_A:
                return f"EVSE {id.evse} draws current"
        return ""

    def _evses(self, station: StationId, number: int | None) -> list[EvseId]:
        """One EVSE of a station, or all of it."""
        plan = self._doors.state().topology.stations.get(station)
        evses = [] if plan is None or not plan.installed else [evse.id for evse in plan.evses]
        return [id for id in evses if number in (None, id.evse)]

    # --- mild ones ---------------------------------------------------------------------------------------------------

    async def _ask_again(self, remedy: Remedy) -> Outcome:
        """For the status of what is meant, and for readings where a transaction runs. The worst answer counts."""
        state = self._doors.state()
        worst: Outcome = NotSent("it has no such EVSE")
        for n, evse in enumerate(self._evses(remedy.station, remedy.evse)):
            asked = await self._ask(TriggerMessage(evse, "StatusNotification"))
            if state.evses[evse].transaction is not None:
                await self._ask(TriggerMessage(evse, "MeterValues"))
            worst = asked if n == 0 or _kind(worst) is AttemptOutcome.DONE else worst
        return worst

    async def _ask(self, command: TriggerMessage) -> Outcome:
        return await self._doors.stations.execute(command.evse.station, command, Urgency.CONTROL, by=HEALING)

    async def _say_limits_again(self, station: StationId) -> Outcome:
        self._doors.post(LimitsDoubted(station, self._clock.monotonic()))
        return Answered("Accepted", {})

    # --- those that a person at the station would notice -------------------------------------------------------------

    async def _out_and_back(self, remedy: Remedy, guard: Guard) -> Outcome:
        """Out of service and back; back it comes whatever is between, over a restart of ours too."""
        if why := guard():
            return NotSent(why)
        evse = EvseId(remedy.station, remedy.evse or 0)
        said = await self._doors.service.wish(evse, False, OWNER)
        if said == "Rejected":
            return Answered(said, {})
        try:
            await asyncio.sleep(OUT_FOR_S)
        finally:
            back = await asyncio.shield(self._doors.service.wish(evse, True, OWNER))
        pause_s = BACK_AGAIN_S
        while back == "Rejected":  # by the disk or the station: left so, nothing would start there any more
            await asyncio.sleep(pause_s)
            pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)
            back = await self._doors.service.wish(evse, True, OWNER)
        return Answered(back, {})

    async def _end(self, remedy: Remedy, guard: Guard) -> Outcome:
        """Ask the station to stop it; where it knows of none, it is closed in the ledger at its last register.

        Only the transaction that it was decided for: by now it may draw, or another car's may run.
        """
        evse = EvseId(remedy.station, remedy.evse or 1)
        held = self._doors.state().evses.get(evse)
        if held is None or held.transaction is None:
            return NotSent("no transaction of ours runs there: only the station can end its own")
        meant = held.transaction
        stop = RequestStop(remedy.station, meant.station_transaction_id)
        outcome = await self._doors.stations.execute(remedy.station, stop, Urgency.STOP, by=HEALING, guard=guard)
        refused = isinstance(outcome, Refused) or (isinstance(outcome, Answered) and not outcome.accepted)
        held = self._doors.state().evses.get(evse)
        if held is None or held.transaction is None or held.transaction.id != meant.id:
            return outcome if not refused else NotSent("it is over already")
        free = held.status is not None and held.status.connector_status is ConnectorStatus.AVAILABLE
        if not (refused and free):
            return outcome
        if why := guard():
            return NotSent(why)
        ended = await self._doors.stations.conclude(evse, meant.id, KNOWS_NONE)
        return Answered("Accepted", {}) if ended else NotSent("it is over already")

    async def _power(self, station: StationId, guard: Guard) -> Outcome:
        if why := guard():
            return NotSent(why)
        if other := self._doors.resets.under_way(station):
            return NotSent(f"a reset that {other} ordered is under way")
        now = self._clock.monotonic()
        self._doors.post(RebootExpected(station, now, now + BACK_WITHIN_S))
        outcome = await self._doors.power.power_cycle(station)
        if isinstance(outcome, NotSent):
            self._doors.post(RebootExpected(station, now, now))
        else:
            self._doors.stations.power_cycled(station, HEALING)
        return outcome


def _kind(outcome: Outcome) -> AttemptOutcome:
    match outcome:
        case Answered():
            return AttemptOutcome.DONE if outcome.accepted else AttemptOutcome.REFUSED
        case Refused():
            return AttemptOutcome.REFUSED
        case Unanswered():
            return AttemptOutcome.UNANSWERED
        case NotSent():
            return AttemptOutcome.NOT_DONE


async def _nothing() -> Outcome:
    return Answered("Accepted", {})
