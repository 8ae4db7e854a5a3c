"""Late refusals on record: which count, what they count from, and whether our own backlog may be why."""

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.refusal import Treatment
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, StartedTransaction
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, Says
from tests.unit.store.conftest import Reopen

CP2 = StationId("CP2")
ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
CONCURRENT = IdTokenInfo(AuthorizationStatus.CONCURRENT_TX)


async def answer(store: Store, info: IdTokenInfo | None, station: StationId = CP1, uplink: UplinkId = CENTRAL) -> None:
    """The central answers the oldest message."""
    head = await store.outbox.head(uplink, station)
    assert head is not None
    await store.outbox.acked(head.seq, "77", info)


async def refused(store: Store, says: Says, info: IdTokenInfo = BLOCKED) -> StartedTransaction:
    started = await says.start(token="TAG", meter=1000)
    await store.ledger.verdict(started.transaction, ACCEPTED)
    await answer(store, info)
    return started


async def test_a_refusal_of_what_runs_is_known_over_a_restart(store: Store, says: Says, reopen: Reopen) -> None:
    started = await refused(store, says)
    [found] = await store.refusals.running(CENTRAL)
    assert (found.transaction, found.evse, found.id_token) == (started.transaction, started.evse, "TAG")
    assert (found.verdict, found.treatment) == (AuthorizationStatus.BLOCKED, None)
    assert await store.refusals.find(CENTRAL, started.transaction) == found
    assert await (await reopen()).refusals.running(CENTRAL) == [found]


@pytest.mark.parametrize("why", ["it is over", "the station was told", "accepted", "an observer says so"])
async def test_refusals_that_change_nothing(store: Store, says: Says, why: str) -> None:
    observer = UplinkId("observer")
    says.copies = [CENTRAL, observer]
    started = await says.start(token="TAG")
    told = BLOCKED if why == "the station was told" else ACCEPTED
    await store.ledger.verdict(started.transaction, told)
    await answer(store, ACCEPTED if why in ("accepted", "an observer says so") else BLOCKED)
    if why == "an observer says so":
        await answer(store, BLOCKED, uplink=observer)
    if why == "it is over":
        await says.stop(started.station_transaction_id)
    uplink = observer if why == "an observer says so" else CENTRAL
    assert await store.refusals.running(uplink) == []
    if why != "accepted":
        assert await store.refusals.find(uplink, started.transaction) is None
    if why in ("it is over", "an observer says so"):
        assert await store.refusals.treat(uplink, started.transaction, Treatment.STOP, 5.0) is None


async def test_energy_counts_from_the_refusal_that_is_acted_on(store: Store, says: Says, reopen: Reopen) -> None:
    started = await refused(store, says, CONCURRENT)
    await says.samples(started.station_transaction_id, 1050.0)

    async def treat(treatment: Treatment, wh: float | None) -> float | None:
        return await store.refusals.treat(CENTRAL, started.transaction, treatment, wh)

    assert await treat(Treatment.WAIT, 1100.0) == 1100.0
    assert await treat(Treatment.ALLOWANCE, 1500.0) == 1500.0
    assert await treat(Treatment.ALLOWANCE, 1600.0) == 1500.0
    assert await treat(Treatment.STOP, None) == 1500.0
    [found] = await (await reopen()).refusals.running(CENTRAL)
    assert (found.treatment, found.register_wh) == (Treatment.STOP, 1500.0)


async def test_without_a_reading_the_last_on_record_counts(store: Store, says: Says) -> None:
    started = await refused(store, says)
    # No sample yet: what the meter shows is of the transaction before, and it may begin anew with each.
    assert await store.refusals.treat(CENTRAL, started.transaction, Treatment.ALLOWANCE, 9000.0) == 1000.0
    other = await says.start(evse=2, token="OTHER", meter=500)
    await says.samples(other.station_transaction_id, 700.0, evse=2)
    await answer(store, BLOCKED)
    assert await store.refusals.treat(CENTRAL, other.transaction, Treatment.PAUSE, None) == 700.0


async def test_a_stop_that_we_ordered_says_so_to_whoever_refused(store: Store, says: Says) -> None:
    started = await refused(store, says)
    await store.refusals.treat(CENTRAL, started.transaction, Treatment.STOP, None)
    await says.stop(started.station_transaction_id, reason="Remote")
    head = await store.outbox.head(CENTRAL, CP1)
    assert head is not None
    assert head.deauthorized


@pytest.mark.parametrize(
    ("treatment", "told"),
    [(None, BLOCKED), (Treatment.STOP, BLOCKED), (Treatment.PAUSE, BLOCKED)]
    + [(treatment, ACCEPTED) for treatment in (Treatment.WAIT, Treatment.KEEP, Treatment.ALLOWANCE)],
)
async def test_a_start_told_again_gets_a_refusal_only_where_it_is_acted_on(
    store: Store, says: Says, treatment: Treatment | None, told: IdTokenInfo
) -> None:
    started = await refused(store, says)
    if treatment is not None:
        await store.refusals.treat(CENTRAL, started.transaction, treatment, None)
    again = await says.start(token="TAG", meter=1000, minute=says.minute)
    assert again.repeated
    assert again.id_token_info == told


async def test_our_own_backlog_of_a_token(store: Store, says: Says) -> None:
    async def untold(token: str = "tag") -> bool:
        return await store.refusals.untold(CENTRAL, running.transaction, token)

    first = await says.start(token="TAG")
    running = await says.start(token="TAG", station=CP2)
    await answer(store, ACCEPTED, CP2)
    assert await untold()  # its start has not gone up
    await answer(store, ACCEPTED)
    assert not await untold()  # it runs, and the central knows
    await says.stop(first.station_transaction_id)
    assert await untold()  # its stop has not gone up
    assert not await untold("OTHER")
    await answer(store, None)
    assert not await untold()
