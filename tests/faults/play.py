"""What stations do while the daemon, the wires or the power fail: two acts that are written, and a life by chance."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from tests.e2e.rig import until
from tests.faults.stage import Stage
from tests.faults.station import Station


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


def swap(here: Stage) -> None:
    """One car goes and another comes."""
    second = here.stations["CP02"]
    if second.point.connectors[1].transaction is not None:
        second.stop(1)
        second.start(1, "IVAN")


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
    for station, number in ((post, 1), (fifth, 1), (first, 1), (second, 1)):
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


async def wild(here: Stage, random: Random, seconds: float) -> None:
    """Cars come and go by chance, at every EVSE, whatever happens to the wires."""
    for station in here.stations.values():
        station.present.set()
    ends_at = asyncio.get_running_loop().time() + seconds
    spots = [(station, number) for station in here.stations.values() for number in station.point.connectors]
    while asyncio.get_running_loop().time() < ends_at:
        await asyncio.sleep(random.uniform(0.02, 0.15))
        station, number = random.choice(spots)
        if station.point.connectors[number].transaction is None:
            if random.random() < 0.3:
                await station.swipe(f"TAG{random.randrange(20)}", within_s=0.2)
            station.start(number, f"TAG{random.randrange(20)}")
        elif random.random() < 0.6:
            station.sample(number, signed=f"{random.getrandbits(64):016x}")
        else:
            station.stop(number, random.choice(("EVDisconnected", "Local", "Other")))


async def all_end(here: Stage) -> None:
    """Every transaction that still runs ends."""
    for station in here.stations.values():
        for number, connector in station.point.connectors.items():
            if connector.transaction is not None:
                station.stop(number)
    await _settled(*here.stations.values(), within_s=30.0)
