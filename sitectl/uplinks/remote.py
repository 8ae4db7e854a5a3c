"""RemoteStartTransaction, RemoteStopTransaction and UnlockConnector of one central."""

from __future__ import annotations

from collections.abc import Callable

from sitectl.base.clock import Clock
from sitectl.model import events
from sitectl.model.commands import Answered, RequestStart, RequestStop, UnlockConnector, Urgency
from sitectl.model.ids import EvseId, StationId
from sitectl.model.schedule import ProfilePurpose
from sitectl.model.station import ConnectorStatus, EvseStatus
from sitectl.model.transaction import AuthorizationStatus, Payload
from sitectl.ocpp.v16 import central_encode, decode
from sitectl.ocpp.v16.central_decode import StartAsked, StopAsked
from sitectl.ocpp.v16.charging_profiles import ProfileSet
from sitectl.uplinks import virtual
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles
from sitectl.uplinks.relay import execute, relay
from sitectl.uplinks.remembered import remember
from sitectl.wire.outcomes import Reply

AUTHORIZE_WITHIN_S = 10.0
_NOT_NOW = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)


class Remote:
    """Starts, stops and unlocks through the station's one door. `is_out`: what is out of service; `bars`: what is
    reserved for others than this token."""

    __slots__ = ("_bars", "_clock", "_is_out", "_profiles", "_rooms")

    def __init__(
        self,
        rooms: Rooms,
        profiles: Profiles,
        is_out: Callable[[EvseId], bool],
        bars: Callable[[EvseId, str], bool],
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._bars = bars
        self._profiles = profiles
        self._is_out = is_out
        self._clock = clock

    # --- start --------------------------------------------------------------------------------------------------------

    async def start(self, asker: Asker, asked: StartAsked, payload: Payload) -> Reply:
        """Always name the EVSE, never send the profile: stations differ in both."""
        action = "RemoteStartTransaction"
        no = central_encode.negative(action) or {}
        wish, id_token = asked.profile, asked.request.id_token
        evse = self._free_evse(asked.request.evse, id_token)
        if evse is None or not self._takes(wish) or not await self._authorized(asker, id_token):
            return no
        now, within_s = self._clock.monotonic(), self._expected_s(asker)
        self._rooms.inbox.post(events.StartExpected(evse, now, now + within_s))
        if wish is not None:
            # Before the command: the transaction may begin before its answer is looked at.
            self._profiles.expect(evse, wish, payload["chargingProfile"], id_token, within_s)
        outcome = await execute(self._rooms, asker, action, RequestStart(evse, id_token), Urgency.START)
        if not (isinstance(outcome, Answered) and outcome.accepted):
            self._profiles.expect_no_more(evse)
        return central_encode.outcome(action, outcome) or no

    def _takes(self, wish: ProfileSet | None) -> bool:
        """A profile that comes with a start is of that transaction, and within what is offered."""
        return wish is None or (wish.profile.purpose is ProfilePurpose.TX and self._profiles.takes(wish.profile))

    async def _authorized(self, asker: Asker, id_token: str) -> bool:
        """Where the central wants remote starts authorised like local ones, it is asked before the station is."""
        if not virtual.flag(self._rooms, asker.uplink, asker.station, "AuthorizeRemoteTxRequests"):
            return True
        info = await asker.link.authorize(id_token, AUTHORIZE_WITHIN_S)
        remember(self._rooms, asker.uplink, asker.station, id_token, info)
        return info is not None and info.status is AuthorizationStatus.ACCEPTED

    def _expected_s(self, asker: Asker) -> float:
        """How long a plug may be waited for: as the central has set it, or as the station does, if that is longer."""
        own_s = virtual.number(self._rooms, asker.uplink, asker.station, "ConnectionTimeOut")
        return float(max(own_s, virtual.station_number(self._rooms, asker.station, "ConnectionTimeOut")))

    def _free_evse(self, wished: EvseId, id_token: str) -> EvseId | None:
        """Where to start: where the central wished; else where somebody has plugged in, else where nothing runs."""
        facts, station = self._rooms.facts, wished.station
        if not facts.online(station):
            return None
        numbers = [wished.evse] if wished.evse in facts.evses(station) else facts.evses(station)
        if wished.evse not in (0, *numbers):
            return None
        free = [evse for number in numbers if self._is_free(evse := EvseId(station, number), id_token)]
        plugged = (evse for evse in free if (status := self._status(evse)) is not None and status.preparing)
        return next(plugged, free[0] if free else None)

    def _is_free(self, evse: EvseId, id_token: str) -> bool:
        """Nothing runs there, nobody has taken it out of service or reserved it for others, and the station does not
        say that nothing can."""
        status = self._status(evse)
        usable = status is None or status.connector_status not in _NOT_NOW
        barred = self._is_out(evse) or self._bars(evse, id_token)
        return usable and not self._rooms.facts.running(evse) and not barred

    def _status(self, evse: EvseId) -> EvseStatus | None:
        payload = self._rooms.facts.statuses(evse.station).get(evse.evse)
        return None if payload is None else decode.status_notification(payload).value.status

    # --- stop and unlock ----------------------------------------------------------------------------------------------

    async def stop(self, asker: Asker, asked: StopAsked) -> Reply:
        """Only a transaction of this station, by the id that this central gave; one that is over it will learn of."""
        action = "RemoteStopTransaction"
        named = asked.uplink_transaction_id
        mapped = await self._rooms.outbox.transaction_of(asker.uplink, asker.station, named)
        if mapped is not None and not mapped.running:
            return central_encode.accepted()
        running = mapped.station_transaction_id if mapped is not None else None
        if mapped is None and int(named) <= 0:
            running = self._only_running(asker.station)
        if running is None:
            data = {"uplink": asker.uplink, "action": action, "id": named}
            self._rooms.journal.record("uplink.unknown_transaction", asker.station, data=data)
            return central_encode.negative(action) or {}
        return await relay(self._rooms, asker, action, RequestStop(asker.station, running), Urgency.STOP)

    def _only_running(self, station: StationId) -> int | None:
        """What a central means that never gave a usable id: the one transaction that runs, if it is one."""
        found = self._rooms.facts.running_ids(station)
        return found[0] if len(found) == 1 else None

    async def unlock(self, asker: Asker, asked: UnlockConnector) -> Reply:
        """Ends a running transaction in 1.6. A connector that is not there has no lock (errata of 1.6, 3.87)."""
        if asked.evse.evse not in self._rooms.facts.evses(asker.station):
            return central_encode.not_supported("UnlockConnector")
        return await relay(self._rooms, asker, "UnlockConnector", asked, Urgency.STOP)
