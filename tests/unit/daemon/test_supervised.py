"""Rooms that fail are started again, and are a problem until they have been well for a while."""

import asyncio
from datetime import UTC, datetime
from random import Random

from sitectl.base.clock import LoopClock
from sitectl.base.errors import ConfigurationError
from sitectl.base.tasks import HEALTHY_S
from sitectl.base.virtual import run_virtual
from sitectl.daemon.supervised import RESTART_CAP_S, Supervised


def supervised() -> Supervised:
    return Supervised(LoopClock(datetime(2026, 11, 30, tzinfo=UTC)), Random(1))


def test_what_failed_is_told_until_it_has_been_well_for_a_while() -> None:
    async def fails_once() -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) == 1:
            raise ZeroDivisionError("a bug\nof two lines")
        await asyncio.sleep(3600)

    async def life() -> None:
        rooms = supervised()
        async with asyncio.TaskGroup() as group:
            room = rooms.keep(group, "uplinks", fails_once)
            await asyncio.sleep(RESTART_CAP_S)
            ((what, where, do),) = rooms.findings()
            assert what == "A part of this daemon failed and is started again: ZeroDivisionError: a bug"
            assert (where, "--bundle" in do) == ("daemon/uplinks", True)
            await asyncio.sleep(RESTART_CAP_S + HEALTHY_S)
            assert list(rooms.findings()) == []
            room.cancel()

    starts: list[float] = []
    run_virtual(life())
    assert len(starts) == 2


def test_what_cannot_run_as_configured_is_told_until_it_is_configured_otherwise() -> None:
    async def refuses() -> None:
        raise ConfigurationError("no such file")

    async def runs() -> None:
        await asyncio.sleep(1.0)

    async def life() -> None:
        rooms = supervised()
        async with asyncio.TaskGroup() as group:
            rooms.keep(group, "mqtt", refuses)
            await asyncio.sleep(10 * HEALTHY_S)
            ((what, where, _),) = rooms.findings()
            assert (what, where) == ("It cannot run as configured and stays off: no such file", "daemon/mqtt")
            rooms.keep(group, "mqtt", runs)
            assert list(rooms.findings()) == []

    run_virtual(life())


def test_what_is_no_longer_wanted_is_no_problem() -> None:
    async def fails_then_waits() -> None:
        if not failed:
            failed.append(True)
            raise OSError("gone")
        await asyncio.sleep(3600)

    async def life() -> None:
        rooms = supervised()
        async with asyncio.TaskGroup() as group:
            room = rooms.keep(group, "meters", fails_then_waits)
            await asyncio.sleep(RESTART_CAP_S)
            assert list(rooms.findings()) != []
            room.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert list(rooms.findings()) == []

    failed: list[bool] = []
    run_virtual(life())
