"""A central in memory that speaks raw frames and misbehaves as told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.base.units import format_utc
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.model.transaction import Payload
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.ocpp.versions import Version
from sitectl.uplinks.connecting import Dial, DialFailed
from sitectl.wire.memory import MemoryTransport, pair
from sitectl.wire.outcomes import Handler, Notice
from sitectl.wire.peer import Peer
from sitectl.wire.ports import TransportClosed

CP = StationId("CP01")


@dataclass(frozen=True)
class Error:
    """Answer with a CALLERROR."""

    code: str


@dataclass(frozen=True)
class Raw:
    """Answer with this text; `{id}` is the message id."""

    text: str


class Nothing:
    """Do not answer."""


@dataclass(frozen=True)
class Slow:
    """Answer after so many seconds, meanwhile serving others."""

    seconds: float
    payload: Payload


class Drop:
    """Break the connection instead of an answer."""


Said = Payload | Error | Raw | Nothing | Slow | Drop
Answers = Said | Callable[[Payload], Said]


@dataclass
class Heard:
    """One call that the central received."""

    at: float
    station: str
    action: str
    payload: Payload
    text: str
    connection: int


class Central:
    """Accepts everything unless `answers` says otherwise. It takes one call at a time, as a strict one does."""

    def __init__(self, clock: Clock) -> None:
        self.heard: list[Heard] = []
        self.answers: dict[str, Answers] = {}
        self.unreachable: DialFailed | None = None
        self.dials: list[float] = []
        self.transports: dict[str, MemoryTransport] = {}
        self.crossed = 0
        self.interval_s = 300
        self._clock = clock
        self._ids = itertools.count(1)
        self._transactions = itertools.count(4001)
        self._replies: dict[str, asyncio.Future[list[Any]]] = {}
        self._tasks = Tasks()

    def dialer(self, settings: UplinkSettings) -> Callable[[StationId], Dial]:
        def of(station: StationId) -> Dial:
            async def dial(handler: Handler, notice: Callable[[Notice], None]) -> Peer:
                self.dials.append(self._clock.monotonic())
                await asyncio.sleep(0.05)
                if self.unreachable is not None:
                    raise self.unreachable
                near, far = pair("station", "central")
                self.transports[station] = far
                number = len(self.dials)
                self._tasks.spawn(self._converse(station, far, number), f"central {station}")
                endpoint = Endpoint(Version.V16, message_ids(f"c{number}"), limit=MAX_LIMIT)
                name = f"central/{station}"
                return Peer(near, endpoint, handler, clock=self._clock, name=name, notice=notice)

            return dial

        return of

    async def _converse(self, station: str, far: MemoryTransport, number: int) -> None:
        while True:
            try:
                text = str(await far.recv())
            except Exception:
                return
            frame = json.loads(text)
            if frame[0] != 2:
                if (reply := self._replies.pop(frame[1], None)) is not None:
                    reply.set_result(frame)
                continue
            self.heard.append(Heard(self._clock.monotonic(), station, frame[2], frame[3], text, number))
            said = self._answer(frame[2], frame[3])
            await asyncio.sleep(0.01)
            self.crossed += far._far.backlog()
            match said:
                case dict():
                    _send(far, json.dumps([3, frame[1], said]))
                case Error(code):
                    _send(far, json.dumps([4, frame[1], code, "no", {}]))
                case Raw(text):
                    _send(far, text.replace("{id}", frame[1]))
                case Slow(seconds, payload):
                    late = json.dumps([3, frame[1], payload])
                    asyncio.get_running_loop().call_later(seconds, _send, far, late)
                case Drop():
                    far.abort()

    def _answer(self, action: str, payload: Payload) -> Said:
        scripted = self.answers.get(action)
        if callable(scripted):
            return scripted(payload)
        if scripted is not None:
            return scripted
        now = format_utc(self._clock.wall())
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": now, "interval": self.interval_s}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                return {"transactionId": next(self._transactions), "idTagInfo": {"status": "Accepted"}}
            case "DataTransfer":
                return {"status": "Accepted", "data": "pong"}
        return {}

    async def ask(self, action: str, payload: Payload | None = None, station: str = CP) -> Any:
        """Call a station: the payload of its answer, or the code of its CALLERROR; "nothing" after a minute."""
        message_id = f"central-{next(self._ids)}"
        reply: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._replies[message_id] = reply
        self.transports[station].send_raw(json.dumps([2, message_id, action, payload or {}]))
        try:
            async with asyncio.timeout(60.0):
                frame = await reply
        except TimeoutError:
            return "nothing"
        return frame[2]

    def actions(self) -> list[str]:
        """What was called, in order; that we have started is left out, for it comes with every first connection."""
        return [heard.action for heard in self._rest()]

    def of(self, action: str) -> list[Payload]:
        return [heard.payload for heard in self._rest() if heard.action == action]

    def _rest(self) -> list[Heard]:
        return [heard for heard in self.heard if heard.payload.get("type") != "StartupOfTheDevice"]

    def forget(self) -> None:
        self.heard.clear()

    async def close(self) -> None:
        await self._tasks.cancel_all()


def _send(far: MemoryTransport, text: str) -> None:
    with contextlib.suppress(TransportClosed):
        far.send_raw(text)
