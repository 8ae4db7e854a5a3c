"""What centrals call transactions: kept as they say, and told to people when one name is given twice."""

from typing import Any

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import StartedTransaction
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, Says

CP2, MIRROR = StationId("CP2"), UplinkId("mirror")


async def named(
    says: Says, store: Store, id: str | None, evse: int = 1, station: StationId = CP1
) -> StartedTransaction:
    started = await says.start(evse, station)
    item = await store.outbox.head(CENTRAL, station)
    assert item is not None
    await store.outbox.acked(item.seq, id)
    return started


async def repeated(store: Store) -> list[tuple[Any, ...]]:
    keys = ("transaction", "uplink", "id", "other", "at")
    return [
        (event.station, *(event.data[key] for key in keys))
        for event in await store.queries.events()
        if event.type == "transaction.id_repeated"
    ]


async def test_names_of_their_own_are_no_event(says: Says, store: Store) -> None:
    await named(says, store, "1")
    await named(says, store, "2", evse=2)
    await named(says, store, None, evse=3)
    await named(says, store, None, evse=4)
    assert await repeated(store) == []


async def test_one_name_for_two_that_run_at_a_station(says: Says, store: Store) -> None:
    first = await named(says, store, "7")
    second = await named(says, store, "7", evse=2)
    assert await repeated(store) == [(CP1, second.transaction, "central", "7", first.transaction, "CP1")]
    assert await store.outbox.transaction_of(CENTRAL, CP1, "7") is None  # nobody knows which is meant


async def test_one_name_for_all_that_come_one_after_the_other_is_told_once(says: Says, store: Store) -> None:
    ids = []
    for _ in range(3):
        started = await named(says, store, "7")
        ids.append(started.transaction)
        await says.stop(started.station_transaction_id)
        item = await store.outbox.head(CENTRAL, CP1)
        assert item is not None
        await store.outbox.acked(item.seq)
    assert await repeated(store) == [(CP1, ids[1], "central", "7", ids[0], "CP1")]
    last = await store.outbox.transaction_of(CENTRAL, CP1, "7")
    assert last is not None
    assert last.transaction == ids[2]


async def test_the_name_of_another_stations_transaction_is_told_once_and_belongs_to_each(
    says: Says, store: Store
) -> None:
    theirs = await named(says, store, "7", station=CP2)
    mine = await named(says, store, "7")
    await named(says, store, "7", evse=2)
    told = await repeated(store)
    assert told[0] == (CP1, mine.transaction, "central", "7", theirs.transaction, "CP2")
    assert [one[5] for one in told] == ["CP2", "CP1"]
    mapped = await store.outbox.transaction_of(CENTRAL, CP2, "7")
    assert mapped is not None
    assert mapped.transaction == theirs.transaction


async def test_two_centrals_may_use_one_name(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    await says.start()
    await says.start(evse=2)
    for uplink, id in ((CENTRAL, "1"), (MIRROR, "2"), (CENTRAL, "2"), (MIRROR, "1")):
        item = await store.outbox.head(uplink, CP1)
        assert item is not None
        await store.outbox.acked(item.seq, id)
    assert await repeated(store) == []


async def test_looking_for_the_same_name_uses_the_index(store: Store) -> None:
    statement = (
        "SELECT transaction_id FROM transaction_uplinks INDEXED BY transaction_uplinks_map"
        " WHERE uplink = 'u' AND uplink_transaction_id = '7' AND station <> 's' LIMIT 100"
    )
    plan = await store.database.query(lambda c: c.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall())
    assert "uplink=? AND uplink_transaction_id=?" in plan[0][3]
