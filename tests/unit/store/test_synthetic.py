"""The true stop of a transaction that we ended: it counts until a central may have heard ours."""

import pytest

from sitectl.model.ids import UplinkId
from sitectl.model.transaction import StartedTransaction, TransactionView
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, Says
from tests.unit.store.conftest import Reopen

MIRROR = UplinkId("mirror")


async def ended_by_us(says: Says) -> StartedTransaction:
    """A transaction whose EVSE began another."""
    lost = await says.start(meter=1000)
    await says.samples(lost.station_transaction_id, 1500.0)
    await says.start(meter=2000)
    return lost


async def seen(says: Says, lost: StartedTransaction) -> TransactionView:
    (view,) = [view for view in await says.store.queries.transactions() if view.id == lost.transaction]
    return view


async def stops(says: Says) -> list[tuple[object, ...]]:
    return await says.rows("SELECT uplink, json_extract(payload, '$.meterStop') FROM outbox WHERE kind = 'stop'")


async def advance(store: Store, count: int) -> None:
    """Let the central take so many messages."""
    for _ in range(count):
        item = await store.outbox.head(CENTRAL, CP1)
        assert item is not None
        await store.outbox.acked(item.seq, "7")


async def test_the_true_stop_takes_the_place_of_ours(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    lost = await ended_by_us(says)
    stopped = await says.stop(lost.station_transaction_id, meter=1900, reason="EVDisconnected", raw=b"true stop")
    assert (stopped.conflicting, stopped.repeated) == (False, False)
    view = await seen(says, lost)
    assert (view.meter_stop_wh, view.reason, view.synthetic, view.stopped) == (
        1900, "EVDisconnected", False, says.moment(says.minute),
    )  # fmt: skip
    assert await stops(says) == [("central", 1900), ("mirror", 1900)]
    assert (await store.queries.frames(lost.transaction))[-1] == b"true stop"
    assert await store.queries.anomalies() == []
    assert [event.type for event in await store.queries.events()][-1] == "transaction.stop_corrected"


async def test_told_again_it_changes_nothing(says: Says, store: Store) -> None:
    lost = await ended_by_us(says)
    for _ in range(3):
        stopped = await says.stop(lost.station_transaction_id, meter=1900, minute=50)
    assert stopped.repeated
    assert await stops(says) == [("central", 1900)]


async def test_it_survives_a_restart(says: Says, reopen: Reopen) -> None:
    lost = await ended_by_us(says)
    says.store = await reopen()
    await says.stop(lost.station_transaction_id, meter=1900)
    assert (await seen(says, lost)).meter_stop_wh == 1900


async def on_its_way(store: Store) -> None:
    await advance(store, 2)  # what is at the head may have left already


async def frozen(store: Store) -> None:
    await advance(store, 2)
    item = await store.outbox.head(CENTRAL, CP1)
    assert item is not None
    await store.outbox.sending(item.seq, "{}")


async def heard(store: Store) -> None:
    await advance(store, 3)


async def refused(store: Store) -> None:
    await advance(store, 2)
    item = await store.outbox.head(CENTRAL, CP1)
    assert item is not None
    await store.outbox.failed(item.seq, "no", dead=True)


@pytest.mark.parametrize("state", [on_its_way, frozen, heard, refused])
async def test_once_a_central_may_have_heard_ours_the_true_one_is_kept_beside(
    says: Says, store: Store, state: object
) -> None:
    lost = await ended_by_us(says)
    await state(store)  # type: ignore[operator]
    stopped = await says.stop(lost.station_transaction_id, meter=1900)
    assert stopped.conflicting
    assert ((await seen(says, lost)).meter_stop_wh, (await seen(says, lost)).synthetic) == (1500, True)
    (anomaly,) = await store.queries.anomalies()
    assert (anomaly.kind, anomaly.payload["meterStop"]) == ("conflicting_stop", 1900)


async def test_one_central_that_heard_ours_is_enough(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    lost = await ended_by_us(says)
    await advance(store, 3)
    assert (await says.stop(lost.station_transaction_id, meter=1900)).conflicting
    assert await stops(says) == [("mirror", 1500)]


async def test_without_any_central_it_counts_as_well(says: Says, store: Store) -> None:
    says.copies = []
    lost = await ended_by_us(says)
    await says.stop(lost.station_transaction_id, meter=1900)
    assert (await seen(says, lost)).meter_stop_wh == 1900
