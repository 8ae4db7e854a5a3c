"""Ceilings from outside: in force at once, kept over a restart with their expiry, withdrawn only through the disk."""

from __future__ import annotations

import asyncio
from math import inf, nan

import pytest

from sitectl.model import events
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.limits import Ceiling
from sitectl.site.ceilings import Bounded, NotTaken, Stands, ToldCeilings
from sitectl.site.memory import MemoryEntry, MemoryJournal, MemoryOverlay
from sitectl.store.errors import StoreUnavailable
from tests.unit.site.test_owner import Hands, Rig
from tests.unit.state.small_site import A1, GARAGE, GRID, A, arrives, begins, plan, site

ON_GRID, ON_GARAGE = Bounded(circuit=GRID), Bounded(circuit=GARAGE)
ON_A, ON_A1 = Bounded(evse=EvseId(A, 0)), Bounded(evse=A1)


class Told:
    """The book on a small site, with twins around it."""

    def __init__(self, overlay: MemoryOverlay | None = None, clock: Hands | None = None) -> None:
        self.clock, self.journal = clock or Hands(), MemoryJournal()
        self.overlay = overlay or MemoryOverlay(self.clock.wall)
        self.topology = site(plan(A, evses=2))
        self.happened: list[events.Event] = []
        self.book = ToldCeilings(lambda: self.topology, self.happened.append, self.overlay, self.clock, self.journal)

    async def set(self, bounded: Bounded, asked_a: float, valid_s: float | None = None) -> Stands | NotTaken:
        return await self.book.set(bounded, asked_a, valid_s, "anna")

    def ceilings(self) -> list[Ceiling]:
        return [event.ceiling for event in self.happened if isinstance(event, events.CeilingSet)]


@pytest.mark.parametrize("bounded", [ON_GRID, ON_GARAGE, ON_A, ON_A1])
async def test_a_ceiling_holds_at_once_and_again_after_a_restart(bounded: Bounded) -> None:
    told = Told()
    told.clock.now = 100.0
    stands = await told.set(bounded, 10.5, 60.0)
    assert isinstance(stands, Stands)
    assert told.ceilings() == [stands.ceiling]
    found = stands.ceiling
    assert (found.circuit, found.evse, found.source, found.expires_at) == (bounded.circuit, bounded.evse, "anna", 160.0)
    assert stands.kept

    later = Hands()
    later.now = 130.0
    again = Told(told.overlay, later)
    again.book.resume()
    assert again.ceilings() == [found]


async def test_what_lapsed_while_nobody_ran_does_not_come_back() -> None:
    told = Told()
    await told.set(ON_GRID, 10.0, 60.0)
    await told.set(ON_A, 10.0)
    told.clock.now = 61.0
    again = Told(told.overlay, told.clock)
    again.book.resume()
    assert [(c.evse, c.expires_at) for c in again.ceilings()] == [(EvseId(A, 0), None)]


@pytest.mark.parametrize("asked_a", [nan, inf, -inf, -1.0, -0.001, 10_000.1])
async def test_what_is_no_ampere_is_refused_and_changes_nothing(asked_a: float) -> None:
    told = Told()
    refused = await told.set(ON_GRID, asked_a)
    assert isinstance(refused, NotTaken)
    assert f"value={asked_a:g}" in refused.why
    assert (told.happened, told.overlay.entries, told.journal.entries) == ([], {}, [])


@pytest.mark.parametrize(
    ("valid_s", "why"),
    [(0.0, "expired before it came"), (-5.0, "expired before"), (nan, "year"), (1e9, "at most a year")],
)
async def test_one_that_expired_before_it_came_is_refused(valid_s: float, why: str) -> None:
    told = Told()
    refused = await told.set(ON_GRID, 10.0, valid_s)
    assert isinstance(refused, NotTaken)
    assert why in refused.why
    assert told.happened == []


@pytest.mark.parametrize(("bounded", "most_a"), [(ON_GRID, 100.0), (ON_GARAGE, 63.0), (ON_A, 32.0), (ON_A1, 32.0)])
async def test_nothing_raises_what_is_configured(bounded: Bounded, most_a: float) -> None:
    told = Told()
    stands = await told.set(bounded, 10_000.0)
    assert isinstance(stands, Stands)
    assert stands.ceiling.ceiling_a == most_a
    assert f"the configuration allows {bounded} {most_a:g} A" in stands.notes[0]


async def test_below_a_vehicles_minimum_it_is_said_that_charging_pauses() -> None:
    told = Told()
    stands = await told.set(ON_A, 5.9)
    assert isinstance(stands, Stands)
    assert "below the 6 A that a vehicle needs at least" in stands.notes[0]
    for bounded, ampere in ((ON_A, 6.0), (ON_GRID, 0.0)):
        fine = await told.set(bounded, ampere)
        assert isinstance(fine, Stands)
        assert fine.notes == ()


@pytest.mark.parametrize(
    "bounded", [Bounded(circuit=CircuitId("no")), Bounded(evse=EvseId(StationId("no"), 1)), Bounded(evse=EvseId(A, 3))]
)
async def test_on_what_is_not_here_it_is_refused(bounded: Bounded) -> None:
    refused = await Told().set(bounded, 10.0)
    assert refused == NotTaken(f"no {bounded} is installed here", unknown=True)


async def test_a_disk_that_takes_nothing_does_not_keep_anybody_from_lowering() -> None:
    told = Told()
    told.overlay.fault = StoreUnavailable("the disk is full")
    stands = await told.set(ON_GRID, 10.0)
    assert isinstance(stands, Stands)
    assert not stands.kept
    assert "lost in a restart, the disk did not take it: the disk is full" in stands.notes[0]
    assert [c.ceiling_a for c in told.ceilings()] == [10.0]


async def test_but_from_withdrawing() -> None:
    told = Told()
    await told.set(ON_GRID, 10.0)
    told.overlay.fault = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await told.book.clear(ON_GRID, "bert")
    assert not any(isinstance(event, events.CeilingCleared) for event in told.happened)


async def test_withdrawn_it_is_gone_for_good() -> None:
    told = Told()
    await told.set(ON_GRID, 10.0)
    assert await told.book.clear(ON_GRID, "bert")
    assert told.happened[-1] == events.CeilingCleared(told.ceilings()[0].key, 0.0)
    assert not await told.book.clear(ON_GRID, "bert")
    told.happened.clear()
    told.book.resume()
    assert told.happened == []
    assert [type for type, *_ in told.journal.entries] == ["ceiling.set", "ceiling.cleared"]


async def test_a_new_one_that_comes_while_the_old_one_is_withdrawn_stays() -> None:
    told = Told()
    await told.set(ON_GRID, 10.0)
    forget, disk = told.overlay.forget, asyncio.Event()

    async def slow(kind: str, key: str) -> None:
        await forget(kind, key)
        await disk.wait()

    told.overlay.forget = slow  # type: ignore[method-assign]
    clearing = asyncio.ensure_future(told.book.clear(ON_GRID, "bert"))
    await asyncio.sleep(0)
    await told.set(ON_GRID, 8.0)
    disk.set()
    assert await clearing
    assert not any(isinstance(event, events.CeilingCleared) for event in told.happened)
    assert [entry.value for entry in told.overlay.of("ceiling").values()] == [{"a": 8.0}]


async def test_what_is_kept_for_nothing_that_is_here_waits_for_its_return() -> None:
    told = Told()
    await told.set(ON_A, 10.0)
    told.topology = site(plan(StationId("Z")))
    told.happened.clear()
    told.book.resume()
    assert told.happened == []
    told.topology = site(plan(A))
    told.book.resume()
    assert len(told.ceilings()) == 1


@pytest.mark.parametrize("value", [None, {}, {"a": "x"}, {"a": -1}, {"a": True}])
def test_a_value_that_cannot_be_read_allows_nothing(value: object) -> None:
    told = Told()
    told.overlay.entries["ceiling", "circuit/grid"] = MemoryEntry(value, "anna")
    told.book.resume()
    assert [c.ceiling_a for c in told.ceilings()] == [0.0]


async def test_the_site_obeys_it_until_it_lapses() -> None:
    rig = Rig(site(plan(A)))
    overlay = MemoryOverlay(rig.clock.wall)
    book = ToldCeilings(lambda: rig.site.state.topology, rig.site.post, overlay, rig.clock, rig.journal)

    def offered_a(second: int, *happened: events.Event) -> float | None:
        rig.accepts(*rig.cycle(float(second), *happened))
        return rig.site.decision.snapshot.evses[A1].offered_a if rig.site.decision else None

    offered_a(0, *arrives(A), begins(A1))
    for second in range(1, 60):
        before = offered_a(second)
    assert before == 32.0
    await book.set(ON_GARAGE, 10.0, 100.0, "anna")
    limits = [offered_a(second) for second in range(60, 300)]
    assert limits[1] == 10.0
    assert set(limits[1:100]) == {10.0}
    assert limits[-1] == 32.0, "raised again, when it had lapsed, by the table of times"
