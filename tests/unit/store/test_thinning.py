"""What of a backlog can be done without: never a start or stop, first or last values, signed ones, what was sent."""

import sqlite3
from collections.abc import Sequence
from random import Random

import pytest

from sitectl.model.ids import TransactionId
from sitectl.store.moments import to_us
from sitectl.store.opening import Store
from sitectl.store.thinning import (
    QUARTER_US,
    Queued,
    Sample,
    but_quarters,
    every_second,
    head_of,
    queued,
    samples_of,
    stays,
    take_out,
    time_us,
)
from tests.unit.store.builders import CENTRAL, CP1, NOON, Says

MINUTE_US = 60_000_000


def minutes(*told: int, staying: Sequence[int] = ()) -> list[Sample]:
    return [Sample(n, minute * MINUTE_US, 100, n in staying) for n, minute in enumerate(told)]


def left(samples: list[Sample], dispensable: list[Sample]) -> list[int]:
    return [sample.time_us // MINUTE_US for sample in samples if sample not in dispensable]


def test_the_first_of_each_quarter_by_the_clock_stays_and_the_last() -> None:
    samples = minutes(*range(7, 50))
    assert left(samples, but_quarters(samples)) == [7, 15, 30, 45, 49]


def test_every_second_between_goes() -> None:
    samples = minutes(7, 15, 30, 45, 60, 71)
    assert left(samples, every_second(samples)) == [7, 30, 60, 71]


def test_what_must_stay_stays() -> None:
    samples = minutes(*range(20), staying=(3, 4, 17))
    assert left(samples, but_quarters(samples)) == [0, 3, 4, 15, 17, 19]
    assert left(samples, every_second(samples))[:6] == [0, 2, 3, 4, 6, 8]


@pytest.mark.parametrize("choose", [but_quarters, every_second])
def test_any_samples_keep_their_first_and_last_and_what_must_stay(choose: object) -> None:
    random = Random(4)
    for _ in range(300):
        told = [random.randrange(-100, 100) for _ in range(random.randrange(12))]
        samples = minutes(*told, staying=[n for n in range(len(told)) if random.random() < 0.2])
        gone = choose(samples)  # type: ignore[operator]
        assert not {*gone} & {*samples[:1], *samples[-1:]}
        assert not any(sample.stays for sample in gone)


def test_halving_ends_with_the_first_and_the_last() -> None:
    samples = minutes(*range(100))
    for _ in range(8):
        gone = every_second(samples)
        samples = [sample for sample in samples if sample not in gone]
    assert [sample.seq for sample in samples] == [0, 99]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"meterValue":[{"sampledValue":[{"value":"x","format":"SignedData"}]}]}', True),
        ('{"sampledValue":[{"signedMeterValue":{}}]}', True),
        ('{"context":"Transaction.Begin"}', True),
        ('{"context":"Transaction.End"}', True),
        ('{"context":"Sample.Periodic","format":"Raw"}', False),
    ],
)
def test_what_is_signed_or_tells_of_begin_or_end_stays(payload: str, expected: bool) -> None:
    assert stays(payload) is expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"meterValue":[{"timestamp":"2026-11-20T12:00:00Z"},{"timestamp":"2026-11-20T12:05:00Z"}]}', 300),
        ('{"meterValue":{"timestamp":"2026-11-20T12:05:00Z"}}', 7),
        ('{"meterValue":[]}', 7),
        ('{"meterValue":[{"timestamp":"soon"}]}', 7),
        ('{"meterValue":[{"timestamp":5}]}', 7),
        ("{}", 7),
    ],
)
def test_the_time_is_that_of_the_newest_value_else_of_receipt(payload: str, expected: int) -> None:
    noon_us = to_us(NOON)
    assert time_us(payload, noon_us + 7_000_000) == noon_us + expected * 1_000_000


# --- in the file ------------------------------------------------------------------------------------------------------


async def ask(store: Store, job: object) -> object:
    return await store.database.run(job)  # type: ignore[arg-type]


async def minutes_of_charging(says: Says, store: Store, count: int, stop: bool = True) -> TransactionId:
    started = await says.start(minute=0)
    for n in range(count):
        await says.samples(started.station_transaction_id, register=float(n), minute=n)
    if stop:
        await says.stop(started.station_transaction_id, minute=count)
    return started.transaction


async def test_a_queue_tells_which_transactions_have_something_to_spare(says: Says, store: Store) -> None:
    first = await minutes_of_charging(says, store, 5)
    says.minute = 10
    second = await says.start(evse=2)
    for _ in range(3):
        await says.samples(second.station_transaction_id, evse=2)
    third = await says.start(evse=3)
    found = await store.database.query(lambda connection: queued(connection, CENTRAL, CP1))
    assert [(one.transaction, one.messages, one.finished) for one in found] == [
        (first, 7, True),
        (second.transaction, 4, False),
    ]
    assert third.transaction


async def test_samples_are_taken_out_and_nothing_else(says: Says, store: Store) -> None:
    transaction = await minutes_of_charging(says, store, 20)
    one = Queued(CENTRAL, CP1, transaction, 22, True, 1)

    def job(connection: sqlite3.Connection) -> tuple[int, int]:
        samples = samples_of(connection, one)
        assert len(samples) == 20
        everything = [
            Sample(row[0], 0, row[1], False) for row in connection.execute("SELECT seq, size FROM outbox ORDER BY seq")
        ]
        return take_out(connection, one, [*samples[3:7], everything[0], everything[-1]])

    messages, size = await store.database.run(job)
    kinds = [row[0] for row in await says.rows("SELECT kind FROM outbox ORDER BY seq")]
    assert kinds == ["start", *["meter"] * 16, "stop"]
    assert (messages, size > 0) == (4, True)


async def test_the_head_and_what_was_sent_are_not_touched(says: Says, store: Store) -> None:
    transaction = await minutes_of_charging(says, store, 6)
    start = await store.outbox.head(CENTRAL, CP1)
    assert start is not None
    await store.outbox.acked(start.seq, "1")
    head = await store.outbox.head(CENTRAL, CP1)
    assert head is not None
    one = Queued(CENTRAL, CP1, transaction, 7, True, 1)
    samples = await store.database.query(lambda connection: samples_of(connection, one))
    second = samples[1].seq
    await store.outbox.sending(second, "sent")  # as after a requeue, out of order
    assert await ask(store, lambda connection: head_of(connection, CENTRAL, CP1)) == head.seq
    removed, _ = await store.database.run(lambda connection: take_out(connection, one, samples))
    assert removed == 4
    waiting = [row[0] for row in await says.rows("SELECT seq FROM outbox WHERE kind = 'meter' ORDER BY seq")]
    assert waiting == [head.seq, second]


async def test_a_quarter_is_of_the_clock() -> None:
    assert to_us(NOON) % QUARTER_US == 0


# --- a queue that is full ---------------------------------------------------------------------------------------------


async def registers(says: Says) -> list[object]:
    return [row[0] for row in await says.rows("SELECT json_extract(payload, '$.wh') FROM outbox WHERE kind = 'meter'")]


async def test_in_a_full_queue_the_newest_takes_the_place_of_the_one_before(says: Says, store: Store) -> None:
    store.ledger.crowded = {CP1}
    started = await says.start()
    for wh in (1.0, 2.0, 3.0, 4.0):
        assert await says.samples(started.station_transaction_id, wh, raw=b"%f" % wh) == started.transaction
    assert await registers(says) == [1.0, 4.0]
    await says.stop(started.station_transaction_id)
    kinds = [row[0] for row in await says.rows("SELECT kind FROM outbox ORDER BY seq")]
    assert kinds == ["start", "meter", "meter", "stop"]
    frames = await store.queries.frames(started.transaction)
    assert len(frames) == 6  # what the station said is kept all the same


async def test_starts_and_stops_are_always_taken(says: Says, store: Store) -> None:
    store.ledger.crowded = {CP1}
    for _ in range(3):
        started = await says.start()
        await says.stop(started.station_transaction_id)
    assert len(await says.rows("SELECT 1 FROM outbox")) == 6


async def test_other_stations_and_better_times_are_not_affected(says: Says, store: Store) -> None:
    store.ledger.crowded = {"CP2"}  # type: ignore[assignment]
    started = await says.start()
    for wh in (1.0, 2.0, 3.0):
        await says.samples(started.station_transaction_id, wh, raw=b"%f" % wh)
    assert await registers(says) == [1.0, 2.0, 3.0]


async def test_a_lost_stop_ends_at_the_last_value_even_if_it_went_to_no_queue(says: Says, store: Store) -> None:
    store.ledger.crowded = {CP1}
    started = await says.start(meter=0)
    for wh in (100.0, 200.0, 300.0):
        await says.samples(started.station_transaction_id, wh, raw=b"%f" % wh)
    await says.start(meter=900)
    (view,) = [v for v in await store.queries.transactions() if v.id == started.transaction]
    assert (view.synthetic, view.meter_stop_wh) == (True, 300)
