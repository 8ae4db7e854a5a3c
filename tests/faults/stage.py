"""A site between independent peers, whose daemon dies and is started again while everybody else lives on.

Four stations of different makes and a central on raw frames; the daemon is the installed command in a process of its
own. Every EVSE is watched meanwhile: what the daemon counts for it is never below what its station may lawfully draw.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, site
from tests.faults.central import Central
from tests.faults.ledgers import differences
from tests.faults.proxy import Proxy, proxy
from tests.faults.station import Make, Station

MAKES = {
    "CP01": Make(renumbers=True),
    "CP02": Make(boots_again=False, keeps_ids=True, answer_s=0.02),
    "POST4": Make(evses=2, clock_error_s=-20.0),
    "CP05": Make(boots_again=False, clock_error_s=30.0, max_a=16.0),
}
STARTED_WITHIN_S = 60.0
DRAINED_WITHIN_S = 60.0
"""Generous: many lives go on at once, and a machine may be busy with others."""
WATCH_EVERY_S = 0.2
TOLERANCE_A = 0.051
SLOW_WIRES_S = 3.0


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
    """The site at work. `serving`: the daemon that runs now, if one does; `doors`: proxies that stations go through."""

    def __init__(self, folder: Path, central: Central, config: Path) -> None:
        self.folder = folder
        self.central = central
        self.config = config
        self.serving: Daemon | None = None
        self.stations = {id: Station(id, make, partial(self._where, id)) for id, make in MAKES.items()}
        self.doors: dict[str, Proxy] = {}
        self.counted_too_low: list[str] = []
        self.environment: dict[str, str] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens while no daemon runs, so that nobody hears of it."""
        self.excused_s = 0.0
        self.looks = 0
        self._low_since: dict[tuple[str, int], float] = {}
        self.starts = 0

    def port(self) -> int | None:
        """Where the daemon listens, if it does."""
        running = self.serving
        return running.port if running is not None and running.running else None

    def _where(self, station: str) -> str | None:
        door = self.doors.get(station)
        port = self.port() if door is None else door.port
        return None if port is None else f"ws://127.0.0.1:{port}/ocpp"

    # --- the daemon --------------------------------------------------------------------------------------------------

    async def start(self, command: Sequence[str] | None = None) -> Daemon:
        """Start a daemon, traced if a command is given; it may die before it serves."""
        self.starts += 1
        more: dict[str, Any] = self.environment | ({} if command is None else {"command": tuple(command)})
        self.serving = running = Daemon(self.config, log=f"daemon-{self.starts}.log", **more)
        try:
            await running.start(STARTED_WITHIN_S)
        except AssertionError:
            if running.running:
                raise
        return running

    async def restarted(self) -> Daemon:
        """Wait until the daemon is dead, then start it as a service manager would."""
        assert self.serving is not None
        await self.serving.ended(within_s=60.0)
        self.meanwhile()
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
            for evse, lawful_a in before.items():
                self._look(evse, min(lawful_a, after[evse]), seen[evse[0]])

    def _look(self, evse: tuple[str, int], lawful_a: float, seen: dict[str, Any]) -> None:
        """Hold one EVSE against what is counted for it. Wires that are slow excuse for as long as they take, and those
        that have died in silence as long as nobody can know."""
        now, door = asyncio.get_running_loop().time(), self.doors.get(evse[0])
        if seen["evses"][str(evse[1])]["counts_a"] >= lawful_a - TOLERANCE_A or (door is not None and door.silent):
            self._low_since.pop(evse, None)
        elif now - self._low_since.setdefault(evse, now) >= self.excused_s:
            self.counted_too_low.append(self._too_low(*evse, lawful_a, seen))

    def _too_low(self, id: str, number: int, lawful_a: float, seen: dict[str, Any]) -> str:
        station = self.stations[id]
        runs, waits = station.point.connectors[number].transaction, len(station.point.queue)
        held = {**seen, "evses": seen["evses"][str(number)]}
        return f"{id}/{number} may draw {lawful_a} A in {runs}, {waits} messages wait there, and is held as {held}"

    def _lawful(self) -> dict[tuple[str, int], float]:
        return {(s.id, n): s.lawful_a(n) for s in self.stations.values() for n in s.point.connectors}

    async def drain(self) -> list[dict[str, Any]]:
        """Wait until nothing waits any more, in stations and in the daemon; our own ledger then."""
        for station in self.stations.values():
            assert await station.settled(DRAINED_WITHIN_S), f"{station.id} could not say {station.point.queue}"
        assert self.serving is not None
        async with asyncio.timeout(DRAINED_WITHIN_S):
            # None: a busy disk did not tell in time.
            while (status := await self.serving.get("status"))["transactions"]["unsent"] != 0:
                await asyncio.sleep(0.1)
        assert status["transactions"]["dead"] == 0, status["transactions"]
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


@asynccontextmanager
async def proxied(folder: Path, *, deduplicates: bool = True) -> AsyncIterator[tuple[Stage, Proxy]]:
    """A stage at work whose wires all go through proxies: each station's own door, and one to the central."""
    central = Central(deduplicates=deduplicates, think_s=0.003)
    await central.open()
    async with AsyncExitStack() as held:
        uplink = await held.enter_async_context(proxy(lambda: central.port))
        here = Stage(folder, central, configuration(folder, f"ws://127.0.0.1:{uplink.port}/ocpp"))
        for id in here.stations:
            here.doors[id] = await held.enter_async_context(proxy(here.port))
        here.excused_s = SLOW_WIRES_S
        async with at_work(here):
            await here.start()
            yield here, uplink
