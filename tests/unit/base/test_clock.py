import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sitectl.base.clock import Clock, LoopClock, SystemClock
from sitectl.base.virtual import run_virtual

START = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


def test_system_clock_is_utc_and_monotonic() -> None:
    clock: Clock = SystemClock()
    assert clock.wall().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_loop_clock_follows_the_virtual_loop() -> None:
    async def main() -> tuple[float, datetime]:
        clock: Clock = LoopClock(START)
        await asyncio.sleep(90.5)
        return clock.monotonic(), clock.wall()

    assert run_virtual(main()) == (90.5, START + timedelta(seconds=90.5))


def test_loop_clock_shows_utc_whatever_zone_it_starts_in() -> None:
    async def main() -> datetime:
        return LoopClock(datetime(2026, 11, 20, 7, 0, tzinfo=timezone(timedelta(hours=1)))).wall()

    wall = run_virtual(main())
    assert (wall, wall.tzinfo) == (START, UTC)


def test_loop_clock_needs_an_aware_start() -> None:
    with pytest.raises(ValueError, match="aware"):
        LoopClock(datetime(2026, 11, 20))
