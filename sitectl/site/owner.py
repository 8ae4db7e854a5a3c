"""The owner of the site's state: takes events in order, runs the control cycle, hands offers to the stations.

The cycle runs once a second and at once on a significant change. Between two cycles at least 100 ms pass, so that a
storm of events cannot starve the loop. A meter that shows a change is no storm: its cycle waits only for as long as the
last one took. A completed cycle feeds the watchdog.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, compile_site
from sitectl.base.clock import Clock
from sitectl.model import events
from sitectl.model.circuit import Topology
from sitectl.model.commands import OfferLimit
from sitectl.model.events import Event
from sitectl.model.health import Finding
from sitectl.model.ids import EvseId, MeterId, StationId
from sitectl.model.limits import OfferKind, StandingLimits, StoredLimit
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.model.station import Obeys
from sitectl.site import offers
from sitectl.site.cycle import Decision, decide
from sitectl.site.cycle_times import CycleTimes
from sitectl.site.ports import Actuator, Journal, LimitStore
from sitectl.site.standing import standing_limits
from sitectl.site.stored import StoredLimits, is_wrong, lives_s, row_of
from sitectl.site.writes import WriteBook, Written
from sitectl.state.reconfigure import reconfigured
from sitectl.state.reduce import reduce, with_acknowledgements, with_offers
from sitectl.state.site_state import SiteRules, SiteState
from sitectl.state.snapshot import NOTHING_SEEN

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
SHORTEST_INTERVAL_S = 0.1
GRACE_S = 0.1
"""After a cycle for a reading the next one by the clock comes this much later: most meters are read once a second, too,
and a cycle just before the next reading would hold up the one that the reading is due."""

SIGNIFICANT_A = 1.0
SETTLE_S = 10.0
"""Time for stations to come back after a start: less than a fuse's reaction to a base-load step (12 s)."""

CORRECT_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """What stations were told in one cycle."""

    decision: Decision
    limits: Sequence[offers.Due]


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
        self._accepted: list[events.LimitAcknowledged] = []
        """In the order in which they came; taken into the state with the next look at it."""
        self._rules = rules
        self._clock = clock
        self._actuator = actuator
        self._limits = limits
        self._journal = journal
        self.compiled = compile_site(state.topology)
        self._memory = AllocatorMemory()
        self._began_at = clock.monotonic()
        self._seq = 0
        self._corrected_at = 0.0
        self._stored = StoredLimits()
        self._writes = WriteBook()
        self._changed, self._urgent, self._calm = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._last_meter: dict[str, tuple[float, float, float]] = {}
        self.decision: Decision | None = None
        self.times = CycleTimes()
        self.on_cycle: Callable[[Decision], None] | None = None

    @property
    def state(self) -> SiteState:
        """The state as it is now."""
        if self._accepted:
            accepted, self._accepted = self._accepted, []
            self._state = with_acknowledgements(self._state, accepted)
        return self._state

    def remember(self, rows: Sequence[StoredLimit]) -> None:
        """Take what the disk says of the limits, before the first cycle."""
        now = self._clock.monotonic()
        for row in rows:
            self._seq = max(self._seq, row.seq)
            self._stored.loaded(row)
            self.post(
                events.LimitRemembered(
                    evse=row.evse,
                    at=now,
                    counts_a=row.counts_a,
                    fallback_a=row.fallback_a,
                    expires_at=now + lives_s(row),
                    seq=row.seq,
                    obeys=Obeys(row.obeys),
                )
            )
        self._seq += 1000  # offers that left without being stored had numbers too

    def reconfigure(
        self,
        topology: Topology,
        rules: SiteRules,
        sharing: SharingRules,
        *,
        keeps_strangers: bool,
        new_meters: frozenset[MeterId] = frozenset(),
    ) -> Decision:
        """Go on by another configuration, and decide by it at once. What stations were told counts on as it did."""
        now = self._clock.monotonic()
        self._state = reconfigured(
            self.state, topology, rules, now, keeps_strangers=keeps_strangers, new_meters=new_meters
        )
        self._rules, self._memory, self.compiled = sharing, self._memory.over_another_tree(), compile_site(topology)
        self.decision = None
        return self.cycle()

    def post(self, event: Event) -> None:
        """Take one event into the state; never waits. Wakes the cycle where the event matters for a fuse or a start."""
        if isinstance(event, events.LimitAcknowledged) and event.kind is OfferKind.DYNAMIC:
            self._accepted.append(event)
            return
        before = self.state
        self._state = reduce(before, event)
        if self._matters(event):
            self._changed.set()
            if isinstance(event, events.MeterRead):
                self._urgent.set()
        match event:
            case events.LimitAcknowledged(evse, _, OfferKind.FALLBACK):
                self._keep_fallbacks([evse])
            case events.StationBooted(station) if not event.remembered:
                self._keep_fallbacks([id for id in self.state.evses if id.station == station])
            case events.TransactionEnded(evse) if self.state is not before and self._stored.newest(evse) is not None:
                self._write([evse])

    def _keep_fallbacks(self, evses: Iterable[EvseId]) -> None:
        """A restart must know what stations fall back to: write down what the disk says otherwise."""
        changed = []
        for id in evses:
            held, row = self.state.evses.get(id), self._stored.newest(id)
            known_a = row.fallback_a if row is not None else None
            if held is not None and held.entry.fallback_a != known_a:
                changed.append(id)
        self._write(changed)

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
                | events.WishSet()
                | events.WishCleared()
                | events.StartExpected()
            ):
                return True
            case events.LimitRefused():
                return event.by_station
        return False

    async def run(self) -> None:
        """Run cycles for ever. An error that escapes here ends the process: a fuse is not left without a mind."""
        next_at = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            told = self._cycle()
            took = self._clock.monotonic() - began
            self.times.add(took * 1000.0)
            next_at = max(next_at + INTERVAL_S, began + took)
            try:
                await asyncio.sleep(took)
            finally:
                self._note(told)  # the limits have left: the stations come before the record
            if not told.limits:
                self._calm.set()
                self._calm.clear()  # who waits has been woken
            await _within(SHORTEST_INTERVAL_S - took, self._urgent)
            if await _within(next_at - self._clock.monotonic(), self._changed):
                next_at = self._clock.monotonic() + (GRACE_S if self._urgent.is_set() else 0.0)
            self._changed.clear()
            self._urgent.clear()

    async def calm(self) -> None:
        """Wait for a cycle that has nothing to tell anybody: until the next reading no limit waits for the loop."""
        await self._calm.wait()

    def cycle(self) -> Decision:
        """One cycle, now: decide, hand out what follows from it, and record that."""
        told = self._cycle()
        self._note(told)
        return told.decision

    def _cycle(self) -> Told:
        now = self._clock.monotonic()
        pictures = self.decision.pictures if self.decision is not None else NOTHING_SEEN
        self._state, decision = decide(self.state, self.compiled, self._memory, self._rules, now, pictures)
        self._memory = decision.memory
        self.decision = decision
        told = Told(decision, self._act(decision))
        self._correct_disk(now)
        if self.on_cycle is not None:
            self.on_cycle(decision)
        return told

    def _act(self, decision: Decision) -> Sequence[offers.Due]:
        seen, state = decision.snapshot, self.state
        moment = offers.Moment(seen, self._clock.wall(), offers.lifetimes(state, seen, decision.force))
        leaving: list[offers.Prepared] = []
        told: list[offers.Due] = []
        settling = self._settling(decision)
        for due in offers.due(moment, state, decision.allocation, self._stored, settling=settling):
            if due.kind is offers.Kind.RAISE and self._used_up(due.view, seen):
                continue
            prepared = offers.prepare(due, moment, self._stored, self._next_seq())
            if seen.raises_allowed or not prepared.waits:
                leaving.append(prepared)
                told.append(due)
        fallbacks = offers.fallbacks_due(seen, state)
        leaving += [offers.prepare_fallback(view, seen.at, self._next_seq()) for view in fallbacks]
        if leaving:
            self._send(leaving)
        return told

    def _note(self, told: Told) -> None:
        """For people: what was decided for each EVSE and why. A limit that is only said again is no news."""
        decided = told.decision.allocation.offers
        for due in told.limits:
            limit, id = decided.get(due.view.id), due.view.id
            if limit is None or due.kind not in (offers.Kind.CUT, offers.Kind.RAISE):
                continue
            type = "limit.cut" if due.kind is offers.Kind.CUT else "limit.raised"
            self._journal.record(type, id.station, id.evse, {"limit_a": limit.limit_a, "reason": limit.reason})

    def _settling(self, decision: Decision) -> bool:
        """Whether stations are still coming back after a start, and no circuit is seen above its rating meanwhile."""
        if decision.snapshot.at - self._began_at > SETTLE_S:
            return False
        circuits = self.state.topology.circuits
        return not any(
            seen.measured_a is not None and max(seen.measured_a) > circuits[id].rated_a
            for id, seen in decision.snapshot.circuits.items()
        )

    def _correct_disk(self, now: float) -> None:
        """Now and then write down what was released, so that a restart does not count it again, and what failed.

        What is written lasts as long as with an offer: a row that ends sooner would have every limit renewed.
        """
        if now - self._corrected_at < CORRECT_EVERY_S or not self.state.store_usable:
            return
        self._corrected_at = now
        wrong: dict[EvseId, float] = {}
        for id, evse in self.state.evses.items():
            row, newest = self._stored.newest(id), evse.newest_offer
            if row is not None and is_wrong(row, evse, now):
                wrong[id] = newest.lifetime_s if newest is not None else 0.0
        self._write(wrong)

    def _send(self, leaving: Sequence[offers.Prepared]) -> None:
        """From here on the offers count; each leaves now, or when it is on disk."""
        self._state = with_offers(self.state, (prepared.offer for prepared in leaving))
        waiting, lasting = [], []
        for prepared in leaving:
            if prepared.waits:
                waiting.append(prepared)
                continue
            self._hand_over(prepared)
            if prepared.offer.kind is OfferKind.DYNAMIC and prepared.offer.expires_latest_at is None:
                lasting.append(prepared.offer.evse)
        self._write(lasting)  # what the disk says of them ends, and they do not
        if waiting:
            self._write_then_send(waiting)

    def _write_then_send(self, waiting: Sequence[offers.Prepared]) -> None:
        def done(saved: bool) -> None:
            for prepared in waiting:
                if saved and self._is_newest(prepared):
                    self._hand_over(prepared)
                else:
                    self._withdraw(prepared, "overtaken by a newer limit" if saved else "it could not be stored")

        self._write({p.offer.evse: p.beyond_s for p in waiting}, done)

    def _write(self, evses: Iterable[EvseId], then: Callable[[bool], None] | None = None) -> None:
        """Write down what these EVSEs count at. A mapping says how much longer than its limits each row shall last."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        beyond_s = evses if isinstance(evses, Mapping) else {}
        held = self.state.evses
        rows = [row_of(held[id], now, wall, beyond_s.get(id, 0.0)) for id in evses if id in held]
        if not rows:
            return

        def done(saved: bool) -> None:
            self._stored.written(rows, saved)
            if then is not None:
                then(saved)

        self._stored.writing(rows)
        self._limits.save(rows, done)

    def _is_newest(self, prepared: offers.Prepared) -> bool:
        """Whether nothing newer was said while the disk was written: a raise must never overtake a cut."""
        if prepared.offer.kind is OfferKind.FALLBACK:
            return True
        evse = self.state.evses.get(prepared.offer.evse)
        return evse is not None and evse.newest_offer is not None and evse.newest_offer.seq == prepared.offer.seq

    def _withdraw(self, prepared: offers.Prepared, why: str) -> None:
        offer = prepared.offer
        now = self._clock.monotonic()
        self.post(events.LimitRefused(offer.evse, offer.seq, offer.kind, now, why, by_station=False))

    def _hand_over(self, prepared: offers.Prepared) -> None:
        command = prepared.command
        if isinstance(command, OfferLimit):
            self._writes.limit(command.offer.evse.station, command.form, command.offer.offered_at)
            self._actuator.offer(command)
        else:
            self._writes.fallback(command.offer.evse.station, command.offer.offered_at)
            self._actuator.install_fallback(command)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _used_up(self, view: EvseSnapshot, seen: SiteSnapshot) -> bool:
        """Whether a station took all the profile writes that a day allows; those in RAM cost nothing."""
        station = view.id.station
        return not seen.stations[station].profiles_in_ram and self._writes.used_up(station, view.form, seen.at)

    def standing(self, station: StationId, asking: str) -> StandingLimits | None:
        """What holds for a station now; None for one that is not listed. `asking`: whose own wishes are left out."""
        decision = self.decision
        return None if decision is None else standing_limits(self.state.topology, decision.snapshot, station, asking)

    def written(self, station: StationId) -> Written:
        """The charging profiles written into a station in the last day."""
        return self._writes.of(station, self._clock.monotonic())

    def findings(self) -> Iterator[Finding]:
        """What is wrong that is no part of the state: stations whose day is used up."""
        if self.decision is not None:
            in_ram = {id: seen.profiles_in_ram for id, seen in self.decision.snapshot.stations.items()}
            yield from self._writes.findings(in_ram, self._clock.monotonic())


async def _within(seconds: float, happened: asyncio.Event) -> bool:
    """Wait for it, so long; whether it happened."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await happened.wait()
    except TimeoutError:
        return False
