"""What goes wrong inside the daemon itself: rows I1 to I4 of the catalogue of faults.

A loop that stands still or a cycle that no longer runs is told by silence: the watchdog of the service manager, which
this test plays, ends the process. Memory that runs out ends it as the kernel does. Afterwards it serves again, and
nothing that was acknowledged is gone. Everything that can fail by itself fails once, and is started again.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rig import Daemon, daemon, meter, metered, patched, site, until
from tests.e2e.station import charger

WATCHDOG_S = 2.0
STANDS_STILL = """
import os, time, sitectl.site.owner as owner
cycle = owner.Site._cycle
def stands_still(self):
    while os.path.exists(os.environ["FLAG"]):
        time.sleep(0.1)
    return cycle(self)
owner.Site._cycle = stands_still
"""
GIVES_UP = """
import asyncio, os, sitectl.site.owner as owner
async def gives_up(self):
    while not os.path.exists(os.environ["FLAG"]):
        self.cycle()
        await asyncio.sleep(0.5)
    await asyncio.sleep(3600)
owner.Site.run = gives_up
"""
LEAKS = """
import os, resource, sitectl.site.owner as owner
cycle, held = owner.Site._cycle, []
def leaks(self):
    if os.path.exists(os.environ["FLAG"]):
        mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**24, -1))
        while True:
            held.append(bytes(2**20))
    return cycle(self)
owner.Site._cycle = leaks
"""
ALL_FAIL = """
import sitectl.daemon.supervised as supervised
supervised.RESTART_BASE_S = 0.1
keep = supervised.Supervised.keep
def failing(self, group, name, room):
    async def once():
        if name not in failed:
            failed.add(name)
            raise ZeroDivisionError(f"a bug in {name}")
        await room()
    return keep(self, group, name, once)
failed = set()
supervised.Supervised.keep = failing
"""


class Manager:
    """The part of a service manager that watches: when a process last said that it lives."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify.sock"
        self.fed = asyncio.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._heard)

    def _heard(self) -> None:
        if b"WATCHDOG=1" in self._socket.recv(4096):
            self.fed.set()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "NOTIFY_SOCKET": str(self.path),
            "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
            "PYTHONFAULTHANDLER": "1",
        }

    async def silence(self) -> None:
        """Wait until nothing was heard for the time of the watchdog."""
        while True:
            self.fed.clear()
            try:
                async with asyncio.timeout(WATCHDOG_S):
                    await self.fed.wait()
            except TimeoutError:
                return

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


@asynccontextmanager
async def manager(folder: Path) -> AsyncIterator[Manager]:
    made = Manager(folder)
    try:
        yield made
    finally:
        made.close()


async def serves_again(running: Daemon, flag: Path) -> None:
    """Started as a service manager would, it lets stations in, and knows the transaction that it acknowledged."""
    flag.unlink()
    await running.start()
    rows = (await running.get("transactions"))["transactions"]
    assert [(row["station"], row["stopped"]) for row in rows] == [("CP01", None)]
    async with charger(running.port, "CP02") as station:
        await station.begin()
        await station.end()
    await running.stop()


@pytest.mark.parametrize(
    ("patch", "stands"),
    [
        pytest.param(STANDS_STILL, "in stands_still", id="I1"),
        pytest.param(GIVES_UP, "", id="I2", marks=pytest.mark.full),
    ],
)
async def test_who_no_longer_completes_cycles_is_ended_by_the_watchdog(tmp_path: Path, patch: str, stands: str) -> None:
    flag = tmp_path / "flag"
    async with manager(tmp_path) as watching:
        environment = {**watching.environment, "FLAG": str(flag)}
        async with daemon(site(tmp_path), command=patched(tmp_path, patch), **environment) as running:
            async with charger(running.port, "CP01") as station:
                await station.begin()
                async with asyncio.timeout(30):
                    await watching.fed.wait()
                flag.touch()
                async with asyncio.timeout(60):
                    await watching.silence()
                running.signal(signal.SIGABRT)  # as the service manager does then
                assert await running.ended(30) == -signal.SIGABRT
            assert "Fatal Python error: Aborted" in running.log
            assert stands in running.log  # where it stood, for whoever looks into the journal
            await serves_again(running, flag)


async def test_memory_that_runs_out_ends_the_process_and_loses_nothing(tmp_path: Path) -> None:
    """I3, by a limit of the process in place of one of its group: no allocation succeeds any more."""
    flag = tmp_path / "flag"
    async with daemon(site(tmp_path), command=patched(tmp_path, LEAKS), FLAG=str(flag)) as running:
        async with charger(running.port, "CP01") as station:
            await station.begin()
            flag.touch()
            assert await running.ended(60) != 0
        assert "MemoryError" in running.log
        await serves_again(running, flag)


async def test_every_part_that_may_fail_fails_once_and_is_started_again(tmp_path: Path) -> None:
    """I4: charging goes on, and status names each of them."""
    async with meter() as device:
        sections: dict[str, Any] = metered(device)
        sections |= {"uplinks": {"central": {"url": "ws://127.0.0.1:1/ocpp"}}}
        async with daemon(site(tmp_path, **sections), command=patched(tmp_path, ALL_FAIL)) as running:
            names = {"uplinks", "upkeep", "rises", "energy", "incidents", "healing", "memory", "clock", "api"}
            names |= {"meters", "signals", "power relays", "departures", "buses"}
            await until(lambda: all(f"{name} failed, next start" in running.log for name in names), 30, running.log)
            async with charger(running.port, "CP01") as station:
                await station.begin()
                await until(lambda: station.car.tx_profile_a is not None, 30)
                told: dict[str, str] = {}
                async with asyncio.timeout(30):
                    while not {f"daemon/{name}" for name in names} <= told.keys():
                        status = await running.get("status")
                        told = {problem["where"]: problem["what"] for problem in status["problems"]}
                        await asyncio.sleep(0.1)
                    while status["meters"]["main"]["state"] != "fresh":
                        status = await running.get("status")
                        await asyncio.sleep(0.1)
                assert told["daemon/meters"].endswith("started again: ZeroDivisionError: a bug in meters")
                await station.end()
            await running.stop()
