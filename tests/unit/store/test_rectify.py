"""What was stamped before the time was known, put right in one commit."""

from datetime import timedelta

from sitectl.base.gateway_clock import Mistake
from sitectl.model.ids import EvseId
from sitectl.model.transaction import ClockQuality, OutboxKind, OutboxMessage, TransactionStart
from sitectl.store.opening import Store
from sitectl.store.rectify import newest_moment
from sitectl.store.rows import insert_event
from tests.unit.store.builders import CENTRAL, CP1, NOON, HandClock, Says
from tests.unit.store.conftest import Reopen

DAY = timedelta(days=1)
MISTAKE = Mistake(NOON, NOON + timedelta(hours=1), DAY)


async def begins(store: Store, minute: int, clock: ClockQuality, stamp: str, wh: int, evse: int = 1) -> None:
    started = NOON + timedelta(minutes=minute)
    start = TransactionStart(EvseId(CP1, evse), "TAG", started, stamp, wh, clock=clock)
    payload = {"timestamp": stamp, "meterStart": wh}
    message = OutboxMessage("StartTransaction", payload, "1.6", OutboxKind.START)
    await store.ledger.start(start, [CENTRAL], message, b"frame")


async def starts(store: Store) -> list[tuple[object, ...]]:
    rows = await store.queries.transactions()
    return [(row.started - NOON, row.started_clock) for row in reversed(rows)]


async def test_what_went_by_our_clock_is_moved_and_a_stations_own_word_stays(store: Store) -> None:
    await begins(store, -30, ClockQuality.STATION, "2026-11-20T11:30:00Z", 1, evse=1)
    await begins(store, 10, ClockQuality.STATION, "2026-11-20T12:10:00Z", 2, evse=2)
    await begins(store, 20, ClockQuality.RECEIPT, "nonsense", 3, evse=3)
    await store.rectifier.put_right(MISTAKE, {CP1: NOON + timedelta(minutes=5)})
    assert await starts(store) == [
        (timedelta(minutes=-30), ClockQuality.STATION),
        (DAY + timedelta(minutes=10), ClockQuality.ESTIMATED),
        (DAY + timedelta(minutes=20), ClockQuality.RECEIPT),
    ]


async def test_what_waits_for_a_central_is_moved_and_what_was_sent_is_not(says: Says, store: Store) -> None:
    signed = {"timestamp": "2026-11-20T12:10:00Z", "sampledValue": [{"value": "x", "format": "SignedData"}]}
    plain = {"timestamp": "2026-11-20T12:10:00Z", "sampledValue": [{"value": "1"}]}
    payload = {"meterValue": [signed, plain]}
    started = await says.start()
    first = await store.outbox.head(CENTRAL, CP1)
    assert first is not None
    await store.outbox.sending(first.seq, "as it went")
    message = OutboxMessage("MeterValues", payload, "1.6", OutboxKind.METER, True)
    await store.ledger.samples(CP1, 1, started.station_transaction_id, 1.0, NOON, message, b"frame")
    await store.rectifier.put_right(MISTAKE, {CP1: NOON})
    rows = await says.rows("SELECT rendered, payload FROM outbox ORDER BY seq")
    assert rows[0][0] == "as it went"
    assert '"2026-11-21T12:10:00Z"' in str(rows[1][1])
    assert str(rows[1][1]).count("2026-11-20T12:10:00Z") == 1, "signed data keeps its time"


async def test_events_and_frames_and_the_beginning_of_the_ledger_follow(
    says: Says, store: Store, clock: HandClock, reopen: Reopen
) -> None:
    await says.start()
    store.journal.record("site.started")
    await store.journal.drain()
    opened = await store.queries.first_opened()
    await store.rectifier.put_right(Mistake(clock.now, clock.now, DAY), {})
    assert await store.queries.first_opened() == opened + DAY
    assert [event.time - clock.now for event in await store.queries.events()] == [DAY]
    assert await says.rows("SELECT DISTINCT received_us - ? FROM raw_frames", 0) != []
    again = await reopen()
    found = await again.database.query(newest_moment)
    assert found == clock.now + DAY, "the next start goes on from there"


async def test_what_came_after_the_time_was_known_stays(store: Store, clock: HandClock) -> None:
    stamp = store.stamp
    after_us = int((clock.now + DAY).timestamp() * 1_000_000)
    await store.database.run(lambda c: insert_event(c, stamp, after_us, "late", None, None, {}))
    await store.rectifier.put_right(Mistake(clock.now, clock.now + timedelta(hours=1), DAY), {})
    assert [event.time for event in await store.queries.events()] == [clock.now + DAY]
