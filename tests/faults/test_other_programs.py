"""Other programs at the ledger, which should not be: one that reads and does not end, one that holds it locked; and a
write that never returns. Nothing acknowledged is lost, people are told, and it goes on by itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.rig import until
from tests.faults import tracer
from tests.faults.disks import failing
from tests.faults.stage import Stage, stage
from tests.faults.troubled import Pulse, charging, ends_well, on_a_disk, reaches, says_again, store, told

no_attaching = tracer.unavailable(attach=True)

HOLDING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("holds", flush=True)
sys.stdin.read()
"""
MEGABYTE = 2**20


@asynccontextmanager
async def another_program(here: Stage, *statements: str) -> AsyncIterator[None]:
    """One that has the ledger open, after these statements, meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDING, str(here.folder / "data" / "ledger.db"), *statements),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"holds\n"
        yield
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.timeout(120)
async def test_a_ledger_that_is_locked_for_a_moment_delays_answers(tmp_path: Path) -> None:
    async with on_a_disk(tmp_path) as (here, daemon, pulse):
        first = here.stations["CP01"]
        async with another_program(here, "BEGIN IMMEDIATE"):
            first.start(1, "ALICE")
            assert await first.settled(2.0) is False
            await pulse.holds()
        assert await first.settled(5.0)
        assert "the store is" not in daemon.log
        first.stop(1)
        await ends_well(here)


@pytest.mark.timeout(150)
async def test_a_ledger_that_is_locked_by_another_program(tmp_path: Path) -> None:
    async with on_a_disk(tmp_path) as (here, daemon, pulse):
        first, second = here.stations["CP01"], here.stations["CP02"]
        async with another_program(here, "BEGIN IMMEDIATE"):
            first.start(1, "ALICE")
            await reaches(here, "busy")
            await told(here, "Another program holds the ledger")
            assert await first.settled(1.0) is False
            await second.swipe("BOB", within_s=3.0)
            assert second.online.is_set()
            await pulse.holds()
            assert daemon.log.count("ERROR") < 10
        await reaches(here, "ok", within_s=40.0)
        await told(here, "", within_s=15.0)
        first.stop(1)
        await says_again(first)
        await ends_well(here, "store.busy", "store.ok")


@pytest.mark.full
@pytest.mark.timeout(300)
async def test_a_log_that_another_program_keeps_from_shrinking(tmp_path: Path) -> None:
    async with on_a_disk(tmp_path) as (here, _, pulse):
        first = here.stations["CP01"]
        first.start(1, "ALICE")
        async with another_program(here, "BEGIN", "SELECT count(*) FROM transactions"):
            async with asyncio.timeout(200):
                while "The ledger's log does not shrink" not in await _said(here):
                    for _ in range(20):
                        first.sample(1, signed="A" * 45_000)
                    await first.settled(30.0)
            log = here.folder / "data" / "ledger.db-wal"
            assert log.stat().st_size >= 64 * MEGABYTE
            assert (await store(here))["state"] == "ok"
            await pulse.holds()
        async with asyncio.timeout(40):
            while log.stat().st_size > 20 * MEGABYTE:
                first.sample(1, must=True)
                await first.settled(5.0)
                await asyncio.sleep(1.0)
        await told(here, "", within_s=15.0)
        first.stop(1)
        await ends_well(here)


async def _said(here: Stage) -> str:
    assert here.serving is not None
    return "\n".join(one["what"] for one in (await here.serving.get("status"))["problems"])


@pytest.mark.full
@pytest.mark.skipif(no_attaching is not None, reason=str(no_attaching))
@pytest.mark.timeout(200)
async def test_a_write_that_never_returns(tmp_path: Path) -> None:
    """No transaction is answered and control goes on; asked to end it ends, and the next one knows all."""
    async with stage(tmp_path) as here:
        daemon = await here.start()
        await charging(here)
        pulse = await Pulse(daemon).start()
        first, second = here.stations["CP01"], here.stations["CP02"]
        async with failing(daemon.pid, tmp_path / "calls.log", ("fdatasync",), "delay_enter=600000000:when=1"):
            first.start(1, "ALICE")
            await reaches(here, "slow", within_s=40.0)
            await told(here, "The disk does not answer")
            assert await first.settled(1.0) is False
            await second.swipe("BOB", within_s=3.0)
            assert second.online.is_set()
            await pulse.holds()
            daemon.signal(15)
            await until(lambda: "process: stopped" in daemon.log, within_s=12.0)
        await here.restarted()
        first.stop(1)
        await says_again(first)
        await ends_well(here)
