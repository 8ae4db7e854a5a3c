"""The quotas of the backlog: how much is used, what follows, and which words are found for it."""

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.store.opening import Store
from sitectl.store.quotas import MEGABYTE, ROW_BYTES, Alarms, Crowded, Limits, Usage, crowded, to_free, usage
from tests.unit.store.builders import CENTRAL, CP1, Says

CP2, MIRROR = StationId("CP2"), UplinkId("mirror")
LIMITS = Limits(all=1000 * MEGABYTE, each=100 * MEGABYTE)


def used(**mb: float) -> Usage:
    return Usage({(CENTRAL, StationId(station)): int(size * MEGABYTE) for station, size in mb.items()})


async def test_what_waits_is_summed_up_by_queue(says: Says, store: Store) -> None:
    says.copies = [CENTRAL, MIRROR]
    started = await says.start()
    await says.samples(started.station_transaction_id)
    found = await store.database.query(usage)
    ((size, count),) = await says.rows(
        "SELECT sum(length(CAST(payload AS BLOB))), count(*) FROM outbox WHERE uplink = 'central'"
    )
    assert isinstance(size, int)
    assert isinstance(count, int)
    assert found.queues == {(CENTRAL, CP1): size + count * ROW_BYTES, (MIRROR, CP1): size + count * ROW_BYTES}
    assert found.stations == {CP1: 2 * (size + count * ROW_BYTES)}
    assert found.all == 2 * (size + count * ROW_BYTES)
    assert found.messages == {CENTRAL: count, MIRROR: count}


async def test_dead_messages_and_what_was_taken_do_not_count(says: Says, store: Store) -> None:
    await says.start()
    await says.start(evse=2)
    for dead in (True, False):
        item = await store.outbox.head(CENTRAL, CP1)
        assert item is not None
        await (store.outbox.failed(item.seq, "no", dead) if dead else store.outbox.acked(item.seq, "1"))
    found = await store.database.query(usage)
    assert (found.all, found.messages) == (0, {})


@pytest.mark.parametrize(
    ("now", "everywhere_mb", "stations_mb"),
    [
        (used(CP1=94, CP2=50), 0, {}),
        (used(CP1=95), 0, {CP1: 5}),
        (used(**{f"S{n}": 94 for n in range(10)}), 0, {}),
        (used(**{f"S{n}": 94 for n in range(11)}), 134, {}),
    ],
)
def test_from_95_per_cent_on_down_to_90(now: Usage, everywhere_mb: int, stations_mb: dict[StationId, int]) -> None:
    everywhere, stations = to_free(now, LIMITS)
    assert everywhere == everywhere_mb * MEGABYTE
    assert stations == {station: mb * MEGABYTE for station, mb in stations_mb.items()}


def test_a_full_station_is_alone_with_that_and_a_full_site_is_everybody() -> None:
    alone = crowded(used(CP1=100, CP2=99), LIMITS)
    assert (CP1 in alone, CP2 in alone) == (True, False)
    everybody = crowded(used(**{f"S{n}": 90 for n in range(12)}), LIMITS)
    assert CP2 in everybody
    assert CP1 not in Crowded()


def test_each_mark_is_a_problem_of_its_own_with_what_to_do() -> None:
    alarms = Alarms()
    told = []
    for mb in (40, 50, 79, 80, 94, 95, 100):
        alarms.look(used(CP1=mb), LIMITS)
        told.append([what.partition(":")[0] for what, _, _ in alarms.findings()])
    half, most, all_of_it = (
        "Half of the room for waiting messages is used",
        "Most of the room for waiting messages is used",
        "The room for waiting messages is used up",
    )
    assert told == [[], [half], [half], [most], [most], [all_of_it], [all_of_it]]
    ((what, where, do),) = alarms.findings()
    assert what.endswith(": 100 of 100 MB")
    assert where == "CP1"
    assert "retention.backlog_station_mb" in do


def test_a_mark_is_left_when_clearly_less_is_used() -> None:
    alarms = Alarms()
    told = []
    for mb in (96, 91, 90, 89, 76, 75, 74, 46, 44):
        alarms.look(used(CP1=mb), LIMITS)
        told.append([what.split()[0] for what, _, _ in alarms.findings()])
    assert told == [["The"], ["The"], ["The"], ["Most"], ["Most"], ["Most"], ["Half"], ["Half"], []]


def test_the_whole_site_has_a_quota_too() -> None:
    alarms = Alarms()
    alarms.look(used(**{f"S{n}": 45 for n in range(12)}), LIMITS)
    ((what, where, do),) = alarms.findings()
    assert (what, where) == ("Half of the room for waiting messages is used: 540 of 1000 MB", "backlog")
    assert "until then everything is kept" in do
