"""What is known of a station's rung on the ladder, over restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.events import Event
from sitectl.model.ladder import FormVerdict, LadderStep, LimitForm
from sitectl.site.memory import MemoryOverlay
from sitectl.site.rungs import KIND, RungKeeper
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import A1, MODEL, A, accepted, after, arrives, charging, draws, fresh, held, told

WALL = datetime(2026, 11, 29, tzinfo=UTC)


class FixedClock:
    def monotonic(self) -> float:
        return 500.0

    def wall(self) -> datetime:
        return WALL


class Life:
    """One life of the process on what the last one has left."""

    def __init__(self, state: SiteState, overlay: MemoryOverlay) -> None:
        self.state = state
        self.tasks = Tasks()
        self.keeper = RungKeeper(self.post, overlay, FixedClock(), self.tasks)
        self.keeper.resume(lambda: self.state)

    def post(self, event: Event) -> None:
        self.state = reduce(self.state, event)

    async def look(self) -> None:
        self.keeper.look(self.state)
        while len(self.tasks):
            await asyncio.sleep(0)


def overlay() -> MemoryOverlay:
    return MemoryOverlay(lambda: WALL)


def next_step(state: SiteState) -> SiteState:
    """A ignores what it is told, twice."""
    state = after(state, [draws(A1, 16.0, 12.0), draws(A1, 26.0, 12.0)])
    state = after(state, accepted(told(A1, 9, 8.0, 30.0), 30.5))
    return after(state, [draws(A1, 40.0, 12.0), draws(A1, 50.0, 12.0)])


async def test_what_was_found_is_where_the_next_life_begins() -> None:
    disk = overlay()
    life = Life(charging(8.0), disk)
    life.state = next_step(life.state)
    await life.look()
    (entry,) = disk.of(KIND).values()
    assert (entry.value["step"], entry.value["firmware"], entry.source) == ("tx_default", "1.0", "measured")
    again = Life(after(fresh(), arrives(A)), disk)
    ladder = held(again.state, A1).ladder
    assert (ladder.form, ladder.tried) == (LimitForm(LadderStep.TX_DEFAULT), ((LimitForm(), FormVerdict.IGNORED),))
    before = dict(disk.entries)
    await again.look()
    assert disk.entries == before


async def test_a_station_that_is_as_all_others_needs_no_note() -> None:
    disk = overlay()
    life = Life(charging(8.0), disk)
    await life.look()
    assert not disk.entries


async def test_another_firmware_is_forgotten() -> None:
    disk = overlay()
    life = Life(charging(8.0), disk)
    life.state = next_step(life.state)
    await life.look()
    life.state = after(life.state, arrives(A, 60.0, identity=type(MODEL)("Maker", "Model", "2.0")))
    await life.look()
    assert not disk.entries


async def test_what_is_kept_of_another_device_is_not_believed() -> None:
    disk = overlay()
    life = Life(charging(8.0), disk)
    life.state = next_step(life.state)
    await life.look()
    other = Life(after(fresh(), arrives(A, identity=type(MODEL)("Maker", "Other", "1.0"))), disk)
    assert held(other.state, A1).ladder.form == LimitForm()


async def test_nonsense_on_disk_is_passed_over() -> None:
    disk = overlay()
    wrongs: list[Any] = [None, 7, {}, {"vendor": "Maker", "model": "Model", "firmware": "1.0", "serial": ""}]
    for n, wrong in enumerate(wrongs):
        await disk.keep(KIND, "A/1" if n else "nobody/7", wrong, source="x")
        assert held(Life(after(fresh(), arrives(A)), disk).state, A1).ladder.form == LimitForm()


async def test_a_disk_that_takes_nothing_does_not_stop_the_walk() -> None:
    disk = overlay()
    disk.fault = EnvironmentFault("full")
    life = Life(charging(8.0), disk)
    life.state = next_step(life.state)
    await life.look()
    assert not disk.entries
