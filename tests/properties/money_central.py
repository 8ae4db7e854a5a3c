"""A central CSMS in memory with a ledger of its own. It may be away, refuse, be mute, be late, or hear and hang up."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.units import format_utc
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import MAX_LIMIT
from sitectl.ocpp.versions import Version
from sitectl.uplinks.connecting import Dial, DialFailed
from sitectl.wire.memory import MemoryTransport, pair
from sitectl.wire.outcomes import Handler, Notice
from sitectl.wire.peer import Peer
from sitectl.wire.ports import TransportClosed

Payload = dict[str, Any]
TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")
REFUSED_TOKEN = "BAD"
GIVEN_UP_S = 29.99  # just before whoever called gives up and may call again


@dataclass
class Booked:
    """One transaction in the central's ledger."""

    id: int
    station: str
    start: Payload
    stop: Payload | None = None
    samples: list[Payload] = field(default_factory=list)


@dataclass
class Received:
    """One transaction message as it came, and whether its answer left."""

    station: str
    action: str
    payload: Payload
    text: str
    at: float
    answered: bool = False


class Central:
    """`faults` is what happens to the next transaction messages: error, mute, late, heard-and-dropped, dropped."""

    def __init__(self, clock: Clock, *, deduplicates: bool) -> None:
        self.deduplicates = deduplicates
        self.reachable = True
        self.boot = "Accepted"
        self.faults: deque[str] = deque()
        self.booked: dict[int, Booked] = {}
        self.received: list[Received] = []
        self.oddities: list[str] = []
        self.lost_answers = 0
        self.blamed = 0
        self.given: dict[str, set[int]] = {}
        self.let_down: set[str] = set()
        self.verdicts: set[tuple[str, str]] = set()
        self.links: dict[str, MemoryTransport] = {}
        self._clock = clock
        self._numbers = count(501)
        self._calls = count(1)
        self._replies: dict[str, asyncio.Future[list[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.tasks = self._tasks

    def dialer(self, settings: UplinkSettings) -> Callable[[StationId], Dial]:
        """What the pool dials with instead of a socket."""

        def of(station: StationId) -> Dial:
            async def dial(handler: Handler, notice: Callable[[Notice], None]) -> Peer:
                await asyncio.sleep(0.05)
                if not self.reachable:
                    raise DialFailed("no route")
                near, far = pair("station", "central")
                self.links[station] = far
                self._spawn(self._converse(station, far))
                endpoint = Endpoint(Version.V16, message_ids(f"g{next(self._calls)}"), limit=MAX_LIMIT)
                return Peer(near, endpoint, handler, clock=self._clock, name=f"central/{station}", notice=notice)

            return dial

        return of

    def cut(self) -> None:
        """The internet goes away."""
        self.reachable = False
        for link in self.links.values():
            link.abort()
        self.links.clear()

    async def call(self, station: str, action: str, payload: Payload) -> Payload | None:
        """Ask a station that we play; None: no answer, or a refusal."""
        link = self.links.get(station)
        if link is None:
            return None
        id = f"central-{next(self._calls)}"
        future = self._replies[id] = asyncio.get_running_loop().create_future()
        try:
            link.send(json.dumps([2, id, action, payload]))
            async with asyncio.timeout(60.0):
                frame = await future
            return dict(frame[2]) if frame[0] == 3 else None
        except (TransportClosed, TimeoutError):
            return None
        finally:
            self._replies.pop(id, None)

    # --- one connection ---

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, station: str, far: MemoryTransport) -> None:
        open_calls = Counter[str]()
        accepted = False
        try:
            while True:
                frame = json.loads(text := str(await far.recv()))
                if frame[0] != 2:
                    if (waiting := self._replies.get(frame[1])) is not None and not waiting.done():
                        waiting.set_result(frame)
                    continue
                _, id, action, payload = frame
                if open_calls.total():
                    self.oddities.append(f"{station}: a second call while one is open: {action}")
                if action == "BootNotification":
                    accepted = self.boot == "Accepted"
                elif not accepted:
                    self.oddities.append(f"{station}: {action} before a boot was accepted")
                open_calls[id] += 1
                self._spawn(self._answer(station, far, id, action, payload, text, open_calls))
        except TransportClosed:
            return

    async def _answer(
        self, station: str, far: MemoryTransport, id: str, action: str, payload: Payload, text: str, calls: Counter[str]
    ) -> None:
        fault = self.faults.popleft() if self.faults and action in TRANSACTIONAL else ""
        if fault == "dropped":
            far.abort()
            return
        if fault in ("error", "mute", "late") and action == "StartTransaction":
            self.let_down.add(station)  # such a start may be given up, and its stop has no name then
        if fault == "error":
            self.blamed += 1
            del calls[id]
            self._send(far, json.dumps([4, id, "InternalError", "try again", {}]))
            return
        received = None
        if action in TRANSACTIONAL:
            received = Received(station, action, payload, text.partition(f'"{action}"')[2], self._clock.monotonic())
            self.received.append(received)
        answer = self._book(station, action, payload)
        if fault == "mute":
            self.lost_answers += 1
            self.blamed += 1
            await asyncio.sleep(GIVEN_UP_S)
            del calls[id]
            return
        if fault == "heard":
            self.lost_answers += 1
            far.abort()
            return
        if fault == "late":
            self.lost_answers += 1
            self.blamed += 1
            await asyncio.sleep(GIVEN_UP_S)
            del calls[id]
            await asyncio.sleep(3.0)
        calls.pop(id, None)
        if self._send(far, json.dumps([3, id, answer])) and received is not None:
            received.answered = True
        elif action == "StartTransaction":
            self.lost_answers += 1

    def _send(self, far: MemoryTransport, text: str) -> bool:
        try:
            far.send(text)
        except TransportClosed:
            return False
        return True

    # --- its books ---

    def _book(self, station: str, action: str, payload: Payload) -> Payload:
        if action == "BootNotification":
            return {"status": self.boot, "currentTime": format_utc(self._clock.wall()), "interval": 300}
        if action == "Heartbeat":
            return {"currentTime": format_utc(self._clock.wall())}
        if action == "Authorize":
            return {"idTagInfo": self._verdict(payload["idTag"])}
        if action == "StartTransaction":
            return {"transactionId": self._started(station, payload), "idTagInfo": self._verdict(payload["idTag"])}
        if action in ("MeterValues", "StopTransaction"):
            self._later(station, action, payload)
        return {}

    def _verdict(self, token: str) -> Payload:
        status = "Blocked" if token == REFUSED_TOKEN else "Accepted"
        self.verdicts.add((token, status))
        return {"status": status}

    def _started(self, station: str, payload: Payload) -> int:
        if self.deduplicates:
            for one in self.booked.values():
                if one.station == station and one.start == payload:
                    return one.id
        booked = Booked(next(self._numbers), station, payload)
        self.booked[booked.id] = booked
        self.given.setdefault(station, set()).add(booked.id)
        return booked.id

    def _later(self, station: str, action: str, payload: Payload) -> None:
        booked = self.booked.get(payload["transactionId"])
        if payload["transactionId"] == -1 and action == "StopTransaction" and station in self.let_down:
            return
        if booked is None or booked.station != station:
            self.oddities.append(f"{station}: {action} of {payload['transactionId']}, which is none of its own")
        elif action == "StopTransaction":
            if booked.stop is not None and booked.stop != payload:
                self.oddities.append(f"{station}: a second, different stop of {booked.id}")
            booked.stop = payload
        elif payload not in booked.samples:
            if booked.stop is not None:
                self.oddities.append(f"{station}: a sample of {booked.id} after its stop")
            booked.samples.append(payload)
