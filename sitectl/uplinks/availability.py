"""ChangeAvailability: every central, and the site itself, may take an EVSE out of service; it is in when nobody does.

The wishes are on disk, and are told to the station again when it comes back and when it has booted, for not all keep
them. What a central hears is the station's own answer where the wish changed something there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import Answered, ChangeAvailability, NotSent, Unanswered, Urgency
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.transaction import Payload
from sitectl.routing.service import Out, all_taken_out, is_out, next_order, taken_out, with_order, with_wish
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Reply

log = logging.getLogger(__name__)

ACTION = "ChangeAvailability"
KIND = "availability"
TOLD = "availability told"
SITE = UplinkId("")
"""The owner of the site's own wishes."""

SETTLE_S = 8.0
"""After a connection or a boot; a boot shortly after the connection makes it one telling."""

RETRY_S = 60.0


class _Station:
    """What is wished and told of one station."""

    __slots__ = ("lock", "out", "task", "told_out")

    def __init__(self) -> None:
        self.out: Out = {}
        self.told_out: frozenset[int] = frozenset()
        self.lock = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None


class Availability:
    """All wishes of all centrals. `changed` hears of every station whose availability changed."""

    def __init__(self, rooms: Rooms, changed: Callable[[StationId], None]) -> None:
        self._rooms = rooms
        self._changed = changed
        self._stations: dict[StationId, _Station] = {}
        for (_, station), document in rooms.documents.of(TOLD).items():
            self._of(station).told_out = _evses(document)
        self.restore(SITE)

    # --- who has a say ------------------------------------------------------------------------------------------------

    def restore(self, owner: UplinkId) -> None:
        """This central has a say (again): bring back what it wished."""
        for (who, station), document in self._rooms.documents.of(KIND).items():
            if who == owner:
                held = self._of(station)
                held.out = {**held.out, owner: _evses(document)}

    def withdraw(self, owner: UplinkId) -> None:
        """This central has no say any more."""
        for station, held in self._stations.items():
            if owner in held.out:
                held.out = {who: evses for who, evses in held.out.items() if who != owner}
                self._tell_soon(station, held, 0.0)

    # --- what holds ---------------------------------------------------------------------------------------------------

    def is_out(self, evse: EvseId) -> bool:
        """Whether somebody has taken it out of service: then nothing starts there, whatever the station says."""
        held = self._stations.get(evse.station)
        return held is not None and is_out(held.out, evse.evse)

    def outs(self) -> Mapping[StationId, frozenset[int]]:
        """What somebody has taken out of service, by station; EVSE 0: all of it."""
        return {station: taken for station, held in self._stations.items() if (taken := all_taken_out(held.out))}

    # --- what is asked ------------------------------------------------------------------------------------------------

    async def ask(self, asker: Asker, asked: ChangeAvailability) -> Reply:
        """A central's wish, and the answer to it."""
        return {"status": await self.wish(asked.evse, asked.operative, asker.uplink)}

    async def wish(self, evse: EvseId, operative: bool, owner: UplinkId = SITE, by: str = "") -> str:
        """Somebody's wish: Accepted, Scheduled (it holds later: offline, charging, another wish), or Rejected.

        `by`: the person who says so for the site, for the journal.
        """
        if evse.evse not in (0, *self._rooms.facts.evses(evse.station)):
            return "Rejected"
        held = self._of(evse.station)
        async with held.lock:
            before = held.out
            after = with_wish(before, owner, evse.evse, operative)
            if not await self._keep(owner, evse.station, after):
                return "Rejected"
            held.out = after
            data = {"owner": owner or "site", "operative": operative} | ({"by": by} if by else {})
            self._rooms.journal.record("evse.availability", evse.station, evse.evse or None, data)
            status = await self._carry_out(evse, operative, held)
            if status == "Rejected":
                held.out = before
                await self._keep(owner, evse.station, before)
                await self._tell(evse.station, held, Urgency.CONTROL)
        self._changed(evse.station)
        return status

    async def _carry_out(self, evse: EvseId, operative: bool, held: _Station) -> str:
        if not self._rooms.facts.online(evse.station):
            return "Scheduled"
        said = await self._tell(evse.station, held, Urgency.CONTROL)
        if evse.evse in said:
            return said[evse.evse]
        if is_out(held.out, evse.evse) == operative:
            return "Scheduled"  # somebody else keeps it out
        return "Scheduled" if not operative and self._is_busy(evse) else "Accepted"

    def _is_busy(self, evse: EvseId) -> bool:
        numbers = [evse.evse] if evse.evse else self._rooms.facts.evses(evse.station)
        return any(self._rooms.facts.running(EvseId(evse.station, number)) for number in numbers)

    # --- what the station is told -------------------------------------------------------------------------------------

    def station_online(self, station: StationId) -> None:
        """It came, or booted: what shall be out is told again, for it may not know any more."""
        held = self._stations.get(station)
        if held is not None and (held.out or held.told_out):
            self._tell_soon(station, held, SETTLE_S, again=True)

    def _tell_soon(self, station: StationId, held: _Station, after_s: float, *, again: bool = False) -> None:
        if held.task is not None:
            held.task.cancel()
        held.task = self._rooms.tasks.spawn(self._tell_later(station, held, after_s, again), f"availability {station}")

    async def _tell_later(self, station: StationId, held: _Station, after_s: float, again: bool) -> None:
        await asyncio.sleep(after_s)
        async with held.lock:
            held.task = None  # from here on another one waits for this one to end
            if again:
                held.told_out = frozenset(evse for evse in held.told_out if not taken_out(held.out, evse))
            await self._tell(station, held, Urgency.HOUSEKEEPING)
        self._changed(station)

    async def _tell(self, station: StationId, held: _Station, urgency: Urgency) -> dict[int, str]:
        """Say what the station does not know yet; what it answered, by EVSE. "Scheduled" where it did not answer."""
        said: dict[int, str] = {}
        evses = self._rooms.facts.evses(station)
        while (order := next_order(held.out, held.told_out, evses, frozenset(said))) is not None:
            evse, operative = order
            status = await self._say(EvseId(station, evse), operative, urgency)
            if status == "Rejected" and evse == 0:
                status = await self._say_each(station, operative, held, urgency)
            if status is None:
                if self._rooms.facts.online(station) and held.task is None:
                    self._tell_soon(station, held, RETRY_S)
                said[evse] = "Scheduled"
                return said
            said[evse] = status
            if status == "Rejected":
                self._rooms.journal.record("evse.availability_refused", station, evse or None, {"operative": operative})
                continue
            held.told_out = with_order(held.out, held.told_out, evse, operative)
            await self._keep_told(station, held)
        return said

    async def _say(self, evse: EvseId, operative: bool, urgency: Urgency) -> str | None:
        """The station's answer; None: it may or may not have heard."""
        match await self._rooms.door.execute(evse.station, ChangeAvailability(evse, operative), urgency):
            case Answered(status):
                return status if status in ("Accepted", "Scheduled") else "Rejected"
            case Unanswered() | NotSent():
                return None
        return "Rejected"

    async def _say_each(self, station: StationId, operative: bool, held: _Station, urgency: Urgency) -> str | None:
        """Some stations refuse connector 0 and take each of the others."""
        answers = []
        for evse in self._rooms.facts.evses(station):
            wanted = operative and not taken_out(held.out, evse)
            answers.append(await self._say(EvseId(station, evse), wanted, urgency))
        if None in answers:
            return None
        return "Rejected" if "Rejected" in answers else "Scheduled" if "Scheduled" in answers else "Accepted"

    # --- on disk ------------------------------------------------------------------------------------------------------

    def _of(self, station: StationId) -> _Station:
        held = self._stations.get(station)
        if held is None:
            held = self._stations[station] = _Station()
        return held

    async def _keep(self, owner: UplinkId, station: StationId, out: Out) -> bool:
        own = out.get(owner)
        try:
            await self._rooms.documents.keep(KIND, owner, station, _document(own) if own else None)
        except EnvironmentFault as fault:
            log.warning("%s: a wish for its availability is not on disk: %s", station, fault)
            return False
        return True

    async def _keep_told(self, station: StationId, held: _Station) -> None:
        """Not on disk it is told again after a restart, or, put back into service meanwhile, is not: so it is noted."""
        try:
            await self._rooms.documents.keep(TOLD, SITE, station, _document(held.told_out) if held.told_out else None)
        except EnvironmentFault as fault:
            log.warning("%s: its availability is not on disk: %s", station, fault)


def _document(evses: frozenset[int]) -> Payload:
    return {"out": sorted(evses)}


def _evses(document: Payload) -> frozenset[int]:
    listed = document.get("out")
    return frozenset(evse for evse in listed if isinstance(evse, int)) if isinstance(listed, list) else frozenset()
