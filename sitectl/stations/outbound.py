"""One queue a station: the only door through which anything that we want of it goes.

One call is open at a time. What waits is ordered by urgency, then by arrival; of the limits of one EVSE only the newest
that has not left survives, and it is as urgent as the most urgent one that it replaces, so that a cut never loses its
place. Nothing waits for a station that is away: its orders come back as `NotSent`, and whoever cares says them again.

When an order may leave (table of times): cuts, stops and a person's commands on any connection of a station that has
booted once; everything else, and everything to a station that never booted, 5 s after its BootNotification was
answered, or 60 s after it connected without one. Some stations drop the connection when they are called before that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.model.commands import Answered, Command, InstallFallback, NotSent, OfferLimit, Outcome, Unanswered, Urgency
from sitectl.model.commands import Refused as CommandRefused
from sitectl.model.ids import EvseId, StationId
from sitectl.model.transaction import Payload
from sitectl.stations.manners import STANDARD_MANNERS
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, Refused, TimedOut

log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
LONGEST_TIMEOUT_S = 90.0
"""Some stations answer after a minute, and are sound otherwise: one that answered too late is given more time."""

SETTLE_S = 5.0
SETTLE_WITHOUT_BOOT_S = 60.0
MOST_WAITING = 64
DEAF_AFTER = 2
DEAF_PAUSE_S = 600.0
CHUNK = 500
"""Orders handed out before others run: about 8 ms. Between two chunks the answers to the first are taken, which is
twice the work; in smaller chunks the last station would wait for the answers of nearly all others."""


class Line(Protocol):
    """The open connection to a station, as far as the queue needs it. Met by `sitectl.wire.peer.Peer`."""

    heard_at: float

    def ask(self, action: str, payload: Payload, timeout_s: float) -> asyncio.Future[CallOutcome]:
        """Make one call; the future brings what comes of it."""

    def close(self, code: int = 1000, reason: str = "") -> Coroutine[None, None, None]:
        """End the connection."""


class Speech(Protocol):
    """How a version of OCPP says a command, and where it puts the status word of the answer."""

    def encode(self, command: Command) -> tuple[str, Payload]:
        """Action and payload."""

    def status(self, action: str, payload: Payload) -> str:
        """The status word of an answer, "" where the message has none."""


Done = Callable[[Outcome], None]

Silence = Callable[[StationId, bool], None]
"""Told that a call had no answer though the station was heard meanwhile; True: that one was answered again."""

Guard = Callable[[], str]
"""Asked just before an order leaves: why it must not any more, "" when it may."""


def _unheeded(station: StationId, heard: bool) -> None:
    return None


@dataclass(eq=False, slots=True)
class _Order:
    command: Command
    urgency: Urgency
    ordinal: int
    done: Done
    subject: tuple[type, EvseId] | None
    guard: Guard | None = None


class Handout:
    """Queues that have something to send, served a few at a time in the order in which they asked."""

    def __init__(self) -> None:
        self._ready: deque[OutboundQueue] = deque()
        self._scheduled = False

    def ask(self, queue: OutboundQueue) -> None:
        """This queue wants to send its next order."""
        self._ready.append(queue)
        if not self._scheduled:
            self._serve_later()

    def _serve_later(self) -> None:
        """In the round of the loop after the next one, in which is answered what was read while they were decided."""
        self._scheduled = True
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._serve)

    def _serve(self) -> None:
        for _ in range(min(CHUNK, len(self._ready))):
            self._ready.popleft().send_next()
        self._scheduled = False
        if self._ready:
            self._serve_later()


class OutboundQueue:
    """The queue of one station; it outlives the station's connections. `tasks` owns what ends a connection."""

    def __init__(
        self, station: StationId, clock: Clock, handout: Handout, tasks: Tasks, silence: Silence = _unheeded
    ) -> None:
        self.station = station
        self._silence = silence
        self._unheard = False
        self._clock = clock
        self._handout = handout
        self._tasks = tasks
        self._line: Line | None = None
        self._speech: Speech | None = None
        self._orders: list[_Order] = []
        self._ordinal = 0
        self._open = False
        self._asked = False
        self._soon_at = self._settled_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._unanswered = 0
        self.manners = STANDARD_MANNERS
        self._learned_timeout_s = CALL_TIMEOUT_S
        self._closed_deaf_at: float | None = None

    # --- the connection ----------------------------------------------------------------------------------------------

    def connected(self, line: Line, speech: Speech, *, booted_once: bool) -> None:
        """A connection was accepted; it replaces an older one."""
        if self._line is not None:
            self.disconnected(self._line, "displaced by a newer connection")
        now = self._clock.monotonic()
        self._line, self._speech, self._unanswered = line, speech, 0
        self._settled_at = now + SETTLE_WITHOUT_BOOT_S
        self._soon_at = now if booted_once and self.manners.calls_before_boot else self._settled_at

    def booted(self) -> None:
        """A BootNotification was answered on this connection."""
        now, manners = self._clock.monotonic(), self.manners
        self._settled_at = now + (SETTLE_S if manners.settle_s is None else manners.settle_s)
        self._soon_at = now if manners.calls_before_boot else self._settled_at
        self._ask()

    def disconnected(self, line: Line, why: str) -> None:
        """This connection ended: what has not left comes back."""
        if line is not self._line:
            return
        self._line = None
        self._cancel_timer()
        orders, self._orders = self._orders, []
        for order in orders:
            order.done(NotSent(why))

    def answered_late(self) -> None:
        """A call was answered after its time: the station hears us, and is waited for longer from now on."""
        self._unanswered = 0
        self._learned_timeout_s = min(LONGEST_TIMEOUT_S, self.timeout_s + CALL_TIMEOUT_S)

    @property
    def timeout_s(self) -> float:
        """How long an answer may take: as learned, and as its model is known to take."""
        return max(self._learned_timeout_s, self.manners.call_timeout_s or 0.0)

    # --- orders ------------------------------------------------------------------------------------------------------

    def put(self, command: Command, urgency: Urgency, done: Done, guard: Guard | None = None) -> None:
        """Queue a command; `done` is called once with what came of it, perhaps before this returns."""
        if self._line is None:
            done(NotSent("the station is offline"))
            return
        if self.manners is not STANDARD_MANNERS:
            if (refusal := self.manners.refusal(command)) is not None:
                done(NotSent(refusal))
                return
            command = self.manners.worded(command)
        subject = _subject(command)
        if subject is not None:
            urgency = self._supersede(subject, urgency)
        elif len(self._orders) >= MOST_WAITING:
            done(NotSent("too many commands wait for this station"))
            return
        self._ordinal += 1
        self._orders.append(_Order(command, urgency, self._ordinal, done, subject, guard))
        self._ask()

    async def execute(self, command: Command, urgency: Urgency, guard: Guard | None = None) -> Outcome:
        """Queue a command and wait for its outcome. Cancelling takes it back while it has not left."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def settle(value: Outcome) -> None:
            if not outcome.done():
                outcome.set_result(value)

        self.put(command, urgency, settle, guard)
        try:
            return await outcome
        finally:
            if outcome.cancelled():
                self._orders = [order for order in self._orders if order.done is not settle]

    def _supersede(self, subject: tuple[type, EvseId], urgency: Urgency) -> Urgency:
        """Drop an older limit of the same EVSE that has not left; the newer one takes over its place in the order."""
        for order in self._orders:
            if order.subject == subject:
                self._orders.remove(order)
                order.done(NotSent("superseded"))
                return min(urgency, order.urgency)
        return urgency

    @property
    def waiting(self) -> int:
        """Orders that have not left."""
        return len(self._orders)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Get in line for sending, if something may leave; otherwise wake up when it may."""
        if self._open or self._asked or self._line is None or not self._orders:
            return
        now = self._clock.monotonic()
        leaves_at = min(self._gate(order) for order in self._orders)
        if leaves_at <= now:
            self._asked = True
            self._handout.ask(self)
        else:
            self._cancel_timer()
            self._timer = asyncio.get_running_loop().call_later(leaves_at - now, self._ask)

    def _gate(self, order: _Order) -> float:
        """When this order may leave on this connection."""
        return self._soon_at if order.urgency <= Urgency.START else self._settled_at

    def send_next(self) -> None:
        """Send the most urgent order that may leave. Called by the handout."""
        self._asked = False
        line, speech = self._line, self._speech
        now = self._clock.monotonic()
        if self._open or line is None or speech is None:
            return
        ready = [order for order in self._orders if self._gate(order) <= now]
        if not ready:
            self._ask()
            return
        order = min(ready, key=lambda order: (order.urgency, order.ordinal))
        self._orders.remove(order)
        if _lapsed(order.command, now):
            order.done(NotSent("lapsed while it waited"))
            self._ask()
            return
        if order.guard is not None and (why := self._barred(order.guard)):
            order.done(NotSent(why))
            self._ask()
            return
        self._perform(order, line, speech)

    def _barred(self, guard: Guard) -> str:
        try:
            return guard()
        except Exception:  # a mistake of ours: what cannot be judged does not leave, and holds up nobody
            log.exception("%s: whether an order may leave is not known", self.station)
            return "whether it may be done is not known"

    def _perform(self, order: _Order, line: Line, speech: Speech) -> None:
        """Say it. No task is made of it: a thousand limits at once would need a thousand."""
        try:
            action, payload = speech.encode(order.command)
            # After one that got no answer, time enough for that to come: then we know that it is only slow.
            patience_s = self.timeout_s if not self._unanswered else min(2.0 * self.timeout_s, LONGEST_TIMEOUT_S)
            asked = line.ask(action, payload, patience_s)
        except Exception:  # a mistake of ours, which must not hold up the other stations
            log.exception(
                "%s: %s could not be said", self.station, type(order.command).__name__, extra={"station": self.station}
            )
            order.done(NotSent("it could not be said"))
            self._ask()
            return
        self._open = True
        sent_at = self._clock.monotonic()
        asked.add_done_callback(partial(self._performed, order, line, speech, action, sent_at, patience_s))

    def _performed(
        self,
        order: _Order,
        line: Line,
        speech: Speech,
        action: str,
        sent_at: float,
        patience_s: float,
        asked: asyncio.Future[CallOutcome],
    ) -> None:
        self._open = False
        outcome: Outcome = Unanswered("dropped by us")
        try:
            if not asked.cancelled():
                called = asked.result()
                outcome = _outcome(called, speech, action, patience_s)
                self._listen(called, line, sent_at)
        finally:
            order.done(outcome)
            self._ask()

    def _listen(self, called: CallOutcome, line: Line, sent_at: float) -> None:
        """Two unanswered calls while frames arrive: it is deaf on this connection. A new one is known to help."""
        if not isinstance(called, TimedOut):
            self._unanswered = 0
            if self._unheard and not isinstance(called, Gone):
                self._unheard = False
                self._silence(self.station, True)
            return
        self._unanswered += 1
        if line.heard_at > sent_at:
            self._unheard = True
            self._silence(self.station, False)
        now = self._clock.monotonic()
        if not self.manners.redials:
            return
        rested = self._closed_deaf_at is None or now - self._closed_deaf_at >= DEAF_PAUSE_S
        if self._unanswered >= DEAF_AFTER and line.heard_at > sent_at and rested and line is self._line:
            log.warning(
                "%s answers no calls while it talks: connection closed", self.station, extra={"station": self.station}
            )
            self._closed_deaf_at = now
            self._tasks.spawn(line.close(1000, "no answers"), f"{self.station} deaf")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _subject(command: Command) -> tuple[type, EvseId] | None:
    """What a newer command of the same kind makes pointless."""
    return (type(command), command.offer.evse) if isinstance(command, OfferLimit | InstallFallback) else None


def _lapsed(command: Command, now: float) -> bool:
    """Whether a limit's life ended before it left."""
    return isinstance(command, OfferLimit) and command.offer.expires_at is not None and command.offer.expires_at <= now


def _outcome(called: CallOutcome, speech: Speech, action: str, patience_s: float) -> Outcome:
    match called:
        case Answer(payload):
            return Answered(speech.status(action, payload), payload)
        case Refused(code, description):
            return CommandRefused(code, description)
        case TimedOut():
            return Unanswered(f"no answer within {patience_s:.0f} s")
        case Gone(reason, sent):
            return Unanswered(reason) if sent else NotSent(reason)
