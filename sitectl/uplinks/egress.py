"""Drain the outbox of one virtual station: strictly in order, one message in flight.

What may go wrong, and what follows:

* the connection ended: the message is sent again, the same text, and nothing is counted;
* the central refused it (CALLERROR): an attempt is counted and the next waits (attempts x interval); exhausted, it is
  given up as a dead letter: kept and shown, never deleted. SecurityError: it boots again first;
* no answer on a live connection: a Heartbeat tells whether the central is sick (then the connection is closed and
  nothing is counted) or the message is poison (then an attempt is counted).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from typing import Any

import orjson

from sitectl.base.clock import Clock
from sitectl.model.commands import RequestStop, Urgency
from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, OutboxItem, OutboxKind, Payload
from sitectl.ocpp.v16 import central_decode, central_encode, decode
from sitectl.uplinks.pace import Pace
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, Refused, TimedOut
from sitectl.wire.peer import Peer

log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
HEARTBEAT_TIMEOUT_S = 10.0
ATTEMPTS = 3
RETRY_INTERVAL_S = 60.0
RECHECK_S = 5.0
"""A queue whose head waits for a Start is looked at again after this, should a wake-up have been missed."""


class Ended(Enum):
    """Why draining stopped."""

    GONE = "the connection ended"
    SICK = "the central does not answer"
    NOT_ACCEPTED = "the central wants to be booted again"


class Egress:
    """The outgoing side of one virtual station, over all its connections."""

    def __init__(self, uplink: UplinkId, station: StationId, rooms: Rooms, pace: Pace, clock: Clock) -> None:
        self._uplink = uplink
        self._station = station
        self._rooms = rooms
        self._pace = pace
        self._clock = clock
        self._grew = asyncio.Event()
        self._waiting: dict[TransactionId, asyncio.Future[IdTokenInfo | None]] = {}
        self.drained = False
        """Nothing is left in the outbox: what comes now is live."""
        self.on_start: Callable[[TransactionId, str | None], None] | None = None

    def wake(self) -> None:
        """New rows stand in the outbox."""
        self._grew.set()

    async def verdict(self, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        """Wait until the start of this transaction was answered; None when that takes too long."""
        future = self._waiting.setdefault(transaction, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(future)
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(transaction, None)

    async def drain(self, peer: Peer) -> Ended:
        """Send what is there, and what comes, until the connection ends or the central is sick."""
        self.drained = False
        while peer.lost is None:
            self._grew.clear()
            item = await self._rooms.outbox.head(self._uplink, self._station)
            if item is None:
                self.drained = True
                await self._wait_for_more(peer)
                continue
            if not self.drained:
                await self._pace.take()
            ended = await self._send(peer, item)
            if ended is not None:
                return ended
        return Ended.GONE

    async def _wait_for_more(self, peer: Peer) -> None:
        while peer.lost is None and not self._grew.is_set():
            try:
                async with asyncio.timeout(RECHECK_S):
                    await self._grew.wait()
            except TimeoutError:
                backlog = await self._rooms.outbox.head(self._uplink, self._station)
                if backlog is not None:
                    return

    async def _send(self, peer: Peer, item: OutboxItem) -> Ended | None:
        text = item.rendered
        if text is None:
            text = orjson.dumps(_rendered(item)).decode()
            await self._rooms.outbox.sending(item.seq, text)
        outcome = await peer.call(item.message.action, orjson.loads(text), CALL_TIMEOUT_S)
        return await self._settle(peer, item, outcome)

    async def _settle(self, peer: Peer, item: OutboxItem, outcome: CallOutcome) -> Ended | None:
        match outcome:
            case Answer(payload):
                await self._acked(item, payload)
                return None
            case Gone():
                return Ended.GONE
            case Refused(code, description):
                if code == "SecurityError":
                    return Ended.NOT_ACCEPTED
                return await self._failed(item, f"{code}: {description}".rstrip(": "), RETRY_INTERVAL_S)
            case TimedOut():
                alive = await peer.call("Heartbeat", {}, HEARTBEAT_TIMEOUT_S)
                if not isinstance(alive, Answer):
                    return Ended.SICK
                return await self._failed(item, "never answered, though heartbeats are", 0.0)

    async def _failed(self, item: OutboxItem, why: str, interval_s: float) -> Ended | None:
        attempts = item.attempts + 1
        dead = attempts >= ATTEMPTS
        await self._rooms.outbox.failed(item.seq, why, dead)
        data = {"uplink": self._uplink, "action": item.message.action, "why": why, "attempts": attempts}
        self._rooms.journal.record("outbox.dead" if dead else "outbox.refused", self._station, data=data)
        if not dead and interval_s:
            await asyncio.sleep(interval_s * attempts)
        return None

    async def _acked(self, item: OutboxItem, payload: Payload) -> None:
        if item.message.kind is not OutboxKind.START:
            await self._rooms.outbox.acked(item.seq)
            return
        answer = central_decode.start_answer(payload).value
        await self._rooms.outbox.acked(item.seq, answer.uplink_transaction_id, answer.info)
        if item.transaction is not None:
            self._tell(item, item.transaction, answer.info)
            if self.on_start is not None:
                self.on_start(item.transaction, answer.uplink_transaction_id)

    def _tell(self, item: OutboxItem, transaction: TransactionId, info: IdTokenInfo | None) -> None:
        """Hand the verdict to whoever waits; one that comes too late has its own consequences."""
        if info is not None:
            self._rooms.tokens.put(decode.authorize(item.message.payload).value, info)
        future = self._waiting.get(transaction)
        if future is not None and not future.done():
            future.set_result(info)
        elif info is not None and info.status is not AuthorizationStatus.ACCEPTED:
            self._rooms.spawn(self._late_refusal(transaction, info), f"late verdict {transaction}")

    async def _late_refusal(self, transaction: TransactionId, info: IdTokenInfo) -> None:
        """The central refuses a token after the station was let start: stop it, unless our own backlog is the cause."""
        data: dict[str, Any] = {"uplink": self._uplink, "transaction": transaction, "verdict": info.status.value}
        self._rooms.journal.record("transaction.refused_late", self._station, data=data)
        if info.status is AuthorizationStatus.CONCURRENT_TX:
            return
        running = self._rooms.facts.running_transaction(self._station, transaction)
        if running is not None:
            stop = RequestStop(self._station, running)
            await self._rooms.door.execute(self._station, stop, Urgency.STOP)


def _rendered(item: OutboxItem) -> Payload:
    """The payload as it goes up, now and at every resend."""
    message = item.message
    if not message.needs_transaction_id:
        return central_encode.presentable(message.action, message.payload)
    bound = None if item.start_dead else item.uplink_transaction_id
    return central_encode.with_transaction(message.action, message.payload, bound)
