"""Energy of a small site over hours: what flowed is what the quarters say, or they say that it is not known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.energy import QUARTER_S, QUARTER_US, Lump, Note, Place, PlaceKind
from sitectl.model.ids import TransactionId
from sitectl.model.metering import EvseReading, MeterReading
from sitectl.model.station import ChargingState
from sitectl.model.storage import StoreState
from sitectl.site.energy import EnergyKeeper
from sitectl.state.reduce import reduce
from sitectl.store.executor import InlineExecutor
from sitectl.store.moments import to_us
from sitectl.store.opening import Store, open_store
from tests.unit.state.small_site import A1, B1, MAIN, A, B, arrives, fresh, says
from tests.unit.store.builders import NOON, HandClock, Says, compose_stop

EVSE_A, EVSE_B = Place(PlaceKind.EVSE, "A", 1), Place(PlaceKind.EVSE, "B", 1)
IMPORT, EXPORT = Place(PlaceKind.IMPORT, "grid"), Place(PlaceKind.EXPORT, "grid")
GARAGE = Place(PlaceKind.STATIONS, "garage")
FIRST = to_us(NOON) // QUARTER_US
"""The quarter that begins at noon."""


class Day:
    """A meter is read each second, stations each ten; the car at A charges with `a_w`, the house draws 1200 W."""

    def __init__(self, store: Store, clock: HandClock) -> None:
        self.store, self.clock, self.says = store, clock, Says(store)
        self.known = True
        self.meter_on = True
        self.register_a, self.start_wh, self.import_wh, self.a_w = 70_000.0, 70_000, 5_000_000.0, 0.0
        self.running: TransactionId | None = None
        self.begin()

    def begin(self) -> None:
        """A new process."""
        self.state = fresh()
        for event in (*arrives(A, self.clock.at), *arrives(B, self.clock.at)):
            self.post(event)
        self.idle(A1)
        self.idle(B1)
        self.keeper = EnergyKeeper(lambda: self.state, self.store.energy, self.clock, lambda: self.known)

    def post(self, event: events.Event) -> None:
        self.state = reduce(self.state, event)

    def idle(self, evse: events.EvseId) -> None:
        self.post(says(evse, self.clock.at, None))

    async def plug_in(self, w: float, message_id: str = "1") -> None:
        told = await self.says.start(station=A, minute=self.minute, meter=int(self.register_a), message_id=message_id)
        self.running, self.station_transaction = told.transaction, told.station_transaction_id
        self.start_wh = int(self.register_a)
        self.start(resumed=False)
        self.a_w = w

    def start(self, *, resumed: bool) -> None:
        assert self.running is not None
        at = self.clock.at
        self.post(events.TransactionStarted(A1, self.running, at, 4711, "", resumed, None, float(self.start_wh)))
        self.post(says(A1, at, ChargingState.CHARGING))

    async def unplug(self) -> None:
        await self.says.stop(self.station_transaction, meter=int(self.register_a), station=A, minute=self.minute)
        assert self.running is not None
        self.post(events.TransactionEnded(A1, self.running, self.clock.at))
        self.idle(A1)
        self.running, self.a_w = None, 0.0

    @property
    def minute(self) -> int:
        return int((self.clock.now - NOON).total_seconds() // 60)

    async def pass_s(self, seconds: int, *, counting: bool = True) -> None:
        for _ in range(seconds):
            self.clock.pass_s(1.0)
            at = self.clock.at
            self.register_a += self.a_w / 3600.0
            self.import_wh += (1200.0 + self.a_w) / 3600.0
            if not counting:
                continue
            if self.meter_on:
                currents = PhaseCurrents(at % 7, 0.0, 0.0)
                self.post(events.MeterRead(MeterReading(MAIN, at, currents, import_wh=self.import_wh, export_wh=0.0)))
            if self.running is not None and self.state.stations[A].online and at % 10 == 0:
                self.post(
                    events.EvseMetered(EvseReading(A1, at, PhaseCurrents(at % 3, 0, 0), register_wh=self.register_a))
                )
            self.keeper.look()
            await self.keeper.write()

    async def restart(self, down_s: int, *, clean: bool) -> None:
        if clean:
            await self.store.energy.save(self.keeper._drained(()))
        await self.pass_s(down_s, counting=False)
        self.begin()
        await self.keeper.resume()
        if self.running is not None:
            self.start(resumed=True)

    async def rows(self, place: Place) -> list[tuple[int | None, Note | None]]:
        """By quarters from noon on; what has no row is down."""
        rows = await self.says.rows(
            "SELECT e.quarter, wh, note FROM energy e JOIN energy_places USING (place) WHERE kind = ? AND name = ?"
            " AND evse = ? ORDER BY e.quarter",
            *place,
        )
        found = {int(str(row[0])) - FIRST: row[1:] for row in rows}
        return [found.get(n, (None, Note.DOWN)) for n in range(max(found, default=-1) + 1)]  # type: ignore[misc]

    async def values(self, place: Place) -> list[int | None]:
        return [wh for wh, _ in await self.rows(place)]

    async def lumps(self) -> list[Lump]:
        rows = await self.says.rows(
            "SELECT kind, name, evse, l.first, l.last, wh FROM energy_lumps l JOIN energy_places USING (place)"
        )
        return [Lump(Place(PlaceKind(r[0]), r[1], r[2]), r[3] - FIRST, r[4] - FIRST, r[5]) for r in rows]  # type: ignore[arg-type, operator]


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    clock = HandClock(now=NOON - timedelta(seconds=20))
    inline = {"executor": lambda name: InlineExecutor(), "ballast_bytes": 0}
    store = await open_store(tmp_path / "ledger.db", clock, Random(1), compose_stop, **inline)  # type: ignore[arg-type]
    yield Day(store, clock)
    await store.close()


def near(*values: int) -> object:
    return pytest.approx(list(values), abs=2)


async def test_quarters_say_what_flowed(day: Day) -> None:
    await day.pass_s(20 + 300)
    await day.plug_in(10_000.0)
    await day.pass_s(800)
    await day.unplug()
    await day.pass_s(1000)
    assert await day.values(EVSE_A) == near(1667, 556)
    assert await day.values(EVSE_B) == [0, 0]
    assert await day.values(GARAGE) == near(1667, 556)
    assert await day.values(IMPORT) == near(300 + 1667, 300 + 556)
    assert await day.values(EXPORT) == [0, 0]
    assert sum(v or 0 for v in await day.values(EVSE_A)) == int(day.register_a) - 70_000  # the stop told the rest


async def test_the_first_quarter_of_a_place_that_began_within_it_is_not_known(day: Day) -> None:
    await day.pass_s(100, counting=False)
    await day.pass_s(3000)
    assert (await day.rows(IMPORT))[0] == (None, Note.BEGAN)
    assert (await day.values(IMPORT))[1:] == near(300, 300)


async def test_a_meter_that_is_lost_over_an_edge_leaves_a_lump(day: Day) -> None:
    await day.pass_s(20 + 850)
    day.meter_on = False
    await day.pass_s(1200)
    day.meter_on = True
    await day.pass_s(2000)
    rows = await day.rows(IMPORT)
    assert rows[:2] == [(None, Note.METER)] * 2
    (lump,) = [one for one in await day.lumps() if one.place == IMPORT]
    assert (lump.first, lump.last) == (0, 2)
    assert lump.wh == pytest.approx(900, abs=2)
    assert await day.values(EXPORT) == [0] * len(rows)  # a register that stands still tells every quarter


async def test_a_station_that_was_away_tells_the_sum_when_it_is_back(day: Day) -> None:
    await day.pass_s(20 + 100)
    await day.plug_in(3600.0)
    await day.pass_s(700)
    day.post(events.StationDisconnected(A, day.clock.at, "test"))
    await day.pass_s(1000)
    for event in arrives(A, day.clock.at):
        day.post(event)
    await day.pass_s(1200)
    rows = await day.rows(EVSE_A)
    assert rows[0] == (None, Note.STATION)
    assert (await day.rows(GARAGE))[0] == (None, Note.PART)
    (lump,) = [one for one in await day.lumps() if one.place == EVSE_A]
    total = lump.wh + sum(wh or 0 for wh, _ in rows)
    assert total == pytest.approx(3600.0 * (900 * (lump.last + 1) - 100) / 3600.0, abs=12)


@pytest.mark.parametrize("clean", [True, False])
async def test_a_restart_within_a_quarter_costs_nothing(day: Day, clean: bool) -> None:
    await day.pass_s(20 + 300)
    await day.plug_in(9000.0)
    await day.pass_s(900)
    await day.restart(30, clean=clean)
    await day.pass_s(900)
    assert await day.values(EVSE_A) == near(1500, 2250)
    assert await day.values(EVSE_B) == [0, 0]
    assert await day.values(IMPORT) == near(1800, 2550)


@pytest.mark.parametrize("clean", [True, False])
async def test_a_transaction_that_ended_or_began_before_it_was_killed_is_counted(day: Day, clean: bool) -> None:
    await day.pass_s(20 + 300)
    await day.plug_in(9000.0)
    await day.pass_s(900)
    await day.unplug()
    await day.pass_s(20)
    await day.plug_in(9000.0, message_id="9")
    await day.pass_s(60)
    await day.restart(30, clean=clean)
    await day.pass_s(900)
    assert (await day.values(EVSE_A))[0] == pytest.approx(1500, abs=2)
    assert (await day.values(EVSE_A))[1] == pytest.approx(9000 * (900 - 20) / 3600, abs=4)


async def test_a_long_stop_is_a_hole_with_a_sum(day: Day) -> None:
    await day.pass_s(20 + 300)
    await day.plug_in(3600.0)
    await day.pass_s(700)
    await day.restart(7200, clean=True)
    await day.pass_s(1900)
    values = await day.values(EVSE_A)
    assert values[0] == pytest.approx(600, abs=2)
    assert None in values
    lumps = {one.place: one for one in await day.lumps()}
    told = sum(v or 0 for v in values) + lumps[EVSE_A].wh
    assert told == pytest.approx(len(values) * 900 - 300, abs=12)
    told = sum(v or 0 for v in await day.values(IMPORT)) + lumps[IMPORT].wh
    assert told == pytest.approx(len(values) * 1200 - 300, abs=12)
    assert None in await day.values(EVSE_B)  # nobody knows what an idle one did all that time


async def test_a_clock_set_back_counts_both_times_and_says_so(day: Day) -> None:
    await day.pass_s(20 + 900 + 400)
    day.clock.now -= timedelta(seconds=900)
    await day.pass_s(1900)
    rows = await day.rows(IMPORT)
    assert rows[0] == (pytest.approx(300 + 500 / 3, abs=2), Note.CLOCK)
    assert rows[1] == (pytest.approx(300 + 400 / 3, abs=2), Note.CLOCK)
    spent = [wh or 0 for wh, _ in rows]
    assert sum(spent) == pytest.approx((900 + 400 + 500 + 900) / 3, abs=4)
    assert all(wh == 0 for wh, _ in await day.rows(EVSE_B))


async def test_a_clock_set_forward_leaves_a_hole(day: Day) -> None:
    await day.pass_s(20 + 400)
    day.clock.now += timedelta(seconds=3 * QUARTER_S)
    await day.pass_s(1800)
    rows = await day.rows(IMPORT)
    assert rows[0] == (pytest.approx(400 / 3, abs=2), Note.CLOCK)
    assert rows[1:3] == [(None, Note.DOWN)] * 2
    assert rows[3] == (pytest.approx(500 / 3, abs=2), Note.CLOCK)
    assert rows[4] == (pytest.approx(300, abs=2), None)


async def test_while_the_time_is_not_known_nothing_is_written(day: Day) -> None:
    day.known = False
    await day.pass_s(20 + 1200)
    assert await day.values(IMPORT) == []
    day.known = True
    await day.pass_s(1800)
    rows = await day.rows(IMPORT)
    assert [wh is None for wh, _ in rows] == [True, True, False]


async def test_a_register_that_is_exchanged_costs_one_quarter(day: Day) -> None:
    await day.pass_s(20 + 1000)
    day.import_wh = 0.0
    await day.pass_s(2000)
    rows = await day.rows(IMPORT)
    assert rows[0][0] == pytest.approx(300, abs=2)
    assert rows[1] == (None, Note.RESET)
    assert rows[2][0] == pytest.approx(300, abs=2)


async def test_a_whole_transaction_told_between_two_looks_is_not_taken_for_nothing(day: Day) -> None:
    await day.pass_s(20 + 400)
    told = await day.says.start(station=A, minute=day.minute, meter=70_000, message_id="x")
    await day.says.stop(told.station_transaction_id, meter=75_000, station=A, minute=day.minute)
    await day.pass_s(1600)
    rows = await day.rows(EVSE_A)
    assert rows == [(None, Note.STATION), (0, None)]


async def test_a_disk_that_takes_nothing_is_waited_for(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    health = day.store.database.care
    state = health.state
    await day.pass_s(20 + 890)
    health.state = StoreState.FULL
    await day.pass_s(1000)
    health.state = state
    assert await day.values(IMPORT) == []
    await day.pass_s(900)
    assert await day.values(IMPORT) == near(300, 300, 300)


async def test_a_circuit_or_station_that_comes_by_another_configuration(day: Day) -> None:
    await day.pass_s(20 + 950)
    topology = day.state.topology
    without = {id: plan for id, plan in topology.stations.items() if id == A}
    day.state = replace(day.state, topology=replace(topology, stations=without))
    await day.pass_s(1000)
    assert len(await day.values(EVSE_B)) == 1
    assert await day.values(IMPORT) == near(300, 300)
