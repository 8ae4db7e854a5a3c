"""Drain the outbox of one virtual station: strictly in order, one message in flight.

What may go wrong, and what follows:

* the connection ended: the message is sent again, the same text, and nothing is counted;
* the central refused it (CALLERROR): an attempt is counted and the next waits (attempts x interval); exhausted, it is
  given up as a dead letter: kept and shown, never deleted. SecurityError: it boots again first;
* no answer on a live connection: a Heartbeat tells whether the central is sick (then the connection is closed and
  nothing is counted) or the message is poison (then an attempt is counted);
* an event (a message of no transaction) is not said for ever: see `event_trials`;
* the disk takes nothing: nothing new is sent, and an answer that came is written down when it can be.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import orjson

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, OutboxItem, OutboxKind, Payload
from sitectl.model.uplink import DeadStart, ZeroId
from sitectl.ocpp.deviations import Deviation
from sitectl.ocpp.v16 import central_decode, decode
from sitectl.ocpp.versions import ErrorCode, error_code
from sitectl.uplinks import virtual
from sitectl.uplinks.awaited import AwaitedVerdicts
from sitectl.uplinks.event_trials import RETRY_S, EventTrials
from sitectl.uplinks.nudge import Nudge
from sitectl.uplinks.overdue import Overdue
from sitectl.uplinks.pace import Pace
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.refusals import Refusals
from sitectl.uplinks.remembered import remember
from sitectl.uplinks.rendering import frozen, is_nameless, rendered, thawed
from sitectl.uplinks.step import Step
from sitectl.uplinks.stuck import Stuck
from sitectl.uplinks.thinning import Measured
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, Refused, TimedOut
from sitectl.wire.peer import Peer

T = TypeVar("T")

log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
HEARTBEAT_TIMEOUT_S = 10.0
DISK_RETRY_S = 5.0
LOOK_WITHIN_S = 1.0
UNHURRIED_S = 5.0
"""What comes so long after the last message of its station may wait for company: nobody looks for it just now."""
TIME_RETRY_S = 1.0
TIMELESS_S = 60.0
"""A central that accepts us has said what time it is; one that does not say so gets estimated times after a minute."""


class Egress:
    """The outgoing side of one virtual station, over all its connections. `measured`: which measurands are wanted."""

    __slots__ = (
        "_booted_for",
        "_clock",
        "_dead_start",
        "_deviations",
        "_events",
        "_grew",
        "_leisure",
        "_measured",
        "_not_before",
        "_nudge",
        "_overdue",
        "_pace",
        "_patient",
        "_refusals",
        "_rooms",
        "_sent_at",
        "_station",
        "_timeless_since",
        "_turn",
        "_unsaved",
        "_uplink",
        "_verdicts",
        "_zero_id",
        "central_said",
        "live",
        "stuck",
        "waiting",
    )

    def __init__(
        self,
        uplink: UplinkId,
        station: StationId,
        rooms: Rooms,
        pace: Pace,
        refusals: Refusals,
        clock: Clock,
        nudge: Nudge,
        measured: Callable[[], Measured],
        zero_id: ZeroId = ZeroId.MINUS_ONE,
        dead_start: DeadStart = DeadStart.MINUS_ONE,
    ) -> None:
        self._uplink = uplink
        self._measured = measured
        self._station = station
        self._rooms = rooms
        self._pace = pace
        self._refusals = refusals
        self._clock = clock
        self._nudge = nudge
        self._zero_id = zero_id
        self._dead_start = dead_start
        self.waiting = False
        """Whether the outbox holds messages, as far as is known."""
        self.live = False
        """Nothing was left in the outbox, and nothing is held up: what comes now leaves at once."""
        self.central_said: tuple[datetime, float] | None = None
        """What time it was by the central's clock, and our monotonic time then; our wall clock may jump meanwhile."""
        self._grew = False
        self._leisure = self._patient = False  # the last step found nothing; the commits of a message may wait
        self._sent_at = -math.inf
        self._not_before = 0.0
        self._timeless_since: float | None = None
        self._turn: asyncio.Future[None] | None = None
        self._deviations: set[str] = set()
        self._unsaved: Callable[[], Awaitable[None]] | None = None
        self._booted_for: int | None = None
        self._overdue = Overdue(uplink, station, rooms.journal)
        self._events = EventTrials()
        self.stuck = Stuck(uplink, station, rooms.journal)
        self._verdicts = AwaitedVerdicts()

    # --- what others tell it and ask it -------------------------------------------------------------------------------

    def wake(self) -> None:
        """New rows stand in the outbox."""
        self.waiting = self._grew = True
        self._nudge.set()

    async def verdict(self, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        """Wait until the start of this transaction was answered; None when that takes too long or cannot be."""
        return await self._verdicts.wait(transaction, deadline_s)

    async def begin(self) -> None:
        """A connection was accepted: did anything wait for it? Known before the greeting, during which some may start.
        A disk that hangs holds up no greeting."""
        self.waiting, self.live = True, False
        self._events.begin()
        with suppress(EnvironmentFault, TimeoutError):
            async with asyncio.timeout(LOOK_WITHIN_S):
                self.live = await self._rooms.outbox.head(self._uplink, self._station) is None

    def end(self) -> None:
        """The connection is over: nobody waits any longer for what it might have said."""
        self.live = False
        self._give_turn_up()
        self._verdicts.end()

    def late(self, request: Payload, answer: Payload) -> None:
        """A call of ours was answered after its time: if it is the overdue message, that is not sent again."""
        if self._overdue.heard(request, answer):
            self._not_before = 0.0
            self._nudge.set()

    def due_at(self) -> float | None:
        """When the next step makes sense; None: not before something happens."""
        if not self.waiting or (self._turn is not None and not self._turn.done()):
            return None
        return self._not_before

    # --- one message --------------------------------------------------------------------------------------------------

    async def step(self, peer: Peer) -> Step:
        """Send the next message, if there is one and it may go, and settle what comes of it."""
        try:
            return await self._step(peer)
        except EnvironmentFault as fault:
            about = {"uplink": self._uplink, "station": self._station}
            log.warning("%s/%s: the outbox waits for the disk: %s", self._uplink, self._station, fault, extra=about)
            self._hold_up(DISK_RETRY_S)
            return Step.IDLE

    async def _step(self, peer: Peer) -> Step:
        if self._unsaved is not None:
            await self._unsaved()
            self._unsaved = None
        self._grew = False
        item = await self._rooms.outbox.head(self._uplink, self._station)
        self.stuck.head(item)
        if item is None:
            self._give_turn_up()
            if not self._grew:
                self.waiting, self.live = False, True
            self._leisure = True
            return Step.IDLE
        if self._overdue.answered(item):
            return await self._settle(peer, item, Answer(self._overdue.take()))
        if not self.takes(item.message.action):
            await self._rooms.outbox.acked(item.seq)
            return Step.SENT
        if item.rendered is None and not self._rooms.time.known and self._waits_for_time():
            self._hold_up(TIME_RETRY_S)
            return Step.IDLE
        if not self.live and not self._has_turn():
            return Step.IDLE
        self._turn = None
        if item.start_dead and self._waits_for_its_start(item):
            await self._rooms.outbox.archive(item.seq)
            return Step.SENT
        if is_nameless(item) and self._zero_id is ZeroId.SUPPRESS:
            await self._drop(item, "the central refused the token and gave the transaction no id")
            return Step.SENT
        now, before = self._clock.monotonic(), self._sent_at
        leisure = self._leisure and self.live and now - before >= UNHURRIED_S
        self._patient, self._leisure, self._sent_at = leisure and item.message.kind is OutboxKind.METER, False, now
        request = await self._frozen(item)
        if request is None:
            return Step.SENT
        sent_at = self._clock.monotonic()
        outcome = await peer.call(item.message.action, request, CALL_TIMEOUT_S)
        if isinstance(outcome, Gone) and self._events.cut(item, self._clock.monotonic() - sent_at):
            await self._drop(item, f"the connection ended each time: {outcome.reason}")
        step = await self._settle(peer, item, outcome)
        self.stuck.tried(item, step, outcome)
        return step

    def _waits_for_its_start(self, item: OutboxItem) -> bool:
        """Of what hangs on a start that was given up: what is put aside until a person has that sent again."""
        return item.message.kind is OutboxKind.METER or self._dead_start is DeadStart.HOLD

    async def _frozen(self, item: OutboxItem) -> Payload | None:
        """The payload as it goes up, now and at every repetition; None when it may not go after all."""
        text = thawed(item)
        if text is None:
            ours = self._clock.wall() if self._rooms.time.known else None
            made = rendered(item, self._central_now(), self._zero_id, self._measured(), ours)
            if made is None:
                await self._rooms.outbox.acked(item.seq)
                return None
            text = orjson.dumps(made.payload).decode()
            kept = partial(self._rooms.outbox.sending, item.seq, frozen(item, text), made.newest)
            if not await self._kept(kept):
                return None
        request: Payload = orjson.loads(text)
        self._overdue.sent(item, request)
        return request

    async def _kept(self, commit: Callable[..., Awaitable[T]]) -> T:
        """Wait for a commit; it may wait for company itself while nothing else is to be said to the central."""
        if not self._patient or self._nudge.is_set:
            return await commit()
        return await self._nudge.or_hurry(commit(patient=True), self._rooms.outbox.hurry)

    async def _settle(self, peer: Peer, item: OutboxItem, outcome: CallOutcome) -> Step:
        match outcome:
            case Answer(payload):
                self._booted_for = None
                self._events.answered(item)
                await self._acked(item, self._overdue.first(item, payload))
                return Step.SENT
            case Gone():
                return Step.GONE
            case Refused(code, description):
                if error_code(code) is ErrorCode.SECURITY_ERROR and self._booted_for != item.seq:
                    self._booted_for = item.seq
                    return Step.NOT_ACCEPTED
                await self._failed(item, f"{code}: {description}".rstrip(": "), drop=self._events.refused(item, code))
                return Step.SENT
            case TimedOut():
                alive = await peer.call("Heartbeat", {}, HEARTBEAT_TIMEOUT_S)
                if self._overdue.answered(item):
                    return await self._settle(peer, item, Answer(self._overdue.take()))
                if isinstance(alive, TimedOut | Gone):
                    return Step.SICK
                why = "never answered, though heartbeats are"
                await self._failed(item, why, drop=self._events.unanswered(item))
                return Step.SENT

    async def _failed(self, item: OutboxItem, why: str, *, drop: bool) -> None:
        """Count an attempt; after the last the message is dead (an event is dropped), and the next may go."""
        if drop:
            await self._drop(item, why)
            return
        if item.message.kind is OutboxKind.EVENT:
            await self._rooms.outbox.failed(item.seq, why, False)
            self._hold_up(RETRY_S)
            return
        attempts = item.attempts + 1
        most = virtual.number(self._rooms, self._uplink, self._station, "TransactionMessageAttempts")
        interval_s = virtual.number(self._rooms, self._uplink, self._station, "TransactionMessageRetryInterval")
        dead = attempts >= max(1, most)
        await self._rooms.outbox.failed(item.seq, why, dead)
        if not dead:
            data = {"uplink": self._uplink, "action": item.message.action, "why": why, "attempts": attempts}
            self._rooms.journal.record("outbox.refused", self._station, data=data)
            self._hold_up(float(interval_s * attempts))
        elif item.transaction is not None and item.message.kind is OutboxKind.START:
            self._verdicts.tell(item.transaction, None)

    async def _drop(self, item: OutboxItem, why: str) -> None:
        """The central will not have an event; the journal keeps what it said."""
        await self._rooms.outbox.acked(item.seq)
        data = {"uplink": self._uplink, "action": item.message.action, "payload": item.message.payload, "why": why}
        self._rooms.journal.record("outbox.dropped", self._station, data=data)

    def takes(self, action: str) -> bool:
        """Whether the central knows this action, as far as it has shown on this connection."""
        return self._events.takes(action)

    async def _acked(self, item: OutboxItem, payload: Payload) -> None:
        """Write the answer down, then act on it: on the verdict in any case, for it was given."""
        uplink_transaction_id, info = None, None
        if item.message.kind is OutboxKind.START:
            answer = central_decode.start_answer(payload)
            uplink_transaction_id, info = answer.value.uplink_transaction_id, answer.value.info
            self._overdue.named(item, uplink_transaction_id)
            self._note_answer(item, payload, uplink_transaction_id, answer.deviations)
        elif item.message.kind is OutboxKind.STOP:
            info = central_decode.stop_answer(payload).value
        self._unsaved = partial(self._rooms.outbox.acked, item.seq, uplink_transaction_id, info)
        try:
            await self._kept(self._unsaved)
            self._unsaved = None
        finally:
            self._heed(item, info)

    def _note_answer(
        self, item: OutboxItem, payload: Payload, id: str | None, deviations: tuple[Deviation, ...]
    ) -> None:
        """For people: a start without an id that means anything, and once what else is odd about its answers."""
        record = self._rooms.journal.record
        if id is None:
            said = payload.get("transactionId")
            data = {"transaction": item.transaction, "uplink": self._uplink, "said": said}
            record("transaction.unnamed", self._station, data=data)
        for deviation in deviations:
            trait = f"{deviation.path}: {deviation.rule}"
            if trait not in self._deviations:
                self._deviations.add(trait)
                data = {"uplink": self._uplink, "action": item.message.action}
                record("uplink.deviation", self._station, data={**data, "path": deviation.path, "rule": deviation.rule})

    # --- verdicts -----------------------------------------------------------------------------------------------------

    def _heed(self, item: OutboxItem, info: IdTokenInfo | None) -> None:
        """Hand a verdict to whoever waits; one that comes too late has its own consequences."""
        id_token = decode.authorize(item.message.payload).value
        remember(self._rooms, self._uplink, self._station, id_token, info)
        if (
            item.message.kind is not OutboxKind.START
            or item.transaction is None
            or self._verdicts.tell(item.transaction, info)
        ):
            return
        if info is not None and info.status is not AuthorizationStatus.ACCEPTED:
            again = item.rendered is not None
            self._refusals.late(self._station, item.transaction, info.status, again=again)

    def _central_now(self) -> datetime:
        """What the central's clock shows; ours, where it has not said or is not believed."""
        if self.central_said is None:
            return self._clock.wall()
        moment, at = self.central_said
        return moment + timedelta(seconds=self._clock.monotonic() - at)

    def _waits_for_time(self) -> bool:
        """What was stamped before the gateway knew the time is not sent before it is put right, or nobody knows it."""
        now = self._clock.monotonic()
        if self._timeless_since is None:
            self._timeless_since = now
        return now - self._timeless_since < TIMELESS_S

    # --- holding back -------------------------------------------------------------------------------------------------

    def _hold_up(self, seconds: float) -> None:
        self._not_before = self._clock.monotonic() + seconds
        self.live = False

    def _has_turn(self) -> bool:
        """Whether this backlog's next message may go, at the pace of the uplink."""
        if self._turn is None:
            facts, station = self._rooms.facts, self._station
            charging = any(facts.running(EvseId(station, evse)) for evse in facts.evses(station))
            self._turn = self._pace.turn(later=charging)
            self._turn.add_done_callback(lambda _: self._nudge.set())
        return self._turn.done()

    def _give_turn_up(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
