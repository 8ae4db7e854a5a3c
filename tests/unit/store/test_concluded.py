"""Transactions that their stations know nothing of any more: ended at what is known, and corrected by the true stop."""

from sitectl.model.ids import EvseId, TransactionId
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, Says

FIRST = EvseId(CP1, 1)


async def test_it_ends_at_its_last_sample_and_every_central_hears(says: Says, store: Store) -> None:
    started = await says.start()
    await says.samples(started.station_transaction_id, register=1500.0)
    assert await store.ledger.conclude(FIRST, started.transaction, "the station knows of none") == started.transaction
    (row,) = await says.rows("SELECT state, synthetic, meter_stop_wh, reason FROM transactions")
    assert tuple(row) == ("stopped", 1, 1500, "Other")
    kinds = [kind for (kind,) in await says.rows("SELECT kind FROM outbox WHERE uplink = 'central' ORDER BY seq")]
    assert kinds[-1] == "stop"
    (event,) = await says.rows("SELECT data FROM events WHERE type = 'transaction.ended_synthetically'")
    assert "the station knows of none" in str(event[0])
    assert await store.ledger.conclude(FIRST, started.transaction, "again") is None
    assert await store.ledger.open_transactions(CP1) == []
    assert len(await store.queries.frames(started.transaction)) == 2


async def test_without_a_sample_it_ends_where_it_began(says: Says, store: Store) -> None:
    started = await says.start(meter=777)
    await store.ledger.conclude(FIRST, started.transaction, "the station knows of none")
    assert [tuple(r) for r in await says.rows("SELECT meter_stop_wh FROM transactions")] == [(777,)]


async def test_the_stations_own_stop_counts_after_all_while_no_central_has_heard_ours(says: Says, store: Store) -> None:
    started = await says.start()
    await store.ledger.conclude(FIRST, started.transaction, "the station knows of none")
    stopped = await says.stop(started.station_transaction_id)
    assert not stopped.conflicting
    assert [tuple(r) for r in await says.rows("SELECT synthetic FROM transactions")] == [(0,)]
    assert (await store.outbox.head(CENTRAL, CP1)) is not None


async def test_another_cars_transaction_is_not_ended_in_its_place(says: Says, store: Store) -> None:
    started = await says.start()
    assert await store.ledger.conclude(FIRST, TransactionId("the one before"), "the station knows of none") is None
    (running,) = await store.ledger.open_transactions(CP1)
    assert running.transaction == started.transaction
