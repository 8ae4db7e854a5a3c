"""Counts the energy of every EVSE and circuit, looking at the site's state once a second, and writes it down each
quarter of an hour.

An EVSE counts by its station's register within a transaction; without one, at a station that is here, nothing flows.
A circuit counts by the registers of its meter, or by its power where it has none. All EVSEs below a circuit are its
stations' sum, where each of them is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.circuit import Topology
from sitectl.model.energy import QUARTER_S, Counted, EnergyBatch, Lump, Note, Place, PlaceKind, QuarterEnergy
from sitectl.model.ids import CircuitId, TransactionId
from sitectl.site.energy_counter import APART_S, Counter
from sitectl.site.energy_sources import EvseSource, MeterSource, Stop, most_w
from sitectl.state.site_state import SiteState

LOOK_EVERY_S = 1.0
WAIT_S = APART_S + 10.0
"""So long after its end a quarter is written at the latest: no reading that comes later tells of it."""

STEP_S = 2.0
"""A larger difference between the clocks from look to look is a clock that was set."""

UNWRITTEN_MOST = 96
"""Quarters that wait for a disk: a day. Then the oldest is dropped."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


class EnergyStore(Protocol):
    """Where it is written down."""

    def save(self, batch: EnergyBatch) -> Awaitable[None]:
        """Write in one commit; the same batch may be written again. Raises EnvironmentFault."""

    def counted(self) -> Awaitable[tuple[Sequence[Counted], int]]:
        """How far each place was counted, and the newest quarter that was written (-1: none)."""

    def stops(self, transactions: Sequence[TransactionId]) -> Awaitable[Mapping[TransactionId, float]]:
        """The registers at the stops of these transactions, of those that tell one."""

    def begun(self, after: int) -> Awaitable[tuple[int, Sequence[tuple[Place, str]]]]:
        """The transactions that came into the ledger after that number, and their newest number."""

    def ended(self, kept: Sequence[Counted]) -> Awaitable[Mapping[Place, float]]:
        """What flowed into transactions that ended since each place was counted (Wh)."""


class EnergyKeeper:
    """`state` is the site's; `time_known`: whether the wall clock is to be believed."""

    def __init__(
        self, state: Callable[[], SiteState], store: EnergyStore, clock: Clock, time_known: Callable[[], bool]
    ) -> None:
        self._state = state
        self._store = store
        self._clock = clock
        self._time_known = time_known
        self._topology: Topology | None = None
        self._sources: dict[Place, EvseSource | MeterSource] = {}
        self._kept: dict[Place, Counted] = {}
        self._quarter: int | None = None
        self._seen: tuple[datetime, float] = (clock.wall(), clock.monotonic())
        self._newest = -1
        self._due: tuple[int, float] | None = None
        self._stops: list[tuple[Counter, Stop]] = []
        self._unwritten: list[EnergyBatch] = []
        self._extra: list[QuarterEnergy | Lump] = []
        self._began = False
        self._ledger = 0
        """The number of the newest transaction that was looked at."""
        self._ended: Mapping[Place, float] = {}

    async def run(self) -> None:
        """Count for ever. When it is cancelled, what was counted is handed to the store."""
        if not self._began:
            await self.resume()
        try:
            while True:
                self.look()
                await self.write()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            if self._time_known() and self._sources:
                self._unwritten.append(EnergyBatch(counted=[*self._counts()]))
            unwritten, self._unwritten = self._unwritten, []  # written once, should this go on after a failure
            for batch in unwritten:
                self._store.save(batch)

    async def resume(self) -> None:
        """Go on from what was counted before a restart. Raises EnvironmentFault."""
        found, self._newest = await self._store.counted()
        self._kept = {one.place: one for one in found}
        self._ended = await self._store.ended(found)
        self._ledger, _ = await self._store.begun(2**62)
        self._began = True

    def look(self) -> None:
        """See the site as it is now."""
        if not self._sources and not self._time_known():
            return  # what was counted before has its place only once the time is known
        state, now, wall = self._state(), self._clock.monotonic(), self._clock.wall()
        if state.topology is not self._topology:
            self._take(state.topology, now, wall)
        self._tick(now, wall)
        for source in self._sources.values():
            if (stop := source.look(state, now)) is not None:
                self._stops.append((source.counter, stop))

    async def write(self) -> None:
        """Ask for the stops that are missing; write the quarter that has ended, once all that tells of it was read."""
        try:
            if self._stops:
                await self._hear_stops()
            if self._due is not None and self._is_told(self._due[1]):
                await self._miss_none()
                quarter, self._due = self._due[0], None
                self._unwritten.append(self._batch(quarter))
                del self._unwritten[:-UNWRITTEN_MOST]
            while self._unwritten:
                await self._store.save(self._unwritten[0])
                self._unwritten.pop(0)
        except EnvironmentFault as fault:
            log.debug("energy is not written yet: %s", fault)

    # --- places ---

    def _take(self, topology: Topology, now: float, wall: datetime) -> None:
        """Count at the places of this tree; those that were there before go on."""
        self._topology, before, self._sources = topology, self._sources, {}
        wanted: Iterator[tuple[Place, float]] = self._places(topology)
        for place, w in wanted:
            source = before.get(place) or self._new(place, w, now, wall)
            source.counter.most_w = w
            self._sources[place] = source

    def _places(self, topology: Topology) -> Iterator[tuple[Place, float]]:
        voltage_v = topology.nominal_voltage_v
        for evse in topology.evses().values():
            yield Place(PlaceKind.EVSE, evse.id.station, evse.id.evse), most_w(evse, voltage_v)
        for circuit in topology.circuits.values():
            if circuit.meter is not None:
                yield Place(PlaceKind.IMPORT, circuit.id), most_w(circuit, voltage_v)
                yield Place(PlaceKind.EXPORT, circuit.id), most_w(circuit, voltage_v)

    def _new(self, place: Place, most: float, now: float, wall: datetime) -> EvseSource | MeterSource:
        counter, kept, at = Counter(most), self._kept.pop(place, None), now
        if kept is not None:
            at = now - (wall - _EPOCH).total_seconds() + kept.at_us / 1e6
        if kept is not None and at <= now and self._time_known():
            counter.at, counter.register_wh = at, kept.register_wh
            counter.open = None if kept.quarter is None else (kept.quarter, -kept.since_wh)
            counter.total_wh = self._ended.get(place, 0.0)
            quarter, edge_at = self._edge(now, wall)
            if at < edge_at:
                counter.begins(quarter, edge_at)
        else:
            kept = None
        return EvseSource(place, counter, kept, at) if place.kind is PlaceKind.EVSE else MeterSource(place, counter)

    # --- time ---

    def _edge(self, now: float, wall: datetime) -> tuple[int, float]:
        """The present quarter, and when it began on the monotonic clock."""
        seconds = (wall - _EPOCH) / timedelta(seconds=1)
        quarter = int(seconds // QUARTER_S)
        return quarter, now - (seconds - quarter * QUARTER_S)

    def _tick(self, now: float, wall: datetime) -> None:
        before, self._seen = self._seen, (wall, now)
        if not self._time_known():
            self._quarter = None
            return
        quarter, edge_at = self._edge(now, wall)
        stepped_s = (wall - before[0]).total_seconds() - (now - before[1])
        if self._quarter is not None and abs(stepped_s) > STEP_S:
            self._set_clock(self._quarter, quarter, now)
        elif self._quarter is not None and quarter != self._quarter:
            if self._due is not None:
                self._unwritten.append(self._batch(self._due[0]))
            for source in self._sources.values():
                source.counter.begins(quarter, edge_at)
            self._due = (quarter - 1, edge_at)
        self._quarter = quarter

    def _set_clock(self, before: int, quarter: int, now: float) -> None:
        """What flowed so far belongs to the quarter that the clock showed meanwhile."""
        if self._due is not None:
            self._unwritten.append(self._batch(self._due[0]))
            self._due = None
        for place, source in self._sources.items():
            source.refresh()
            known = source.counter.set_clock(quarter, now)
            again = before <= self._newest
            if known is None:
                self._extra.append(QuarterEnergy(place, before, None, Note.CLOCK, again))
            elif known[0] == before:
                self._extra.append(QuarterEnergy(place, before, known[1], Note.CLOCK, again))
            elif known[0] < before:
                self._extra.append(Lump(place, known[0], before, known[1]))
        self._newest = max(self._newest, before)
        self._unwritten.append(self._drained(()))

    # --- writing ---

    def _is_told(self, edge_at: float) -> bool:
        if self._clock.monotonic() - edge_at >= WAIT_S:
            return True
        return not self._stops and all(source.counter.settled() for source in self._sources.values())

    async def _hear_stops(self) -> None:
        stops, self._stops = self._stops, []
        try:
            told = await self._store.stops([stop.transaction for _, stop in stops])
        except EnvironmentFault:
            told = {}
        for counter, stop in stops:
            if stop.register_wh is not None and stop.transaction in told:
                counter.add(told[stop.transaction] - stop.register_wh, stop.age_s + APART_S)
            else:
                counter.lose(Note.NO_REGISTER)

    async def _miss_none(self) -> None:
        """A station that was away may tell a whole transaction between two looks: then the quarter is not known."""
        self._ledger, begun = await self._store.begun(self._ledger)
        for place, id in begun:
            source = self._sources.get(place)
            if isinstance(source, EvseSource) and id not in source.ids:
                source.counter.forget(Note.STATION)
        for source in self._sources.values():
            if isinstance(source, EvseSource):
                source.ids = {source.transaction}

    def _batch(self, quarter: int) -> EnergyBatch:
        """The quarter that has ended."""
        state, again = self._state(), quarter <= self._newest
        values: dict[Place, int] = {}
        rows: list[QuarterEnergy] = []
        for place, source in self._sources.items():
            for first, last, wh in source.counter.take():
                if first == last == quarter:
                    values[place] = wh
                elif first == last:
                    self._extra.append(QuarterEnergy(place, first, wh))
                else:
                    self._extra.append(Lump(place, first, last, wh))
            counter = source.counter
            note = counter.note if place not in values or counter.note is Note.CLOCK else None
            if place not in values and note is None:
                note = source.why(state)
            if counter.open is not None:
                counter.note = None
            rows.append(QuarterEnergy(place, quarter, values.get(place), note, again))
        rows += self._sums(quarter, values, again)
        self._newest = max(self._newest, quarter)
        return self._drained(rows)

    def _sums(self, quarter: int, values: Mapping[Place, int], again: bool) -> Iterator[QuarterEnergy]:
        topology = self._topology
        assert topology is not None
        below: dict[CircuitId, list[int | None]] = {circuit: [] for circuit in topology.circuits}
        for evse in topology.evses().values():
            value = values.get(Place(PlaceKind.EVSE, evse.id.station, evse.id.evse))
            for circuit in topology.paths[evse.circuit]:
                below[circuit].append(value)
        for circuit, each in below.items():
            known = [value for value in each if value is not None]
            whole = len(known) == len(each)
            place = Place(PlaceKind.STATIONS, circuit)
            yield QuarterEnergy(place, quarter, sum(known) if whole else None, None if whole else Note.PART, again)

    def _drained(self, rows: Sequence[QuarterEnergy]) -> EnergyBatch:
        extra, self._extra = self._extra, []
        more = [one for one in extra if isinstance(one, QuarterEnergy)]
        lumps = [one for one in extra if isinstance(one, Lump)]
        return EnergyBatch([*more, *rows], lumps, [*self._counts()])

    def _counts(self) -> Iterator[Counted]:
        now, wall = self._clock.monotonic(), self._clock.wall()
        for place, source in self._sources.items():
            source.refresh()
            counter = source.counter
            at = wall - timedelta(seconds=now - (now if counter.at is None else counter.at))
            quarter, since_wh = (None, 0.0) if counter.open is None else counter.open
            since_wh = counter.total_wh - since_wh if quarter is not None else 0.0
            at_us = (at - _EPOCH) // timedelta(microseconds=1)
            yield Counted(place, quarter, since_wh, counter.register_wh, source.transaction, at_us)
