"""One virtual station: its connection to one central, from the first dial to the last message.

Boot first, and nothing else before it is accepted (1.6J: a call before acceptance earns a SecurityError); then the
status of every connector; then the outbox, with heartbeats and news between its messages. One task does all of it, one
call at a time, as the standard wants; a second one reads.
"""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import datetime, timedelta

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.model.ids import StationId
from sitectl.model.transaction import IdTokenInfo, Payload
from sitectl.ocpp.v16 import central_decode, central_encode
from sitectl.ocpp.v16.encode import Registration
from sitectl.uplinks.asking import Admission
from sitectl.uplinks.connecting import Dial, DialFailed, LinkState
from sitectl.uplinks.egress import CALL_TIMEOUT_S, Egress
from sitectl.uplinks.news import News
from sitectl.uplinks.nudge import Nudge
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.presence import Presence
from sitectl.uplinks.step import Step
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, Handler, Late, Notice, Refused, TimedOut
from sitectl.wire.peer import Peer

log = logging.getLogger(__name__)

STABLE_S = 10.0
"""A connection that lasted so long was well: the next back-off begins small."""

BOOT_RETRY_S = 60.0
LONGEST_BOOT_WAIT_S = 86_400.0
LONGEST_HEARTBEAT_S = 86_400.0
CLOCK_BELIEVED = timedelta(hours=1)
"""A central whose clock is off by more is not right, and nothing is adapted to it."""

UNANSWERED = 2
"""Calls in a row without an answer, after which the central is taken for sick."""


class Link:
    """Keeps one virtual station connected while that is wanted. Whoever makes it sets `serve`, what answers calls."""

    __slots__ = (
        "_backoff",
        "_boot_at",
        "_booted_since_arrival",
        "_clock",
        "_dial",
        "_dial_at",
        "_greeted",
        "_heartbeat_at",
        "_news_next",
        "_nudge",
        "_peer",
        "_presence",
        "_reboot",
        "_redial",
        "_rooms",
        "_said_boot",
        "_unanswered",
        "admission",
        "egress",
        "heartbeat_s",
        "news",
        "serve",
        "state",
        "station",
        "why",
    )

    serve: Handler

    def __init__(
        self,
        station: StationId,
        rooms: Rooms,
        egress: Egress,
        news: News,
        dial: Dial,
        backoff: Backoff,
        clock: Clock,
        nudge: Nudge,
    ) -> None:
        self.station = station
        self.egress = egress
        self.news = news
        self.admission = Admission.PENDING
        self.heartbeat_s = 300.0
        self.state = LinkState.IDLE
        self.why = ""
        self._rooms = rooms
        self._dial = dial
        self._backoff = backoff
        self._clock = clock
        self._nudge = nudge
        self._peer: Peer | None = None
        self._presence = Presence(station, rooms.facts, clock)
        self._dial_at = -math.inf
        self._boot_at = self._heartbeat_at = math.inf
        self._said_boot: Payload | None = None
        self._booted_since_arrival = False
        self._reboot = self._redial = False
        self._greeted = self._news_next = False
        self._unanswered = 0

    # --- what others tell it ------------------------------------------------------------------------------------------

    def station_online(self) -> None:
        """The station has connected, or has booted on its connection."""
        if self._presence.came():
            self._booted_since_arrival = False
            self.news.came()
        else:
            self.news.booted()
            # The remembered boot that went up on its arrival counts for it, unless it said something else.
            self._reboot = not self._booted_since_arrival or self._said_boot != self._boot_payload()
        self._nudge.set()

    def station_offline(self) -> None:
        """The station is gone."""
        self._presence.went()
        self.news.went()

    def reboot_expected(self, until: float) -> None:
        """The station was told to reboot: the connection stays open until it is back, at most until then."""
        self._presence.reboot_expected(until)

    def statuses_changed(self) -> None:
        """Connectors may stand otherwise than was said: what is new goes up."""
        self.news.restated()

    def boot_now(self) -> None:
        """The central wants to hear the boot again, and need not wait for it."""
        self._boot_at = -math.inf
        self._nudge.set()

    def dial_now(self) -> None:
        """Whatever kept us from the central may be over: certificates, for one, are judged by the clock."""
        self._dial_at = -math.inf
        self._nudge.set()

    def reconnect(self) -> None:
        """Dial anew, once no call of ours is under way: how we prove who we are has changed."""
        self._redial = True
        self._nudge.set()

    def beat_every(self, seconds: float) -> None:
        """The central set the interval of heartbeats."""
        self.heartbeat_s = min(max(1.0, seconds), LONGEST_HEARTBEAT_S)
        self._heartbeat_at = self._clock.monotonic() + self.heartbeat_s
        self._nudge.set()

    def ping_every(self, seconds: float) -> None:
        """The central set the interval of WebSocket pings; 0: none."""
        if self._peer is not None:
            self._peer.ping_every(seconds)

    # --- how it stands ------------------------------------------------------------------------------------------------

    def wanted(self) -> bool:
        """Whether the connection should be open."""
        return self.egress.waiting or self._presence.shown(self._said_boot is not None)

    @property
    def accepted(self) -> bool:
        """Whether the central listens."""
        return self.admission is Admission.ACCEPTED and self._peer is not None and self._peer.lost is None

    @property
    def unreadable(self) -> int:
        """Frames of the central that could not be read, on this connection."""
        return 0 if self._peer is None else self._peer.endpoint.counters.malformed

    # --- for a station that waits -------------------------------------------------------------------------------------

    async def call(self, action: str, payload: Payload, deadline_s: float) -> Payload | None:
        """Call the central; None when it is away, says nothing in time, or says no."""
        peer = self._peer
        if peer is None or not self.accepted:
            return None
        try:
            async with asyncio.timeout(deadline_s):
                outcome = await peer.call(action, payload, deadline_s)
        except TimeoutError:
            return None
        return outcome.payload if isinstance(outcome, Answer) else None

    async def authorize(self, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask about a token."""
        answer = await self.call("Authorize", central_encode.authorize(id_token), deadline_s)
        return None if answer is None else central_decode.authorize_answer(answer).value

    # --- its life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect whenever it is wanted, for ever."""
        while True:
            if not self.wanted():
                self.state, self.why = LinkState.IDLE, ""
                await self._nudge.wait(self._presence.nameless_s())
            elif (wait_s := self._dial_at - self._clock.monotonic()) > 0.0:
                await self._nudge.wait(wait_s)
            else:
                await self._connect()

    async def _connect(self) -> None:
        """One connection from dial to end."""
        if self.state is LinkState.IDLE:
            self.state = LinkState.CONNECTING
        began_at = self._clock.monotonic()
        try:
            peer = await self._dial(self.serve, self._noticed)
            began_at = self._clock.monotonic()
            await self._hold(peer)
        except DialFailed as failed:
            self._stands(LinkState.REFUSED if failed.refused else LinkState.OFFLINE, str(failed))
        except Exception:
            log.exception("%s: a connection to the central failed", self.station, extra={"station": self.station})
        now = self._clock.monotonic()
        if self._greeted and now - began_at >= STABLE_S:
            self._backoff.reset()
        self._dial_at = now + self._backoff.next()
        if self.admission is not Admission.ACCEPTED and self._boot_at < math.inf:
            self._dial_at = max(self._dial_at, self._boot_at)  # the central said when it wants to hear of us again
        self.admission = Admission.PENDING

    async def _hold(self, peer: Peer) -> None:
        """Work on a connection until it ends or is no longer wanted."""
        self._peer = peer
        self._greeted = self._news_next = False
        self._boot_at, self._unanswered, self._redial = -math.inf, 0, False
        if (ping_every_s := self.news.wishes.ping_every_s()) is not None:
            peer.ping_every(ping_every_s)
        running = self._rooms.tasks.spawn(peer.run(), f"uplink {peer.name}")
        running.add_done_callback(lambda _: self._nudge.set())
        try:
            while peer.lost is None and self.wanted() and not self._redial:
                if not await self._step(peer) and self.wanted() and not self._redial:
                    await self._nudge.wait(self._due_at() - self._clock.monotonic())
        finally:
            self._peer = None
            self.egress.end()
            self.news.hang_up()
            await peer.close()
        await asyncio.wait([running])
        if self.state is LinkState.ACCEPTED:
            self._stands(LinkState.CONNECTING, peer.lost.reason if peer.lost else "")

    def _due_at(self) -> float:
        """When the next step makes sense, if nothing happens before."""
        due_at = self._boot_at
        if self.admission is Admission.ACCEPTED:
            due_at = min(due_at, self._heartbeat_at)
            for other_at in (self.egress.due_at(), self.news.due_at()):
                due_at = due_at if other_at is None else min(due_at, other_at)
        return min(due_at, self._presence.changes_at())

    async def _step(self, peer: Peer) -> bool:
        """Say the next thing that is to be said; False: there is none now."""
        now = self._clock.monotonic()
        accepted = self.admission is Admission.ACCEPTED
        if now >= self._boot_at or (accepted and self._reboot):
            await self._boot(peer)
        elif self.admission is Admission.REJECTED:
            return False
        elif (asked := self.news.asked()) is not None:
            await self._call(peer, *asked)
        elif not accepted:
            return False
        elif now >= self._heartbeat_at:
            await self._beat(peer)
        elif self._news_next:
            return await self._tell(peer) or await self._deliver(peer)
        else:
            return await self._deliver(peer) or await self._tell(peer)
        return True

    async def _tell(self, peer: Peer) -> bool:
        """One piece of news. Those of a greeting go in a row, later ones take turns with the outbox."""
        message = self.news.next()
        if message is None:
            self._greeted, self._news_next = True, False
            return False
        outcome = await self._call(peer, *message)
        self._news_next = not self._greeted and isinstance(outcome, Answer | Refused)
        return True

    async def _deliver(self, peer: Peer) -> bool:
        """One message of the outbox."""
        due_at = self.egress.due_at()
        if due_at is None or due_at > self._clock.monotonic():
            return False
        step = await self.egress.step(peer)
        self._news_next = True
        match step:
            case Step.IDLE:
                return False
            case Step.SENT:
                self._unanswered = 0
            case Step.SICK:
                await self._give_up(peer)
            case Step.NOT_ACCEPTED:
                self.admission = Admission.PENDING
                self._greeted = False
                self.boot_now()
            case Step.GONE:
                pass
        return True

    # --- boot and heartbeat -------------------------------------------------------------------------------------------

    def _boot_payload(self) -> Payload:
        boot = self._rooms.facts.boot(self.station) or {}
        return central_encode.presentable("BootNotification", boot)

    async def _boot(self, peer: Peer) -> None:
        """Boot, and stand as the central answers."""
        self._boot_at = math.inf
        self._said_boot, self._booted_since_arrival, self._reboot = self._boot_payload(), True, False
        outcome = await self._call(peer, "BootNotification", self._said_boot)
        if isinstance(outcome, Answer):
            await self._booted(central_decode.boot_answer(outcome.payload).value)
        elif isinstance(outcome, Refused):
            self.admission = Admission.PENDING
            self._boot_at = self._clock.monotonic() + BOOT_RETRY_S
            self._stands(LinkState.REFUSED, f"BootNotification was answered with {outcome.code}")
        else:
            self.admission = Admission.PENDING
            self._stands(LinkState.OFFLINE, "no answer to BootNotification")
            await self._give_up(peer)

    async def _booted(self, answer: central_decode.BootAnswer) -> None:
        self._hear_clock(answer.now)
        if answer.status is Registration.ACCEPTED:
            self.beat_every(answer.interval_s)
            if self.admission is not Admission.ACCEPTED:
                await self.egress.begin()
                self.admission = Admission.ACCEPTED
                self._stands(LinkState.ACCEPTED, "")
                self.news.greet()
                self._greeted, self._news_next = False, True
            return
        pending = answer.status is Registration.PENDING
        self.admission = Admission.PENDING if pending else Admission.REJECTED
        self._boot_at = self._clock.monotonic() + min(answer.interval_s, LONGEST_BOOT_WAIT_S)
        self.egress.end()
        state = LinkState.CONNECTING if pending else LinkState.REFUSED
        self._stands(state, f"BootNotification was answered {answer.status.value}")

    def _hear_clock(self, now: datetime | None) -> None:
        if now is not None:
            self._rooms.time.heard(now)
            believed = abs(now - self._clock.wall()) <= CLOCK_BELIEVED
            self.egress.central_said = (now, self._clock.monotonic()) if believed else None

    async def _beat(self, peer: Peer) -> None:
        self._heartbeat_at = self._clock.monotonic() + self.heartbeat_s
        outcome = await self._call(peer, "Heartbeat", {})
        if isinstance(outcome, Answer):
            self._hear_clock(central_decode.heartbeat_answer(outcome.payload).value)

    # --- calls --------------------------------------------------------------------------------------------------------

    async def _call(self, peer: Peer, action: str, payload: Payload) -> CallOutcome:
        outcome = await peer.call(action, payload, CALL_TIMEOUT_S)
        if isinstance(outcome, TimedOut):
            self._unanswered += 1
            if self._unanswered >= UNANSWERED:
                await self._give_up(peer)
        elif not isinstance(outcome, Gone):
            self._unanswered = 0
        return outcome

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, Late):
            self.egress.late(notice.request, notice.payload)

    async def _give_up(self, peer: Peer) -> None:
        if self.state is LinkState.ACCEPTED:
            self._stands(LinkState.OFFLINE, "the central does not answer")
        await peer.close(1000, "no answers")

    def _stands(self, state: LinkState, why: str) -> None:
        if state is not self.state:
            log.debug("%s: %s %s", self.station, state.value, why)
        self.state, self.why = state, why
