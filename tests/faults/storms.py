"""Lives on wires that fail in every way, on both legs; each ends in calm, all is drained, and the ledgers are compared.

The central is careful or naive; what a naive one may have twice is exactly what losing an answer caused.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from random import Random

from tests.e2e.rig import until
from tests.faults.play import all_end, wild
from tests.faults.proxy import Proxy
from tests.faults.stage import Stage, proxied
from tests.faults.wire import Payload

Life = Callable[[Path, int], Awaitable[None]]
"""(folder, seed): lives, and raises AssertionError where something is wrong."""


async def well(here: Stage) -> None:
    """All ends, drains and agrees."""
    await all_end(here)
    wrong = await here.verdict()
    assert not wrong, "\n".join(wrong)
    assert here.looks > 0


# --- the way to the central ------------------------------------------------------------------------------------------


async def flapping(folder: Path, seed: int, *, careful: bool) -> None:
    """The central comes and goes."""
    async with proxied(folder, deduplicates=careful) as (here, uplink):
        for n in range(4):
            await wild(here, Random(seed + n), 1.0)
            uplink.reset()
        await well(here)
        assert {station.connections for station in here.stations.values()} == {1}


async def silent(folder: Path, seed: int, *, for_s: float) -> None:
    """Nothing arrives at the central or comes from it, and nobody says so."""
    async with proxied(folder) as (here, uplink):
        await wild(here, Random(seed), 1.0)
        uplink.fall_silent()
        await wild(here, Random(seed + 1), for_s)
        uplink.heal()
        await well(here)
        assert {station.connections for station in here.stations.values()} == {1}


async def turned_away(folder: Path, seed: int, *, status: HTTPStatus) -> None:
    """The central lets nobody in."""
    async with proxied(folder) as (here, _):
        here.central.refuses = status
        await wild(here, Random(seed), 2.0)
        assert all([await station.settled(5.0) for station in here.stations.values()])
        assert here.central.heard == {}
        here.central.refuses = None
        await well(here)


async def not_accepted(folder: Path, seed: int) -> None:
    """The central lets everybody in and accepts nobody at first."""
    async with proxied(folder) as (here, _):
        said = iter(["Rejected", "Pending"] * 4)

        def reluctant(station: str, action: str, payload: Payload, usual: Payload) -> Payload:
            if action == "BootNotification" and (status := next(said, None)) is not None:
                return {**usual, "status": status, "interval": 1}
            return usual

        here.central.answers = reluctant
        await wild(here, Random(seed), 2.0)
        await well(here)


async def answer_lost(folder: Path, seed: int, *, action: str, careful: bool) -> None:
    """The central took a message, and its answer is lost with the connection."""
    async with proxied(folder, deduplicates=careful) as (here, uplink):
        lost: list[str] = []

        def losing(station: str, said: str, payload: Payload, usual: Payload) -> Payload:
            if said == action and len(lost) < 3:
                lost.append(station)
                uplink.to_client.cut_after = 0
            return usual

        here.central.answers = losing
        await wild(here, Random(seed), 2.5)
        await well(here)
        assert len(lost) == 3


# --- the way to the stations -----------------------------------------------------------------------------------------


async def truncated(folder: Path, seed: int, *, cut_after: int) -> None:
    """Frames end in the middle, and the connection with them."""
    async with proxied(folder) as (here, _):
        for n in range(6):
            await wild(here, Random(seed + n), 0.5)
            for door in here.doors.values():
                (door.to_server if n % 2 else door.to_client).cut_after = cut_after
        await well(here)


async def displaced(folder: Path, seed: int) -> None:
    """Stations come back while their old connections seem alive, and the end of those is told later."""
    async with proxied(folder) as (here, _):
        await wild(here, Random(seed), 1.0)
        for id, door in here.doors.items():
            door.fall_silent()
            here.stations[id].cut()
        await wild(here, Random(seed + 1), 1.0)
        await until(lambda: all(station.online.is_set() for station in here.stations.values()))
        for door in here.doors.values():
            door.heal()
        await asyncio.sleep(0.5)
        assert here.serving is not None
        assert all(seen["online"] for seen in (await here.serving.get("stations"))["stations"].values())
        assert {station.connections for station in here.stations.values()} == {2}
        await well(here)


async def lost_in_silence(folder: Path, seed: int) -> None:
    """A station is gone and nobody says so: it is missed in time, and counts for what it may draw meanwhile."""
    async with proxied(folder) as (here, _):
        await wild(here, Random(seed), 3.0)
        door = here.doors["CP01"]
        door.fall_silent()
        door.refuses = True  # a call that is not answered would bring it back sooner
        began = asyncio.get_running_loop().time()
        assert here.serving is not None
        async with asyncio.timeout(90.0):  # 40 s, and what a busy machine adds
            while (await here.serving.get("stations"))["stations"]["CP01"]["online"]:
                await asyncio.sleep(0.5)
        assert asyncio.get_running_loop().time() - began > 20.0  # and not for one ping that is late
        door.heal()
        here.stations["CP01"].cut()
        await well(here)


async def long_queue(folder: Path, seed: int) -> None:
    """A station comes back with a long queue, behind which waits that another transaction runs: it counts for that."""
    async with proxied(folder) as (here, _):
        first, second, door = here.stations["CP02"], here.stations["CP01"], here.doors["CP02"]
        for station in (first, second):
            station.present.set()
            await station.online.wait()
            station.start(1, "TAG")
        await until(lambda: first.lawful_a(1) < 32.0 and not first.point.queue)
        await asyncio.sleep(1.0)  # so that it is known that the limit holds
        door.refuses = True
        door.reset()
        for _ in range(100):
            first.sample(1)
        first.stop(1)
        first.start(1, "TAG")
        assert first.lawful_a(1) == 32.0  # its fallback was not installed yet
        door.heal()
        door.to_server.delay_s = 0.1
        assert await first.settled(40.0)
        second.stop(1)
        await well(here)


async def dribbling(folder: Path, seed: int) -> None:
    """Bytes come one by one, on all wires."""
    async with proxied(folder) as (here, uplink):
        await wild(here, Random(seed), 0.5)
        for between in (uplink, *here.doors.values()):
            between.to_client.dribble_s = between.to_server.dribble_s = 0.0005
        await wild(here, Random(seed + 1), 3.0)
        for between in (uplink, *here.doors.values()):
            between.heal()
        await well(here)


async def slow_stations(folder: Path, seed: int) -> None:
    """Limits arrive late, and their answers later; what counts meanwhile is watched."""
    async with proxied(folder) as (here, _):
        for door in here.doors.values():
            door.to_client.delay_s = door.to_server.delay_s = 0.7
        await wild(here, Random(seed), 8.0)
        for door in here.doors.values():
            door.heal()
        await well(here)


# --- everything at once ----------------------------------------------------------------------------------------------


async def _rage(wires: list[Proxy], random: Random) -> None:
    """A fault somewhere, again and again."""

    def slow(wire: Proxy) -> None:
        wire.to_server.delay_s, wire.to_client.delay_s = random.uniform(0.0, 0.3), random.uniform(0.0, 0.3)

    def dribble(wire: Proxy) -> None:
        wire.to_server.dribble_s = random.choice((0.0, 0.0005))

    def cut(wire: Proxy) -> None:
        random.choice((wire.to_server, wire.to_client)).cut_after = random.randrange(40)

    def refuse(wire: Proxy) -> None:
        wire.refuses = True
        wire.reset()

    faults = [Proxy.heal, Proxy.heal, slow, dribble, cut, cut, refuse, Proxy.reset, Proxy.fall_silent]
    while True:
        await asyncio.sleep(random.uniform(0.05, 0.5))
        random.choice(faults)(random.choice(wires))


async def storm(folder: Path, seed: int, *, for_s: float) -> None:
    """Faults on all wires at once, and the daemon killed in the middle of every other storm."""
    random = Random(seed)
    async with proxied(folder, deduplicates=seed % 3 != 0) as (here, uplink):
        wires = [uplink, *here.doors.values()]
        raging = asyncio.create_task(_rage(wires, random))
        try:
            await wild(here, random, for_s / 2)
            if seed % 2:
                assert here.serving is not None
                await here.serving.kill()
                await here.start()
            await wild(here, random, for_s / 2)
        finally:
            raging.cancel()
            for wire in wires:
                wire.heal()
        await well(here)


def _steps(error: BaseException) -> list[traceback.FrameSummary]:
    """Where it was raised, and who had called, as far as that is ours."""
    return [step for step in reversed(traceback.extract_tb(error.__traceback__)) if "/tests/" in step.filename]


async def together(lives: dict[str, Life], folder: Path, seed: int, at_once: int) -> None:
    """Live through all of them, a few at a time: they wait more than they work."""
    places = asyncio.Semaphore(at_once)

    async def one(name: str, life: Life) -> str | None:
        async with places:
            (folder / name).mkdir()
            try:
                await life(folder / name, seed)
            except (AssertionError, TimeoutError, OSError) as error:
                where = " < ".join(f"{step.filename.rsplit('/', 1)[-1]}:{step.lineno}" for step in _steps(error))
                return f"{name}: {type(error).__name__} {error} at {where}"
        return None

    outcomes = await asyncio.gather(*(one(name, life) for name, life in lives.items()))
    wrong = [outcome for outcome in outcomes if outcome is not None]
    assert not wrong, "\n\n".join(wrong)


SHORT: dict[str, Life] = {
    "slow-stations": slow_stations,
    "storm": partial(storm, for_s=6.0),
    "flapping-careful": partial(flapping, careful=True),
    "flapping-naive": partial(flapping, careful=False),
    "silent": partial(silent, for_s=4.0),
    "unauthorized": partial(turned_away, status=HTTPStatus.UNAUTHORIZED),
    "unavailable": partial(turned_away, status=HTTPStatus.SERVICE_UNAVAILABLE),
    "not-accepted": not_accepted,
    "start-lost-careful": partial(answer_lost, action="StartTransaction", careful=True),
    "start-lost-naive": partial(answer_lost, action="StartTransaction", careful=False),
    "sample-lost-naive": partial(answer_lost, action="MeterValues", careful=False),
    "stop-lost-careful": partial(answer_lost, action="StopTransaction", careful=True),
    "stop-lost-naive": partial(answer_lost, action="StopTransaction", careful=False),
    "truncated-1": partial(truncated, cut_after=1),
    "truncated-60": partial(truncated, cut_after=60),
    "displaced": displaced,
    "long-queue": long_queue,
    "dribbling": dribbling,
}

LONG: dict[str, Life] = {
    "silent-for-long": partial(silent, for_s=75.0),
    "lost-in-silence": lost_in_silence,
    "sample-lost-careful": partial(answer_lost, action="MeterValues", careful=True),
    **{f"truncated-{n}": partial(truncated, cut_after=n) for n in (0, 7, 100)},
    **{f"storm-{n}": lambda folder, seed, n=n: storm(folder, seed + n, for_s=20.0) for n in range(24)},
}
