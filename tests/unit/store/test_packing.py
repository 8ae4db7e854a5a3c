import zlib
from datetime import timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from sitectl.base.gateway_clock import Mistake
from sitectl.model.transaction import OutboxKind, OutboxMessage
from sitectl.store.deadletters import dead_letters
from sitectl.store.moments import to_us
from sitectl.store.opening import Store
from sitectl.store.packing import WORTH_IT, packed, packed_text, unpacked, unpacked_text
from sitectl.store.thinning import Queued, samples_of
from tests.unit.store.builders import CENTRAL, CP1, NOON, Says
from tests.unit.store.conftest import Reopen
from tests.unit.store.test_outbox import head

LONG = b'[2,"x","MeterValues",{"meterValue":[' + b'{"value":"1"},' * 60 + b"]}]"


@given(st.binary(max_size=3 * WORTH_IT))
def test_every_frame_comes_back_to_the_byte(frame: bytes) -> None:
    assert unpacked(packed(frame)) == frame
    assert unpacked(packed(packed(frame))) == packed(frame)


def test_long_ones_take_less_room_and_short_ones_stay_as_they_are() -> None:
    assert len(packed(LONG)) < len(LONG) / 2
    assert packed(LONG[: WORTH_IT - 1]) == LONG[: WORTH_IT - 1]


def test_one_that_only_looks_packed_is_what_came() -> None:
    for odd in (b"\0z", b"\0z{}", b"\0z" + zlib.compress(b"x")[:-1]):
        assert unpacked(odd) == odd


@given(st.text(max_size=3 * WORTH_IT))
def test_every_payload_comes_back(text: str) -> None:
    payload = f'{{"value":"{text}"}}'
    assert unpacked_text(packed_text(payload)) == payload
    assert packed_text(payload) == payload or len(payload) >= WORTH_IT


async def test_what_is_packed_is_the_same_for_all_who_read_it(says: Says, store: Store, reopen: Reopen) -> None:
    stamp = "2026-11-20T12:10:00Z"
    values = [{"value": str(n), "measurand": "Voltage", "context": "Transaction.Begin"} for n in range(20)]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": stamp, "sampledValue": values}]}
    raw = orjson.dumps([2, "x", "MeterValues", payload])
    started = await says.start()
    await store.outbox.acked((await head(store)).seq, "4711")
    id, message = started.station_transaction_id, OutboxMessage("MeterValues", payload, "1.6", OutboxKind.METER, True)
    for _ in range(2):  # told again, it is known
        await store.ledger.samples(CP1, 1, id, 1.0, NOON, message, raw, patient=True)
    ((stored, size, frame),) = await says.rows(
        "SELECT o.payload, o.size, f.frame FROM outbox o, raw_frames f WHERE f.kind = 'meter'"
    )
    assert (len(stored), len(frame)) < (size + 1, len(raw) / 2)
    assert size == len(stored) < len(raw) / 2
    again = await reopen()
    item = await head(again)
    assert item.message.payload == payload
    assert list(item.message.payload) == list(payload), "the central gets it in the same order"
    assert (await again.queries.frames(started.transaction))[-1] == raw
    queued = Queued(CENTRAL, CP1, started.transaction, 1, finished=False, order=1)
    one = await again.database.query(lambda c: samples_of(c, queued))
    assert [(sample.stays, sample.time_us) for sample in one] == [(True, to_us(NOON + timedelta(minutes=10)))]
    await again.rectifier.put_right(Mistake(NOON, NOON + timedelta(hours=1), timedelta(days=1)), {CP1: NOON})
    assert (await head(again)).message.payload["meterValue"][0]["timestamp"] == stamp, "of an earlier opening"
    await again.outbox.failed(item.seq, "no", dead=True)
    (letter,) = await again.database.query(lambda c: dead_letters(c, started.transaction))
    assert letter.payload == payload
