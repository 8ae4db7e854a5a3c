"""Files that stations send or fetch: an order is told to the station, and every word of it to the central that gave it.

GetDiagnostics and UpdateFirmware are answered whatever comes of them; GetLog and SignedUpdateFirmware, which have a
number, are answered by what the station says, and go to it under a number of ours.

Words go up through the outbox, so they keep their order over reboots of the station and restarts of ours. Where none
comes the central is told that it failed, in bounded time. A station serves one order of a kind at a time.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import Answered, NotSent, Outcome, Refused, Unanswered, Urgency
from sitectl.model.files import FileKind, FileOrder, Transfer
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import OutboxMessage, Payload
from sitectl.ocpp.v16 import central_encode, central_files
from sitectl.routing import transfers
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import execute, extension_answer, is_unknown
from sitectl.wire.outcomes import Reply

log = logging.getLogger(__name__)

SETTLE_S = 8.0
"""After a connection or a boot, before a station is told of an update that waited for it."""

RETRY_S = LOOK_S = 60.0
MOST_ORDERS = 6
PER_S = 3600.0
"""Orders of a kind for one station an hour, whoever gives them."""

ANSWER_FIRST_S = 1.0
"""The central gets the answer to its order before it hears how the order fares."""

REBOOT_WITHIN_S = 900.0
"""A station that installs firmware reboots; it is not missed for so long."""

FIRST_NUMBER = 2**30
"""Our numbers of orders, from here on: centrals count from one."""

TAKEN = ("Accepted", "AcceptedCanceled")

Deliver = Callable[[UplinkId, StationId, OutboxMessage], Awaitable[None]]
"""Put a message on disk for a central; where the disk takes nothing, say it if the central listens."""

Where = tuple[FileKind, UplinkId, StationId]


class Files:
    """The transfers of all stations. `reboots` is told until when a station may be away."""

    def __init__(
        self, rooms: Rooms, clock: Clock, deliver: Deliver, reboots: Callable[[StationId, float], None]
    ) -> None:
        self._rooms = rooms
        self._clock = clock
        self._deliver = deliver
        self._reboots = reboots
        self._known: dict[Where, Transfer] = {}
        self._replaced: dict[Where, Transfer] = {}
        """Orders with a number whose successor was told to the station: it may still speak of them."""
        self._watching: dict[Where, asyncio.Task[None]] = {}
        self._orders: dict[tuple[FileKind, StationId], deque[float]] = {}

    # --- what a central asks ------------------------------------------------------------------------------------------

    async def order(self, asker: Asker, order: FileOrder) -> Reply:
        """Tell the station, at once or, an update, when it is back. The answer says nothing of how that goes."""
        where = (order.kind, asker.uplink, asker.station)
        action = central_files.ORDERS[order.kind]
        online = self._rooms.facts.online(asker.station)
        why = order.refused or self._obstacle(where, online=online)
        number = self._new_number() if order.kind.is_numbered else None
        transfer = transfers.begun(order, self._clock.wall(), online=online and not why, number=number)
        before = self._known.get(where)
        if not why and not await self._keep(where, transfer):
            why = "it cannot be kept"
        if why:
            self._note("station.file_refused", where, {"why": why})
            if number is not None:
                return central_encode.negative(action) or {}
            self._rooms.spawn(self._refuse(where, transfer), f"{order.kind.value} of {asker.station} refused")
            return {}
        self._watch(where)
        if not online:
            return {}
        if before is not None and number is not None:
            self._replaced[where] = before
        command = central_files.order_command(asker.station, order, number)
        outcome = await execute(self._rooms, asker, action, command, Urgency.CONTROL)
        if number is not None:
            return await self._numbered_answer(where, transfer, before, outcome)
        if isinstance(outcome, Refused | NotSent):
            self._rooms.spawn(
                self._fail(where, transfer, ANSWER_FIRST_S), f"{order.kind.value} of {asker.station} failed"
            )
        return central_files.order_answer(order, outcome)

    def _new_number(self) -> int:
        """From a range of our own; it grows, also over a restart."""
        now = FIRST_NUMBER + int(self._clock.wall().timestamp()) % FIRST_NUMBER
        return max(now, *(transfer.number + 1 for transfer in self._known.values() if transfer.number), 0)

    async def _numbered_answer(self, where: Where, transfer: Transfer, before: Transfer | None, came: Outcome) -> Reply:
        """What the station says of an order with a number is the answer to it."""
        action = central_files.ORDERS[where[0]]
        if isinstance(came, Answered) and came.status in TAKEN:
            return central_encode.outcome(action, came) or {}
        if isinstance(came, Unanswered):
            return central_encode.accepted()  # it may have begun: how it goes is told, or that nothing is heard of it
        if is_unknown(came) and central_files.is_security_log(transfer.order):
            fails = self._fail(where, transfer, ANSWER_FIRST_S, unsupported=True)
            self._rooms.spawn(fails, f"{where[0].value} of {where[2]} failed")
            return central_encode.accepted()
        if self._known.get(where) is transfer:
            await self._take_back(where, before)
        return extension_answer(action, came)

    async def _take_back(self, where: Where, before: Transfer | None) -> None:
        """An order that the station did not take; what runs there by the one before goes on."""
        self._replaced.pop(where, None)
        if before is not None:
            await self._keep(where, before, in_any_case=True)
        else:
            del self._known[where]
            await self._keep_document(where, None)
        self._watch(where)

    def _obstacle(self, where: Where, *, online: bool) -> str:
        kind, uplink, station = where
        if kind is not FileKind.FIRMWARE and not online:
            return "the station is offline"
        if any(known[1] != uplink and not self._known[known].over for known in self._of(kind, station)):
            return "the station serves the order of another central"
        recent = self._orders.setdefault((kind, station), deque(maxlen=MOST_ORDERS))
        now = self._clock.monotonic()
        if len(recent) == MOST_ORDERS and now - recent[0] < PER_S:
            return f"{MOST_ORDERS} orders within the hour"
        recent.append(now)
        return ""

    async def _refuse(self, where: Where, transfer: Transfer) -> None:
        """The station was not told; what runs there by an earlier order goes on."""
        await asyncio.sleep(ANSWER_FIRST_S)
        lost = transfers.failed(transfer, self._clock.wall())
        held = self._known.get(where)
        if held is None or held.over:
            await self._tell_central(where, lost)
        else:
            await self._send_up(where, lost)

    def last(self, asker: Asker, action: str) -> Payload:
        """What a central hears that asks how its order stands."""
        transfer = self._known.get((central_files.KINDS[action], asker.uplink, asker.station))
        status = transfers.last_known(transfer, self._clock.wall())
        if transfer is None or status == transfers.IDLE:
            return central_files.status_payload(transfers.IDLE)
        return central_files.status_payload(status, transfer.order.request_id)

    # --- what stations say --------------------------------------------------------------------------------------------

    async def heard(self, station: StationId, action: str, payload: Payload) -> None:
        """A station says how it stands; who ordered that hears of it, nobody else does."""
        kind, status = central_files.KINDS[action], central_files.status_told(action, payload)
        if status in transfers.REBOOTS:
            self._reboots(station, self._clock.monotonic() + REBOOT_WITHIN_S)
        number = central_files.number_told(payload) if kind.is_numbered else None
        where = self._orderer(kind, station, number)
        if where is None:
            await self._heard_of_old(kind, station, number, status)
            return
        changed = transfers.heard(self._known[where], status, self._clock.wall())
        if changed is not None:
            await self._tell_central(where, changed)
            self._watch(where)

    async def _heard_of_old(self, kind: FileKind, station: StationId, number: int | None, status: str) -> None:
        """A word about an order that another one has replaced: of interest to who gave both."""
        for where, old in self._replaced.items():
            if where[0] is kind and where[2] == station and number is not None and old.number == number:
                changed = transfers.heard(old, status, self._clock.wall())
                if changed is not None:
                    self._replaced[where] = changed
                    await self._send_up(where, changed)
                return

    def _orderer(self, kind: FileKind, station: StationId, number: int | None) -> Where | None:
        """Whose order has this number; without one, whose was told to the station last."""
        told = [where for where in self._of(kind, station) if self._known[where].sent]
        if number is not None:
            return next((where for where in told if self._known[where].number == number), None)
        return max(told, key=lambda where: self._known[where].ordered, default=None)

    def station_online(self, station: StationId) -> None:
        """It came, or booted: updates that wait for it are due."""
        for where, transfer in self._known.items():
            if where[2] == station and not transfer.sent and not transfer.over:
                self._watch(where, SETTLE_S)

    # --- who has a say ------------------------------------------------------------------------------------------------

    def restore(self, uplink: UplinkId) -> None:
        """Bring back what this central has ordered."""
        for kind in FileKind:
            for (owner, station), document in self._rooms.documents.of(kind.value).items():
                transfer = central_files.transfer_of(document) if owner == uplink else None
                if transfer is None or (kind, owner, station) in self._known:
                    continue
                self._known[kind, owner, station] = transfer
                self._watch((kind, owner, station), SETTLE_S)

    def withdraw(self, uplink: UplinkId) -> None:
        """This central has no say any more, and hears nothing any more."""
        for where in [where for where in self._known if where[1] == uplink]:
            del self._known[where]
            self._replaced.pop(where, None)
            if (watching := self._watching.pop(where, None)) is not None:
                watching.cancel()

    # --- time ---------------------------------------------------------------------------------------------------------

    def _watch(self, where: Where, look_s: float = math.inf) -> None:
        """See to it that this transfer comes to an end; the station is told after `look_s` if it was not yet."""
        if (watching := self._watching.pop(where, None)) is not None:
            watching.cancel()
        transfer = self._known.get(where)
        if transfer is not None and not transfer.over:
            name = f"{where[0].value} of {where[2]}"
            self._watching[where] = self._rooms.tasks.spawn(self._see_through(where, look_s), name)

    async def _see_through(self, where: Where, look_s: float) -> None:
        """Tell what waits to be told, wait for the next word, and end what never gets one."""
        while not (transfer := self._known[where]).over and (left_s := self._left_s(transfer)) > 0.0:
            await asyncio.sleep(min(look_s, left_s, LOOK_S))
            look_s = max(0.0, look_s - LOOK_S)
            if look_s == 0.0:
                look_s = RETRY_S
                if not transfer.sent and self._rooms.facts.online(where[2]):
                    await self._tell_later(where, transfer)
        if not transfer.over:
            await self._fail(where, transfer)

    def _left_s(self, transfer: Transfer) -> float:
        """By the wall clock, looked at again and again: it may not have been set when we started."""
        return (transfer.due - self._clock.wall()).total_seconds()

    async def _tell_later(self, where: Where, transfer: Transfer) -> None:
        """Tell a station that was away. It may speak before it answers, so it counts as told before."""
        told = transfers.told(transfer, self._clock.wall())
        await self._keep(where, told, in_any_case=True)
        command = central_files.order_command(where[2], transfer.order)
        match await self._rooms.door.execute(where[2], command, Urgency.HOUSEKEEPING):
            case NotSent() if self._known[where] is told:
                await self._keep(where, transfer, in_any_case=True)
            case Refused():
                await self._fail(where, told)

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _fail(self, where: Where, transfer: Transfer, after_s: float = 0.0, *, unsupported: bool = False) -> None:
        """Nothing comes of it, unless a word has come meanwhile."""
        await asyncio.sleep(after_s)
        if self._known.get(where) is transfer:
            self._note("station.file_failed", where, {"after": transfer.status})
            await self._tell_central(where, transfers.failed(transfer, self._clock.wall(), unsupported=unsupported))

    async def _tell_central(self, where: Where, transfer: Transfer) -> None:
        """A new word, for the central that ordered."""
        await self._keep(where, transfer, in_any_case=True)
        await self._send_up(where, transfer)

    async def _send_up(self, where: Where, transfer: Transfer) -> None:
        kind, uplink, station = where
        message = central_files.status_copy(kind, transfer.status, transfer.order.request_id)
        await self._deliver(uplink, station, message)

    async def _keep(self, where: Where, transfer: Transfer, *, in_any_case: bool = False) -> bool:
        """On disk and in force; `in_any_case`: in force also where the disk takes nothing, for it has happened."""
        if in_any_case:
            self._known[where] = transfer
        if not await self._keep_document(where, central_files.document(transfer)):
            return False
        if not in_any_case:
            self._known[where] = transfer
        return True

    async def _keep_document(self, where: Where, document: Payload | None) -> bool:
        kind, uplink, station = where
        try:
            await self._rooms.documents.keep(kind.value, uplink, station, document)
        except EnvironmentFault as fault:
            log.warning("%s: its %s order is not on disk: %s", station, kind.value, fault)
            return False
        return True

    def _of(self, kind: FileKind, station: StationId) -> list[Where]:
        return [where for where in self._known if where[0] is kind and where[2] == station]

    def _note(self, type: str, where: Where, data: Payload) -> None:
        kind, uplink, station = where
        self._rooms.journal.record(type, station, data={"uplink": uplink, "kind": kind.value, **data})
