import asyncio
from dataclasses import replace

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, OutboxKind, OutboxMessage, TransactionStop
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, NOON, HandClock, Says
from tests.unit.store.conftest import Reopen

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED, NOON, "PARENT")
TABLES = ("transactions", "transaction_uplinks", "outbox", "raw_frames", "anomalies", "station_counters", "events")


async def content(says: Says) -> dict[str, list[tuple[object, ...]]]:
    return {table: await says.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


async def queue(says: Says) -> list[tuple[object, ...]]:
    return await says.rows("SELECT uplink, kind, payload FROM outbox ORDER BY seq")


async def test_a_start_becomes_a_row_a_copy_and_a_frame(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, UplinkId("mirror")]
    started = await says.start(meter=1234, raw=b'[2,"1","StartTransaction",{}]')
    assert 2_000_000_000 <= started.station_transaction_id < 2_147_000_000
    assert not started.repeated
    (open_one,) = await store.ledger.open_transactions(CP1)
    assert open_one.transaction == started.transaction
    assert (open_one.evse, open_one.id_token, open_one.meter_start_wh) == (started.evse, "TAG", 1234)
    assert open_one.started == says.moment(1)
    assert await queue(says) == [
        ("central", "start", '{"meterStart":1234}'),
        ("mirror", "start", '{"meterStart":1234}'),
    ]
    assert await store.queries.frames(started.transaction) == [b'[2,"1","StartTransaction",{}]']


async def test_rows_say_who_wrote_them_and_when(says: Says, store: Store) -> None:
    await says.start()
    for table in ("transactions", "outbox", "raw_frames"):
        assert await says.rows(f"SELECT gateway_id, epoch FROM {table}") == [(store.stamp.gateway_id, 1)]


async def test_the_same_start_gets_the_same_answer_and_changes_nothing(says: Says, store: Store) -> None:
    first = await says.start(minute=1)
    await store.ledger.verdict(first.transaction, ACCEPTED)
    before = await content(says)
    again = await says.start(minute=1, message_id="other")
    assert again.repeated
    assert (again.transaction, again.station_transaction_id) == (first.transaction, first.station_transaction_id)
    assert again.id_token_info == ACCEPTED
    assert await content(says) == before


async def test_the_same_start_after_a_restart(says: Says, reopen: Reopen) -> None:
    first = await says.start(minute=1)
    says.store = await reopen()
    again = await says.start(minute=1)
    assert again.repeated
    assert again.station_transaction_id == first.station_transaction_id


async def test_a_retry_hears_the_centrals_verdict_once_it_has_come(says: Says, store: Store) -> None:
    first = await says.start(minute=1)
    await store.ledger.verdict(first.transaction, ACCEPTED)
    head = await store.outbox.head(CENTRAL, CP1)
    assert head is not None
    await store.outbox.acked(head.seq, "77", IdTokenInfo(AuthorizationStatus.BLOCKED))
    again = await says.start(minute=1)
    assert again.id_token_info == IdTokenInfo(AuthorizationStatus.BLOCKED)


async def test_two_starts_in_one_batch_with_the_same_content(says: Says) -> None:
    first, second = await asyncio.gather(says.start(minute=1), says.start(minute=1))
    assert first.transaction == second.transaction
    assert (first.repeated, second.repeated) == (False, True)
    assert len(await queue(says)) == 1


async def test_ids_are_a_stations_own_and_count_on_after_a_restart(says: Says, reopen: Reopen) -> None:
    first = await says.start(evse=1)
    other = await says.start(station=StationId("CP2"))
    says.store = await reopen()
    second = await says.start(evse=2)
    assert second.station_transaction_id == first.station_transaction_id + 1
    assert other.station_transaction_id not in (first.station_transaction_id, second.station_transaction_id)


async def test_a_clock_that_restarts_says_the_same_of_two_transactions(says: Says) -> None:
    first = await says.start(minute=0, message_id="a", trusted=False)
    assert (await says.start(minute=0, message_id="b", trusted=False)).transaction == first.transaction
    await says.stop(first.station_transaction_id, minute=0, trusted=False)
    assert (await says.start(minute=0, message_id="a", trusted=False)).transaction == first.transaction
    second = await says.start(minute=0, message_id="c", trusted=False)
    assert second.transaction != first.transaction
    assert (await says.start(minute=0, message_id="c", trusted=False)).transaction == second.transaction


async def test_samples_go_to_the_transaction_that_is_named(says: Says) -> None:
    one, two = await says.start(evse=1), await says.start(evse=2)
    assert await says.samples(two.station_transaction_id, evse=1) == two.transaction
    assert await says.rows("SELECT transaction_id FROM outbox WHERE kind = 'meter'") == [(two.transaction,)]
    assert one.transaction != two.transaction


@pytest.mark.parametrize("nameless", [None, -1, 0, 4711])
async def test_samples_without_a_usable_id_go_by_their_evse(says: Says, nameless: int | None) -> None:
    await says.start(evse=1)
    two = await says.start(evse=2)
    assert await says.samples(nameless, evse=2) == two.transaction
    assert await says.samples(nameless, evse=0) is None


async def test_samples_may_be_for_some_uplinks_only(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, UplinkId("mirror")]
    started = await says.start()
    assert await says.samples(started.station_transaction_id, 1500.0, without=[CENTRAL]) == started.transaction
    assert await says.samples(started.station_transaction_id, 1600.0, without=says.copies) == started.transaction
    assert await says.rows("SELECT uplink FROM outbox WHERE kind = 'meter'") == [("mirror",)]
    assert len(await store.queries.frames(started.transaction)) == 3
    assert await says.rows("SELECT register_wh FROM last_samples") == [(1600.0,)]


async def test_samples_of_no_transaction_are_not_stored(says: Says) -> None:
    started = await says.start(evse=1)
    before = await content(says)
    assert await says.samples(None, evse=2) is None
    assert await says.samples(None, station=StationId("CP2")) is None
    assert await content(says) == before
    assert await says.samples(None, evse=0) == started.transaction


async def test_samples_of_a_transaction_that_nobody_knows_are_kept_as_frames_one_a_minute(
    says: Says, store: Store, clock: HandClock
) -> None:
    for n in range(13):
        assert await says.samples(4711 if n < 12 else -1, raw=b"stray %d" % n) is None
        clock.pass_s(10)
    assert await says.samples(0, raw=b"of none") is None
    assert await says.samples(None, raw=b"of none") is None
    frames = await says.rows("SELECT frame, transaction_id FROM raw_frames")
    assert frames == [(b"stray 0", None), (b"stray 6", None), (b"stray 12", None)]
    assert await queue(says) == []
    told = [(event.type, event.data["named"]) for event in await store.queries.events()]
    assert told == [("transaction.unmatched_values", 4711), ("transaction.unmatched_values", -1)]


async def test_samples_after_the_stop_are_kept_as_frames_only(says: Says, store: Store) -> None:
    started = await says.start()
    await says.stop(started.station_transaction_id)
    before = await queue(says)
    other = await says.start(minute=50)
    assert await says.samples(started.station_transaction_id, raw=b"late") == started.transaction
    assert [row for row in await queue(says) if row[1] == "meter"] == []
    assert len(await queue(says)) == len(before) + 1
    assert (await store.queries.frames(started.transaction))[-1] == b"late"
    assert b"late" not in await store.queries.frames(other.transaction)


async def test_a_stop_ends_it_for_each_uplink_that_got_the_start(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, UplinkId("mirror")]
    started = await says.start()
    says.copies = []
    stopped = await says.stop(started.station_transaction_id, meter=2222)
    assert (stopped.transaction, stopped.evse) == (started.transaction, started.evse)
    assert [row[:2] for row in await queue(says)] == [
        ("central", "start"),
        ("mirror", "start"),
        ("central", "stop"),
        ("mirror", "stop"),
    ]
    assert await store.ledger.open_transactions(CP1) == []
    (view,) = await store.queries.transactions()
    assert (view.meter_stop_wh, view.reason, view.stopped, view.synthetic) == (2222, "Local", says.moment(2), False)


async def test_an_equal_stop_changes_nothing(says: Says, reopen: Reopen) -> None:
    started = await says.start()
    await says.stop(started.station_transaction_id, minute=9)
    says.store = await reopen()
    before = await content(says)
    again = await says.stop(started.station_transaction_id, minute=9)
    assert again.repeated
    assert not again.conflicting
    assert again.transaction == started.transaction
    assert await content(says) == before


async def test_of_two_different_stops_the_first_holds(says: Says, store: Store) -> None:
    started = await says.start()
    await says.stop(started.station_transaction_id, meter=2000)
    queued = await queue(says)
    other = await says.stop(started.station_transaction_id, meter=3000, minute=9, raw=b"second stop")
    assert other.conflicting
    assert not other.repeated
    (view,) = await store.queries.transactions()
    assert view.meter_stop_wh == 2000
    assert await queue(says) == queued
    (anomaly,) = await store.queries.anomalies()
    assert (anomaly.kind, anomaly.transaction, anomaly.payload) == (
        "conflicting_stop",
        started.transaction,
        {"meterStop": 3000},
    )
    assert [event.type for event in await store.queries.events()] == ["transaction.conflicting_stop"]
    assert b"second stop" in await store.queries.frames(started.transaction)
    before = await content(says)
    assert (await says.stop(started.station_transaction_id, meter=3000, minute=9)).repeated
    assert await content(says) == before


@pytest.mark.parametrize("nameless", [None, -1, 0, 4711])
async def test_a_stop_without_a_usable_id_ends_the_only_one(says: Says, nameless: int | None) -> None:
    started = await says.start()
    assert (await says.stop(nameless, minute=9)).transaction == started.transaction
    following = await says.start(minute=10)
    before = await content(says)
    again = await says.stop(nameless, minute=9)
    assert again.repeated
    assert again.transaction == started.transaction
    assert await content(says) == before
    assert following.closed is None


async def test_a_stop_that_fits_nothing_is_set_aside_and_seen(says: Says, store: Store) -> None:
    await says.start(evse=1)
    await says.start(evse=2)
    transactions = await says.rows("SELECT * FROM transactions")
    queued = await queue(says)
    stopped = await says.stop(-1, minute=9, raw=b"whose?")
    assert stopped.transaction is None
    assert not stopped.repeated
    assert await says.rows("SELECT * FROM transactions") == transactions
    assert await queue(says) == queued
    (anomaly,) = await store.queries.anomalies()
    assert (anomaly.kind, anomaly.station, anomaly.transaction) == ("unmatched_stop", CP1, None)
    assert await says.rows("SELECT frame FROM raw_frames WHERE kind = 'stop'") == [(b"whose?",)]
    before = await content(says)
    assert (await says.stop(-1, minute=9)).repeated
    assert await content(says) == before


async def test_a_start_over_a_forgotten_stop_ends_it_at_its_last_sample(says: Says, store: Store) -> None:
    lost = await says.start(minute=1, meter=1000)
    await says.samples(lost.station_transaction_id, 1600.0, minute=5)
    await says.samples(lost.station_transaction_id, 1550.0, minute=4)
    await says.samples(lost.station_transaction_id, None, minute=6)
    second = await says.start(minute=20, meter=1700)
    assert second.closed == lost.transaction
    newest, oldest = await store.queries.transactions()
    assert newest.stopped is None
    assert oldest.synthetic
    assert (oldest.meter_stop_wh, oldest.reason, oldest.stopped) == (1600, "Other", says.moment(5))
    assert [row[1] for row in await queue(says)] == ["start", "meter", "meter", "meter", "stop", "start"]
    assert (await queue(says))[4][2] == '{"made":"here","meterStop":1600,"at":"2026-11-20T12:05:00Z","reason":"Other"}'
    assert [event.type for event in await store.queries.events()] == ["transaction.ended_synthetically"]


async def test_without_a_sample_the_next_meter_start_ends_it(says: Says, store: Store) -> None:
    await says.start(minute=1, meter=1000)
    await says.start(minute=20, meter=1700)
    oldest = (await store.queries.transactions())[1]
    assert (oldest.meter_stop_wh, oldest.stopped) == (1700, says.moment(20))


async def test_a_synthetic_stop_never_lies_before_its_start(says: Says, store: Store) -> None:
    await says.start(minute=20, meter=1000)
    await says.start(minute=1, meter=300, trusted=False)
    oldest = (await store.queries.transactions())[1]
    assert (oldest.meter_stop_wh, oldest.stopped) == (1000, says.moment(20))


async def test_a_start_that_is_told_late_ends_nothing_and_is_no_repetition(says: Says, store: Store) -> None:
    live = await says.start(minute=20, meter=9000)
    old = await says.start(minute=1, meter=300)
    assert (old.late, old.closed) == (True, None)
    again = await says.start(minute=1, meter=300)
    assert (again.repeated, again.late, again.transaction) == (True, True, old.transaction)
    await says.stop(old.station_transaction_id, meter=800, minute=2)
    (running,) = await store.ledger.open_transactions(CP1)
    assert running.transaction == live.transaction
    newest = await says.start(minute=30, meter=9500)
    assert newest.closed == live.transaction


async def test_a_start_ends_all_older_ones_of_its_evse(says: Says, store: Store) -> None:
    live = await says.start(minute=20, meter=9000)
    await says.start(minute=1, meter=300)
    newest = await says.start(minute=30, meter=9500)
    assert newest.closed == live.transaction
    assert [one.transaction for one in await store.ledger.open_transactions(CP1)] == [newest.transaction]


async def test_another_evse_is_left_alone(says: Says, store: Store) -> None:
    await says.start(evse=1)
    assert (await says.start(evse=2)).closed is None
    assert len(await store.ledger.open_transactions(CP1)) == 2


async def test_the_real_stop_of_what_was_ended_synthetically_is_kept_beside_once_a_central_heard_ours(
    says: Says, store: Store
) -> None:
    lost = await says.start()
    await says.start()
    for _ in range(2):
        item = await store.outbox.head(CENTRAL, CP1)
        assert item is not None
        await store.outbox.acked(item.seq, "1")
    assert (await says.stop(lost.station_transaction_id)).conflicting
    assert [anomaly.kind for anomaly in await store.queries.anomalies()] == ["conflicting_stop"]


async def test_last_samples_survive_a_restart(says: Says, reopen: Reopen) -> None:
    lost = await says.start(meter=1000)
    await says.samples(lost.station_transaction_id, 1600.0, minute=5)
    says.store = await reopen()
    await says.start(minute=20, meter=1700)
    assert (await says.store.queries.transactions())[1].meter_stop_wh == 1600


async def test_frames_are_kept_to_the_byte(says: Says, store: Store) -> None:
    odd = b'[2,"x","MeterValues",{"a":\x00\xff 1.10}]'
    started = await says.start()
    await says.samples(started.station_transaction_id, raw=odd)
    assert (await store.queries.frames(started.transaction))[1] == odd


async def test_what_a_failed_commit_took_back_is_not_remembered(says: Says, store: Store) -> None:
    """A neighbour that fails makes the batch run again: what the first run left in memory must be gone."""

    def failing(connection: object) -> None:
        raise KeyError("neighbour")

    started, _ = await asyncio.gather(says.start(), store.database.run(failing), return_exceptions=True)
    assert not isinstance(started, BaseException)
    assert await says.samples(started.station_transaction_id) == started.transaction
    assert len(await says.rows("SELECT * FROM transactions")) == 1
    assert [row[1] for row in await queue(says)] == ["start", "meter"]


async def test_the_newest_samples_told_again_change_nothing(says: Says, reopen: Reopen) -> None:
    """Their answer was lost, in a crash or on the way: stations repeat them, some under a new message id."""
    started = await says.start()
    first, again = b'[2,"7","MeterValues",{"a":1}]', b'[2,"8","MeterValues",{"a":1}]'
    await says.samples(started.station_transaction_id, minute=5, raw=first)
    before = await content(says)
    assert await says.samples(started.station_transaction_id, minute=5, raw=again) == started.transaction
    assert await content(says) == before
    says.store = await reopen()
    assert await says.samples(started.station_transaction_id, minute=5, raw=again) == started.transaction
    assert [row[1] for row in await queue(says)] == ["start", "meter"]
    await says.samples(started.station_transaction_id, raw=b'[2,"9","MeterValues",{"a":2}]')
    assert [row[1] for row in await queue(says)] == ["start", "meter", "meter"]


async def test_samples_are_compared_within_their_transaction(says: Says) -> None:
    one, two = await says.start(evse=1), await says.start(evse=2)
    for started in (one, two):
        await says.samples(started.station_transaction_id, raw=b'[2,"7","MeterValues",{"a":1}]')
    assert [row[1] for row in await queue(says)] == ["start", "start", "meter", "meter"]


async def test_a_stop_that_names_neither_id_nor_meter_ends_nothing(says: Says, store: Store) -> None:
    await says.start()
    noon = says.moment(9)
    rubbish = TransactionStop(CP1, None, noon, "", 0, meter_known=False)
    message = OutboxMessage("StopTransaction", {}, "1.6", OutboxKind.STOP, True)
    assert (await store.ledger.stop(rubbish, message, b"rubbish")).transaction is None
    assert (await store.queries.totals()).open == 1


async def test_a_stop_without_a_meter_value_takes_no_energy_back_and_is_known_when_it_comes_again(
    says: Says, store: Store
) -> None:
    started = await says.start(meter=1000)
    noon = says.moment(9)
    message = OutboxMessage("StopTransaction", {"meterStop": 0}, "1.6", OutboxKind.STOP, True)
    stop = TransactionStop(CP1, started.station_transaction_id, noon, noon.isoformat(), 0, meter_known=False)
    assert (await store.ledger.stop(stop, message, b"stop")).transaction == started.transaction
    assert await says.rows("SELECT meter_stop_wh FROM transactions") == [(1000,)]
    again = await store.ledger.stop(replace(stop, meter_stop_wh=1500), message, b"stop again")
    assert again.repeated
    assert not again.conflicting
