"""A charging station that a script plays and no fault stops: what is not acknowledged is said again, in order.

It lives as real ones do: the car charges on whatever becomes of the connection, transaction messages wait in a queue
and leave one at a time, the same payload each time, limits are obeyed until they expire by the station's own clock.
What differs between makes is given: whether it boots on each connection, whether a repeated message keeps its id.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from sitectl.simulator.answers import answer, boot, status_notification
from sitectl.simulator.charge_point import (
    MIN_A,
    ChargePoint,
    Connector,
    ConnectorSpec,
    StartRequest,
    StationSpec,
    Transaction,
    TransactionMessage,
)
from sitectl.simulator.link import Refusal
from tests.faults.wire import CallError, Lost, Payload, Wire

RECONNECT_S = 0.15
WISH_A = 32.0
MEASURANDS = ["Current.Import", "Energy.Active.Import.Register"]


@dataclass(frozen=True)
class Make:
    """How stations differ. `clock_error_s`: how far its clock is ahead; `answer_s`: how long its answers take;
    `renumbers`: its message ids begin anew with each connection, so that the same id means another message.
    """

    evses: int = 1
    max_a: float = 32.0
    boots_again: bool = True
    keeps_ids: bool = False
    renumbers: bool = False
    clock_error_s: float = 0.0
    answer_s: float = 0.0


@dataclass
class Said:
    """A transaction message in the life of a station. `must`: it is on disk before it is acknowledged, by the rules."""

    message: TransactionMessage
    must: bool
    acknowledged: bool = False
    ids: list[str] = field(default_factory=list)


class Station:
    """One station. `where` gives the address to connect to, None while there is none."""

    def __init__(self, id: str, make: Make, where: Callable[[], str | None]) -> None:
        spec = StationSpec(id, tuple(ConnectorSpec(make.max_a) for _ in range(make.evses)))
        self.id = id
        self.make = make
        self.point = ChargePoint(spec, register_wh=1000.0)
        self.said: list[Said] = []
        self.refused: list[str] = []
        self.connections = 0
        self.present = asyncio.Event()
        self.online = asyncio.Event()
        self._where = where
        self._wire: Wire | None = None
        self._booted = False
        self._news = asyncio.Event()
        self._ids = count(1)
        self._errands: deque[tuple[str, Payload]] = deque()

    # --- what the script has it do -----------------------------------------------------------------------------------

    def now(self) -> datetime:
        """By its own clock."""
        return datetime.now(UTC) + timedelta(seconds=self.make.clock_error_s)

    def lawful_a(self, number: int, at: datetime | None = None) -> float:
        """What it may draw by what it was told."""
        connector = self.point.connectors[number]
        return 0.0 if connector.transaction is None else self.point.limit_a(connector, at or self.now())

    async def swipe(self, id_tag: str, within_s: float = 0.5) -> None:
        """A card is shown; the answer is not waited for long, and a start follows all the same."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._try("Authorize", {"idTag": id_tag})

    def start(self, number: int, id_tag: str, ago_s: float = 0.0) -> Transaction:
        """A transaction begins, or began `ago_s` ago."""
        connector = self.point.connectors[number]
        connector.request = StartRequest(id_tag, authorized=True)
        transaction = self.point.start(connector, self.now() - timedelta(seconds=ago_s))
        self._queued(must=True)
        return transaction

    def sample(self, number: int, *, ago_s: float = 0.0, signed: str | None = None, must: bool = False) -> None:
        """The meter is read. A signed reading is always kept, another one where the script knows that it must be."""
        connector = self.point.connectors[number]
        assert connector.transaction is not None
        self._draw(connector)
        element = self.point.sample(connector, MEASURANDS, "Sample.Periodic", self.now() - timedelta(seconds=ago_s))
        if signed is not None:
            element["sampledValue"].append({"value": signed, "format": "SignedData"})
        self.point.queue_sample(connector, connector.transaction, element)
        self._queued(must or signed is not None)

    def stop(self, number: int, reason: str = "EVDisconnected", ago_s: float = 0.0) -> None:
        """A transaction ends, or ended `ago_s` ago."""
        connector = self.point.connectors[number]
        self._draw(connector)
        self.point.stop(connector, reason, self.now() - timedelta(seconds=ago_s))
        self._queued(must=True)

    async def say(self, action: str, payload: Payload) -> Payload:
        """Say something of its own, once, as soon as it is online."""
        await self.online.wait()
        assert self._wire is not None
        return await self._wire.call(self._next_id(), action, payload)

    async def settled(self, within_s: float) -> bool:
        """Wait until all that it said was acknowledged; whether that came true."""
        deadline = asyncio.get_running_loop().time() + within_s
        while self.point.queue and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)
        return not self.point.queue

    def reboot(self) -> None:
        """Power comes back: profiles kept in RAM are gone, transactions ended by the loss of power."""
        for connector in self.point.connectors.values():
            if connector.transaction is not None:
                self.point.stop(connector, "PowerLoss", self.now())
                self._queued(must=True)
        self._booted = False
        self.cut()

    def cut(self) -> None:
        """Break the connection without a word."""
        if self._wire is not None:
            self._wire.cut()

    def _queued(self, must: bool) -> None:
        self.said.append(Said(self.point.queue[-1], must))
        self._news.set()

    def _draw(self, connector: Connector) -> None:
        """The car draws what it may, and its energy is counted."""
        limit_a = self.lawful_a(connector.number)
        drawn_a = min(limit_a, WISH_A) if limit_a >= MIN_A else 0.0
        connector.drawn = (drawn_a, drawn_a, drawn_a)
        connector.register_wh += 7.0 + drawn_a / 4

    # --- its connection ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Once it is there: connect, speak, reconnect, for ever."""
        await self.present.wait()
        while True:
            url = self._where()
            if url is not None:
                with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                    await self._connect(f"{url}/{self.id}")
            await asyncio.sleep(RECONNECT_S)

    async def _connect(self, url: str) -> None:
        protocol = [Subprotocol("ocpp1.6")]
        async with connect(
            url, subprotocols=protocol, compression=None, proxy=None, ping_interval=None, close_timeout=0.2
        ) as socket:
            self._wire = wire = Wire(socket, self._serve, self.make.answer_s)
            if self.make.renumbers:
                self._ids = count(1)
            self.connections += 1
            speaking = asyncio.create_task(self._speak(wire))
            try:
                await wire.run()
            finally:
                self.online.clear()
                self._wire = None
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)

    def _serve(self, message_id: str, action: str, payload: Payload) -> Payload | None:
        try:
            answered = answer(self.point, action, payload, self.now())
        except Refusal:
            return {"status": "Rejected"}
        self._errands.extend(answered.calls)
        self._news.set()
        return answered.payload

    async def _speak(self, wire: Wire) -> None:
        try:
            if self.make.boots_again or not self._booted:
                while (await wire.call(self._next_id(), "BootNotification", boot(self.point)))["status"] != "Accepted":
                    await asyncio.sleep(0.2)
                self._booted = True
            self.online.set()
            for number in self.point.connectors:
                status = status_notification(self.point, number, self.now())
                await wire.call(self._next_id(), "StatusNotification", status)
            while True:
                self._news.clear()
                await self._deliver(wire)
                while self._errands:
                    await self._try(*self._errands.popleft())
                await self._news.wait()
        except Lost:
            wire.cut()

    async def _deliver(self, wire: Wire) -> None:
        """Send the head of the queue until it is answered, then the next."""
        queue = self.point.queue
        while queue:
            said = next(said for said in self.said if said.message is queue[0])
            if not (self.make.keeps_ids and said.ids):
                said.ids.append(self._next_id())
            message = said.message
            message.attempts += 1
            try:
                conf = await wire.call(said.ids[-1], message.action, message.render())
            except CallError as error:
                self.refused.append(f"{self.id}: {message.action} {message.payload}: {error}")
                conf = {}
            queue.popleft()
            said.acknowledged = True
            if message.action == "StartTransaction" and conf:
                self.point.started(message.transaction, conf, self.now())

    async def _try(self, action: str, payload: Payload) -> Any:
        """A call whose outcome changes nothing."""
        if self._wire is not None and self.online.is_set():
            with contextlib.suppress(Lost, CallError):
                return await self._wire.call(self._next_id(), action, payload)
        return None

    def _next_id(self) -> str:
        return f"{self.id}-{next(self._ids)}"
