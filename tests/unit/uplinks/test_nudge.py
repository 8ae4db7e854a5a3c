"""One sleeper whom others wake."""

import asyncio

from sitectl.uplinks.nudge import Nudge
from tests.unit.uplinks.twins import on_virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


@on_virtual_time
async def test_it_sleeps_for_as_long_as_it_is_told():
    nudge = Nudge()
    await nudge.wait(5.0)
    assert now() == 5.0
    await nudge.wait(0.0)
    await nudge.wait(-3.0)
    assert now() == 5.0


@on_virtual_time
async def test_it_is_woken_and_then_sleeps_again():
    nudge = Nudge()
    asyncio.get_running_loop().call_later(2.0, nudge.set)
    await nudge.wait(None)
    assert now() == 2.0
    await nudge.wait(3.0)
    assert now() == 5.0


@on_virtual_time
async def test_a_nudge_before_the_sleep_is_not_lost_and_two_count_once():
    nudge = Nudge()
    nudge.set()
    nudge.set()
    await nudge.wait(9.0)
    assert now() == 0.0
    await nudge.wait(9.0)
    assert now() == 9.0


@on_virtual_time
async def test_a_cancelled_sleep_leaves_nothing_behind():
    nudge = Nudge()
    sleeping = asyncio.get_running_loop().create_task(nudge.wait(9.0))
    await asyncio.sleep(1)
    sleeping.cancel()
    await asyncio.wait([sleeping])
    nudge.set()
    await nudge.wait(None)
    assert now() == 1.0


@on_virtual_time
async def test_work_at_leisure_is_hurried_once_by_whoever_wakes():
    nudge, hurried = Nudge(), []
    work: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hurry() -> None:
        hurried.append(now())
        work.set_result("done")

    asyncio.get_running_loop().call_later(2.0, nudge.set)
    assert await nudge.or_hurry(work, hurry) == "done"
    nudge.set()
    assert hurried == [2.0], "what is done needs no hurry"
    assert nudge.is_set, "and who lies down next is woken all the same"
