"""Energy on disk: sums that say what they lack, every quarter in order, and nothing older than it is to be kept."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.model.energy import (
    QUARTER_US,
    Counted,
    EnergyBatch,
    Lump,
    Note,
    PeriodEnergy,
    Place,
    PlaceKind,
    QuarterEnergy,
    Span,
    WantedPlaces,
)
from sitectl.store import energy_history
from sitectl.store.background import Background
from sitectl.store.energy_history import EnergyHistory
from sitectl.store.executor import InlineExecutor
from sitectl.store.moments import to_us
from sitectl.store.opening import Store
from sitectl.store.retention import Ages, Retention
from sitectl.store.transaction_history import TransactionHistory
from tests.unit.store.builders import CP1, NOON, HandClock, Says

Q = to_us(NOON) // QUARTER_US
CP, GRID = Place(PlaceKind.EVSE, "CP1", 1), Place(PlaceKind.IMPORT, "grid")


@pytest.fixture
async def history(path: Path, store: Store) -> AsyncIterator[EnergyHistory]:
    background = Background(path, InlineExecutor())
    yield EnergyHistory(background)
    background.close()


async def save(store: Store, *rows: QuarterEnergy, lumps: tuple[Lump, ...] = ()) -> None:
    await store.energy.save(EnergyBatch(rows, lumps))


async def spans(history: EnergyHistory, *asked: object) -> list[Span]:
    return [span async for page in history.spans(*asked) for span in page]  # type: ignore[arg-type]


async def test_sums_say_what_they_lack(store: Store, history: EnergyHistory) -> None:
    await save(store, QuarterEnergy(CP, Q, 100), QuarterEnergy(GRID, Q, 150))
    await save(store, QuarterEnergy(CP, Q + 1, None, Note.STATION), QuarterEnergy(GRID, Q + 1, 50))
    await save(store, QuarterEnergy(GRID, Q + 4, 70), QuarterEnergy(CP, Q + 4, 7))
    assert await history.periods([Q - 4, Q, Q + 2, Q + 4, Q + 8]) == [
        PeriodEnergy(CP, Q, Q + 2, None, 100, 1, (Note.STATION,)),
        PeriodEnergy(GRID, Q, Q + 2, 200, 200, 0, ()),
        PeriodEnergy(CP, Q + 2, Q + 4, None, 0, 2, (Note.DOWN,)),
        PeriodEnergy(GRID, Q + 2, Q + 4, None, 0, 2, (Note.DOWN,)),
        PeriodEnergy(CP, Q + 4, Q + 8, 7, 7, 0, ()),
        PeriodEnergy(GRID, Q + 4, Q + 8, 70, 70, 0, ()),
    ]


async def test_a_lump_makes_whole_what_holds_all_of_it(store: Store, history: EnergyHistory) -> None:
    await save(store, QuarterEnergy(GRID, Q, 10), QuarterEnergy(GRID, Q + 1, None, Note.METER))
    await save(store, QuarterEnergy(GRID, Q + 3, 30), lumps=(Lump(GRID, Q + 1, Q + 2, 500),))
    whole, begin = await history.periods([Q, Q + 4]), await history.periods([Q, Q + 2])
    assert whole == [PeriodEnergy(GRID, Q, Q + 4, 540, 540, 0, (Note.DOWN, Note.METER, Note.SUM))]
    assert begin == [PeriodEnergy(GRID, Q, Q + 2, None, 10, 1, (Note.METER,))]
    assert [(s.first - Q, s.end - Q, s.wh, s.note) for s in await spans(history, None, None)] == [
        (0, 1, 10, None),
        (1, 2, None, Note.METER),
        (2, 3, None, Note.DOWN),
        (1, 3, 500, Note.SUM),
        (3, 4, 30, None),
    ]


async def test_a_lump_of_nothing_is_nothing_in_every_quarter(store: Store, history: EnergyHistory) -> None:
    await save(store, QuarterEnergy(GRID, Q, 10), QuarterEnergy(GRID, Q + 1, None, Note.METER))
    await save(store, QuarterEnergy(GRID, Q + 3, 30), lumps=(Lump(GRID, Q, Q + 2, 0),))
    assert [s.wh for s in await spans(history, None, None)] == [10, 0, 0, 30]


async def test_a_quarter_that_the_clock_shows_twice_holds_both(store: Store, history: EnergyHistory) -> None:
    await save(store, QuarterEnergy(GRID, Q, 10))
    await save(store, QuarterEnergy(GRID, Q, 5, None, again=True))
    await save(store, QuarterEnergy(GRID, Q, 7, None, again=False))
    assert await spans(history, None, None) == [Span(GRID, Q, Q + 1, 7, None)]  # the same batch, written again
    await save(store, QuarterEnergy(GRID, Q, 5, None, again=True))
    assert await spans(history, None, None) == [Span(GRID, Q, Q + 1, 12, Note.CLOCK)]


async def test_pages_are_small_and_hold_all(
    store: Store, history: EnergyHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_history, "PAGE_ROWS", 6)
    for n in range(10):
        await save(store, QuarterEnergy(CP, Q + n, n), QuarterEnergy(GRID, Q + n, 2 * n))
    pages = [page async for page in history.spans(Q + 1, Q + 9)]
    assert [len(page) for page in pages] == [6, 6, 4]
    assert [s.wh for page in pages for s in page if s.place == CP] == list(range(1, 9))
    assert {s.place for s in await spans(history, None, None, WantedPlaces(station="CP1"))} == {CP}
    assert {s.place for s in await spans(history, None, None, WantedPlaces(circuit="grid"))} == {GRID}
    assert await spans(history, None, None, WantedPlaces(station="CP2")) == []


async def test_what_was_counted_is_there_after_a_restart(store: Store) -> None:
    counted = Counted(CP, Q, 12.5, 70_000.0, "t1", to_us(NOON))
    await store.energy.save(EnergyBatch([QuarterEnergy(CP, Q, 1)], (), [counted]))
    assert await store.energy.counted() == ([counted], Q)


async def test_old_quarters_go(store: Store, history: EnergyHistory, path: Path, clock: HandClock) -> None:
    await save(store, *(QuarterEnergy(GRID, Q + n, n) for n in range(1200)))
    background = Background(path, InlineExecutor())
    ages = Ages(raw_days=30, transactions_days=730, energy_days=10)
    retention = Retention(store.database, background, path.parent / "recordings", clock, ages)
    clock.pass_s(timedelta(days=20).total_seconds())
    assert (await retention.sweep())["energy"] == 960
    background.close()
    assert [s.wh for s in await spans(history, Q + 960, None)][:2] == [960, 961]
    assert {s.note for s in await spans(history, None, Q + 960)} == {Note.DOWN}


async def test_transactions_in_the_order_of_the_ledger(store: Store, says: Says, path: Path) -> None:
    for n in range(3):
        started = await says.start(message_id=str(n), minute=10 * n + 1)
        await says.stop(started.station_transaction_id, minute=10 * n + 5)
    background = Background(path, InlineExecutor())
    history = TransactionHistory(background)
    found = [view async for page in history.pages(None, None) for view in page]
    assert [view.started for view in found] == [NOON + timedelta(minutes=n) for n in (1, 11, 21)]
    assert {view.station for view in found} == {CP1}
    span = (NOON + timedelta(minutes=11), NOON + timedelta(minutes=21))
    assert [view.id async for page in history.pages(*span) for view in page] == [found[1].id]
    background.close()
