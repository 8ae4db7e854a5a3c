from sitectl.model.ids import StationId, UplinkId
from sitectl.model.journal import Wanted
from sitectl.model.transaction import DeliveryState, UplinkCopy
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, Says

MIRROR = UplinkId("mirror")
OTHER = StationId("CP2")


async def deliver(store: Store, uplink: UplinkId, count: int, id: str = "7") -> None:
    for _ in range(count):
        item = await store.outbox.head(uplink, CP1)
        assert item is not None
        await store.outbox.acked(item.seq, id)


async def test_a_transaction_as_people_see_it(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    started = await says.start(meter=1000, token="RED")
    await says.samples(started.station_transaction_id)
    await deliver(store, CENTRAL, 2, "4711")
    (view,) = await store.queries.transactions()
    assert (view.id, view.station, view.evse) == (started.transaction, CP1, 1)
    assert view.station_id == str(started.station_transaction_id)
    assert (view.id_token, view.started, view.meter_start_wh) == ("RED", says.moment(1), 1000)
    assert (view.stopped, view.meter_stop_wh, view.reason, view.synthetic) == (None, None, None, False)
    assert list(view.uplinks.items()) == [
        (CENTRAL, UplinkCopy("4711", DeliveryState.ACKED, None, 0)),
        (MIRROR, UplinkCopy(None, DeliveryState.PENDING, None, 2)),
    ]


async def test_an_ended_transaction_is_acked_when_its_stop_is(says: Says, store: Store) -> None:
    started = await says.start()
    states = []
    for message in ("start", "stop"):
        if message == "stop":
            await says.stop(started.station_transaction_id)
        for step in ("pending", "sent", "acked"):
            item = await store.outbox.head(CENTRAL, CP1)
            if step == "sent" and item is not None:
                await store.outbox.sending(item.seq, "text")
            if step == "acked" and item is not None:
                await store.outbox.acked(item.seq, "7")
            (view,) = await store.queries.transactions()
            states.append(view.uplinks[CENTRAL].state.value)
    assert states == ["pending", "sent", "acked"] * 2


async def test_filters_and_order(says: Says, store: Store) -> None:
    first = await says.start(evse=1)
    await says.stop(first.station_transaction_id)
    await deliver(store, CENTRAL, 2)
    second = await says.start(evse=2)
    await deliver(store, CENTRAL, 1)
    third = await says.start(evse=1, station=StationId("CP2"))
    item = await store.outbox.head(CENTRAL, StationId("CP2"))
    assert item is not None

    async def found(**filters: bool) -> list[str]:
        return [view.id for view in await store.queries.transactions(**filters)]

    assert await found() == [third.transaction, second.transaction, first.transaction]
    assert await found(open=True) == [third.transaction, second.transaction]
    assert await found(unsent=True) == [third.transaction]
    assert await found(dead=True) == []
    await store.outbox.failed(item.seq, "no", dead=True)
    assert await found(dead=True) == [third.transaction]
    assert await found(open=True, dead=True) == [third.transaction]
    assert await found(unsent=True) == []
    assert len(await store.queries.transactions(limit=1)) == 1


async def test_totals(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    started = await says.start()
    await says.samples(started.station_transaction_id)
    totals = await store.queries.totals()
    assert (totals.open, totals.unsent, totals.dead) == (1, 4, 0)
    await says.stop(started.station_transaction_id)
    await deliver(store, CENTRAL, 3)
    totals = await store.queries.totals()
    assert (totals.open, totals.unsent, totals.dead) == (0, 3, 0)


async def test_events_since_and_after(says: Says, store: Store) -> None:
    for minute in range(5):
        store.journal._clock.now = says.moment(minute)
        store.journal.record(f"e{minute}")
        await store.journal.drain()

    async def types(**arguments: object) -> list[str]:
        return [event.type for event in await store.queries.events(**arguments)]

    seqs = [event.seq for event in await store.queries.events()]
    assert await types(limit=2) == ["e3", "e4"]
    assert await types(since=says.moment(3)) == ["e3", "e4"]
    assert await types(since=says.moment(9)) == []
    assert await types(after_seq=seqs[1], limit=2) == ["e2", "e3"]
    assert await types(after_seq=seqs[1], since=says.moment(4)) == ["e4"]
    assert await types(after_seq=seqs[-1]) == []


async def test_events_of_a_station_and_of_types(store: Store) -> None:
    for type, station in (
        ("limit.cut", CP1), ("limit.raised", OTHER), ("limited", CP1), ("transaction.started", CP1), ("limit", CP1),
    ):  # fmt: skip
        store.journal.record(type, station)
    await store.journal.drain()

    async def types(station: StationId | None, *wanted: str) -> list[str]:
        return [event.type for event in await store.queries.events(wanted=Wanted(station, wanted))]

    assert await types(CP1) == ["limit.cut", "limited", "transaction.started", "limit"]
    assert await types(CP1, "limit") == ["limit.cut", "limit"]
    assert await types(None, "limit", "transaction") == ["limit.cut", "limit.raised", "transaction.started", "limit"]
    assert await types(OTHER, "transaction") == []
    newest = await store.queries.newest_event()
    assert [event.seq for event in await store.queries.events(limit=1)] == [newest]


async def test_questions_use_their_indexes(store: Store) -> None:
    """Counting and looking for a head must not read a whole backlog or years of transactions."""
    plans = {
        "SELECT id FROM transactions WHERE station = 'x' AND state = 'open'": "transactions_open",
        "SELECT count(*) FROM transactions WHERE state = 'open'": "transactions_open",
        "SELECT count(*) FROM outbox WHERE state = 'dead' AND transaction_id IS NOT NULL": "outbox_dead",
        "SELECT count(*) FROM outbox WHERE state <> 'dead' AND transaction_id IS NOT NULL": "outbox_waiting",
        "SELECT * FROM outbox WHERE uplink = 'u' AND station = 's' AND state <> 'dead' ORDER BY seq LIMIT 1": (
            "outbox_waiting"
        ),
        "SELECT station, count(*), min(seq) FROM outbox WHERE uplink = 'u' AND state <> 'dead' GROUP BY station": (
            "outbox_waiting"
        ),
    }
    for statement, index in plans.items():
        plan = await store.database.query(
            lambda connection, statement=statement: connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        )
        assert any(index in row[3] for row in plan), (statement, plan)
        assert not any("TEMP B-TREE" in row[3] for row in plan), (statement, plan)
