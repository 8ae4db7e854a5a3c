"""What changes with each sample lies together; meter values that went up as they are stored are not written twice."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sitectl.base.gateway_clock import Mistake
from sitectl.model.transaction import AS_STORED, OutboxKind, OutboxMessage
from sitectl.store.migrate import migrate, shipped
from sitectl.store.opening import Store
from sitectl.store.thinning import remove
from tests.unit.store.builders import CENTRAL, CP1, NOON, Says
from tests.unit.store.conftest import Reopen
from tests.unit.store.old_schemas import build_old
from tests.unit.store.test_outbox import head


async def said(says: Says, store: Store) -> int:
    """A transaction whose first sample is under way as it is stored: the sample's number."""
    started = await says.start()
    await store.outbox.acked((await head(store)).seq, "4711")
    for _ in range(3):
        await says.samples(started.station_transaction_id)
    item = await head(store)
    assert await store.outbox.sending(item.seq, AS_STORED, NOON, patient=True)
    return item.seq


async def test_that_it_went_as_it_is_stored_survives_a_restart(says: Says, store: Store, reopen: Reopen) -> None:
    seq = await said(says, store)
    assert await says.rows(f"SELECT state, rendered FROM outbox WHERE seq = {seq}") == [("queued", None)]
    again = await reopen()
    item = await head(again)
    assert (item.seq, item.rendered, item.told_last) == (seq, AS_STORED, NOON)
    assert (await head(again)).rendered == AS_STORED
    await again.outbox.acked(seq)
    assert (await head(again)).rendered is None


async def test_the_first_text_wins(says: Says, store: Store) -> None:
    seq = await said(says, store)
    await store.outbox.acked(seq)
    item = await head(store)
    await store.outbox.sending(item.seq, "another text")
    await store.outbox.sending(item.seq, AS_STORED)
    assert (await head(store)).rendered == "another text"


async def test_what_has_left_the_queue_may_not_go(says: Says, store: Store) -> None:
    seq = await said(says, store)
    await store.outbox.acked(seq)
    assert not await store.outbox.sending(seq, AS_STORED)
    item = await head(store)
    await store.outbox.failed(item.seq, "no", dead=True)
    assert not await store.outbox.sending(item.seq, AS_STORED)


async def test_what_was_said_is_not_thinned(says: Says, store: Store) -> None:
    seq = await said(says, store)
    assert not await store.database.run(lambda connection: remove(connection, seq))
    assert await store.database.run(lambda connection: remove(connection, seq + 1))


async def test_what_was_said_keeps_its_words_when_the_clock_is_put_right(says: Says, store: Store) -> None:
    started = await says.start()
    await store.outbox.acked((await head(store)).seq, "4711")
    payload = {"meterValue": [{"timestamp": "2026-11-20T12:10:00Z", "sampledValue": [{"value": "1"}]}]}
    for _ in range(2):
        message = OutboxMessage("MeterValues", payload, "1.6", OutboxKind.METER, True)
        await says.samples(started.station_transaction_id)
        await store.ledger.samples(CP1, 1, started.station_transaction_id, 1.0, NOON, message, b"frame")
    await store.outbox.acked((await head(store)).seq)
    await store.outbox.sending((await head(store)).seq, AS_STORED)
    await store.rectifier.put_right(Mistake(NOON, NOON + timedelta(hours=1), timedelta(days=1)), {CP1: NOON})
    rows = await says.rows("SELECT payload FROM outbox WHERE payload LIKE '%timestamp%' ORDER BY seq")
    assert ["2026-11-20T" in str(row[0]) for row in rows] == [True, False]


async def test_a_dead_sample_that_is_requeued_keeps_its_words(says: Says, store: Store) -> None:
    seq = await said(says, store)
    await store.outbox.failed(seq, "no", dead=True)
    assert await store.outbox.sending((await head(store)).seq, AS_STORED), "the next one goes"
    ((transaction,),) = await says.rows("SELECT id FROM transactions")
    await store.dead_letters.requeue(str(transaction))
    assert ((await head(store)).seq, (await head(store)).rendered) == (seq, AS_STORED)


async def test_the_newest_sample_moves_to_the_transaction_when_it_ends(says: Says, store: Store) -> None:
    started = await says.start()
    await says.samples(started.station_transaction_id, 1700.0)
    assert await says.rows("SELECT last_sample_wh FROM transactions") == [(None,)]
    await says.stop(started.station_transaction_id, meter=1800)
    assert await says.rows("SELECT last_sample_wh FROM transactions") == [(1700.0,)]
    assert await says.rows("SELECT * FROM last_samples") == []


async def test_what_a_central_was_told_last_is_forgotten_with_the_stop(says: Says, store: Store) -> None:
    seq = await said(says, store)
    await says.stop(None)
    assert await says.rows("SELECT uplink, told_us FROM last_told") == [(CENTRAL, int(NOON.timestamp()) * 1_000_000)]
    await store.outbox.acked(seq)
    while (item := await store.outbox.head(CENTRAL, CP1)) is not None:
        await store.outbox.acked(item.seq)
    assert await says.rows("SELECT * FROM last_told") == []


def test_an_older_file_keeps_its_samples_what_was_told_and_the_numbers_of_its_events(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    build_old(path)
    steps = shipped()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        migrate(file, path, [step for step in steps if step.number < 7])
        file.execute("UPDATE transactions SET last_sample_us = 77, last_sample_wh = 6000.5 WHERE id = 't-runs'")
        file.execute("UPDATE transaction_uplinks SET told_last_us = 78")
        migrate(file, path, steps)
        joined = "SELECT t.id, {} FROM transactions t JOIN {} l ON l.first_frame = t.first_frame ORDER BY t.id"
        samples = file.execute(joined.format("l.sampled_us, l.register_wh", "last_samples")).fetchall()
        assert samples == [("t-runs", 77, 6000.5)]
        told = file.execute(joined.format("l.uplink, l.told_us", "last_told")).fetchall()
        assert told == [("t-over", "central", 78), ("t-runs", "central", 78)]
        (newest,) = file.execute("SELECT max(seq) FROM events").fetchone()
        file.execute("INSERT INTO events (gateway_id, epoch, time_us, type, data) VALUES ('g', 1, 9, 'next', '{}')")
        assert file.execute("SELECT seq FROM events WHERE type = 'next'").fetchone() == (newest + 1,)
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
