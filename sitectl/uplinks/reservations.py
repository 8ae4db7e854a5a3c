"""ReserveNow and CancelReservation of all centrals: held by the station where it can, else by us.

What we hold ourselves we also keep: another token on a reserved EVSE is refused, the EVSE shows as Reserved, and it
ends by our own clock, with the start that uses it, or with a fault. Ids are each central's own; a station knows one by
another id where two centrals chose the same. All of it is on disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import Answered, Outcome, Refused, RelayCall, Unanswered, Urgency
from sitectl.model.events import TransactionStarted
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.reservation import Reservation
from sitectl.model.station import ConnectorStatus
from sitectl.ocpp.v16 import central_encode, central_reservations, decode
from sitectl.ocpp.v16.central_reservations import CancelAsked, ReserveAsked, ReserveStatus, reserve_answer
from sitectl.ocpp.versions import ErrorCode, error_code
from sitectl.routing.reservations import bars, has_room, used
from sitectl.uplinks import virtual
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import execute
from sitectl.uplinks.remembered import parent_of
from sitectl.uplinks.reserved import read, stored
from sitectl.wire.outcomes import Reply

log = logging.getLogger(__name__)

KIND = "reservations"
FIRST_ID = 2**30
"""Ids of ours towards stations begin here, where a central's own is taken."""

KEPT_FOR = timedelta(days=7)
"""Ended ones are kept so long: a station that was away may tell of a start that used one."""

MOST = 100
"""Kept for one central and station; no station has so many EVSEs, and a document must not grow for ever."""

_OUT = {ConnectorStatus.FAULTED: ReserveStatus.FAULTED, ConnectorStatus.UNAVAILABLE: ReserveStatus.UNAVAILABLE}
_CANNOT = (ErrorCode.NOT_SUPPORTED, ErrorCode.NOT_IMPLEMENTED)


class Reservations:
    """All reservations of the site. `is_out`: what is out of service; `changed` hears whose connectors stand anew."""

    def __init__(
        self,
        rooms: Rooms,
        clock: Clock,
        is_out: Callable[[EvseId], bool],
        changed: Callable[[StationId], None],
    ) -> None:
        self._rooms = rooms
        self._clock = clock
        self._is_out = is_out
        self._changed = changed
        self._known: dict[tuple[UplinkId, StationId], list[Reservation]] = {}
        self._held: set[tuple[UplinkId, StationId, int]] = set()
        self._turns: dict[StationId, asyncio.Lock] = {}

    # --- who has a say ------------------------------------------------------------------------------------------------

    def restore(self, owner: UplinkId) -> None:
        """This central has a say (again): bring back what it reserved."""
        now = self._clock.wall()
        for (who, station), document in self._rooms.documents.of(KIND).items():
            if who == owner:
                known = self._known[who, station] = list(read(document, who, station))
                self._held.update((who, station, one.id) for one in known if one.holds(now))

    def withdraw(self, owner: UplinkId) -> None:
        """This central has no say any more."""
        for who, station in [key for key in self._known if key[0] == owner]:
            del self._known[who, station]
            self._changed(station)
        self._held = {key for key in self._held if key[0] != owner}

    # --- what holds ---------------------------------------------------------------------------------------------------

    def is_held(self, evse: EvseId) -> bool:
        """Whether we keep this very EVSE for somebody."""
        return any(one.evse == evse for one in self._enforced(evse.station))

    def bars(self, evse: EvseId, id_token: str, parent: str | None = None) -> bool:
        """Whether somebody else has reserved what this token wants; EVSE 0: every one of the station.

        While anything charges there nothing is barred on the station as a whole: the token may be to stop it.
        """
        enforced = self._enforced(evse.station)
        if not enforced:
            return False
        known_parent = parent or parent_of(self._rooms, enforced[0].owner, evse.station, id_token)
        free = self._free(evse.station)
        if evse.evse:
            return bars(enforced, evse.evse, id_token, known_parent, free) is not None
        if self._rooms.facts.running_ids(evse.station):
            return False
        numbers = self._rooms.facts.evses(evse.station)
        barred = [bars(enforced, number, id_token, known_parent, free) is not None for number in numbers]
        return bool(barred) and all(barred)

    def claimed(
        self, evse: EvseId, id_token: str, parent: str | None, started: datetime, station_id: int | None
    ) -> Mapping[UplinkId, int]:
        """The reservation that a start uses, by the id of the central that made it."""
        found = used(self._of(evse.station), evse.evse, id_token, parent, started, station_id)
        return {} if found is None else {found.owner: found.id}

    def _of(self, station: StationId) -> list[Reservation]:
        return [one for (_, at), known in self._known.items() if at == station for one in known]

    def _enforced(self, station: StationId) -> list[Reservation]:
        """What holds there and the station does not know of."""
        if not self._known:
            return []
        now = self._clock.wall()
        return [one for one in self._of(station) if one.station_id is None and one.holds(now)]

    # --- what happens on the site -------------------------------------------------------------------------------------

    def hear(self, event: TransactionStarted) -> None:
        """A start of whom it was made for ends a reservation; also one that ran when we came back from a crash."""
        started = event.started or self._clock.wall()
        for one in self._of(event.evse.station):
            parent = parent_of(self._rooms, one.owner, event.evse.station, event.id_token)
            if one.ended is None and used([one], event.evse.evse, event.id_token, parent, started) is not None:
                self._end(one, "used")

    def reported(self, evse: EvseId) -> None:
        """A connector that is out takes its reservation with it (OCPP 1.6, 5.13)."""
        if self._known and self._stands_out(evse) is not None:
            for one in self._enforced(evse.station):
                if evse.evse in (0, one.evse.evse):
                    self._end(one, "out of service")

    def refresh(self) -> None:
        """Time passed: what has expired is free again."""
        now = self._clock.wall()
        for (who, station), known in self._known.items():
            for one in known:
                if (who, station, one.id) in self._held and not one.holds(now):
                    self._freed(one, "expired")

    def _end(self, one: Reservation, why: str) -> None:
        """Over for us at once; a disk that does not take it shows it again after a restart, until it expires."""
        ended = replace(one, ended=self._clock.wall())
        self._replace(ended)
        self._freed(ended, why)
        self._rooms.spawn(self._keep(one.owner, one.evse.station), f"reservations of {one.evse.station}")

    def _freed(self, one: Reservation, why: str) -> None:
        self._held.discard((one.owner, one.evse.station, one.id))
        self._note(one, "reservation.ended", why)
        self._changed(one.evse.station)

    # --- what a central asks ------------------------------------------------------------------------------------------

    async def ask(self, asker: Asker, asked: ReserveAsked | CancelAsked) -> Reply:
        """One after the other for a station: what is free is decided once."""
        async with self._turns.setdefault(asker.station, asyncio.Lock()):
            if isinstance(asked, CancelAsked):
                return central_encode.accepted() if await self._cancel(asker, asked) else _NO_CANCEL
            return reserve_answer(await self._reserve(asker, asked))

    async def _reserve(self, asker: Asker, asked: ReserveAsked) -> ReserveStatus:
        station, facts = asker.station, self._rooms.facts
        if not facts.online(station):
            return ReserveStatus.UNAVAILABLE
        if asked.evse not in (0, *facts.evses(station)) or asked.expires <= self._clock.wall():
            return ReserveStatus.REJECTED
        if asked.evse == 0 and not virtual.reserves_any(self._rooms, station):
            return ReserveStatus.REJECTED
        status, station_id = await self._hold(asker, asked)
        if status is not ReserveStatus.ACCEPTED:
            return status
        evse = EvseId(station, asked.evse)
        now = self._clock.wall()
        made = Reservation(
            asker.uplink, asked.reservation, evse, asked.id_token, asked.parent, now, asked.expires, station_id
        )
        known = self._known.get((asker.uplink, station), [])
        before = next((one for one in known if one.id == made.id), None)
        self._replace(made)
        if not await self._keep(asker.uplink, station):
            # What was there before, or one that holds nothing: the disk knows no better.
            self._replace(before if before is not None else replace(made, ended=now))
            if station_id is not None:
                await self._cancel_there(station, station_id)
            return ReserveStatus.REJECTED
        self._held.add((asker.uplink, station, made.id))
        self._note(made, "reservation.made", "by the station" if station_id is not None else "here")
        self._changed(station)
        return status

    async def _hold(self, asker: Asker, asked: ReserveAsked) -> tuple[ReserveStatus, int | None]:
        """By the station where it can; what came of it, and the id that the station has for it."""
        if virtual.station_reserves(self._rooms, asker.station):
            station_id = self._station_id(asker, asked.reservation)
            order = RelayCall(asker.station, "ReserveNow", central_reservations.reserve(asked, station_id))
            match await execute(self._rooms, asker, "ReserveNow", order, Urgency.CONTROL):
                case Answered(status):
                    return central_reservations.reserve_status(status), station_id
                case Refused(code) if error_code(code) in _CANNOT:
                    pass  # it only said that it could
                case Unanswered():
                    await self._cancel_there(asker.station, station_id)
                    return ReserveStatus.REJECTED, None
                case _:
                    return ReserveStatus.REJECTED, None
        return self._room_for(asker, asked), None

    def _room_for(self, asker: Asker, asked: ReserveAsked) -> ReserveStatus:
        """Whether we can keep it ourselves. One with a known id replaces that, and so does not stand in its way."""
        station = asker.station
        wanted = [asked.evse] if asked.evse else self._rooms.facts.evses(station)
        outs = [self._stands_out(EvseId(station, 0)) or self._stands_out(EvseId(station, n)) for n in wanted]
        first = outs[0] if outs else None
        if first is not None and None not in outs:
            return first
        own = (asker.uplink, asked.reservation)
        holding = [one for one in self._enforced(station) if (one.owner, one.id) != own]
        room = has_room(holding, asked.evse, self._free(station))
        return ReserveStatus.ACCEPTED if room else ReserveStatus.OCCUPIED

    async def _cancel(self, asker: Asker, asked: CancelAsked) -> bool:
        now = self._clock.wall()
        known = self._known.get((asker.uplink, asker.station), [])
        one = next((one for one in known if one.id == asked.reservation and one.holds(now)), None)
        if one is None:
            return False
        if one.station_id is not None:
            match await self._cancel_there(asker.station, one.station_id):
                case Answered(status) if status != "Accepted":
                    self._end(one, "the station does not hold it")
                    return False
                case Answered():
                    pass
                case _:
                    return False
        self._replace(replace(one, ended=now))
        if not await self._keep(asker.uplink, asker.station):
            self._replace(one)
            return False
        self._freed(one, "cancelled")
        return True

    async def _cancel_there(self, station: StationId, station_id: int) -> Outcome:
        order = RelayCall(station, "CancelReservation", central_reservations.cancel(station_id))
        return await self._rooms.door.execute(station, order, Urgency.CONTROL)

    def _station_id(self, asker: Asker, reservation: int) -> int:
        """The central's own id, unless another central's reservation has it at this station."""
        others = {
            one.station_id for one in self._of(asker.station) if (one.owner, one.id) != (asker.uplink, reservation)
        }
        if reservation not in others:
            return reservation
        return next(id for id in range(FIRST_ID, 2**31) if id not in others)

    # --- how the station stands ---------------------------------------------------------------------------------------

    def _stands_out(self, evse: EvseId) -> ReserveStatus | None:
        """Why nothing can be reserved there; None: it can."""
        payload = self._rooms.facts.statuses(evse.station).get(evse.evse)
        status = None if payload is None else decode.status_notification(payload).value.status.connector_status
        if status in _OUT:
            return _OUT[status]
        return ReserveStatus.UNAVAILABLE if self._is_out(evse) else None

    def _free(self, station: StationId) -> Sequence[int]:
        """EVSEs where something could start."""
        facts = self._rooms.facts

        def is_free(number: int) -> bool:
            payload = facts.statuses(station).get(number)
            status = None if payload is None else decode.status_notification(payload).value.status
            idle = status is None or status.connector_status is ConnectorStatus.AVAILABLE
            evse = EvseId(station, number)
            return idle and not facts.running(evse) and not self._is_out(evse)

        return [number for number in facts.evses(station) if is_free(number)]

    # --- on disk ------------------------------------------------------------------------------------------------------

    def _replace(self, one: Reservation) -> None:
        """Ended ones of other ids stay; an old one of this id goes."""
        keep_from = self._clock.wall() - KEPT_FOR
        known = self._known.get((one.owner, one.evse.station), [])
        left = [other for other in known if other.id != one.id and other.expires > keep_from]
        self._known[one.owner, one.evse.station] = [*left, one][-MOST:]

    async def _keep(self, owner: UplinkId, station: StationId) -> bool:
        try:
            await self._rooms.documents.keep(KIND, owner, station, stored(self._known.get((owner, station), [])))
        except EnvironmentFault as fault:
            log.warning("%s: its reservations are not on disk: %s", station, fault)
            return False
        return True

    def _note(self, one: Reservation, type: str, why: str) -> None:
        data = {"uplink": one.owner, "reservation": one.id, "why": why}
        self._rooms.journal.record(type, one.evse.station, one.evse.evse or None, data)


_NO_CANCEL = {"status": "Rejected"}
