"""One call of a central, from right to reply.

A central talks to the station that we play. Reading is answered from what is known; commands go through the station's
one door, so that budgets and healing see them; charging profiles become Ceilings. Where something cannot be done the
answer is the action's own "no": centrals take a CALLERROR for a bug.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sitectl.base.clock import Clock
from sitectl.model import events
from sitectl.model.commands import (
    Answered,
    ChangeAvailability,
    Command,
    GetVariables,
    RequestStart,
    RequestStop,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
    Urgency,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.model.transaction import Payload
from sitectl.model.uplink import Right
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import central_decode, central_encode
from sitectl.ocpp.v16.central_decode import ScheduleAsked, StartAsked, StopAsked
from sitectl.ocpp.v16.charging_profiles import Invalid, ProfilesCleared, ProfileSet
from sitectl.ocpp.versions import ErrorCode
from sitectl.routing.rights import may
from sitectl.uplinks import virtual
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles
from sitectl.wire.outcomes import Refuse, Reply

log = logging.getLogger(__name__)

START_EXPECTED_S = 60.0
"""After a remote start the EVSE is reserved while a station waits for a plug (ConnectionTimeOut, default 60 s)."""

COMMANDS = (
    ResetStation,
    ChangeAvailability,
    UnlockConnector,
    TransferData,
    SetVariable,
    GetVariables,
    TriggerMessage,
)
"""What a central may ask that goes by the right of its own class."""


class Ingress:
    """The incoming side of one virtual station. `trigger(message, evse)` sends one of our own messages now."""

    def __init__(
        self,
        rooms: Rooms,
        profiles: Profiles,
        station: StationId,
        rights: frozenset[Right],
        clock: Clock,
        trigger: Callable[[str, int], bool],
    ) -> None:
        self._rooms = rooms
        self._profiles = profiles
        self._station = station
        self._rights = rights
        self._clock = clock
        self._trigger = trigger
        self.accepted = False
        """Whether the central has accepted our boot: before that only reading is served."""

    def serve(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call, now or later."""
        asked = central_decode.asked(
            call.action, call.payload, self._station, self._clock.wall(), self._profiles.nominal_voltage_v
        )
        if isinstance(asked, Invalid):
            return Refuse(asked.code, asked.description)
        if not self._may(asked):
            self._note("uplink.not_allowed", call.action)
            return self._no(call.action)
        match asked:
            case GetVariables():
                return virtual.get_variables(self._rooms, self._profiles.uplink, asked)
            case TriggerMessage():
                return self._triggered(asked)
            case ProfileSet():
                return self._profiles.set(asked, call.payload)
            case ProfilesCleared():
                return self._profiles.clear(self._station, asked)
            case SetVariable():
                return virtual.set_variable(self._rooms, self._profiles.uplink, asked)
            case StartAsked():
                return self._start(asked, call.payload)
            case StopAsked():
                return self._stop(asked)
            case ResetStation() | ChangeAvailability() | UnlockConnector() | TransferData():
                return self._relay(call.action, asked)
        return self._no(call.action)

    def _may(self, asked: object) -> bool:
        match asked:
            case ProfileSet() | ProfilesCleared() | ScheduleAsked():
                return Right.PROFILES in self._rights
            case StartAsked():
                return self.accepted and may(self._rights, RequestStart)
            case StopAsked():
                return may(self._rights, RequestStop)
            case _ if isinstance(asked, COMMANDS):
                return may(self._rights, type(asked))
        return True

    def _no(self, action: str) -> Reply:
        """The action's own word for no; a CALLERROR only where it has none."""
        answer = central_encode.negative(action)
        return answer or Refuse(ErrorCode.NOT_SUPPORTED, f"{action} is not offered here")

    def _note(self, type: str, action: str) -> None:
        self._rooms.journal.record(type, self._station, data={"uplink": self._profiles.uplink, "action": action})

    async def _relay(self, action: str, command: Command) -> Reply:
        outcome = await self._rooms.door.execute(self._station, command, Urgency.CONTROL)
        self._note("uplink.command", action)
        return central_encode.outcome(action, outcome) or {}

    async def _start(self, asked: StartAsked, payload: Payload) -> Reply:
        """Always name the EVSE, never send the profile: stations differ in both."""
        evse = self._free_evse(asked.request.evse)
        if evse is None:
            return self._no("RemoteStartTransaction")
        now = self._clock.monotonic()
        self._rooms.inbox.post(events.StartExpected(evse, now, now + START_EXPECTED_S))
        start = RequestStart(evse, asked.request.id_token)
        outcome = await self._rooms.door.execute(self._station, start, Urgency.START)
        if asked.profile is not None and isinstance(outcome, Answered) and outcome.accepted:
            profile = {"connectorId": evse.evse, "csChargingProfiles": payload["chargingProfile"]}
            self._profiles.expect(evse, asked.profile, profile)
        self._note("uplink.command", "RemoteStartTransaction")
        return central_encode.outcome("RemoteStartTransaction", outcome) or {}

    def _free_evse(self, wished: EvseId) -> EvseId | None:
        facts = self._rooms.facts
        numbers = facts.evses(self._station)
        if wished.evse != 0:
            known = wished.evse in numbers and not facts.running(wished)
            return wished if known else None
        free = (EvseId(self._station, number) for number in numbers)
        return next((evse for evse in free if not facts.running(evse)), None)

    async def _stop(self, asked: StopAsked) -> Reply:
        """Only a transaction of this station, by the id that this central gave; one that is over it will learn of."""
        mapped = await self._rooms.outbox.transaction_of(
            self._profiles.uplink, self._station, asked.uplink_transaction_id
        )
        if mapped is None:
            return self._no("RemoteStopTransaction")
        if not mapped.running:
            return central_encode.accepted()
        stop = RequestStop(self._station, mapped.station_transaction_id)
        outcome = await self._rooms.door.execute(self._station, stop, Urgency.STOP)
        self._note("uplink.command", "RemoteStopTransaction")
        return central_encode.outcome("RemoteStopTransaction", outcome) or {}

    def _triggered(self, asked: TriggerMessage) -> Reply | Awaitable[Reply]:
        evse = EvseId(self._station, asked.evse.evse)
        if asked.message == "MeterValues":
            return self._relay("TriggerMessage", TriggerMessage(evse, "MeterValues"))
        if self._trigger(asked.message, asked.evse.evse):
            return central_encode.accepted()
        return {"status": "NotImplemented"}
