"""A peer: drives one endpoint over one transport. Reads, lets calls be served, makes calls, notices silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.model.transaction import Payload
from sitectl.ocpp.endpoint import Answered, AnswerReceived, Endpoint, ErrorReceived, Ignored, LateAnswer
from sitectl.ocpp.frame import Call, CallResultError, Send
from sitectl.ocpp.versions import ErrorCode
from sitectl.wire.limits import LIMITS, Limits
from sitectl.wire.outcomes import (
    Answer,
    CallOutcome,
    Gone,
    Handler,
    Late,
    Lost,
    Notice,
    Refuse,
    Refused,
    Reply,
    Silence,
    TimedOut,
    Upon,
)
from sitectl.wire.ports import Tap, Transport, TransportClosed

log = logging.getLogger(__name__)
wire_log = logging.getLogger("sitectl.wire")
"""The traffic itself, at DEBUG. (`sitectl.wire.peer` hangs below it, so its own lines show there too.)"""


NEVER_S = 1e8  # three years
_AT_ONCE = (dict, Refuse, Silence)
_YIELD_EVERY = 32  # frames that came in one piece are all there at once: let others run in between


@dataclass(slots=True)
class _Turn:
    action: str
    payload: Payload
    timeout_s: float
    outcome: asyncio.Future[CallOutcome]
    sent: bool = False


class Peer:
    """The other end of one connection.

    `handler` serves its calls, `notice` hears what is no call, `tap` every frame. The owner awaits `run()`, at most
    once, on the loop that the peer was made on; everything else may be called before, while and after it runs.
    """

    def __init__(
        self,
        transport: Transport,
        endpoint: Endpoint,
        handler: Handler,
        *,
        clock: Clock,
        name: str = "",
        notice: Callable[[Notice], None] | None = None,
        limits: Limits = LIMITS,
        tap: Tap | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.name = name or transport.address
        self.heard_at = clock.monotonic()
        self.pongs_seen = False
        self._transport = transport
        self._handler = handler
        self._clock = clock
        self._notice = notice
        self._limits = limits
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks()
        self._lost: Lost | None = None
        self._turns: list[_Turn] = []
        self._expiry: asyncio.TimerHandle | None = None
        self._pending = 0
        self._room: asyncio.Future[None] | None = None
        self._slow = False
        self._paid_until = self.heard_at
        self._liveness: asyncio.TimerHandle | None = None
        self._next_ping_at = self.heard_at + limits.ping_every_s
        self._ping_open = False

    @property
    def address(self) -> str:
        """Where it is, as host:port."""
        return self._transport.address

    @property
    def lost(self) -> Lost | None:
        """Why the connection ended; None while it lives."""
        return self._lost

    # --- the connection ---

    async def run(self) -> Lost:
        """Serve the connection until it ends, and say why it did. Calls that are still being served go on to their end;
        their answers are kept for a repetition on the next connection."""
        self._watch()
        try:
            await self._read()
        except TransportClosed as closed:
            self._ended(Lost(closed.reason, closed.code))
        except BaseException:
            # Cancelled by the owner, or a mistake of ours: nobody reads any more, so nothing may stay half open.
            self._ended(Lost("dropped by us"))
            self._transport.abort()
            await self._tasks.cancel_all()
            raise
        assert self._lost is not None
        return self._lost

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection politely; `run` returns with this reason."""
        self._ended(Lost(reason or "closed by us", code))
        await self._transport.close(code, reason)

    def ping_every(self, seconds: float) -> None:
        """Ping at another interval from now on; 0: never, then only calls show that the peer is gone."""
        every_s = seconds if seconds > 0.0 else NEVER_S
        self._limits = replace(self._limits, ping_every_s=every_s, lost_after_s=max(LIMITS.lost_after_s, 2.0 * every_s))
        self._next_ping_at = self._clock.monotonic() + every_s
        if self._liveness is not None:
            self._liveness.cancel()
            self._watch()

    async def responds(self, within_s: float) -> bool:
        """Whether a ping is answered (or any frame comes) within this time."""
        before = self.heard_at
        try:
            async with asyncio.timeout(within_s):
                await self._transport.ping()
        except TransportClosed:
            return False
        except TimeoutError:
            return self.heard_at > before
        return True

    def _drop(self, reason: str) -> None:
        """End the connection with a peer that does not hear or does not read."""
        if self._lost is None:
            log.info("%s: %s", self.name, reason, extra={"station": self.name.rpartition("/")[2]})
            self._ended(Lost(reason))
            self._transport.abort()

    def _ended(self, lost: Lost) -> None:
        if self._lost is None:
            self._lost = lost
        for timer in (self._liveness, self._expiry):
            if timer is not None:
                timer.cancel()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        while self._turns:
            turn = self._turns.pop(0)
            _settle(turn.outcome, Gone(self._lost.reason, turn.sent))

    # --- reading ---

    async def _read(self) -> None:
        recv, monotonic = self._transport.recv, self._clock.monotonic
        frames = 0
        while True:
            data = await recv()
            self.heard_at = now = monotonic()
            self._take(data, now)
            if self._owes(now) > 0.0 or self._pending >= self._limits.pending:
                await self._read_slowly()
            frames += 1
            if frames % _YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _owes(self, now: float) -> float:
        """Seconds to wait before the next frame, so that `calls_per_s` hold beyond the burst. Counts one frame."""
        per_call = 1.0 / self._limits.calls_per_s
        self._paid_until = max(self._paid_until, now) + per_call
        return self._paid_until - now - self._limits.burst * per_call

    async def _read_slowly(self) -> None:
        """Leave the peer's frames where they are (TCP pushes back) until there is room. It is not silent meanwhile."""
        self._slow = True
        try:
            while self._pending >= self._limits.pending and self._lost is None:
                self._room = self._loop.create_future()
                await self._room
            burst_s = self._limits.burst / self._limits.calls_per_s
            owed_s = self._paid_until - self._clock.monotonic() - burst_s
            if owed_s > 0.0:
                await asyncio.sleep(owed_s)
        finally:
            self._slow = False
            self.heard_at = self._clock.monotonic()

    def _take(self, data: bytes | str, now: float) -> None:
        if self._tap is not None:
            self._tap(now, False, data)
        if wire_log.isEnabledFor(logging.DEBUG):
            wire_log.debug("%s < %s", self.name, data if isinstance(data, str) else data.decode(errors="replace"))
        received = self.endpoint.receive(data, now)
        match received:
            case Call():
                self._serve(received)
            case AnswerReceived():
                self._answered(received.tag, Answer(received.payload))
            case ErrorReceived():
                self._answered(received.tag, Refused(received.code, received.description, received.details))
            case Answered():
                log.debug("%s: %s", self.name, received.reason)
                self._send(received.text)
            case Ignored():
                log.debug("%s: ignored: %s", self.name, received.reason)
            case LateAnswer():
                self._tell(Late(received.action, received.tag.payload, received.payload))
            case Send() | CallResultError():
                self._tell(received)

    def _tell(self, notice: Notice) -> None:
        if self._notice is None:
            return
        try:
            self._notice(notice)
        except Exception:
            log.exception("%s: %s was not taken", self.name, type(notice).__name__)

    # --- serving its calls ---

    def _serve(self, call: Call) -> None:
        try:
            reply = self._handler(call)
        except Exception:
            reply = self._failed(call)
        if isinstance(reply, _AT_ONCE):
            self._reply(call.message_id, reply)
            return
        self._pending += 1
        if isinstance(reply, Upon):
            reply.future.add_done_callback(partial(self._served, call, reply.reply))
            return
        if not isinstance(reply, asyncio.Future):
            reply = self._tasks.spawn(_result_of(reply), f"{self.name} {call.action}")
        reply.add_done_callback(partial(self._served, call, _as_it_is))

    def _served(
        self, call: Call, reply_of: Callable[[asyncio.Future[Any]], Reply], served: asyncio.Future[Any]
    ) -> None:
        self._pending -= 1
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        try:
            reply = reply_of(served)
        except Exception as error:
            reply = self._failed(call, error)
        self._reply(call.message_id, reply)

    def _failed(self, call: Call, error: Exception | None = None) -> Reply:
        """A mistake of ours. Told so, a peer may drop a message that is money; told nothing, it says it again."""
        log.error("%s: serving %s failed", self.name, call.action, exc_info=error or True)
        return Silence() if self.endpoint.remembers(call.action) else Refuse(ErrorCode.INTERNAL_ERROR)

    def _reply(self, message_id: str, reply: Reply) -> None:
        match reply:
            case dict():
                try:
                    text = self.endpoint.reply(message_id, reply)
                except TypeError:
                    log.exception("%s: an answer of ours is no JSON", self.name)
                    text = self.endpoint.error(message_id, ErrorCode.INTERNAL_ERROR)
            case Refuse():
                text = self.endpoint.error(message_id, reply.code, reply.description, reply.details)
            case Silence():
                self.endpoint.forget(message_id)
                return
        self._send(text)

    def _send(self, text: str) -> None:
        if self._lost is not None:
            return
        if wire_log.isEnabledFor(logging.DEBUG):
            wire_log.debug("%s > %s", self.name, text)
        if self._tap is not None:
            self._tap(self._clock.monotonic(), True, text)
        try:
            self._transport.send(text)
        except TransportClosed:
            return  # the reader learns it too, with the reason
        if self._transport.backlog() > self._limits.backlog_bytes:
            self._drop(f"does not read: more than {self._limits.backlog_bytes} bytes wait for it")

    # --- our own calls ---

    async def call(self, action: str, payload: Payload, timeout_s: float) -> CallOutcome:
        """Call the peer, when earlier calls of ours are settled, and wait for what comes of it.

        `timeout_s` counts from the sending. Cancelling it takes back a call that still waits; one that was sent stays
        open until it is answered or times out, for the peer is working on it. Raises TypeError for what is no JSON.
        """
        return await self.ask(action, payload, timeout_s)

    def ask(self, action: str, payload: Payload, timeout_s: float) -> asyncio.Future[CallOutcome]:
        """The same, for who does not wait by itself: the future brings what comes of it."""
        outcome: asyncio.Future[CallOutcome] = self._loop.create_future()
        if self._lost is not None:
            outcome.set_result(Gone(self._lost.reason, sent=False))
        else:
            self._turns.append(_Turn(action, payload, timeout_s, outcome))
            self._next_turn()
        return outcome

    def _next_turn(self) -> None:
        """Send the call whose turn it is. The first of `_turns` is the open one, while the endpoint is busy."""
        while self._turns and not self.endpoint.busy and self._lost is None:
            turn = self._turns[0]
            if turn.outcome.done():
                self._turns.pop(0)
                continue
            try:
                now = self._clock.monotonic()
                text = self.endpoint.call(turn.action, turn.payload, now, turn.timeout_s, tag=turn)
            except TypeError as error:
                self._turns.pop(0)
                turn.outcome.set_exception(error)
                continue
            assert text is not None
            turn.sent = True
            self._expiry = self._loop.call_later(turn.timeout_s, self._expire)
            self._send(text)

    def _answered(self, turn: _Turn, outcome: CallOutcome) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._turns and self._turns[0] is turn:
            self._turns.pop(0)
        _settle(turn.outcome, outcome)
        self._next_turn()

    def _expire(self) -> None:
        expired = self.endpoint.expire(self._clock.monotonic())
        if expired is not None:
            self._answered(expired.tag, TimedOut())
        elif (deadline := self.endpoint.deadline()) is not None:
            # A timer may fire a clock tick early.
            self._expiry = self._loop.call_later(max(0.001, deadline - self._clock.monotonic()), self._expire)

    # --- liveness ---

    def _watch(self) -> None:
        """Ping, and give up a peer that was silent for too long. Runs by itself, from timer to timer."""
        if self._lost is not None:
            return
        now = self._clock.monotonic()
        silent_at = (now if self._slow else self.heard_at) + self._limits.lost_after_s
        if now >= silent_at:
            self._drop(f"silent for {self._limits.lost_after_s:.0f} s")
            return
        if now >= self._next_ping_at:
            self._next_ping_at = now + self._limits.ping_every_s
            # One ping at a time: a peer that never answers pings must not pile them up, its frames keep it alive.
            if not self._ping_open:
                self._tasks.spawn(self._ping(), f"{self.name} ping")
        self._liveness = self._loop.call_later(max(0.001, min(silent_at, self._next_ping_at) - now), self._watch)

    async def _ping(self) -> None:
        self._ping_open = True
        try:
            await self._transport.ping()
        except TransportClosed:
            return
        self._ping_open = False
        self.pongs_seen = True
        self.heard_at = self._clock.monotonic()


def _settle(outcome: asyncio.Future[CallOutcome], value: CallOutcome) -> None:
    if not outcome.done():
        outcome.set_result(value)


def _as_it_is(served: asyncio.Future[Reply]) -> Reply:
    return Silence() if served.cancelled() else served.result()


async def _result_of(reply: Awaitable[Reply]) -> Reply:
    return await reply
