"""Stations that lose power, forget, and come late with an old queue, while the daemon dies between their messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sitectl.base.units import format_utc
from tests.e2e.rig import sitectl
from tests.faults.stage import Stage, stage
from tests.faults.station import Station


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stage]:
    """A stage at work, everybody there."""
    async with stage(folder) as here:
        await here.start()
        for station in here.stations.values():
            station.present.set()
        yield here


async def killed(here: Stage) -> None:
    """The daemon dies and is started again."""
    assert here.serving is not None
    here.serving.signal(9)
    await here.restarted()


async def settled(station: Station) -> None:
    assert await station.settled(30.0), station.point.queue


async def test_power_fails_at_stations_and_at_the_gateway_by_turns(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        for _ in range(4):
            for station in here.stations.values():
                for number in station.point.connectors:
                    station.start(number, "TAG")
                    station.sample(number, must=True)
            here.stations["CP01"].reboot()
            await killed(here)
            for station in here.stations.values():
                station.reboot()
                await settled(station)
        assert await here.verdict() == []
        rows = await here.drain()
        assert len(rows) == 4 * 5
        assert {row["reason"] for row in rows} == {"PowerLoss"}


async def test_a_queue_of_months_is_delivered_in_order_and_moves_no_limit(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        station, day_s = here.stations["CP05"], 86_400.0
        for ago in range(60, 0, -1):
            station.start(1, "TAG", ago_s=ago * day_s)
            for n in range(6):
                station.sample(1, ago_s=ago * day_s - 60.0 * n - 1.0, must=True)
            station.stop(1, "Local", ago_s=ago * day_s - 3600.0)
            if ago % 20 == 0:
                await killed(here)
        await settled(station)
        assert await here.verdict() == []
        assert len(await here.drain()) == 60


async def test_a_stop_of_what_nobody_knows_changes_nothing_and_is_shown_once(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        first, second = here.stations["CP01"], here.stations["CP02"]
        theirs = second.start(1, "TAG")
        await settled(second)
        for unknown in (12345, theirs.id, -1):
            stop = {"transactionId": unknown, "meterStop": 5000, "timestamp": format_utc(first.now())}
            assert await first.say("StopTransaction", stop) == {}
            await killed(here)
            assert await first.say("StopTransaction", stop) == {}
        second.stop(1)
        await settled(second)
        assert await here.verdict() == []
        assert here.serving is not None
        shown = await sitectl("events", "--json", "--socket", here.serving.socket)
        assert shown.out.count('"transaction.unmatched_stop"') == 3
