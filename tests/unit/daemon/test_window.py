"""How long newcomers are believed, whatever is done to the wall clock meanwhile."""

from datetime import datetime, timedelta

import pytest

from sitectl.daemon.window import ADOPTED, OPENED, PIN_WITHIN_S, WINDOW, Window
from sitectl.model.ids import StationId
from sitectl.site.memory import MemoryOverlay
from tests.unit.store.builders import NOON, HandClock

CP01, CP02 = StationId("CP01"), StationId("CP02")
DAY = timedelta(days=1)


class Box:
    """A gateway that was started first at noon; `again` starts it anew."""

    def __init__(self, commissioning_s: float = 3600.0) -> None:
        self.clock = HandClock()
        self.overlay = MemoryOverlay(self.clock.wall)
        self.newest = NOON
        self.commissioning_s = commissioning_s
        self.window = self.again()

    def again(self) -> Window:
        self.newest = max(self.newest, self.clock.wall())
        self.window = Window(self.overlay, self.clock, NOON, self.newest, lambda: self.commissioning_s)
        return self.window

    def off(self, seconds: float) -> None:
        """It stands without power for so long, after the ledger took note of how late it is."""
        self.newest = max(self.newest, self.clock.wall())
        self.clock.pass_s(seconds)

    async def open(self, for_s: float) -> None:
        expires = self.clock.wall() + timedelta(seconds=for_s)
        await self.overlay.keep(OPENED, WINDOW, True, source="ada", expires=expires)
        self.window.look()

    async def adopt(self, station: StationId) -> None:
        await self.overlay.keep(ADOPTED, station, {}, source="ada")
        self.window.look()

    def set_wall(self, to: datetime) -> None:
        self.clock.now = to


def test_the_first_hour_lasts_an_hour_over_starts_and_jumps() -> None:
    box = Box()
    box.clock.pass_s(1800.0)
    assert box.again()(CP01)
    box.set_wall(NOON - DAY)
    box.clock.pass_s(1799.0)
    assert box.window(CP01)
    box.clock.pass_s(1.0)
    assert not box.window(CP01)
    box.set_wall(NOON + timedelta(minutes=5))
    assert not box.window(CP01)


@pytest.mark.parametrize("set_to", [NOON - DAY, NOON + timedelta(minutes=5)])
def test_a_clock_that_was_set_back_between_two_starts_opens_nothing(set_to: datetime) -> None:
    box = Box()
    box.clock.pass_s(7200.0)
    box.off(60.0)
    box.set_wall(set_to)
    assert not box.again()(CP01)


def test_a_gateway_that_learns_the_time_in_its_first_hour_keeps_the_hour() -> None:
    box = Box()
    box.clock.pass_s(20.0)
    box.set_wall(NOON + 300 * DAY)
    assert box.window(CP01)
    box.clock.pass_s(3580.0)
    assert not box.window(CP01)


async def test_an_opened_window_closes_though_the_clock_is_set_back() -> None:
    box = Box(commissioning_s=0.0)
    assert not box.window(CP01)
    assert box.window.until() is None
    await box.open(600.0)
    assert box.window.until() == NOON + timedelta(seconds=600)
    box.clock.pass_s(500.0)
    box.set_wall(NOON - DAY)
    assert box.window(CP01)
    assert box.window.until() == NOON - DAY + timedelta(seconds=100)
    box.clock.pass_s(100.0)
    assert not box.window(CP01)
    assert box.window.until() is None
    await box.open(600.0)
    assert box.window(CP01)


async def test_an_opened_window_holds_over_a_start_and_is_not_stretched_by_one() -> None:
    box = Box(commissioning_s=0.0)
    await box.open(600.0)
    box.clock.pass_s(300.0)
    assert box.again()(CP01)
    box.off(1.0)
    box.set_wall(NOON)
    box.again()
    box.clock.pass_s(300.0)
    assert not box.window(CP01)
    box.set_wall(NOON - DAY)
    assert not box.again()(CP01)


async def test_an_adopted_station_is_pinned_soon_or_not() -> None:
    box = Box(commissioning_s=0.0)
    await box.adopt(CP01)
    assert (box.window(CP01), box.window(CP02)) == (True, False)
    box.clock.pass_s(PIN_WITHIN_S - 1.0)
    box.set_wall(NOON)
    assert box.window(CP01)
    box.clock.pass_s(1.0)
    assert not box.window(CP01)
    box.off(1.0)
    box.set_wall(NOON - DAY)
    assert not box.again()(CP01)
    await box.adopt(CP01)
    assert box.window(CP01)
