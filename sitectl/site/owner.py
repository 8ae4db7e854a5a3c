"""The owner of the site's state: takes events in order, runs the control cycle, hands offers to the stations.

The cycle runs once a second and at once on a significant change. Between two cycles at least 100 ms pass, so that a
storm of events cannot starve the loop. A completed cycle feeds the watchdog.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, compile_site
from sitectl.base.clock import Clock
from sitectl.model import events
from sitectl.model.commands import OfferLimit
from sitectl.model.events import Event
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import OfferKind, StoredLimit
from sitectl.model.station import Obeys
from sitectl.site import offers
from sitectl.site.cycle import Decision, decide
from sitectl.site.ports import Actuator, Journal, LimitStore
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
SHORTEST_INTERVAL_S = 0.1
SIGNIFICANT_A = 1.0
SETTLE_S = 10.0
"""Time for stations to come back after a start: less than a fuse's reaction to a base-load step (12 s)."""

LOWER_EVERY_S = 10.0
NEVER_TOLD_S = 600.0
"""How long a restart counts what an EVSE drew before it was told its first limit."""

WRITES_PER_DAY = 500
"""Profile writes that a station may be asked for in a day; beyond it only cuts and renewals leave."""


@dataclass(slots=True)
class CycleTimes:
    """How long cycles took; the last ten minutes."""

    count: int = 0
    recent_ms: deque[float] | None = None

    def __post_init__(self) -> None:
        self.recent_ms = deque(maxlen=600)

    def add(self, ms: float) -> None:
        """Note one cycle."""
        self.count += 1
        assert self.recent_ms is not None
        self.recent_ms.append(ms)

    def percentile(self, share: float) -> float | None:
        """The given share of the recent cycles took at most this long (ms)."""
        if not self.recent_ms:
            return None
        ordered = sorted(self.recent_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Site:
    """Holds the one `SiteState`. Everything else holds frozen snapshots."""

    def __init__(
        self,
        state: SiteState,
        rules: SharingRules,
        clock: Clock,
        actuator: Actuator,
        limits: LimitStore,
        journal: Journal,
    ) -> None:
        self._state = state
        self._rules = rules
        self._clock = clock
        self._actuator = actuator
        self._limits = limits
        self._journal = journal
        self._compiled = compile_site(state.topology)
        self._memory = AllocatorMemory()
        self._began_at = clock.monotonic()
        self._seq = 0
        self._lowered_at = 0.0
        self._stored: dict[EvseId, StoredLimit] = {}
        self._writes: dict[StationId, deque[float]] = {}
        self._changed = asyncio.Event()
        self._last_meter: dict[str, tuple[float, float, float]] = {}
        self.decision: Decision | None = None
        self.times = CycleTimes()
        self.on_cycle: Callable[[Decision], None] | None = None

    @property
    def state(self) -> SiteState:
        """The state as it is now."""
        return self._state

    def remember(self, rows: Sequence[StoredLimit]) -> None:
        """Take what the disk says of the limits, before the first cycle. Expired rows still tell the fallback."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for row in rows:
            self._seq = max(self._seq, row.seq)
            self._stored[row.evse] = row
            lives_s = (row.expires - wall).total_seconds() if row.expires is not None else 0.0
            self.post(
                events.LimitRemembered(
                    evse=row.evse,
                    at=now,
                    counts_a=row.counts_a,
                    fallback_a=row.fallback_a,
                    expires_at=now + max(0.0, lives_s),
                    seq=row.seq,
                    obeys=Obeys(row.obeys),
                )
            )
        self._seq += 1000  # offers that left without being stored had numbers too

    def post(self, event: Event) -> None:
        """Take one event into the state; never waits. Wakes the cycle where the event matters for a fuse or a start."""
        before = self._state
        self._state = reduce(before, event)
        if self._matters(event):
            self._changed.set()
        if isinstance(event, events.LimitAcknowledged) and event.kind is OfferKind.FALLBACK:
            self._keep_fallback(event.evse)

    def _matters(self, event: Event) -> bool:
        match event:
            case events.MeterRead(reading):
                before = self._last_meter.get(reading.meter)
                self._last_meter[reading.meter] = reading.current_a
                if before is None:
                    return True
                return any(abs(a - b) >= SIGNIFICANT_A for a, b in zip(reading.current_a, before, strict=True))
            case (
                events.TransactionStarted()
                | events.TransactionEnded()
                | events.StationDisconnected()
                | events.StationBooted()
                | events.CeilingSet()
                | events.CeilingCleared()
                | events.LimitRefused()
                | events.StartExpected()
            ):
                return True
        return False

    async def run(self) -> None:
        """Run cycles for ever. An error that escapes here ends the process: a fuse is not left without a mind."""
        next_at = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            self.cycle()
            took = self._clock.monotonic() - began
            self.times.add(took * 1000.0)
            next_at = max(next_at + INTERVAL_S, began + took)
            await asyncio.sleep(SHORTEST_INTERVAL_S)
            try:
                async with asyncio.timeout(max(0.0, next_at - self._clock.monotonic())):
                    await self._changed.wait()
                next_at = self._clock.monotonic()
            except TimeoutError:
                pass
            self._changed.clear()

    def cycle(self) -> Decision:
        """One cycle, now: decide, and hand out what follows from it."""
        now = self._clock.monotonic()
        self._state, decision = decide(self._state, self._compiled, self._memory, self._rules, now)
        self._memory = decision.memory
        self.decision = decision
        self._act(decision)
        self._lower_stored(decision)
        if self.on_cycle is not None:
            self.on_cycle(decision)
        return decision

    def _act(self, decision: Decision) -> None:
        moment = offers.Moment(decision.snapshot, self._clock.wall(), offers.lifetimes(self._state, decision.force))
        waiting: list[offers.Prepared] = []
        settling = self._settling(decision)
        for due in offers.due(decision.snapshot, self._state, decision.allocation, settling=settling):
            if due.kind is offers.Kind.RAISE and self._written_out(due.view.id.station, moment.snapshot.at):
                continue
            prepared = offers.prepare(due, moment, self._stored.get(due.view.id), self._next_seq())
            if prepared.waits and not decision.snapshot.raises_allowed:
                continue
            self._send(prepared, waiting)
        for view in offers.fallbacks_due(decision.snapshot, self._state):
            self._send(offers.prepare_fallback(view, moment, self._next_seq()), waiting)
        if waiting:
            self._save_then_send(waiting)

    def _settling(self, decision: Decision) -> bool:
        """Whether stations are still coming back after a start, and no circuit is seen above its rating meanwhile."""
        if decision.snapshot.at - self._began_at > SETTLE_S:
            return False
        circuits = self._state.topology.circuits
        return not any(
            seen.measured_a is not None and max(seen.measured_a) > circuits[id].rated_a
            for id, seen in decision.snapshot.circuits.items()
        )

    def _lower_stored(self, decision: Decision) -> None:
        """Now and then write down what was released, so that a restart does not count it again."""
        now, wall = decision.snapshot.at, self._clock.wall()
        if now - self._lowered_at < LOWER_EVERY_S:
            return
        self._lowered_at = now
        rows = []
        for id, row in self._stored.items():
            if id in decision.snapshot.evses:
                lower = offers.lowered(decision.snapshot.evses[id], self._state.evses[id], row, wall)
                rows.extend([lower] if lower is not None else [])
        if rows:
            self._save(rows)

    def _save(self, rows: Sequence[StoredLimit]) -> None:
        def done(saved: bool) -> None:
            if saved:
                self._stored.update({row.evse: row for row in rows})

        self._limits.save(rows, done)

    def _send(self, prepared: offers.Prepared, waiting: list[offers.Prepared]) -> None:
        """From here on the offer counts; it leaves now, or when it is on disk."""
        self._state = reduce(self._state, events.LimitOffered(prepared.offer))
        if prepared.waits:
            waiting.append(prepared)
            return
        self._hand_over(prepared)
        if prepared.stored is not None:
            self._save([prepared.stored])

    def _save_then_send(self, waiting: Sequence[offers.Prepared]) -> None:
        def done(saved: bool) -> None:
            for prepared in waiting:
                if saved and prepared.stored is not None:
                    self._stored[prepared.offer.evse] = prepared.stored
                if saved and self._is_newest(prepared):
                    self._hand_over(prepared)
                else:
                    self._withdraw(prepared, "overtaken by a newer limit" if saved else "it could not be stored")

        self._limits.save([p.stored for p in waiting if p.stored is not None], done)

    def _is_newest(self, prepared: offers.Prepared) -> bool:
        """Whether nothing newer was said while the disk was written: a raise must never overtake a cut."""
        if prepared.offer.kind is OfferKind.FALLBACK:
            return True
        evse = self._state.evses.get(prepared.offer.evse)
        return evse is not None and evse.newest_offer is not None and evse.newest_offer.seq == prepared.offer.seq

    def _withdraw(self, prepared: offers.Prepared, why: str) -> None:
        offer = prepared.offer
        now = self._clock.monotonic()
        self.post(events.LimitRefused(offer.evse, offer.seq, offer.kind, now, why, by_station=False))

    def _hand_over(self, prepared: offers.Prepared) -> None:
        command = prepared.command
        if isinstance(command, OfferLimit):
            self._count_write(command.offer.evse.station, command.offer.offered_at)
            self._actuator.offer(command)
        else:
            self._actuator.install_fallback(command)

    def _keep_fallback(self, id: EvseId) -> None:
        """A fallback was accepted: keep it, so that a restart knows what the station falls back to."""
        evse = self._state.evses.get(id)
        if evse is None or evse.entry.fallback_a is None:
            return
        before = self._stored.get(id)
        if before is not None and before.fallback_a == evse.entry.fallback_a:
            return
        now, wall = self._clock.monotonic(), self._clock.wall()
        entry = evse.entry
        lapses_s = entry.last_expiry_at(now) - now if not entry.unreleased else NEVER_TOLD_S
        row = StoredLimit(
            evse=id,
            counts_a=entry.counts_a(now, start_possible=True),
            fallback_a=entry.fallback_a,
            seq=self._seq,
            expires=wall + timedelta(seconds=lapses_s),
            stored=wall,
        )
        if before is not None:
            row = replace(before, fallback_a=entry.fallback_a, seq=self._seq, stored=wall)
        self._save([row])

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _count_write(self, station: StationId, now: float) -> None:
        self._writes.setdefault(station, deque()).append(now)

    def _written_out(self, station: StationId, now: float) -> bool:
        """Whether a station took all the profile writes that a day allows."""
        writes = self._writes.get(station)
        if writes is None:
            return False
        while writes and now - writes[0] > 86400.0:
            writes.popleft()
        return len(writes) >= WRITES_PER_DAY

    def writes_today(self) -> Mapping[StationId, int]:
        """Profile writes by station in the last day."""
        return {station: len(writes) for station, writes in self._writes.items()}
