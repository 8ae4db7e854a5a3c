"""A backlog that is kept within its room, in the order of the standard, while stations go on talking."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.model.ids import StationId, UplinkId
from sitectl.store.background import Background
from sitectl.store.backlog import BacklogKeeper
from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import Store
from sitectl.store.quotas import Crowded, Limits, usage
from tests.unit.store.builders import CENTRAL, CP1, HandClock, Says

ENDLESS = 10**12
CP2 = StationId("CP2")


class Rig:
    def __init__(self, store: Store, path: Path, clock: HandClock) -> None:
        self.store = store
        self.clock = clock
        self.background = Background(path, InlineExecutor())
        self.crowded = Crowded()
        limits = Limits(ENDLESS, ENDLESS)
        self.keeper = BacklogKeeper(store.database, self.background, store.journal, clock, limits, self.hear)

    def hear(self, crowded: Crowded) -> None:
        self.crowded = crowded

    async def used(self) -> int:
        return (await self.store.database.query(usage)).all

    async def look(self, share: float, each: int = ENDLESS) -> None:
        """Look after it with so much room that `share` of it is used."""
        self.keeper.limits = Limits(int(await self.used() / share) if share else ENDLESS, each)
        await self.keeper.look()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitectl.store.backlog.PAUSE_S", 0.0)


@pytest.fixture
async def rig(store: Store, path: Path, clock: HandClock) -> AsyncIterator[Rig]:
    rig = Rig(store, path, clock)
    yield rig
    rig.background.close()


async def charge(rig: Rig, says: Says, samples: int, station: StationId = CP1, evse: int = 1, stop: bool = True) -> str:
    """A transaction with a sample a minute; its id."""
    started = await says.start(evse, station)
    for n in range(samples):
        rig.clock.pass_s(60)
        await says.samples(started.station_transaction_id, float(n), evse, station, raw=b"%d" % n)
    if stop:
        await says.stop(started.station_transaction_id, station=station)
    return started.transaction


async def samples_left(says: Says) -> dict[object, int]:
    rows = await says.rows("SELECT transaction_id, count(*) FROM outbox WHERE kind = 'meter' GROUP BY transaction_id")
    return {transaction: int(str(count)) for transaction, count in rows}


async def others_left(says: Says) -> int:
    return len(await says.rows("SELECT 1 FROM outbox WHERE kind <> 'meter'"))


async def test_with_room_enough_nothing_is_touched(rig: Rig, says: Says) -> None:
    await charge(rig, says, 50)
    await rig.look(0.9)
    assert len(await says.rows("SELECT 1 FROM outbox")) == 52


async def test_the_oldest_that_is_over_is_thinned_first_and_only_as_far_as_needed(rig: Rig, says: Says) -> None:
    old, newer = await charge(rig, says, 60), await charge(rig, says, 60)
    running = await charge(rig, says, 60, evse=2, stop=False)
    await rig.look(0.96)
    left = await samples_left(says)
    assert left[old] < 60
    assert (left[newer], left[running]) == (60, 60)
    assert await others_left(says) == 5


async def test_then_the_newer_then_by_halves_then_those_that_run(rig: Rig, says: Says) -> None:
    old, newer = await charge(rig, says, 60), await charge(rig, says, 60)
    running = await charge(rig, says, 60, evse=2, stop=False)
    assert await samples_left(says) == {old: 60, newer: 60, running: 60}
    await rig.look(1.6)
    left = await samples_left(says)
    assert left[old] in (5, 6)  # quarters of the clock in an hour, and the last
    assert left[newer] in (5, 6)
    assert left[running] == 60
    await rig.look(1.8)
    left = await samples_left(says)
    assert left[old] == 2
    assert left[newer] == 2
    assert 2 < left[running] < 60
    await rig.look(100.0)
    assert await samples_left(says) == {old: 2, newer: 2, running: 2}
    assert await others_left(says) == 5


async def test_what_people_hear_of_it(rig: Rig, says: Says, store: Store) -> None:
    await charge(rig, says, 60)
    await rig.look(1.1)
    await store.journal.drain()
    (thinned,) = [event for event in await store.queries.events() if event.type == "outbox.thinned"]
    assert thinned.data["messages"] == 62 - len(await says.rows("SELECT 1 FROM outbox"))
    rig.keeper.limits = Limits(await rig.used() // 2, ENDLESS)
    await rig.keeper.look()
    await rig.keeper.look()
    await store.journal.drain()
    assert [event.type for event in await store.queries.events()].count("outbox.full") == 1
    ((what, where, _),) = rig.keeper.findings()
    assert (what.partition(":")[0], where) == ("The room for waiting messages is used up", "backlog")


async def test_a_station_with_a_quota_of_its_own_is_thinned_alone(rig: Rig, says: Says, store: Store) -> None:
    mine, other = await charge(rig, says, 60), await charge(rig, says, 60, CP2)
    rig.keeper.limits = Limits(ENDLESS, int(await rig.used() / 2 / 1.2))
    store.ledger.crowded = rig.crowded
    await rig.keeper.look()
    left = await samples_left(says)
    assert left[mine] < 60
    assert left[other] < 60
    rig.keeper.limits = Limits(ENDLESS, 1)
    await rig.keeper.look()
    assert CP1 in rig.crowded
    assert StationId("CP3") not in rig.crowded
    rig.keeper.limits = Limits(ENDLESS, ENDLESS)
    await rig.keeper.look()
    assert CP1 not in rig.crowded


async def test_every_commit_is_small(rig: Rig, says: Says, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitectl.store.backlog.AT_ONCE", 10)
    await charge(rig, says, 100)
    sizes, run = [], store.database.run

    def counted(job: object, **more: object) -> object:
        sizes.append(job)
        return run(job, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(store.database, "run", counted)
    await rig.look(1.9)
    gone = 102 - len(await says.rows("SELECT 1 FROM outbox"))
    assert gone > 40
    assert len(sizes) >= gone / 10


async def test_what_leaves_meanwhile_does_no_harm(rig: Rig, says: Says, store: Store) -> None:
    """The central comes back in the middle: what it takes is gone, what is on its way stays."""
    await charge(rig, says, 400)
    keeper = rig.keeper
    ask, delivered = rig.background.ask, 0

    async def ask_and_deliver(job: object) -> object:
        nonlocal delivered
        found = await ask(job)  # type: ignore[arg-type]
        for _ in range(3):
            item = await store.outbox.head(CENTRAL, CP1)
            if item is not None:
                await store.outbox.acked(item.seq, "1")
                delivered += 1
        return found

    rig.background.ask = ask_and_deliver  # type: ignore[assignment, method-assign]
    keeper.limits = Limits(await rig.used() // 3, ENDLESS)
    await keeper.look()
    kinds = [row[0] for row in await says.rows("SELECT kind FROM outbox ORDER BY seq")]
    assert kinds[-1] == "stop"
    assert delivered > 5


async def test_a_disk_that_fails_ends_nothing(rig: Rig, says: Says, store: Store) -> None:
    await charge(rig, says, 60)

    async def fails(job: object) -> object:
        raise EnvironmentFault("disk")

    rig.background.ask = fails  # type: ignore[assignment, method-assign]
    with pytest.raises(EnvironmentFault):
        await rig.keeper.look()
    assert not await store.queries.events()


async def test_how_many_messages_wait_for_each_central_is_known_after_a_look(rig: Rig, says: Says) -> None:
    says.copies = [CENTRAL, UplinkId("old")]
    await says.start()
    await rig.keeper.look()
    assert rig.keeper.messages == {CENTRAL: 1, UplinkId("old"): 1}
    item = await rig.store.outbox.head(CENTRAL, CP1)
    assert item is not None
    await rig.store.outbox.acked(item.seq, "1")
    await rig.keeper.look()
    assert rig.keeper.messages == {UplinkId("old"): 1}
