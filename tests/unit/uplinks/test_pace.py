"""The pace of a replay."""

import asyncio

from sitectl.base.clock import LoopClock
from sitectl.uplinks.pace import Pace
from tests.unit.uplinks.twins import START, on_virtual_time


@on_virtual_time
async def test_so_many_a_second_and_no_more():
    clock = LoopClock(START)
    pace = Pace(4.0, clock)
    await asyncio.sleep(10)
    turns = [pace.turn() for _ in range(40)]
    for _ in range(9):
        await asyncio.sleep(1)
        assert abs(sum(turn.done() for turn in turns) - 4 * (clock.monotonic() - 10 + 1)) <= 1.5
    await asyncio.sleep(1)
    assert all(turn.done() for turn in turns)


@on_virtual_time
async def test_who_asks_first_goes_first_and_who_comes_later_comes_later():
    pace = Pace(1.0, LoopClock(START))
    order: list[str] = []
    asked = [("now", False), ("late", True), ("a", False), ("later", True), ("b", False)]
    turns = []
    for name, later in asked:
        turns.append(pace.turn(later))
        turns[-1].add_done_callback(lambda _, name=name: order.append(name))
    await asyncio.sleep(10)
    assert order == ["now", "a", "b", "late", "later"]


@on_virtual_time
async def test_a_turn_that_was_given_up_costs_nobody_anything():
    pace = Pace(1.0, LoopClock(START))
    first, second, third = (pace.turn() for _ in range(3))
    assert first.done()
    second.cancel()
    await asyncio.sleep(1.01)
    assert third.done()
    assert not third.cancelled()
