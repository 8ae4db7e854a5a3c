"""What is old goes, in small steps; what anybody still has to hear stays, however old it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.store import aging
from sitectl.store.background import Background
from sitectl.store.executor import InlineExecutor
from sitectl.store.moments import to_us
from sitectl.store.opening import Store, open_store
from sitectl.store.recordings import Heard, Writer, segments
from sitectl.store.retention import DOUBT_S, EVERY_S, FIRST_S, Ages, Retention
from tests.unit.store.builders import CENTRAL, CP1, NOON, HandClock, Says, compose_stop

DAY_S = 86_400.0
AGES = Ages(raw_days=30, transactions_days=730)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitectl.store.retention.PAUSE_S", 0.0)


@pytest.fixture
async def retention(store: Store, path: Path, clock: HandClock) -> AsyncIterator[Retention]:
    background = Background(path, InlineExecutor())
    yield Retention(store.database, background, path.parent / "recordings", clock, AGES)
    background.close()


async def deliver(store: Store) -> None:
    while (item := await store.outbox.head(CENTRAL, CP1)) is not None:
        await store.outbox.acked(item.seq, "4711")


async def transaction(says: Says, stop: bool = True) -> str:
    started = await says.start()
    await says.samples(started.station_transaction_id)
    if stop:
        await says.stop(started.station_transaction_id)
    return started.transaction


async def counts(says: Says) -> tuple[int, ...]:
    tables = ("transactions", "transaction_uplinks", "raw_frames")
    return tuple([int(str((await says.rows(f"SELECT count(*) FROM {table}"))[0][0])) for table in tables])


async def test_frames_go_first_and_transactions_much_later(
    says: Says, store: Store, clock: HandClock, retention: Retention
) -> None:
    await transaction(says)
    await deliver(store)
    clock.pass_s(29 * DAY_S)
    assert not any((await retention.sweep()).values())
    clock.pass_s(2 * DAY_S)
    gone = await retention.sweep()
    assert gone["frames"] == 2
    assert await counts(says) == (1, 1, 1)  # the newest stays: numbers go on from it
    clock.pass_s(700 * DAY_S)
    assert (await retention.sweep())["transactions"] == 1
    assert await counts(says) == (0, 0, 1)


async def undelivered(says: Says, store: Store) -> None:
    await transaction(says)


async def stop_undelivered(says: Says, store: Store) -> None:
    await transaction(says)
    for _ in range(2):
        item = await store.outbox.head(CENTRAL, CP1)
        assert item is not None
        await store.outbox.acked(item.seq, "1")


async def running(says: Says, store: Store) -> None:
    await transaction(says, stop=False)
    await deliver(store)


async def with_dead(says: Says, store: Store) -> None:
    await transaction(says)
    start = await store.outbox.head(CENTRAL, CP1)
    assert start is not None
    await store.outbox.acked(start.seq, "1")
    sample = await store.outbox.head(CENTRAL, CP1)
    assert sample is not None
    await store.outbox.failed(sample.seq, "no", dead=True)
    await deliver(store)


async def with_dead_start(says: Says, store: Store) -> None:
    await transaction(says)
    start = await store.outbox.head(CENTRAL, CP1)
    assert start is not None
    await store.outbox.failed(start.seq, "no", dead=True)
    await deliver(store)


@pytest.mark.parametrize("unsettled", [undelivered, stop_undelivered, running, with_dead, with_dead_start])
async def test_what_somebody_still_has_to_hear_stays_for_ever(
    says: Says,
    store: Store,
    clock: HandClock,
    retention: Retention,
    unsettled: Callable[[Says, Store], Awaitable[None]],
) -> None:
    await unsettled(says, store)
    before = await counts(says)
    clock.pass_s(3000 * DAY_S)
    await retention.sweep()
    assert await counts(says) == before


async def test_it_goes_once_it_was_delivered(says: Says, store: Store, clock: HandClock, retention: Retention) -> None:
    await with_dead(says, store)
    clock.pass_s(3000 * DAY_S)
    await retention.sweep()
    (row,) = await says.rows("SELECT id FROM transactions")
    await store.dead_letters.requeue(str(row[0]))
    await retention.sweep()
    assert await counts(says) == (1, 1, 3)
    await deliver(store)
    await retention.sweep()
    assert await counts(says) == (0, 0, 1)


async def test_ids_given_out_once_are_not_given_again(
    says: Says, store: Store, clock: HandClock, retention: Retention
) -> None:
    first = await says.start()
    await says.stop(first.station_transaction_id)
    await deliver(store)
    clock.pass_s(3000 * DAY_S)
    await retention.sweep()
    second = await says.start()
    assert second.station_transaction_id == first.station_transaction_id + 1


async def test_events_of_transactions_are_kept_longer_than_those_of_every_day(
    store: Store, clock: HandClock, retention: Retention
) -> None:
    for type in ("limit.cut", "transaction.started", "outbox.given_up", "station.booted", "transactional"):
        store.journal.record(type, CP1)
    await store.journal.drain()
    clock.pass_s(31 * DAY_S)
    store.journal.record("limit.raised", CP1)
    await store.journal.drain()
    await retention.sweep()
    left = [event.type for event in await store.queries.events()]
    assert left == ["transaction.started", "outbox.given_up", "limit.raised"]
    clock.pass_s(700 * DAY_S)
    await retention.sweep()
    store.journal.record("limit.cut", CP1)
    await store.journal.drain()
    await retention.sweep()
    assert [(event.seq, event.type) for event in await store.queries.events()] == [(7, "limit.cut")]


async def test_frames_of_stops_that_were_set_aside_stay_as_long_as_these(
    says: Says, store: Store, clock: HandClock, retention: Retention
) -> None:
    await says.stop(77, meter=5)
    clock.pass_s(31 * DAY_S)
    await retention.sweep()
    assert (await counts(says))[2] == 1
    clock.pass_s(700 * DAY_S)
    gone = await retention.sweep()
    assert gone["anomalies"] == 1
    await says.stop(78, meter=6)
    await retention.sweep()
    assert (await counts(says))[2] == 1


async def test_archived_values_go_with_the_frames_and_the_stop_stays(
    says: Says, store: Store, clock: HandClock, retention: Retention
) -> None:
    await transaction(says)
    start = await store.outbox.head(CENTRAL, CP1)
    assert start is not None
    await store.outbox.failed(start.seq, "no", dead=True)
    sample = await store.outbox.head(CENTRAL, CP1)
    assert sample is not None
    await store.outbox.archive(sample.seq)
    await deliver(store)
    clock.pass_s(31 * DAY_S)
    assert (await retention.sweep())["archived messages"] == 1
    assert await says.rows("SELECT kind FROM outbox_archive") == [("stop",)]


async def test_recordings_go_by_the_hour(retention: Retention, path: Path, clock: HandClock) -> None:
    writer = Writer(path.parent / "recordings", "1")
    for hours in (0, 1, 2):
        us = to_us(NOON + timedelta(hours=hours))
        writer.write([Heard(us, CP1, None, True, "frame")], us)
    writer.close()
    clock.pass_s(30 * DAY_S + 2 * 3600 + 60)
    assert (await retention.sweep())["recordings"] == 2
    assert len(segments(path.parent / "recordings")) == 1


async def test_large_tables_go_in_small_commits(
    says: Says, store: Store, clock: HandClock, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aging, "LOOKED_AT", 7)
    monkeypatch.setattr("sitectl.store.retention.AT_ONCE", 3)
    for _ in range(10):
        await transaction(says)
    await deliver(store)
    clock.pass_s(40 * DAY_S)
    await transaction(says)
    gone, run = [], store.database.run

    def counted(job: object, **more: object) -> object:
        future = run(job, **more)  # type: ignore[arg-type]
        future.add_done_callback(lambda done: gone.append(done.result()))
        return future

    monkeypatch.setattr(store.database, "run", counted)
    assert (await retention.sweep())["frames"] == 30
    assert sum(gone) == 30
    assert max(gone) <= 3


async def test_other_ages_hold_at_once(says: Says, store: Store, clock: HandClock, retention: Retention) -> None:
    await transaction(says)
    await deliver(store)
    clock.pass_s(8 * DAY_S)
    retention.ages = Ages(raw_days=7, transactions_days=7)
    await retention.sweep()
    assert await counts(says) == (0, 0, 1)


class Steerable(LoopClock):
    """Virtual time whose wall clock may be set."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.set_by = timedelta()

    def wall(self) -> datetime:
        return super().wall() + self.set_by


@pytest.mark.parametrize(
    ("known", "jumps_by", "after_s", "left"),
    [
        (True, timedelta(), 3 * DAY_S, 0),
        (False, timedelta(), 3 * DAY_S, 1),
        (True, timedelta(days=400), DOUBT_S - EVERY_S, 1),
        (True, timedelta(days=400), DOUBT_S + FIRST_S + 2 * EVERY_S, 0),
    ],
)
def test_nothing_is_deleted_by_a_clock_that_cannot_be_believed(
    tmp_path: Path, known: bool, jumps_by: timedelta, after_s: float, left: int
) -> None:
    async def main() -> int:
        clock, path = Steerable(), tmp_path / "ledger.db"
        store = await open_store(path, clock, Random(1), compose_stop, executor=lambda name: InlineExecutor())
        background = Background(path, InlineExecutor())
        ages = Ages(raw_days=1, transactions_days=730)
        retention = Retention(store.database, background, tmp_path / "r", clock, ages, lambda: known)
        store.journal.record("station.booted", CP1)
        store.journal.record("limit.cut", CP1)  # the newest always stays
        clock.set_by = jumps_by
        sweeping = asyncio.get_running_loop().create_task(retention.run())
        await asyncio.sleep(after_s)
        events = [event.type for event in await store.queries.events()]
        sweeping.cancel()
        background.close()
        await store.close()
        return events.count("station.booted")

    assert run_virtual(main()) == left
