"""A charging station that keeps its transactions by the book of OCPP 1.6: raw frames, one call at a time, a queue that
survives reboots, every message told again until it is answered. It shares no OCPP code with what it talks to.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from sitectl.base.units import format_utc
from sitectl.wire.memory import MemoryTransport
from sitectl.wire.ports import TransportClosed

ANSWER_WITHIN_S = 30.0
TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")
Payload = dict[str, Any]


@dataclass
class Told:
    """One message of a transaction; its payload is the same at every attempt."""

    action: str
    payload: Payload
    transaction: Transaction
    attempts: int = 0
    answered: bool = False
    frames: list[str] = field(default_factory=list)


@dataclass
class Transaction:
    """One line of the station's own ledger."""

    evse: int
    token: str
    messages: list[Told] = field(default_factory=list)
    id: int | None = None
    verdict: str | None = None
    stopped: bool = False

    def of(self, action: str) -> list[Payload]:
        return [told.payload for told in self.messages if told.action == action]


Heard = Callable[["Station", list[Any], Told | None], None]


class Station:
    """`wall` gives its own time, which is right; `heard` sees every frame that comes, with the message it answers."""

    def __init__(
        self, id: str, wall: Callable[[], Any], heard: Callable[[Station, list[Any], Told | None], None]
    ) -> None:
        self.id = id
        self.ledger: list[Transaction] = []
        self.queue: deque[Told] = deque()
        self.running: dict[int, Transaction] = {}
        self.errors: list[list[Any]] = []
        self.limits: dict[int, float] = {}
        self.crossed = 0
        self.online = False
        self.register_wh = 1000
        self._wall = wall
        self._heard = heard
        self._ids = count(1)
        self._socket: MemoryTransport | None = None
        self._open: dict[str, tuple[asyncio.Future[list[Any]], Told | None]] = {}
        self._busy = asyncio.Lock()
        self._more = asyncio.Event()
        self._stamp = 0

    # --- what happens at it ---

    def start(self, evse: int, token: str) -> None:
        if evse in self.running:
            return
        transaction = self.running[evse] = Transaction(evse, token)
        self.ledger.append(transaction)
        body = {"connectorId": evse, "idTag": token, "meterStart": self._meter(), "timestamp": self._now()}
        self._tell("StartTransaction", body, transaction)

    def sample(self, evse: int, *, signed: bool = False) -> None:
        transaction = self.running.get(evse)
        if transaction is None:
            return
        values: list[Payload] = [
            {"value": str(self._meter()), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        ]
        if signed:
            values.append({"value": f"OCMF|{{}}|{self._stamp}", "format": "SignedData", "context": "Transaction.Begin"})
        body = {"connectorId": evse, "meterValue": [{"timestamp": self._now(), "sampledValue": values}]}
        self._tell("MeterValues", body, transaction)

    def stop(self, evse: int, reason: str = "Local") -> None:
        transaction = self.running.pop(evse, None)
        if transaction is None:
            return
        transaction.stopped = True
        body = {"meterStop": self._meter(), "timestamp": self._now(), "reason": reason}
        self._tell("StopTransaction", body, transaction)

    def tell_again(self) -> None:
        """Some stations repeat what was answered long ago."""
        answered = [told for transaction in self.ledger for told in transaction.messages if told.answered]
        if answered:
            self.queue.append(answered[-1 - (self._stamp % min(4, len(answered)))])
            self._more.set()

    def stop_a_stranger(self) -> None:
        """A stop of a transaction that nobody knows."""
        body = {"meterStop": self._meter(), "timestamp": self._now(), "transactionId": 77, "reason": "Local"}
        stranger = Transaction(0, "", id=77, stopped=True)
        self._tell("StopTransaction", body, stranger)

    def lose_power(self) -> None:
        """Everything that runs ends; the queue survives."""
        for evse in [*self.running]:
            self.stop(evse, "PowerLoss")
        self.drop()

    def drop(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    # --- its wire ---

    async def converse(self, socket: MemoryTransport) -> None:
        """One connection, from boot to loss."""
        self._socket = socket
        speaking = asyncio.ensure_future(self._speak())
        try:
            while True:
                self._take(json.loads(await socket.recv()))
        except TransportClosed:
            pass
        finally:
            self.online, self._socket = False, None
            for future, _ in self._open.values():
                if not future.done():
                    future.set_exception(TransportClosed("the connection ended"))
                    future.exception()  # whoever waited may be gone, and nobody needs to be told
            self._open.clear()
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _speak(self) -> None:
        try:
            await self._call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "Two"})
            self.online = True
            for evse in (1, 2):
                status = "Charging" if evse in self.running else "Available"
                body = {"connectorId": evse, "errorCode": "NoError", "status": status}
                await self._call("StatusNotification", body)
            while True:
                while self.queue:
                    await self._deliver(self.queue[0])
                self._more.clear()
                await self._more.wait()
        except TransportClosed:
            return

    async def _deliver(self, told: Told) -> None:
        if told.action != "StartTransaction":
            told.payload.setdefault("transactionId", -1 if told.transaction.id is None else told.transaction.id)
        told.attempts += 1
        frame = await self._call(told.action, told.payload, told)
        if frame is None:
            return  # no answer: it is told again
        if frame[0] == 4:
            self.errors.append(frame)
        self.queue.popleft()
        told.answered = True
        if told.action == "StartTransaction":
            self._started(told.transaction, frame[2] if frame[0] == 3 else {})

    def _started(self, transaction: Transaction, answer: Payload) -> None:
        transaction.id = int(answer.get("transactionId", -1))
        transaction.verdict = answer.get("idTagInfo", {}).get("status")
        if transaction.verdict != "Accepted" and self.running.get(transaction.evse) is transaction:
            self.stop(transaction.evse, "DeAuthorized")

    async def _call(self, action: str, payload: Payload, told: Told | None = None) -> list[Any] | None:
        async with self._busy:
            if self._socket is None:
                raise TransportClosed("not connected")
            id, future = f"{self.id}-{next(self._ids)}", asyncio.get_running_loop().create_future()
            self._open[id] = (future, told)
            text = json.dumps([2, id, action, payload])
            if told is not None:
                told.frames.append(text)
            self._socket.send(text)
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return list(await future)
            except TimeoutError:
                return None
            finally:
                self._open.pop(id, None)

    def _take(self, frame: list[Any]) -> None:
        if frame[0] == 2:
            self._serve(frame)
            return
        future, told = self._open.get(frame[1], (None, None))
        self._heard(self, frame, told)
        if future is not None and not future.done():
            future.set_result(frame)

    def _serve(self, frame: list[Any]) -> None:
        _, id, action, payload = frame
        self._heard(self, frame, None)
        answer: Payload = {"status": "Accepted"}
        if action == "GetConfiguration":
            answer = {"configurationKey": [], "unknownKey": payload.get("key", [])}
        elif action == "RemoteStopTransaction":
            meant = [e for e, one in self.running.items() if one.id == payload["transactionId"]]
            answer = {"status": "Accepted" if meant else "Rejected"}
            if meant:
                asyncio.get_running_loop().call_soon(self.stop, meant[0], "Remote")
        if self._socket is not None:
            self._socket.send(json.dumps([3, id, answer]))

    # --- inside ---

    def _tell(self, action: str, payload: Payload, transaction: Transaction) -> None:
        told = Told(action, payload, transaction)
        transaction.messages.append(told)
        self.queue.append(told)
        self._more.set()

    def _meter(self) -> int:
        self.register_wh += 7
        return self.register_wh

    def _now(self) -> str:
        """Times of one station are all different, so that every message can be told from every other."""
        self._stamp = max(self._stamp + 1, int(self._wall().timestamp()))
        return format_utc(datetime.fromtimestamp(self._stamp, UTC))
