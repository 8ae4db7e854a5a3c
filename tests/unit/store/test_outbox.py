import asyncio
from datetime import timedelta

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import (
    AuthorizationStatus,
    DeliveryState,
    IdTokenInfo,
    OutboxItem,
    OutboxKind,
    OutboxMessage,
)
from sitectl.store import outbox
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, NOON, Says
from tests.unit.store.conftest import Reopen

MIRROR = UplinkId("mirror")
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED, NOON, None)


async def head(store: Store, uplink: UplinkId = CENTRAL, station: StationId = CP1) -> OutboxItem:
    item = await store.outbox.head(uplink, station)
    assert item is not None
    return item


async def test_an_empty_queue_has_no_head(store: Store) -> None:
    assert await store.outbox.head(CENTRAL, CP1) is None


async def test_messages_leave_in_the_order_of_their_commits(says: Says, store: Store) -> None:
    started = await says.start()
    await asyncio.gather(*[says.samples(started.station_transaction_id, float(n)) for n in range(20)])
    await says.stop(started.station_transaction_id)
    sent = []
    while (item := await store.outbox.head(CENTRAL, CP1)) is not None:
        sent.append((item.message.kind, item.message.payload.get("wh")))
        await store.outbox.sending(item.seq, "text")
        await store.outbox.acked(item.seq, "77")
    assert sent[0] == (OutboxKind.START, None)
    assert sent[1:-1] == [(OutboxKind.METER, float(n)) for n in range(20)]
    assert sent[-1] == (OutboxKind.STOP, None)


async def test_the_centrals_id_is_bound_when_the_start_was_answered(says: Says, store: Store) -> None:
    started = await says.start()
    await says.samples(started.station_transaction_id)
    start = await head(store)
    assert (start.uplink_transaction_id, start.transaction) == (None, started.transaction)
    await store.outbox.acked(start.seq, "4711", BLOCKED)
    meter = await head(store)
    assert meter.uplink_transaction_id == "4711"
    assert meter.message.needs_transaction_id
    assert not meter.start_dead
    assert meter.message.payload == {"wh": 1500.0}
    (view,) = await store.queries.transactions()
    copy = view.uplinks[CENTRAL]
    assert (copy.id, copy.state, copy.verdict, copy.unsent) == ("4711", DeliveryState.ACKED, "Blocked", 1)


async def test_queues_do_not_wait_for_each_other(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    await says.start()
    await says.start(station=StationId("CP2"))
    await store.outbox.acked((await head(store)).seq, "1")
    assert await store.outbox.head(CENTRAL, CP1) is None
    assert (await head(store, MIRROR)).message.kind == OutboxKind.START
    assert (await head(store, CENTRAL, StationId("CP2"))).uplink_transaction_id is None


async def test_the_text_is_frozen_at_the_first_send(says: Says, reopen: Reopen) -> None:
    await says.start()
    first = await head(says.store)
    assert first.rendered is None
    await says.store.outbox.sending(first.seq, "first")
    store = await reopen()
    again = await head(store)
    assert (again.seq, again.rendered, again.attempts) == (first.seq, "first", 0)
    await store.outbox.sending(again.seq, "second")
    assert (await head(store)).rendered == "first"


async def test_what_a_central_was_told_of_the_times_is_known_beside_the_true_ones(says: Says, store: Store) -> None:
    started = await says.start()
    began = says.moment(says.minute)
    await says.stop(started.station_transaction_id)
    start = await head(store)
    assert (start.started, start.told_start, start.told_last) == (began, None, None)
    earlier, later = began - timedelta(minutes=10), began - timedelta(minutes=5)
    await store.outbox.sending(start.seq, "text", earlier)
    await store.outbox.acked(start.seq, "77")
    stop = await head(store)
    assert (stop.started, stop.told_start, stop.told_last) == (began, earlier, earlier)
    await store.outbox.sending(stop.seq, "text", later)
    assert (await head(store)).told_last == later


async def test_a_refusal_is_counted_and_the_message_stays(says: Says, store: Store) -> None:
    await says.start()
    item = await head(store)
    await store.outbox.sending(item.seq, "text")
    await store.outbox.failed(item.seq, "InternalError", dead=False)
    again = await head(store)
    assert (again.seq, again.attempts) == (item.seq, 1)


async def test_a_dead_letter_is_kept_seen_and_passed(says: Says, store: Store) -> None:
    started = await says.start()
    await says.samples(started.station_transaction_id)
    start = await head(store)
    await store.outbox.failed(start.seq, "FormationViolation", dead=True)
    meter = await head(store)
    assert meter.start_dead
    assert meter.uplink_transaction_id is None
    assert await says.rows("SELECT state, attempts, reason FROM outbox WHERE seq = ?", start.seq) == [
        ("dead", 1, "FormationViolation")
    ]
    totals = await store.queries.totals()
    assert (totals.open, totals.unsent, totals.dead) == (1, 1, 1)
    (event,) = await store.queries.events()
    assert (event.type, event.data["why"]) == ("outbox.given_up", "FormationViolation")
    (view,) = await store.queries.transactions(dead=True)
    assert view.uplinks[CENTRAL].state == DeliveryState.DEAD
    await store.outbox.failed(start.seq, "again", dead=True)
    await store.outbox.sending(start.seq, "late")
    assert len(await store.queries.events()) == 1


async def test_a_dependant_waits_while_its_start_is_neither_acked_nor_dead(says: Says, store: Store) -> None:
    """Its place in the queue says so already; the rule holds also where a start was put back behind it."""
    started = await says.start()
    await says.samples(started.station_transaction_id)
    start = await head(store)
    await store.database.run(
        lambda connection: connection.execute("UPDATE outbox SET seq = seq + 1000 WHERE seq = ?", (start.seq,))
    )
    assert await store.outbox.head(CENTRAL, CP1) is None


async def test_a_second_answer_changes_nothing(says: Says, store: Store) -> None:
    await says.start()
    item = await head(store)
    await store.outbox.acked(item.seq, "1", BLOCKED)
    await store.outbox.acked(item.seq, "2", None)
    (view,) = await store.queries.transactions()
    assert view.uplinks[CENTRAL].id == "1"


async def test_numbers_grow_over_restarts_and_are_never_used_twice(says: Says, reopen: Reopen) -> None:
    await says.start()
    first = await head(says.store)
    await says.store.outbox.acked(first.seq, "1")
    says.store = await reopen()
    await says.start()
    assert (await head(says.store)).seq > first.seq


async def test_backlogs_show_what_waits_and_what_died(says: Says, store: Store) -> None:
    started = await says.start()
    await says.samples(started.station_transaction_id)
    await says.start(station=StationId("CP2"))
    await store.outbox.failed((await head(store, CENTRAL, StationId("CP2"))).seq, "no", dead=True)
    await says.start(station=StationId("CP3"))
    await store.outbox.acked((await head(store, CENTRAL, StationId("CP3"))).seq, "1")
    found = {backlog.station: backlog for backlog in await store.outbox.backlogs(CENTRAL)}
    assert {station: (one.waiting, one.dead) for station, one in found.items()} == {"CP1": (2, 0), "CP2": (0, 1)}
    assert found[CP1].oldest_wall == NOON.timestamp()
    assert found[StationId("CP2")].oldest_wall is None
    assert await store.outbox.backlogs(MIRROR) == []


async def map_to(says: Says, id: str, evse: int = 1, station: StationId = CP1) -> str:
    started = await says.start(evse=evse, station=station)
    await says.store.outbox.acked((await head(says.store, CENTRAL, station)).seq, id)
    return started.transaction


async def test_a_centrals_id_means_a_transaction_of_that_station_and_that_central(says: Says, store: Store) -> None:
    transaction = await map_to(says, "77")
    mapped = await store.outbox.transaction_of(CENTRAL, CP1, "77")
    assert mapped is not None
    assert (mapped.transaction, mapped.running) == (transaction, True)
    assert await store.outbox.transaction_of(CENTRAL, StationId("CP2"), "77") is None
    assert await store.outbox.transaction_of(MIRROR, CP1, "77") is None
    assert await store.outbox.transaction_of(CENTRAL, CP1, "78") is None


async def test_a_repeated_id_means_the_one_that_runs_if_only_one_does(says: Says, store: Store) -> None:
    await map_to(says, "0", evse=1)
    await says.stop(-1)
    await store.outbox.acked((await head(store)).seq)
    second = await map_to(says, "0", evse=2)
    mapped = await store.outbox.transaction_of(CENTRAL, CP1, "0")
    assert mapped is not None
    assert mapped.transaction == second
    await map_to(says, "0", evse=1)
    assert await store.outbox.transaction_of(CENTRAL, CP1, "0") is None


def event(number: int) -> OutboxMessage:
    return OutboxMessage("SecurityEventNotification", {"number": number}, "1.6", OutboxKind.EVENT)


async def test_a_message_of_no_transaction_waits_behind_what_waits(says: Says, store: Store) -> None:
    started = await says.start()
    await store.outbox.append(CP1, [CENTRAL, MIRROR], event(1))
    await says.stop(started.station_transaction_id)
    assert (await head(store, MIRROR)).message == event(1)
    await store.outbox.acked((await head(store)).seq, "1")
    item = await head(store)
    assert (item.message, item.transaction) == (event(1), None)
    await store.outbox.acked(item.seq)
    assert (await head(store)).message.kind is OutboxKind.STOP
    assert (await store.queries.totals()).unsent == 1


async def test_events_survive_a_restart(store: Store, reopen: Reopen) -> None:
    await store.outbox.append(CP1, [CENTRAL], event(1))
    await store.outbox.append(CP1, [CENTRAL], event(2))
    again = await reopen()
    assert (await head(again)).message == event(1)


async def test_of_too_many_events_the_oldest_unsent_gives_way(
    says: Says, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_EVENTS", 3)
    await says.start(station=StationId("CP2"))
    for number in range(3):
        await store.outbox.append(CP1, [CENTRAL], event(number))
    await store.outbox.sending((await head(store)).seq, "frozen")
    await store.outbox.append(CP1, [CENTRAL], event(3))
    left = []
    while (item := await store.outbox.head(CENTRAL, CP1)) is not None:
        left.append(item.message.payload["number"])
        await store.outbox.acked(item.seq)
    assert left == [0, 2, 3]
    (entry,) = [e for e in await store.queries.events() if e.type == "outbox.overflowed"]
    assert entry.data["payload"] == {"number": 1}
    assert await store.outbox.head(CENTRAL, StationId("CP2")) is not None
