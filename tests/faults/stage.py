"""A site between independent peers, whose daemon dies and is started again while everybody else lives on.

Four stations of different makes and a central on raw frames; the daemon is the installed command in a process of its
own. Every EVSE is watched meanwhile: what the daemon counts for it is never below what its station may lawfully draw.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, site, until
from tests.faults.central import Central
from tests.faults.ledgers import differences
from tests.faults.station import Make, Station

MAKES = {
    "CP01": Make(renumbers=True),
    "CP02": Make(boots_again=False, keeps_ids=True, answer_s=0.02),
    "POST4": Make(evses=2, clock_error_s=-20.0),
    "CP05": Make(boots_again=False, clock_error_s=30.0, max_a=16.0),
}
DRAINED_WITHIN_S = 45.0
WATCH_EVERY_S = 0.2


def configuration(folder: Path, central_url: str | None) -> Path:
    """The site of these stations. Without a meter, so that limits change with transactions alone."""
    stations: dict[str, Any] = {
        id: {
            "circuit": "grid",
            "max_a": make.max_a,
            "fallback_a": 6 if id == "CP01" else 0,
            "profile_storage": "ram" if id == "CP02" else "flash",
            **(
                {"evses": {n: {"max_a": make.max_a, "phases": "L1L2L3"} for n in range(1, make.evses + 1)}}
                if make.evses > 1
                else {"phases": "L1L2L3"}
            ),
        }
        for id, make in MAKES.items()
    }
    uplinks = None if central_url is None else {"central": {"url": central_url, "replay_per_s": 1000}}
    return site(
        folder,
        circuits={"grid": {"rated_a": 80, "base_load_worst_a": 10}},
        stations=stations,
        authorization={"mode": "uplink", "offline_unknown": "accept"},
        uplinks=uplinks,
    )


class Stage:
    """The site at work. `serving` is the daemon that runs now, if one does."""

    def __init__(self, folder: Path, central: Central, config: Path) -> None:
        self.folder = folder
        self.central = central
        self.config = config
        self.serving: Daemon | None = None
        self.stations = {id: Station(id, make, self._where) for id, make in MAKES.items()}
        self.counted_too_low: list[str] = []
        self.looks = 0
        self.starts = 0

    def _where(self) -> str | None:
        running = self.serving
        return f"ws://127.0.0.1:{running.port}/ocpp" if running is not None and running.running else None

    # --- the daemon --------------------------------------------------------------------------------------------------

    async def start(self, command: Sequence[str] | None = None) -> Daemon:
        """Start a daemon, traced if a command is given; it may die before it serves."""
        self.starts += 1
        more: dict[str, Any] = {} if command is None else {"command": tuple(command)}
        self.serving = running = Daemon(self.config, log=f"daemon-{self.starts}.log", **more)
        try:
            await running.start()
        except AssertionError:
            if running.running:
                raise
        return running

    async def restarted(self) -> Daemon:
        """Wait until the daemon is dead, then start it as a service manager would."""
        assert self.serving is not None
        await self.serving.ended(within_s=60.0)
        running = await self.start()
        assert running.running, running.log
        return running

    # --- the judges --------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Compare what is counted with what is lawful, for ever. What changed while the daemon was asked is excused."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            running, before = self.serving, self._lawful()
            if running is None or not running.running or not running.port:
                continue
            try:
                seen = (await running.get("stations"))["stations"]
            except (OSError, AssertionError, json.JSONDecodeError):
                continue  # it is dying, or has just been born
            after = self._lawful()
            self.looks += 1
            for (id, number), lawful_a in before.items():
                evse = seen[id]["evses"][str(number)]
                if evse["counts_a"] < min(lawful_a, after[id, number]) - 0.051:
                    self.counted_too_low.append(f"{id}/{number} may draw {lawful_a} A and counts as {evse}")

    def _lawful(self) -> dict[tuple[str, int], float]:
        return {(s.id, n): s.lawful_a(n) for s in self.stations.values() for n in s.point.connectors}

    async def drain(self) -> list[dict[str, Any]]:
        """Wait until nothing waits any more, in stations and in the daemon; our own ledger then."""
        for station in self.stations.values():
            assert await station.settled(DRAINED_WITHIN_S), f"{station.id} could not say {station.point.queue}"
        assert self.serving is not None
        async with asyncio.timeout(DRAINED_WITHIN_S):
            while (status := await self.serving.get("status"))["transactions"]["unsent"]:
                await asyncio.sleep(0.1)
        assert status["transactions"]["dead"] == 0
        return list((await self.serving.get("transactions?limit=1000"))["transactions"])

    async def verdict(self) -> list[str]:
        """Everything that is wrong once all is drained."""
        ours = await self.drain()
        return [*differences(list(self.stations.values()), ours, self.central), *self.counted_too_low]


@asynccontextmanager
async def stage(folder: Path, *, deduplicates: bool = True, think_s: float = 0.003) -> AsyncIterator[Stage]:
    """A stage whose stations wait for their entry; whatever runs is ended with it."""
    central = Central(deduplicates=deduplicates, think_s=think_s)
    await central.open()
    async with at_work(Stage(folder, central, configuration(folder, central.url))) as here:
        yield here


@asynccontextmanager
async def at_work(here: Stage) -> AsyncIterator[Stage]:
    """The stations of a stage live, and it is watched; whatever runs is ended, the daemon and the central too."""
    tasks = [asyncio.create_task(work) for work in (here.watch(), *(s.run() for s in here.stations.values()))]
    try:
        yield here
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if here.serving is not None and here.serving.running:
            await here.serving.kill()
        await here.central.close()


# --- the play --------------------------------------------------------------------------------------------------------


async def act_one(here: Stage, *, patient: bool) -> None:
    """Cars come and go. `patient`: long enough for raises, which wait for some seconds after a boot."""
    first, second, post, fifth = (here.stations[id] for id in ("CP01", "CP02", "POST4", "CP05"))
    for station in (first, second, post):
        station.present.set()
    await _online(first, second, post)
    await first.swipe("ALICE")
    first.start(1, "ALICE")
    first.sample(1, must=True)
    await _settled(first)
    second.start(1, "BOB")
    second.sample(1, signed="AQIDBA==")
    first.sample(1)
    await _settled(first, second)
    post.start(1, "CAROL")
    if patient:
        for _ in range(8):
            await asyncio.sleep(0.9)
            first.sample(1)
            second.sample(1)
            post.sample(1)
    first.stop(1)
    await _settled(first, post)
    _backlog(fifth)
    fifth.present.set()
    await _online(fifth)
    await post.swipe("DAVE")
    post.start(2, "DAVE")
    post.sample(2, must=True)
    second.stop(1, "Local")
    await _settled(first, second, post, fifth)


def _backlog(station: Station) -> None:
    """What a station did while it was away: one transaction over, one that runs."""
    station.start(1, "ERIN", ago_s=900.0)
    for ago_s in (899.0, 839.0, 779.0, 719.0):
        station.sample(1, ago_s=ago_s, must=True)
    station.stop(1, "Local", ago_s=700.0)
    station.start(1, "FRANK", ago_s=200.0)
    for ago_s in (199.0, 139.0, 79.0):
        station.sample(1, ago_s=ago_s, must=True)


async def act_two(here: Stage, *, patient: bool) -> None:
    """After the fall: everybody comes back, goes on, and ends."""
    first, second, post, fifth = (here.stations[id] for id in ("CP01", "CP02", "POST4", "CP05"))
    for station in here.stations.values():
        station.present.set()
    await _online(*here.stations.values(), within_s=20.0)
    first.start(1, "GRACE")
    first.sample(1, must=True)
    post.sample(1)
    await _settled(first, post)
    if patient:
        for _ in range(7):
            await asyncio.sleep(0.9)
            first.sample(1)
            post.sample(2)
    for station, number in ((post, 1), (fifth, 1), (first, 1)):
        if station.point.connectors[number].transaction is not None:
            station.stop(number)
    second.start(1, "HEIDI")
    second.sample(1, must=True)
    second.stop(1, "EmergencyStop")
    await _settled(*here.stations.values(), within_s=5.0)


async def _online(*stations: Station, within_s: float = 3.0) -> None:
    """Give stations time to come in; a dead daemon must not hold up the play for ever."""
    with contextlib.suppress(AssertionError):
        await until(lambda: all(station.online.is_set() for station in stations), within_s)


async def _settled(*stations: Station, within_s: float = 2.0) -> None:
    await asyncio.gather(*(station.settled(within_s) for station in stations))
