"""Reset: the reboot that follows is expected, a soft one that does nothing becomes a hard one, and storms are refused.

Whoever wants a station reset asks here: centrals, people, and healing. Two hands never reset one station at once: who
asks while a reset of another is under way that does as much gets what comes of that one.

The connection to the central stays open meanwhile, and the loss of the station is no alarm.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from sitectl.base.clock import Clock
from sitectl.model.commands import Answered, NotSent, Outcome, ResetKind, ResetStation, Unanswered, Urgency
from sitectl.model.hands import HEALING
from sitectl.model.ids import StationId
from sitectl.ocpp.v16 import central_encode
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import WITHIN_S, by_central, execute, note
from sitectl.wire.outcomes import Reply

ACTION = "Reset"

REBOOT_WITHIN_S = 300.0
"""A station is back from a reset within this; a firmware update may have waited for it."""

SOFT_WITHIN_S = 120.0
"""A station that accepted a soft reset and neither went nor booted within this does nothing about it."""

MOST_RESETS = 4
PER_S = 3600.0
"""Resets of one station an hour, whoever asks: each costs its transactions and wears its contactors. Only centrals are
refused beyond it; healing has budgets of its own, and a person knows why."""

Send = Callable[[], Awaitable[Outcome]]


class _Station:
    """The resets of one station: when, until when one is expected to take; `went` is set when it has gone or booted.

    `by` and `kind`: the newest one that was accepted, or is `asking`.
    """

    __slots__ = ("asking", "at", "began_at", "by", "kind", "noted_at", "until", "watching", "went")

    def __init__(self) -> None:
        self.at: deque[float] = deque(maxlen=MOST_RESETS)
        self.noted_at = -math.inf
        self.until = -math.inf
        self.began_at = -math.inf
        self.by = ""
        self.kind: ResetKind | None = None
        self.watching = False
        self.went = asyncio.Event()
        self.asking: asyncio.Future[Outcome] | None = None


class Resets:
    """The resets of all stations. `expect` is told until when (monotonic s) a station may be away without alarm."""

    def __init__(self, rooms: Rooms, clock: Clock, expect: Callable[[StationId, float], None]) -> None:
        self._rooms = rooms
        self._clock = clock
        self._expect = expect
        self._stations: dict[StationId, _Station] = {}

    def station_moved(self, station: StationId) -> None:
        """It went, came or booted."""
        if (held := self._stations.get(station)) is not None:
            held.went.set()

    async def ask(self, asker: Asker, asked: ResetStation) -> Reply:
        """A central wants a station reset."""
        held = self._of(asker.station)
        now = self._clock.monotonic()
        if len(held.at) == MOST_RESETS and now - held.at[0] < PER_S:
            if now - held.noted_at >= PER_S:
                held.noted_at = now
                note(self._rooms, asker, "uplink.too_many_resets", ACTION)
            return central_encode.negative(ACTION) or {}

        async def send() -> Outcome:
            return await execute(self._rooms, asker, ACTION, asked, Urgency.CONTROL)

        try:
            async with asyncio.timeout(WITHIN_S):
                outcome = await self._order(asked, by_central(asker), send)
        except TimeoutError:
            outcome = Unanswered(f"not done within {WITHIN_S:.0f} s")
        accepted = isinstance(outcome, Answered) and outcome.accepted
        if accepted and asked.kind is ResetKind.ON_IDLE and not held.watching:
            held.watching = True
            self._rooms.spawn(self._see_to_it(asker, held), f"reset of {asker.station}")
        return central_encode.outcome(ACTION, outcome) or {}

    async def order(
        self, station: StationId, kind: ResetKind, by: str, guard: Callable[[], str] | None = None
    ) -> Outcome:
        """Somebody else than a central wants it: a person by name, or healing, which begins none beside another's.

        `guard` says just before it leaves why it must not any more, "" when it may.
        """
        asked = ResetStation(station, kind)

        async def send() -> Outcome:
            return await self._rooms.door.execute(station, asked, Urgency.CONTROL, by=by, guard=guard)

        return await self._order(asked, by, send)

    def under_way(self, station: StationId) -> str | None:
        """Who has ordered a reset that is under way; None: nobody has."""
        held = self._stations.get(station)
        return None if held is None or not self._is_under_way(held) else held.by

    def at_work(self) -> dict[StationId, str]:
        """Who else than healing has ordered a reset that is under way, by station."""
        return {id: held.by for id, held in self._stations.items() if held.by != HEALING and self._is_under_way(held)}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _of(self, station: StationId) -> _Station:
        return self._stations.setdefault(station, _Station())

    async def _order(self, asked: ResetStation, by: str, send: Send) -> Outcome:
        held = self._of(asked.station)
        if by != held.by and self._is_under_way(held):
            if by == HEALING:
                return NotSent(f"a reset that {held.by} ordered is under way")
            if held.kind in (asked.kind, ResetKind.IMMEDIATE):
                data = {"by": by, "ordered_by": held.by, "kind": asked.kind.value}
                self._rooms.journal.record("station.reset_joined", asked.station, data=data)
                if held.asking is not None:
                    return await asyncio.shield(held.asking)
                return Answered("Accepted", central_encode.accepted())
        return await self._send(held, asked, by, send)

    def _is_under_way(self, held: _Station) -> bool:
        """Whether one was asked for, or accepted, and nothing has come of it yet."""
        waits = self._clock.monotonic() - held.began_at < SOFT_WITHIN_S
        return held.asking is not None or (held.kind is not None and not held.went.is_set() and waits)

    async def _send(self, held: _Station, asked: ResetStation, by: str, send: Send) -> Outcome:
        now, station = self._clock.monotonic(), asked.station
        held.went.clear()
        before = held.until, held.kind, held.by, held.began_at
        held.until, held.kind, held.by, held.began_at = now + REBOOT_WITHIN_S, asked.kind, by, now
        self._expect(station, held.until)  # before: it may be gone before its answer is looked at
        asking = held.asking = asyncio.get_running_loop().create_future()
        outcome: Outcome = Unanswered("nobody waited for the answer")
        try:
            outcome = await send()
        finally:
            if held.asking is asking:
                held.asking = None
            asking.set_result(outcome)
            if not isinstance(outcome, NotSent):
                held.at.append(now)
            if not (isinstance(outcome, Answered) and outcome.accepted):
                held.until, held.kind, held.by, held.began_at = before  # an earlier one may be under way
                self._expect(station, held.until)
        return outcome

    def _begun_since(self, station: StationId, ran: frozenset[int]) -> str:
        begun = set(self._rooms.facts.running_ids(station)) - ran
        return "a car has begun to charge since a reset was asked for" if begun else ""

    async def _see_to_it(self, asker: Asker, held: _Station) -> None:
        """A soft reset that was accepted and does nothing: the central wanted one, so it gets one, but not under a car
        that came since."""
        ran = frozenset(self._rooms.facts.running_ids(asker.station))
        try:
            async with asyncio.timeout(SOFT_WITHIN_S):
                await held.went.wait()
        except TimeoutError:
            station = asker.station
            if self._rooms.facts.online(station):
                note(self._rooms, asker, "station.reset_escalated", ACTION)
                guard = partial(self._begun_since, station, ran)
                await self.order(station, ResetKind.IMMEDIATE, by_central(asker), guard)
        finally:
            held.watching = False
