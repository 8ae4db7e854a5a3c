"""One virtual station: its connection to one central, from the first dial to the last message.

Boot first, and nothing else before it is accepted (1.6J: a call before acceptance earns a SecurityError); then the
status of every connector; then the outbox, with heartbeats and changed statuses between its messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.model.ids import StationId
from sitectl.model.transaction import IdTokenInfo, Payload
from sitectl.ocpp.v16 import central_decode, central_encode
from sitectl.ocpp.v16.encode import Registration
from sitectl.uplinks.egress import CALL_TIMEOUT_S, Egress, Ended
from sitectl.uplinks.ingress import Ingress
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Answer, Handler
from sitectl.wire.peer import Peer

log = logging.getLogger(__name__)

LINGER_S = 60.0
"""The connection stays for this long after the station was lost."""

LONGEST_HEARTBEAT_S = 3600.0
SHORTEST_HEARTBEAT_S = 1.0
NOTIFICATIONS = 50

Dial = Callable[[Handler], Awaitable[Peer]]
"""Open a connection and make a peer of it; raises `DialFailed`."""


class DialFailed(Exception):
    """No connection: `refused` when the central said no (401, 403, 404), otherwise it could not be reached."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class LinkState(Enum):
    """Where a virtual station stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    OFFLINE = "offline"
    REFUSED = "refused"
    ACCEPTED = "accepted"


class Link:
    """Keeps one virtual station connected while that is wanted."""

    def __init__(
        self,
        station: StationId,
        rooms: Rooms,
        egress: Egress,
        ingress: Ingress,
        dial: Dial,
        backoff: Backoff,
        clock: Clock,
    ) -> None:
        self.station = station
        self.egress = egress
        self.ingress = ingress
        self.state = LinkState.IDLE
        self.why = ""
        self.waiting = False
        """Whether the outbox holds messages, as far as is known."""
        self._rooms = rooms
        self._dial = dial
        self._backoff = backoff
        self._clock = clock
        self._peer: Peer | None = None
        self._lost_at: float | None = None
        self._changed = asyncio.Event()
        self._dirty: set[int] = set()
        self._notifications: deque[tuple[str, Payload]] = deque(maxlen=NOTIFICATIONS)
        self._news = asyncio.Event()
        self._rebooted = False

    # --- what others tell it ---

    def station_online(self) -> None:
        """The station is connected, or has booted again."""
        self._lost_at = None
        self._rebooted = True
        self._wake()

    def station_offline(self) -> None:
        """The station is gone: the central sees it unavailable while the connection lasts."""
        self._lost_at = self._clock.monotonic()
        self._dirty.update(self._connectors())
        self._wake()

    def outbox_grew(self) -> None:
        """A message for this central waits."""
        self.waiting = True
        self.egress.wake()
        self._changed.set()

    def status_changed(self, connector: int) -> None:
        """The newest status of a connector should go up."""
        self._dirty.add(connector)
        self._news.set()

    def notify(self, action: str, payload: Payload) -> None:
        """A notification that is not about a transaction."""
        self._notifications.append((action, payload))
        self._news.set()

    def trigger(self, message: str, connector: int) -> bool:
        """Send one of our own messages because the central asked; False: that message is none of ours."""
        match message:
            case "BootNotification":
                boot = self._rooms.facts.boot(self.station) or {}
                self.notify("BootNotification", central_encode.presentable("BootNotification", boot))
            case "Heartbeat":
                self.notify("Heartbeat", {})
            case "StatusNotification":
                self._dirty.update(self._connectors() if connector == 0 else {connector})
                self._news.set()
            case _:
                return False
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._news.set()

    # --- what is wanted ---

    def wanted(self) -> bool:
        """Whether the connection should be open."""
        if self._rooms.facts.boot(self.station) is None:
            return False
        if self._rooms.facts.online(self.station) or self.waiting:
            return True
        return self._lost_at is not None and self._clock.monotonic() - self._lost_at < LINGER_S

    @property
    def accepted(self) -> bool:
        """Whether the central listens."""
        return self.state is LinkState.ACCEPTED and self._peer is not None and self._peer.lost is None

    async def call(self, action: str, payload: Payload, timeout_s: float) -> Payload | None:
        """Call the central for a station that waits; None when it is away or says nothing in time."""
        peer = self._peer
        if peer is None or not self.accepted:
            return None
        outcome = await peer.call(action, payload, timeout_s)
        return outcome.payload if isinstance(outcome, Answer) else None

    async def authorize(self, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask about a token."""
        answer = await self.call("Authorize", central_encode.authorize(id_token), deadline_s)
        return None if answer is None else central_decode.authorize_answer(answer).value

    # --- its life ---

    async def run(self) -> None:
        """Connect whenever it is wanted, for ever."""
        while True:
            self._changed.clear()
            if not self.wanted():
                self.state = LinkState.IDLE
                await self._changed.wait()
                continue
            self.state = LinkState.CONNECTING if self.state is not LinkState.REFUSED else self.state
            wait_s = await self._connect_once()
            if wait_s:
                await asyncio.sleep(wait_s)

    async def _connect_once(self) -> float:
        """One connection from dial to end; returns how long to wait before the next."""
        try:
            peer = await self._dial(self.ingress.serve)
        except DialFailed as failed:
            self._state(LinkState.REFUSED if failed.refused else LinkState.OFFLINE, str(failed))
            return self._backoff.next()
        self._peer = peer
        try:
            return await self._serve(peer)
        finally:
            self.ingress.accepted = False
            self._peer = None
            if peer.lost is None:
                await peer.close()

    async def _serve(self, peer: Peer) -> float:
        running = self._rooms.tasks.spawn(peer.run(), f"uplink {peer.name}")
        interval_s = await self._boot(peer)
        if interval_s is None:
            wait_s = self._backoff.next()
        else:
            self._backoff.reset()
            await self._accepted(peer, interval_s)
            wait_s = self._backoff.next() if self.wanted() else 0.0
        await peer.close()
        await asyncio.gather(running, return_exceptions=True)
        if self.state is LinkState.ACCEPTED:
            self._state(LinkState.CONNECTING, peer.lost.reason if peer.lost else "")
        return wait_s

    async def _boot(self, peer: Peer) -> float | None:
        """Boot until accepted; returns the heartbeat interval, None when the connection ended before."""
        while peer.lost is None:
            boot = self._rooms.facts.boot(self.station) or {}
            self._rebooted = False
            payload = central_encode.presentable("BootNotification", boot)
            outcome = await peer.call("BootNotification", payload, CALL_TIMEOUT_S)
            if not isinstance(outcome, Answer):
                self._state(LinkState.OFFLINE, "no answer to BootNotification")
                return None
            answer = central_decode.boot_answer(outcome.payload).value
            if answer.status is Registration.ACCEPTED:
                self._state(LinkState.ACCEPTED, "")
                self.ingress.accepted = True
                return min(max(answer.interval_s, SHORTEST_HEARTBEAT_S), LONGEST_HEARTBEAT_S)
            self._state(LinkState.REFUSED, f"BootNotification was answered {answer.status.value}")
            await self._lost_or(peer, float(answer.interval_s))
        return None

    async def _accepted(self, peer: Peer, heartbeat_s: float) -> None:
        """Work until the connection ends or is no longer wanted."""
        self._dirty.update(self._connectors())
        self._news.set()
        tasks = [
            self._rooms.tasks.spawn(self._heartbeats(peer, heartbeat_s), f"heartbeat {peer.name}"),
            self._rooms.tasks.spawn(self._tell_news(peer), f"news {peer.name}"),
            self._rooms.tasks.spawn(self._until_unwanted(peer), f"wanted {peer.name}"),
        ]
        draining = self._rooms.tasks.spawn(self._drain(peer), f"outbox {peer.name}")
        try:
            await asyncio.wait([*tasks, draining], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.ingress.accepted = False
            for task in (*tasks, draining):
                task.cancel()
            await asyncio.gather(*tasks, draining, return_exceptions=True)

    async def _drain(self, peer: Peer) -> Ended:
        ended = await self.egress.drain(peer)
        self.why = ended.value
        return ended

    async def _heartbeats(self, peer: Peer, interval_s: float) -> None:
        while peer.lost is None:
            await self._lost_or(peer, interval_s)
            await peer.call("Heartbeat", {}, CALL_TIMEOUT_S)

    async def _tell_news(self, peer: Peer) -> None:
        """Boots, changed statuses and other notifications, one at a time."""
        while peer.lost is None:
            await self._news.wait()
            self._news.clear()
            if self._rebooted:
                self._rebooted = False
                boot = self._rooms.facts.boot(self.station) or {}
                self._notifications.appendleft(
                    ("BootNotification", central_encode.presentable("BootNotification", boot))
                )
            while self._notifications:
                action, payload = self._notifications.popleft()
                await peer.call(action, payload, CALL_TIMEOUT_S)
            while self._dirty:
                connector = min(self._dirty)
                self._dirty.discard(connector)
                await peer.call("StatusNotification", self._status(connector), CALL_TIMEOUT_S)

    def _status(self, connector: int) -> Payload:
        known = self._rooms.facts.statuses(self.station).get(connector)
        if known is None or not self._rooms.facts.online(self.station):
            return central_encode.unavailable(connector, self._clock.wall())
        return central_encode.presentable("StatusNotification", known)

    def _connectors(self) -> set[int]:
        return {*self._rooms.facts.evses(self.station), *self._rooms.facts.statuses(self.station)} - {0} | (
            {0} & set(self._rooms.facts.statuses(self.station))
        )

    async def _until_unwanted(self, peer: Peer) -> None:
        while peer.lost is None:
            if self.waiting and self.egress.drained:
                self.waiting = False
            if not self.wanted():
                return
            await self._lost_or(peer, 1.0)

    async def _lost_or(self, peer: Peer, seconds: float) -> None:
        """Wait, but no longer than the connection lives."""
        for _ in range(int(seconds)):
            if peer.lost is not None:
                return
            await asyncio.sleep(1.0)
        await asyncio.sleep(seconds % 1.0)

    def _state(self, state: LinkState, why: str) -> None:
        if state is not self.state:
            log.info("%s: %s %s", self.station, state.value, why)
        self.state, self.why = state, why
