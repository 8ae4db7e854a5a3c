"""The wire of a simulated station: OCPP 1.6J over a real websocket, with frames of its own.

Boot first, then statuses, then whatever waits; one call at a time. Transaction messages are resent, the same payload
each time, until they are answered, also across lost connections. Between connections it backs off and goes on
charging.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from random import Random
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.simulator.answers import answer, boot, status_notification
from sitectl.simulator.charge_point import ChargePoint, Connector, StationSpec, Transaction
from sitectl.simulator.link import CallLost, CallRefused, Link, Payload
from sitectl.simulator.profiles import ProfileStore
from sitectl.simulator.visits import Visits

ROUND_S = 0.2  # how often a station looks whether it has something to say
REBOOT_S = 2.0
REDIAL_S = 0.5
STAYS_AWAY_S = 600.0  # one that does not dial again
SWIPE_AGAIN_S = 3.0  # a driver who was not let in shows the card again

log = logging.getLogger(__name__)


class Station:
    """One station; `run` keeps it connected until it is cancelled, `tick` lets its time pass."""

    def __init__(self, spec: StationSpec, url: str, clock: Clock, rng: Random, register_wh: float = 0.0) -> None:
        self.charge_point = ChargePoint(spec, register_wh)
        self.online = False
        self.trouble = ""
        """Why there is no connection, after an attempt that failed."""
        self.connections = 0
        self._url = _url(url.rstrip("/"), spec)
        self._clock = clock
        self._backoff = Backoff(1.0, 4.0, rng)
        self._tasks = Tasks()
        self._link: Link | Visits | None = None
        self._booted = self._booted_here = False
        self.called_too_early = 0
        self._away_until = 0.0
        self._errands: asyncio.Queue[tuple[str, Payload]] = asyncio.Queue()
        self._reported: dict[int, str] = {}

    @property
    def id(self) -> str:
        return self.charge_point.spec.id

    def tick(self, dt_s: float) -> None:
        self.charge_point.step(dt_s, self._clock.wall())

    def drop(self, for_s: float) -> None:
        """Break the wire without a word and stay away for `for_s`; cars go on charging."""
        self._away_until = self._clock.monotonic() + for_s
        if self._link is not None:
            self._link.cut()

    async def run(self) -> None:
        """Connect, converse, reconnect, for ever."""
        self._tasks.spawn(self._start_transactions(), f"{self.id} starts")
        try:
            while True:
                if (away_s := self._away_until - self._clock.monotonic()) > 0:
                    await asyncio.sleep(away_s)
                    continue
                try:
                    await self._connect()
                except (OSError, WebSocketException, TimeoutError) as error:
                    self.trouble = str(error)
                    log.debug("%s: no connection: %s", self.id, error)
                await asyncio.sleep(self._backoff.next())
        finally:
            await self._tasks.cancel_all()

    async def _connect(self) -> None:
        wrong = self.charge_point.misbehaviour
        if wrong.says("transport.connectionless", True):
            await self._visit()
            return
        async with self._dial() as socket:
            if wrong.says("transport.pongs", False):
                _hold_back_pongs(socket)
            await self._converse(socket)

    def _dial(self) -> connect:
        password, wrong = self.charge_point.password, self.charge_point.misbehaviour
        token = base64.b64encode(f"{self.id}:{password}".encode()).decode()
        more: dict[str, Any] = {} if wrong.address is None else {"local_addr": (wrong.address, 0)}
        return connect(
            self._url,
            subprotocols=[Subprotocol(name) for name in wrong.subprotocols] or None,
            additional_headers={"Authorization": f"Basic {token}"} if password is not None else None,
            compression=None,
            proxy=None,
            open_timeout=10,
            close_timeout=1,
            ping_interval=self.charge_point.configuration.number("WebSocketPingInterval") or None,
            **more,
        )

    async def _visit(self) -> None:
        """Speak without a connection that stays."""
        self._link = visits = Visits(self._dial, self._answer)
        try:
            await self._speak(visits)
        finally:
            self._link, self.online = None, False

    async def _converse(self, socket: ClientConnection) -> None:
        wrong = self.charge_point.misbehaviour
        self._link = link = Link(socket, self._answer, spoil=wrong.cut)
        self.connections += 1
        self._booted_here = False
        tasks = Tasks()
        tasks.spawn(self._speak(link), f"{self.id} speaks")
        try:
            await link.run()
        finally:
            self._link, self.online = None, False
            await tasks.cancel_all()
            if wrong.says("limit.forgets", True):
                self.charge_point.profiles = ProfileStore()
            if wrong.says("transport.redials", False) and self._clock.monotonic() >= self._away_until:
                self._away_until = self._clock.monotonic() + STAYS_AWAY_S

    def _answer(self, action: str, payload: Payload) -> Payload | None:
        wrong = self.charge_point.misbehaviour
        if wrong.no_answer & {action, "*"}:
            return None
        if wrong.says("transport.calls_before_boot", False) and not self._booted_here and self._link is not None:
            log.info("%s: called before it has booted: %s", self.id, action)
            self.called_too_early += 1
            self._link.cut()
            return None
        result = answer(self.charge_point, action, payload, self._clock.wall())
        for call in result.calls:
            self._errands.put_nowait(call)
        if result.redials:
            self._tasks.spawn(self._redial(), f"{self.id} redials")
        if result.reboots:
            self._tasks.spawn(self._reboot(), f"{self.id} reboots")
        return result.payload

    async def _redial(self) -> None:
        await asyncio.sleep(ROUND_S)  # the answer leaves first
        self.drop(REDIAL_S)

    async def _reboot(self) -> None:
        await asyncio.sleep(ROUND_S)  # the answer leaves first
        self._booted = False
        if self.charge_point.misbehaviour.says("limit.storage", "ram"):
            self.charge_point.profiles = ProfileStore()
        self._reported.clear()
        self.drop(REBOOT_S)

    async def _speak(self, link: Link | Visits) -> None:
        try:
            if self.charge_point.spec.boots_on_reconnect or not self._booted:
                await self._boot(link)
            self._backoff.reset()
            self.online, self.trouble = True, ""
            self._reported.clear()
            await self._notify(link, 0)
            deliveries = self._tasks.spawn(self._deliver(link), f"{self.id} delivers")
            try:
                await self._keep_house(link)
            finally:
                deliveries.cancel()
        except CallLost:
            link.cut()  # a central that does not answer: start anew

    async def _boot(self, link: Link | Visits) -> None:
        while True:
            conf = await self._try(link, "BootNotification", boot(self.charge_point))
            interval = int(conf.get("interval", 0))
            if conf.get("status") == "Accepted":
                self._booted = self._booted_here = True
                if interval > 0:
                    self.charge_point.configuration.change("HeartbeatInterval", str(interval))
                return
            await asyncio.sleep(interval or 10)

    async def _keep_house(self, link: Link | Visits) -> None:
        """Statuses, errands and heartbeats."""
        spoke_at = self._clock.monotonic()
        while True:
            for connector in self.charge_point.connectors.values():
                await self._notify(link, connector.number)
            while not self._errands.empty():
                await self._try(link, *self._errands.get_nowait())
            heartbeat_s = self.charge_point.configuration.number("HeartbeatInterval")
            if heartbeat_s and self._clock.monotonic() - spoke_at >= heartbeat_s:
                spoke_at = self._clock.monotonic()
                await self._try(link, "Heartbeat", {})
            await asyncio.sleep(ROUND_S)

    async def _notify(self, link: Link | Visits, number: int) -> None:
        connector = self.charge_point.connectors.get(number)
        notification = self._said(
            "StatusNotification",
            status_notification(self.charge_point, number, self._clock.wall()),
            connector.transaction if connector is not None else None,
        )
        if self._reported.get(number) != notification["status"]:
            self._reported[number] = notification["status"]
            await self._try(link, "StatusNotification", notification)

    async def _deliver(self, link: Link | Visits) -> None:
        """Send the head of the queue until it is answered, then the next."""
        queue = self.charge_point.queue
        while not link.closed:
            if not queue:
                await asyncio.sleep(ROUND_S)
                continue
            message = queue[0]
            message.attempts += 1
            try:
                conf = await link.call(
                    message.action, self._said(message.action, message.render(), message.transaction)
                )
            except CallLost:
                continue
            except CallRefused as error:
                log.warning("%s: %s refused: %s", self.id, message.action, error)
                retry_s = self.charge_point.configuration.number("TransactionMessageRetryInterval")
                await asyncio.sleep(retry_s * message.attempts)
                continue
            queue.popleft()
            if message.action == "StartTransaction":
                self.charge_point.started(message.transaction, conf, self._clock.wall())

    async def _start_transactions(self) -> None:
        """Let cars begin as soon as the central, or the station's own configuration, allows it."""
        while True:
            for connector in self.charge_point.connectors.values():
                if self.charge_point.ready_to_start(connector, self._clock.wall()):
                    await self._ask_and_start(connector)
            await asyncio.sleep(ROUND_S)

    async def _ask_and_start(self, connector: Connector) -> None:
        request, link, now_at = connector.request, self._link, self._clock.monotonic()
        if request is None or now_at < request.retry_at:
            return
        request.retry_at = now_at + SWIPE_AGAIN_S
        allowed = request.authorized or self.charge_point.locally_authorized(request.id_tag, self.online)
        if not allowed and self.online and link is not None:
            try:
                conf = await link.call("Authorize", {"idTag": request.id_tag})
                allowed = self.charge_point.remember(request.id_tag, conf.get("idTagInfo", {}))
            except (CallLost, CallRefused) as error:
                log.debug("%s: %s could not be authorized: %s", self.id, request.id_tag, error)
        now = self._clock.wall()
        if allowed and connector.request is request and self.charge_point.ready_to_start(connector, now):
            self.charge_point.start(connector, now)

    def _said(self, action: str, payload: Payload, transaction: Transaction | None) -> Payload:
        """A call as this station words it."""
        began_wh = transaction.meter_start_wh if transaction is not None else 0
        return self.charge_point.misbehaviour.said(action, payload, transaction is not None, began_wh)

    async def _try(self, link: Link | Visits, action: str, payload: Payload) -> Payload:
        """A call whose refusal changes nothing."""
        try:
            return await link.call(action, payload)
        except CallRefused as error:
            log.warning("%s: %s refused: %s", self.id, action, error)
            return {}


def _url(server: str, spec: StationSpec) -> str:
    """Where it connects to, and in which place it names itself there."""
    name = quote(spec.id, safe="")
    match spec.misbehaviour.flags.get("transport.identity", "path"):
        case "url":
            return f"{server}/?={name}"
        case "address" | "user":
            return f"{server}/"
    return f"{server}/{name}"


def _hold_back_pongs(socket: ClientConnection) -> None:
    """Read pings like any frame, and answer none."""
    send = socket.protocol.send_frame

    def send_frame(frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG:
            send(frame)

    socket.protocol.send_frame = send_frame  # type: ignore[method-assign]
