"""The gateway's wall clock is set while it serves, and while nobody runs, and is not set at all at first.

The clock is libfaketime's, around the unmodified daemon: what it shows is written in a file, monotonic time goes on.
What stations may draw has nothing to do with what time it is here, and no transaction is lost or doubled over it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from sitectl.base.units import parse_timestamp
from tests.e2e.rig import Daemon
from tests.faults.play import act_one, act_two
from tests.faults.stage import TOLERANCE_A, Stage, stage
from tests.faults.storms import Life, together

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not LIBRARIES, reason="faketime is not installed (`make test` installs it on Debian)"),
]

DAY_S, HOUR_S = 86_400, 3_600
NEVER_SET = "@1970-01-01 00:00:10"


class WallClock:
    """What the daemon's machine shows: the true time and so many seconds, or a moment from which it goes on."""

    def __init__(self, folder: Path, shows: int | str = 0) -> None:
        self._file = folder / "clock"
        self.set(shows)

    def set(self, shows: int | str) -> None:
        """Set it; it is seen at once."""
        self._file.write_text(f"{shows:+d}\n" if isinstance(shows, int) else f"{shows}\n")

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


def _moment(text: str) -> datetime:
    read = parse_timestamp(text)
    assert read is not None, text
    return read[0]


async def counted_well(here: Stage) -> None:
    """Nobody counts for too little, now and in the next seconds; nothing is lost or doubled."""
    await asyncio.sleep(3.0)
    await act_two(here, patient=False)
    rows = await here.drain()
    told = [(station.id, str(one.id)) for station in here.stations.values() for one in station.point.ledger]
    assert sorted((row["station"], row["station_id"]) for row in rows) == sorted(told)
    assert not [
        row for row in rows if row["synthetic"] or _moment(row["stopped"] or row["started"]) < _moment(row["started"])
    ]
    assert len(here.central.transactions) == len(told)
    assert here.counted_too_low == []


async def set_while_nobody_runs(folder: Path, seed: int, *, ahead_s: int) -> None:
    """The daemon dies, and when it is started again the clock is another."""
    clock = WallClock(folder)
    async with stage(folder) as here:
        here.environment = clock.environment()
        running = await here.start()
        await act_one(here, patient=True)
        running.signal(9)
        await running.ended()
        clock.set(ahead_s)
        await here.restarted()
        await counted_well(here)


async def _else_than_told(here: Stage, running: Daemon) -> list[str]:
    """Which transactions may draw something else than they were told last."""
    seen = (await running.get("stations"))["stations"]
    return [
        f"{id}/{number}"
        for id, station in here.stations.items()
        for number, connector in station.point.connectors.items()
        if connector.transaction is not None
        and abs(station.lawful_a(number) - seen[id]["evses"][str(number)]["limit_a"]) > TOLERANCE_A
    ]


async def set_and_it_goes_on(folder: Path, seed: int, *, ahead_s: int) -> None:
    """The clock jumps under limits that are told, and told anew; stations, whose clocks nobody set, keep to them."""
    clock = WallClock(folder)
    async with stage(folder) as here:
        here.environment = clock.environment()
        running = await here.start()
        await act_one(here, patient=True)
        clock.set(ahead_s)
        first = here.stations["CP01"]
        first.start(1, "GRACE")
        assert await first.settled(5.0)

        async with asyncio.timeout(40.0):
            while await _else_than_told(here, running):
                await asyncio.sleep(0.2)
        first.stop(1)
        await counted_well(here)


async def set_while_it_serves(folder: Path, seed: int, *, ahead_s: int) -> None:
    """The clock jumps, and soon after it the daemon dies."""
    clock = WallClock(folder)
    async with stage(folder) as here:
        here.environment = clock.environment()
        running = await here.start()
        await act_one(here, patient=True)
        clock.set(ahead_s)
        await asyncio.sleep(2.0)
        running.signal(9)
        await here.restarted()
        await counted_well(here)


async def never_set_at_first(folder: Path, seed: int) -> None:
    """The machine boots in 1970 with the central away, dies, boots in 1970 again; then the time is known."""
    clock = WallClock(folder, NEVER_SET)
    async with stage(folder) as here:
        here.environment = clock.environment()
        await here.central.close()
        running = await here.start()
        await act_one(here, patient=True)
        running.signal(9)
        clock.set(NEVER_SET)
        await here.restarted()
        await asyncio.sleep(2.0)
        clock.set(0)
        await here.central.open()
        await counted_well(here)
        assert await here.verdict() == [], "these stations keep a clock of their own, which was right all the time"


LIVES: dict[str, Life] = {
    "never-set": never_set_at_first,
    "a-day-ahead-meanwhile": partial(set_while_nobody_runs, ahead_s=DAY_S),
    "an-hour-back-meanwhile": partial(set_while_nobody_runs, ahead_s=-HOUR_S),
    "a-year-ahead-meanwhile": partial(set_while_nobody_runs, ahead_s=400 * DAY_S),
    "a-day-ahead": partial(set_while_it_serves, ahead_s=DAY_S),
    "a-day-ahead-and-on": partial(set_and_it_goes_on, ahead_s=DAY_S),
    "two-hours-back-and-on": partial(set_and_it_goes_on, ahead_s=-2 * HOUR_S),
    "an-hour-back": partial(set_while_it_serves, ahead_s=-HOUR_S),
}


@pytest.mark.timeout(240)
async def test_the_clock_is_set(tmp_path: Path) -> None:
    await together(LIVES, tmp_path, 1, at_once=6)
