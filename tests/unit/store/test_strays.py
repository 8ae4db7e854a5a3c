from datetime import UTC, datetime

import pytest

from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.store.moments import to_us
from sitectl.store.opening import Store
from sitectl.store.running import Running
from sitectl.store.strays import EVERY_S, MOST_IDS, Strays
from tests.unit.store.builders import Says

CP1, CP2 = StationId("CP1"), StationId("CP2")
NOON = to_us(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))


def running(evse: int) -> Running:
    return Running(
        TransactionId(str(evse)), EvseId(CP1, evse), 2_000_000_000 + evse, "1.6", "TAG", NOON, True, 0, ()
    )  # fmt: skip


ONE, TWO = running(1), running(2)


@pytest.mark.parametrize(
    ("met", "named", "expected"),
    [
        ((), 4711, [ONE, TWO]),
        (((4711, 1),), 4711, [ONE]),
        (((4711, 3),), 4711, []),
        (((4711, 1), (4711, 2)), 4711, [ONE, TWO]),
        (((4711, 1),), 4712, [ONE, TWO]),
        (((4711, 1),), None, [ONE, TWO]),
        (((4711, 0),), 4711, [ONE, TWO]),
        (((-1, 1), (0, 1), (None, 1)), -1, [ONE, TWO]),
    ],
)
def test_a_stop_is_of_an_evse_that_named_its_id(
    met: tuple[tuple[int | None, int], ...], named: int | None, expected: list[Running]
) -> None:
    strays = Strays()
    for id, evse in met:
        strays.met(CP1, id, evse)
    assert strays.fitting([ONE, TWO], CP1, named) == expected
    assert strays.fitting([ONE, TWO], CP2, named) == [ONE, TWO]
    strays.clear()
    assert strays.fitting([ONE, TWO], CP1, named) == [ONE, TWO]


def test_only_so_many_ids_are_remembered() -> None:
    strays = Strays()
    for id in range(1, MOST_IDS + 2):
        strays.met(CP1, id, 3)
    assert strays.fitting([ONE], CP1, 1) == [ONE]
    assert strays.fitting([ONE], CP1, 2) == []


def test_frames_are_kept_now_and_then_and_another_id_is_news() -> None:
    strays = Strays()
    assert strays.keep(CP1, 4711, 0.0) is True
    assert strays.keep(CP1, -1, EVERY_S - 1) is None
    assert strays.keep(CP2, -1, EVERY_S - 1) is True
    assert strays.keep(CP1, 4711, EVERY_S) is False
    assert strays.keep(CP1, -1, 2 * EVERY_S) is True


async def test_a_stop_of_what_nobody_knows_does_not_end_another_evses_transaction(says: Says, store: Store) -> None:
    known = await says.start(evse=1)
    assert await says.samples(4711, evse=2) is None
    assert (await says.stop(4711, meter=90000)).transaction is None
    assert [one.transaction for one in await store.ledger.open_transactions(CP1)] == [known.transaction]
    assert [(anomaly.kind, anomaly.transaction) for anomaly in await store.queries.anomalies()] == [
        ("unmatched_stop", None)
    ]
    ended = await says.stop(known.station_transaction_id, meter=1800)
    assert (ended.transaction, ended.conflicting) == (known.transaction, False)


async def test_values_under_an_id_of_the_stations_own_tell_which_of_two_its_stop_ends(says: Says) -> None:
    await says.start(evse=1)
    two = await says.start(evse=2)
    assert await says.samples(4711, evse=2) == two.transaction
    assert (await says.stop(4711)).transaction == two.transaction


async def test_an_id_that_a_station_gives_to_all_of_its_evses_tells_nothing(says: Says) -> None:
    assert await says.samples(4711, evse=2) is None
    one = await says.start(evse=1)
    assert await says.samples(4711, evse=1) == one.transaction
    assert (await says.stop(4711)).transaction == one.transaction
