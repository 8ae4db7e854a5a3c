"""One call of a central, from right to reply.

A central talks to the station that we play. Reading is answered from what is known; commands go through the station's
one door, so that budgets and healing see them; charging profiles become Ceilings. Where something cannot be done the
answer is the action's own "no": centrals take a CALLERROR for a bug.
"""

from __future__ import annotations

from collections.abc import Awaitable
from enum import Enum
from typing import Protocol

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
from sitectl.model.schedule import ProfilePurpose
from sitectl.model.transaction import Payload
from sitectl.model.uplink import Right
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import central_decode, central_encode, decode
from sitectl.ocpp.v16.actions import SECURITY_ACTIONS
from sitectl.ocpp.v16.central_decode import ScheduleAsked, StartAsked, StopAsked
from sitectl.ocpp.v16.central_security import SecurityAsked
from sitectl.ocpp.v16.charging_profiles import Invalid, ProfilesCleared, ProfileSet
from sitectl.ocpp.versions import ErrorCode
from sitectl.routing.rights import may
from sitectl.uplinks import virtual
from sitectl.uplinks.news import News
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles
from sitectl.wire.outcomes import Refuse, Reply, Silence

START_EXPECTED_S = 60.0
"""After a remote start the EVSE is reserved while a station waits for a plug (ConnectionTimeOut, default 60 s)."""


class Admission(Enum):
    """What the central said to our boot, and so what it may ask (OCPP 1.6, 4.2)."""

    PENDING = "pending"
    """Not accepted yet: it may read and configure, but neither start nor stop."""
    REJECTED = "rejected"
    """A rejected station answers nothing."""
    ACCEPTED = "accepted"


class VirtualStation(Protocol):
    """The link, as far as a call can change it."""

    admission: Admission
    heartbeat_s: float
    news: News

    def beat_every(self, seconds: float) -> None:
        """Heartbeats at this interval."""

    def boot_now(self) -> None:
        """Send the BootNotification again, at once."""


class Ingress:
    """The incoming side of one virtual station."""

    __slots__ = ("_clock", "_link", "_noted", "_profiles", "_rights", "_rooms", "_station", "_uplink")

    def __init__(
        self,
        rooms: Rooms,
        profiles: Profiles,
        station: StationId,
        rights: frozenset[Right],
        clock: Clock,
        link: VirtualStation,
    ) -> None:
        self._rooms = rooms
        self._profiles = profiles
        self._uplink = profiles.uplink
        self._station = station
        self._rights = rights
        self._clock = clock
        self._link = link
        self._noted: frozenset[str] = frozenset()

    def serve(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call, now or later."""
        if self._link.admission is Admission.REJECTED:
            return Silence()
        asked = central_decode.asked(
            call.action, call.payload, self._station, self._clock.wall(), self._profiles.nominal_voltage_v
        )
        if isinstance(asked, Invalid):
            return Refuse(asked.code, asked.description)
        if not self._may(call.action, asked):
            self._not_allowed(call.action)
            return self._no(call.action)
        match asked:
            case GetVariables():
                return virtual.get_variables(self._rooms, self._uplink, asked, int(self._link.heartbeat_s))
            case SetVariable():
                return self._set_variable(asked)
            case TriggerMessage():
                return self._triggered(asked)
            case ProfileSet():
                return self._profiles.set(asked, call.payload)
            case ProfilesCleared():
                return self._profiles.clear(self._station, asked)
            case StartAsked():
                return self._start(asked, call.payload)
            case StopAsked():
                return self._stop(asked)
            case ResetStation() | ChangeAvailability() | UnlockConnector() | TransferData():
                return self._relay(call.action, asked, Urgency.CONTROL)
            case _:
                return self._no(call.action)

    # --- rights -------------------------------------------------------------------------------------------------------

    def _may(self, action: str, asked: central_decode.Asked) -> bool:
        if isinstance(asked, SecurityAsked):
            return SECURITY_ACTIONS[action].right in self._rights
        accepted = self._link.admission is Admission.ACCEPTED
        match asked:
            case ProfileSet() | ProfilesCleared() | ScheduleAsked():
                return Right.PROFILES in self._rights
            case StartAsked(profile=profile):
                profiles = profile is None or Right.PROFILES in self._rights
                return accepted and profiles and may(self._rights, RequestStart)
            case StopAsked():
                return accepted and may(self._rights, RequestStop)
            case _:
                return may(self._rights, type(asked))

    def _not_allowed(self, action: str) -> None:
        """For people, once an action: a central that asks every second must not fill the journal."""
        if action not in self._noted:
            self._noted |= {action}
            self._note("uplink.not_allowed", action)

    def _no(self, action: str) -> Reply:
        """The action's own word for no; a CALLERROR where it has none."""
        answer = central_encode.negative(action)
        if answer or action in ("GetConfiguration", "GetDiagnostics"):
            return answer or {}
        return Refuse(ErrorCode.NOT_SUPPORTED, f"{action} is not offered here")

    def _note(self, type: str, action: str) -> None:
        self._rooms.journal.record(type, self._station, data={"uplink": self._uplink, "action": action})

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _relay(self, action: str, command: Command, urgency: Urgency) -> Reply:
        outcome = await self._rooms.door.execute(self._station, command, urgency)
        self._note("uplink.command", action)
        return central_encode.outcome(action, outcome) or {}

    async def _start(self, asked: StartAsked, payload: Payload) -> Reply:
        """Always name the EVSE, never send the profile: stations differ in both."""
        action = "RemoteStartTransaction"
        evse = self._free_evse(asked.request.evse)
        wish = asked.profile
        if evse is None or (wish is not None and wish.profile.purpose is not ProfilePurpose.TX):
            return self._no(action)
        now, id_token = self._clock.monotonic(), asked.request.id_token
        self._rooms.inbox.post(events.StartExpected(evse, now, now + START_EXPECTED_S))
        if wish is not None:
            # Before the command: the transaction may begin before its answer is looked at.
            self._profiles.expect(evse, wish, payload["chargingProfile"], id_token, START_EXPECTED_S)
        outcome = await self._rooms.door.execute(self._station, RequestStart(evse, id_token), Urgency.START)
        if not (isinstance(outcome, Answered) and outcome.accepted):
            self._profiles.expect_no_more(evse)
        self._note("uplink.command", action)
        return central_encode.outcome(action, outcome) or {}

    def _free_evse(self, wished: EvseId) -> EvseId | None:
        """Where to start: where the central wished; else where somebody has plugged in, else where nothing runs."""
        facts = self._rooms.facts
        if not facts.online(self._station):
            return None
        numbers = [wished.evse] if wished.evse in facts.evses(self._station) else facts.evses(self._station)
        if wished.evse not in (0, *numbers):
            return None
        free = [evse for number in numbers if not facts.running(evse := EvseId(self._station, number))]
        plugged = (evse for evse in free if self._is_plugged(evse))
        return next(plugged, free[0] if free else None)

    def _is_plugged(self, evse: EvseId) -> bool:
        status = self._rooms.facts.statuses(self._station).get(evse.evse)
        return status is not None and decode.status_notification(status).value.status.preparing

    async def _stop(self, asked: StopAsked) -> Reply:
        """Only a transaction of this station, by the id that this central gave; one that is over it will learn of."""
        action = "RemoteStopTransaction"
        named = asked.uplink_transaction_id
        mapped = await self._rooms.outbox.transaction_of(self._uplink, self._station, named)
        if mapped is not None and not mapped.running:
            return central_encode.accepted()
        running = mapped.station_transaction_id if mapped is not None else None
        if mapped is None and int(named) <= 0:
            running = self._only_running()
        if running is None:
            return self._no(action)
        return await self._relay(action, RequestStop(self._station, running), Urgency.STOP)

    def _only_running(self) -> int | None:
        """What a central means that never gave a usable id: the one transaction that runs, if it is one."""
        found = self._rooms.facts.running_ids(self._station)
        return found[0] if len(found) == 1 else None

    async def _set_variable(self, asked: SetVariable) -> Reply:
        answer = await virtual.set_variable(self._rooms, self._uplink, asked)
        if virtual.canonical(asked.key) == "HeartbeatInterval" and answer == central_encode.accepted():
            self._link.beat_every(float(asked.value))
        return answer

    # --- triggers -----------------------------------------------------------------------------------------------------

    def _triggered(self, asked: TriggerMessage) -> Reply | Awaitable[Reply]:
        if asked.message == "BootNotification":
            self._link.boot_now()
            return central_encode.accepted()
        known = self._rooms.facts.evses(self._station)
        if asked.evse.evse not in (0, *known):
            return self._no("TriggerMessage")
        if asked.message == "MeterValues":
            return self._readings([asked.evse.evse] if asked.evse.evse else [*known])
        if self._link.news.ask(asked.message, asked.evse.evse):
            return central_encode.accepted()
        return central_encode.not_implemented()

    async def _readings(self, evses: list[int]) -> Reply:
        """Fresh readings go up at once; for others the station is asked, and what it says goes up."""
        news = self._link.news
        if news.ask_readings(evses):
            return central_encode.accepted()
        news.await_readings(evses)
        evse = EvseId(self._station, evses[0] if len(evses) == 1 else 0)
        reply = await self._relay("TriggerMessage", TriggerMessage(evse, "MeterValues"), Urgency.CONTROL)
        if reply != central_encode.accepted():
            news.await_readings(evses, wanted=False)
        return reply
