"""Openings that ended before the time was known: their stamps go where they belong, once somebody knows it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sitectl.base.gateway_clock import RELEASED, TOLD_ESTIMATE, GatewayClock, Mistake
from sitectl.model.ids import EvseId
from sitectl.model.transaction import ClockQuality, OutboxKind, OutboxMessage, TransactionStart
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import CENTRAL, CP1, NOON, HandClock, compose_stop
from tests.unit.store.conftest import INLINE

UNSET = datetime.fromtimestamp(0, NOON.tzinfo)
TRUE = NOON
"""What time it really is when the machine's monotonic clock shows 100 s."""


class Life:
    """One opening of the file after the other, on one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.machine = HandClock(at=100.0, now=UNSET)
        self.clock: GatewayClock
        self.store: Store
        self.open = False

    @property
    def true(self) -> datetime:
        return TRUE + timedelta(seconds=self.machine.at - 100.0)

    async def begins(self) -> None:
        self.clock = GatewayClock(self.machine, synchronised=False)
        begin: Any = {"begin": self.clock.begin}
        self.store = await open_store(self.path, self.clock, Random(self.machine.at), compose_stop, **INLINE, **begin)
        self.open = True

    async def ends(self) -> None:
        await self.store.close()
        self.open = False

    async def power_fails(self, seconds: float) -> None:
        """The machine boots anew after so long: it does not know for how long it was off."""
        await self.store.database.run(lambda c: c.execute("UPDATE epochs SET boot = 'another' || boot").fetchall())
        await self.ends()
        self.machine.pass_s(seconds)
        self.machine.now = UNSET

    async def time_is_known(self) -> Mistake:
        self.machine.now = self.true
        found = self.clock.look()
        assert isinstance(found, Mistake)
        await self.store.rectifier.put_right(found, {})
        return found

    async def starts(self, evse: int, clock: ClockQuality, started: datetime, stamp: str = "odd") -> None:
        start = TransactionStart(EvseId(CP1, evse), f"TAG{evse}", started, stamp, evse, clock=clock)
        payload = {"timestamp": stamp, "meterStart": evse}
        message = OutboxMessage("StartTransaction", payload, "1.6", OutboxKind.START)
        await self.store.ledger.start(start, [CENTRAL], message, b"frame %d" % evse)

    async def received(self) -> list[datetime]:
        rows = await self.store.database.query(
            lambda c: c.execute("SELECT received_us FROM raw_frames ORDER BY id").fetchall()
        )
        return [datetime.fromtimestamp(row[0] / 1e6, NOON.tzinfo) for row in rows]

    async def told(self) -> list[tuple[timedelta, ClockQuality]]:
        rows = await self.store.queries.transactions()
        return [(row.started - TRUE, row.started_clock) for row in reversed(rows)]


@pytest.fixture
async def life(path: Path) -> AsyncIterator[Life]:
    life = Life(path)
    await life.begins()
    yield life
    if life.open:
        await life.ends()


RECEIPT, ESTIMATED, STATION = ClockQuality.RECEIPT, ClockQuality.ESTIMATED, ClockQuality.STATION


def seconds(*values: float) -> list[timedelta]:
    return [timedelta(seconds=value) for value in values]


async def test_in_one_boot_the_clock_goes_on_and_all_is_put_right_exactly(life: Life) -> None:
    life.machine.pass_s(10)
    await life.starts(1, RECEIPT, life.clock.wall())
    await life.ends()
    life.machine.pass_s(500)
    await life.begins()
    assert life.clock.wall() == RELEASED + timedelta(seconds=510)
    life.machine.pass_s(10)
    await life.starts(2, RECEIPT, life.clock.wall())
    await life.time_is_known()
    assert await life.told() == [(moment, RECEIPT) for moment in seconds(10, 520)]
    assert [moment - TRUE for moment in await life.received()] == seconds(10, 520)


async def test_it_is_put_right_too_where_the_next_opening_knows_the_time_at_once(life: Life) -> None:
    life.machine.pass_s(10)
    await life.starts(1, RECEIPT, life.clock.wall())
    await life.ends()
    life.machine.pass_s(500)
    life.machine.now = life.true
    await life.begins()
    assert life.clock.known
    assert await life.told() == [(timedelta(seconds=10), RECEIPT)]
    (event,) = [event for event in await life.store.queries.events() if event.type == "clock.put_right"]
    assert dict(event.data)["exact"] is True


@pytest.mark.parametrize("known_at_once", [False, True])
async def test_of_an_earlier_boot_spans_are_kept_and_it_ends_before_the_next_began(
    life: Life, known_at_once: bool
) -> None:
    life.machine.pass_s(10)
    await life.starts(1, RECEIPT, life.clock.wall())
    life.machine.pass_s(30)
    await life.starts(2, RECEIPT, life.clock.wall())
    await life.power_fails(3600)
    if known_at_once:
        life.machine.now = life.true
    await life.begins()
    if not known_at_once:
        life.machine.pass_s(60)
        await life.time_is_known()
    began = 40 + 3600
    assert await life.told() == [(moment, ESTIMATED) for moment in seconds(began - 30, began)]


async def test_three_boots_without_the_time_are_moved_once_each_and_stay_in_order(life: Life) -> None:
    for evse in (1, 2, 3):
        life.machine.pass_s(10)
        await life.starts(evse, RECEIPT, life.clock.wall())
        await life.power_fails(1000)
        await life.begins()
    life.machine.pass_s(5)
    await life.starts(4, RECEIPT, life.clock.wall())
    await life.time_is_known()
    moments = [moment for moment, _ in await life.told()]
    assert moments == sorted(moments)
    assert moments[2:] == seconds(3030, 3035), "up to where the last one began"
    assert [clock for _, clock in await life.told()] == [ESTIMATED] * 3 + [RECEIPT]
    before = await life.told()
    await life.ends()
    await life.begins()
    assert await life.told() == before


async def test_a_station_that_was_told_the_wrong_time_is_moved_and_one_with_its_own_is_not(life: Life) -> None:
    life.machine.pass_s(10)
    wrong, stamp = life.clock.wall(), "2026-01-01T00:00:10Z"
    await life.starts(1, STATION, wrong, stamp)  # not told yet, so that this is its own word
    life.store.journal.record(TOLD_ESTIMATE, CP1)
    await life.store.journal.drain()
    life.machine.pass_s(10)
    await life.starts(2, STATION, life.clock.wall(), "2026-01-01T00:00:20Z")
    await life.starts(3, STATION, life.true, life.true.isoformat())
    await life.ends()
    life.machine.pass_s(100)
    await life.begins()
    assert await life.store.rectifier.told() == {CP1: wrong}
    await life.time_is_known()
    assert await life.told() == [
        (timedelta(seconds=10), ESTIMATED),
        (timedelta(seconds=20), ESTIMATED),
        (timedelta(seconds=20), STATION),
    ]
    assert await life.store.rectifier.told() == {}
    rows = await life.store.database.query(lambda c: c.execute("SELECT payload FROM outbox ORDER BY seq").fetchall())
    assert f'"timestamp":"{life.true - timedelta(seconds=100):%Y-%m-%dT%H:%M:%S}' in rows[2][0]
    assert "2026-01-01" not in rows[1][0]


async def test_what_a_crash_leaves_half_way_is_done_the_next_time(life: Life, path: Path) -> None:
    opened: Callable[[], Awaitable[None]] = life.begins
    life.machine.pass_s(10)
    await life.starts(1, RECEIPT, life.clock.wall())
    await life.ends()
    for _ in range(3):  # each of them dies without knowing
        life.machine.pass_s(50)
        await opened()
        await life.ends()
    life.machine.pass_s(50)
    await opened()
    await life.time_is_known()
    assert await life.told() == [(timedelta(seconds=10), RECEIPT)]
