"""Whose token ended a transaction, on record."""

import pytest

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.store.opening import Store
from tests.unit.store.builders import Says
from tests.unit.store.conftest import Reopen

FLEET = IdTokenInfo(AuthorizationStatus.ACCEPTED, parent="FLEET")


@pytest.mark.parametrize("told_by", ["the central", "us"])
@pytest.mark.parametrize(
    ("token", "parent", "by"),
    [(None, None, None), ("tag", None, "own"), ("CARD2", "Fleet", "group"), ("CARD2", None, "other")],
)
async def test_a_token_of_the_same_parent_stops_lawfully_and_it_is_on_record(
    store: Store, says: Says, reopen: Reopen, told_by: str, token: str | None, parent: str | None, by: str | None
) -> None:
    started = await says.start(token="TAG")
    if told_by == "us":
        await store.ledger.verdict(started.transaction, FLEET)
    else:
        head = await store.outbox.head(started_uplink := says.copies[0], started.evse.station)
        assert head is not None
        assert head.uplink == started_uplink
        await store.outbox.acked(head.seq, "77", FLEET)
    store = says.store = await reopen()
    stopped = await says.stop(started.station_transaction_id, token=token, parent=parent)
    assert (None if stopped.stopped_by is None else stopped.stopped_by.value) == by
    [view] = await store.queries.transactions()
    assert view.stopped_by == by
