"""A site at work on a disk that gives trouble: what people are told of it, whether control goes on, how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, sitectl
from tests.faults.play import act_one, act_two
from tests.faults.stage import Stage, stage
from tests.faults.station import Station


async def store(here: Stage) -> Any:
    assert here.serving is not None
    return (await here.serving.get("status"))["store"]


async def problems(here: Stage) -> str:
    assert here.serving is not None
    found = (await here.serving.get("status"))["problems"]
    return "\n".join(f"{one['what']} | {one['do']}" for one in found if one["where"] == "store")


async def told(here: Stage, words: str, within_s: float = 30.0) -> None:
    """People are told so; nothing of the disk, when there are no words."""
    async with asyncio.timeout(within_s):
        while not (words in await problems(here) if words else await problems(here) == ""):
            await asyncio.sleep(0.1)


async def reaches(here: Stage, state: str, within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while (found := await store(here))["state"] != state:
            await asyncio.sleep(0.1)
    assert found["state"] == state


async def events(here: Stage) -> list[str]:
    assert here.serving is not None
    return [line["type"] for line in await lines(here.serving)]


async def lines(daemon: Daemon) -> list[dict[str, Any]]:
    ended = await sitectl("events", "--since", "1h", "--json", "--socket", daemon.socket)
    assert ended.status == 0, ended
    return [json.loads(line) for line in ended.out.splitlines()]


class Pulse:
    """Whether the control cycle keeps its time."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._began = asyncio.get_running_loop().time()
        self._count = 0

    async def start(self) -> Pulse:
        self._count = (await self._daemon.get("status"))["cycle"]["count"]
        return self

    async def holds(self) -> None:
        cycle = (await self._daemon.get("status"))["cycle"]
        passed_s = asyncio.get_running_loop().time() - self._began
        assert cycle["count"] - self._count >= passed_s - 2.0, (cycle, passed_s)


async def charging(here: Stage) -> None:
    """All stations are there and say what they have to say."""
    await act_one(here, patient=False)


@asynccontextmanager
async def on_a_disk(folder: Path) -> AsyncIterator[tuple[Stage, Daemon, Pulse]]:
    """A site at work on the disk of this machine."""
    async with stage(folder) as here:
        daemon = await here.start()
        await charging(here)
        yield here, daemon, await Pulse(daemon).start()


async def says_again(station: Station) -> None:
    """What it got no answer to, sooner than it would by itself."""
    if not await station.settled(1.0):
        station.cut()
    assert await station.settled(20.0), station.point.queue


async def ends_well(here: Stage, *wanted: str) -> None:
    """Everybody ends, nothing is lost, and the journal tells what was."""
    await reaches(here, "ok", within_s=40.0)
    await act_two(here, patient=False)
    assert await here.verdict() == []
    async with asyncio.timeout(20):  # old events are copied in their own time
        while not set(wanted) <= set(await events(here)):
            await asyncio.sleep(1.0)
