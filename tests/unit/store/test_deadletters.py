"""Messages that were given up: what hangs on them, how they are shown, and how they come back."""

import pytest

from sitectl.model.ids import TransactionId, UplinkId
from sitectl.model.transaction import NotRequeued, OutboxItem, Requeued, StartedTransaction
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, HandClock, Says

MIRROR = UplinkId("mirror")


async def head(store: Store) -> OutboxItem:
    item = await store.outbox.head(CENTRAL, CP1)
    assert item is not None
    return item


async def send(store: Store, id: str | None = None) -> OutboxItem:
    """Send the head and let it be answered."""
    item = await head(store)
    assert await store.outbox.sending(item.seq, f"text of {item.seq}")
    await store.outbox.acked(item.seq, id)
    return item


async def give_up(store: Store, why: str = "InternalError") -> OutboxItem:
    item = await head(store)
    assert await store.outbox.sending(item.seq, '{"frozen": true}')
    await store.outbox.failed(item.seq, why, dead=True)
    return item


async def states(says: Says) -> list[tuple[object, ...]]:
    return await says.rows("SELECT kind, state FROM outbox ORDER BY seq")


async def archived(says: Says) -> list[object]:
    return [row[0] for row in await says.rows("SELECT kind FROM outbox_archive ORDER BY seq")]


async def ended(says: Says, samples: int = 2) -> StartedTransaction:
    started = await says.start()
    for _ in range(samples):
        await says.samples(started.station_transaction_id)
    await says.stop(started.station_transaction_id)
    return started


async def test_a_dead_letter_says_what_when_and_why(says: Says, store: Store, clock: HandClock) -> None:
    await ended(says)
    clock.pass_s(60)
    item = await give_up(store, "FormationViolation: no meterStart")
    (view,) = await store.queries.transactions(dead=True)
    (letter,) = view.dead_letters
    assert (letter.uplink, letter.action, letter.payload) == (CENTRAL, "StartTransaction", {"frozen": True})
    assert (letter.attempts, letter.why) == (1, "FormationViolation: no meterStart")
    assert letter.given_up == clock.now
    assert (letter.given_up - letter.created).total_seconds() == 60
    assert (await store.queries.transactions())[0].dead_letters == ()
    assert item.seq


async def test_meter_values_of_a_dead_start_go_to_the_archive_and_the_stop_goes_without_an_id(
    says: Says, store: Store
) -> None:
    await ended(says, samples=3)
    await give_up(store)
    first = await head(store)
    assert first.start_dead
    await store.outbox.archive(first.seq)
    assert await archived(says) == ["meter", "meter", "meter"]
    stop = await head(store)
    assert (stop.message.kind, stop.start_dead) == ("stop", True)
    await send(store)
    assert await states(says) == [("start", "dead")]
    assert await archived(says) == ["meter", "meter", "meter", "stop"]
    assert (await store.queries.totals()).dead == 1


async def test_a_stop_that_is_held_is_as_dead_as_its_start_and_comes_back_with_it(says: Says, store: Store) -> None:
    started = await ended(says, samples=1)
    await give_up(store)
    await store.outbox.archive((await head(store)).seq)
    await store.outbox.archive((await head(store)).seq)
    assert await store.outbox.head(CENTRAL, CP1) is None
    assert await archived(says) == ["meter", "stop"]
    assert await says.rows("SELECT stop_state FROM transaction_uplinks") == [("dead",)]
    assert await store.dead_letters.requeue(started.transaction) == Requeued(started.transaction, {CENTRAL: 3})
    assert await says.rows("SELECT start_state, stop_state FROM transaction_uplinks") == [("pending", "pending")]
    assert [(await send(store, "4711")).message.kind for _ in range(3)] == ["start", "meter", "stop"]
    assert await archived(says) == []


async def test_the_archive_is_filled_in_small_commits(
    says: Says, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitectl.store.deadletters.ARCHIVED_AT_ONCE", 2)
    await ended(says, samples=3)
    await give_up(store)
    await store.outbox.archive((await head(store)).seq)
    assert await archived(says) == ["meter", "meter"]
    await store.outbox.archive((await head(store)).seq)
    assert await archived(says) == ["meter", "meter", "meter"]


async def test_nothing_else_is_ever_put_aside(says: Says, store: Store) -> None:
    started = await ended(says)
    for seq in [item[0] for item in await says.rows("SELECT seq FROM outbox")]:
        await store.outbox.archive(int(str(seq)))
    assert await archived(says) == []
    await give_up(store)
    other = await says.start(evse=2)
    await says.samples(other.station_transaction_id, evse=2)
    await store.outbox.archive((await head(store)).seq)
    left = await says.rows("SELECT transaction_id, kind FROM outbox WHERE state <> 'dead' ORDER BY seq")
    assert left == [(started.transaction, "stop"), (other.transaction, "start"), (other.transaction, "meter")]


async def test_a_requeued_start_brings_back_all_that_hung_on_it_in_its_old_place(says: Says, store: Store) -> None:
    started = await ended(says)
    order = [row[0] for row in await says.rows("SELECT seq FROM outbox ORDER BY seq")]
    later = await says.start(evse=2)
    dead = await give_up(store)
    await store.outbox.archive((await head(store)).seq)
    await send(store)
    done = await store.dead_letters.requeue(started.transaction)
    assert done == Requeued(started.transaction, {CENTRAL: 4})
    assert [row[0] for row in await says.rows("SELECT seq FROM outbox ORDER BY seq")][:4] == order
    again = await head(store)
    assert (again.seq, again.rendered, again.attempts) == (dead.seq, '{"frozen": true}', 0)
    assert await store.outbox.head(CENTRAL, CP1) == again  # dependants wait for it again
    await store.outbox.acked(again.seq, "4711")
    heard = [await send(store) for _ in range(3)]
    assert [item.message.kind for item in heard] == ["meter", "meter", "stop"]
    assert {(item.uplink_transaction_id, item.start_dead, item.rendered) for item in heard} == {("4711", False, None)}
    assert (await head(store)).transaction == later.transaction
    assert await archived(says) == []
    copy = (await store.queries.transactions())[1].uplinks[CENTRAL]
    assert (copy.id, copy.state, copy.unsent) == ("4711", "acked", 0)


async def test_a_stop_that_is_on_its_way_without_an_id_is_said_again_with_one(says: Says, store: Store) -> None:
    started = await ended(says, samples=0)
    await give_up(store)
    stop = await head(store)
    assert await store.outbox.sending(stop.seq, '{"transactionId": -1}')
    await store.dead_letters.requeue(started.transaction)
    await store.outbox.acked(stop.seq)  # the central heard the one without an id
    start = await send(store, "4711")
    assert start.message.kind == "start"
    again = await head(store)
    assert (again.seq, again.rendered, again.uplink_transaction_id) == (stop.seq, None, "4711")
    await send(store)
    assert await states(says) == []


async def test_a_message_that_was_worded_without_an_id_does_not_leave_once_its_start_is_requeued(
    says: Says, store: Store
) -> None:
    started = await ended(says, samples=0)
    await give_up(store)
    stop = await head(store)
    await store.dead_letters.requeue(started.transaction)
    assert not await store.outbox.sending(stop.seq, '{"transactionId": -1}')
    assert await says.rows("SELECT state, rendered FROM outbox WHERE seq = ?", stop.seq) == [("queued", None)]


async def test_a_dead_stop_or_sample_comes_back_alone_with_its_frozen_text(says: Says, store: Store) -> None:
    started = await ended(says, samples=1)
    await send(store, "4711")
    sample, stop = await give_up(store), await give_up(store)
    assert await store.dead_letters.requeue(started.transaction) == Requeued(started.transaction, {CENTRAL: 2})
    assert ((await head(store)).seq, (await head(store)).rendered) == (sample.seq, '{"frozen": true}')
    await send(store)
    assert (await head(store)).seq == stop.seq
    (view,) = await store.queries.transactions()
    assert view.uplinks[CENTRAL].state == "pending"
    await send(store)
    (view,) = await store.queries.transactions()
    assert view.uplinks[CENTRAL].state == "acked"


async def test_each_uplink_gets_what_it_refused(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    started = await ended(says, samples=0)
    await give_up(store)
    assert await store.dead_letters.requeue(started.transaction) == Requeued(started.transaction, {CENTRAL: 1})
    mirrored = await store.outbox.head(MIRROR, CP1)
    assert mirrored is not None
    assert not mirrored.start_dead


async def test_requeueing_tells_people_and_survives_a_second_wish(says: Says, store: Store) -> None:
    started = await ended(says, samples=0)
    await give_up(store)
    await store.dead_letters.requeue(started.transaction)
    again = await store.dead_letters.requeue(started.transaction)
    assert again == NotRequeued(f"transaction {started.transaction} has no dead messages")
    events = [(event.type, event.station, event.data) for event in await store.queries.events()]
    told = {"transaction": started.transaction, "messages": {"central": 1}}
    assert events[-1] == ("outbox.requeued", CP1, told)
    await give_up(store)
    assert isinstance(await store.dead_letters.requeue(started.transaction), Requeued)


async def test_the_beginning_of_an_id_is_enough_where_no_other_begins_so(says: Says, store: Store) -> None:
    first, second = await says.start(evse=1), await says.start(evse=2)
    await says.rows("SELECT 1")
    await give_up(store)
    length = next(n for n in range(1, 37) if first.transaction[:n] != second.transaction[:n])
    assert isinstance(await store.dead_letters.requeue(first.transaction[:length]), Requeued)
    for name in ("", "nothing", f"{first.transaction}0", "%", "\U0010ffff"):
        refused = await store.dead_letters.requeue(name)
        assert isinstance(refused, NotRequeued)
        assert refused.unknown
    await store.database.run(
        lambda connection: connection.execute("UPDATE transactions SET id = 'same' || evse").fetchall()
    )
    refused = await store.dead_letters.requeue("same")
    assert (isinstance(refused, NotRequeued) and refused.unknown) is False
    assert TransactionId("same1") in [view.id for view in await store.queries.transactions()]
