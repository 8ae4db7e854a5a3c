"""Disks that fill, fail, hang and lie, under a site at work: nothing acknowledged is lost, and control goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.e2e.rig import SITECTL, until
from tests.faults import tracer
from tests.faults.disks import SmallDisk, failing, no_mounts, returned, small_disk
from tests.faults.play import act_two
from tests.faults.stage import Stage, stage
from tests.faults.troubled import Pulse, charging, ends_well, events, on_a_disk, reaches, says_again, store, told

no_attaching = tracer.unavailable(attach=True)
needs_mounts = pytest.mark.skipif(no_mounts() is not None, reason=f"no file system of its own: {no_mounts()}")
needs_strace = pytest.mark.skipif(no_attaching is not None, reason=str(no_attaching))


# --- full -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def on_a_small_disk(folder: Path, megabytes: int) -> AsyncIterator[tuple[Stage, SmallDisk]]:
    async with stage(folder) as here:
        with small_disk(folder / "data", megabytes) as disk:
            await here.start((*disk.command, *SITECTL))
            yield here, disk


@needs_mounts
@pytest.mark.timeout(150)
async def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    async with on_a_small_disk(tmp_path, 200) as (here, disk):
        await charging(here)
        assert here.serving is not None
        pulse = await Pulse(here.serving).start()
        first = here.stations["CP01"]

        disk.fill(leave=12 * 2**20)
        await reaches(here, "tight")
        await told(here, "nearly full")

        disk.fill()
        await until(lambda: not first.point.queue)
        for _ in range(3):  # the reserve is for these
            first.start(1, "ALICE")
            first.stop(1)
            assert await first.settled(10.0), (await store(here), first.point.queue)
        disk.fill()
        while (await store(here))["state"] != "full":  # and then that is used up
            disk.fill()
            first.start(1, "BOB")
            first.stop(1)
            await first.settled(1.0)
        await told(here, "no transaction message is answered")
        first.start(1, "BOB")
        first.stop(1)
        assert await first.settled(1.0) is False
        said = len([one for one in first.said if one.acknowledged])
        second = here.stations["CP02"]
        await second.swipe("CAROL", within_s=3.0)  # what is no transaction is answered as ever
        assert second.online.is_set()
        assert len([one for one in first.said if one.acknowledged]) == said
        await pulse.holds()

        disk.clear()
        await reaches(here, "ok")
        assert (await store(here))["reserve"] is True
        await told(here, "")
        await act_two(here, patient=False)
        assert await here.verdict() == []
        types = await events(here)
        order = [type for type in types if type in ("store.tight", "store.reserve", "store.full", "store.ok")]
        assert order[0] == "store.tight"
        assert order[-1] == "store.ok"
        assert {"store.reserve", "store.full"} <= set(order)


# --- refused and failing ----------------------------------------------------------------------------------------------


@needs_strace
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        ("EROFS", "read_only", "cannot be written"),
        ("EIO", "failing", "The disk fails"),
        pytest.param("ENOSPC", "full", "The disk is full", marks=pytest.mark.full),
    ],
)
async def test_a_disk_that_takes_nothing(tmp_path: Path, error: str, state: str, words: str) -> None:
    async with on_a_disk(tmp_path) as (here, daemon, pulse):
        first, second = here.stations["CP01"], here.stations["CP02"]
        async with failing(daemon.pid, tmp_path / "calls.log", ("pwrite64", "fallocate"), f"error={error}"):
            first.start(1, "ALICE")
            await reaches(here, state)
            await told(here, words)
            assert await first.settled(1.0) is False
            await second.swipe("BOB", within_s=3.0)
            await pulse.holds()
            assert daemon.log.count("ERROR") < 10
        await reaches(here, "ok")
        first.stop(1)
        await says_again(first)
        await ends_well(here, f"store.{state}", "store.ok")


@needs_strace
@pytest.mark.timeout(200)
@pytest.mark.parametrize("nth", [1, *(pytest.param(nth, marks=pytest.mark.full) for nth in (2, 3, 5, 8))])
async def test_a_sync_that_fails_is_not_tried_again_and_believed(tmp_path: Path, nth: int) -> None:
    async with on_a_disk(tmp_path) as (here, daemon, pulse):
        log = tmp_path / "calls.log"
        first = here.stations["CP01"]
        async with failing(daemon.pid, log, ("fdatasync",), f"error=EIO:when={nth}"):
            async with asyncio.timeout(30):
                while "EIO" not in log.read_text():
                    first.start(1, "ALICE")
                    first.stop(1)
                    await first.settled(3.0)
            await reaches(here, "ok", within_s=30.0)
            await says_again(first)
        await pulse.holds()
        synced = [one for one in returned(log) if one[0] == "fdatasync"]
        failed = next(place for place, one in enumerate(synced) if one[2] == "EIO")
        assert synced[failed][1].startswith("ledger.db")
        assert "the store is failing" in daemon.log
        await ends_well(here, "store.failing", "store.ok")


SWIPES = 60


@needs_strace
@pytest.mark.timeout(150)
async def test_a_disk_that_is_slow_delays_answers_to_transactions_and_nothing_else(tmp_path: Path) -> None:
    async with on_a_disk(tmp_path) as (here, daemon, pulse):
        first, post = here.stations["CP01"], here.stations["POST4"]
        log = tmp_path / "calls.log"
        async with failing(daemon.pid, log, ("fdatasync",), "delay_exit=2000000"):
            first.start(1, "ALICE")
            for _ in range(SWIPES):
                await post.swipe("CAROL", within_s=30.0)
            assert len(returned(log)) < SWIPES / 3  # else each may have waited for the disk
            await told(here, "The disk is slow")
            assert await first.settled(15.0)
            assert (await store(here))["waiting"] < 100
            await pulse.holds()
        first.stop(1)
        await ends_well(here)


# --- damaged ----------------------------------------------------------------------------------------------------------

PAGE = 2048


def pages_of(ledger: Path, *names: str) -> list[int]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        marks = ", ".join("?" * len(names))
        rows = connection.execute(f"SELECT pageno FROM dbstat WHERE name IN ({marks}) ORDER BY pageno", names)
        return [row[0] for row in rows]


def zero(ledger: Path, pages: Iterable[int]) -> None:
    with ledger.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(bytes(PAGE))


INDEXES = ("transactions_open", "transactions_stop_key", "sqlite_autoindex_transactions_1", "outbox_waiting")
"""What is damaged here costs no row: only what finds them."""

DAMAGES: dict[str, Callable[[Path], None]] = {
    "beginning": lambda ledger: zero(ledger, [1]),
    "indexes": lambda ledger: zero(ledger, pages_of(ledger, *INDEXES)),
    "frames": lambda ledger: zero(ledger, pages_of(ledger, "raw_frames")[1:3]),
}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_is_found_at_the_start_and_the_service_goes_on(tmp_path: Path, damage: str) -> None:
    async with stage(tmp_path) as here:
        daemon = await here.start()
        await charging(here)
        await daemon.stop()
        DAMAGES[damage](tmp_path / "data" / "ledger.db")
        again = await here.start()
        assert again.running, again.log
        await told(here, "The ledger was damaged on", within_s=10.0)
        assert "sitectl ready" in again.log
        await ends_well(here, "store.salvaged")
        assert len(list((tmp_path / "data" / "corrupt").iterdir())) == 1


@pytest.mark.timeout(150)
async def test_a_log_damaged_in_its_middle_costs_no_more_than_what_stood_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        daemon = await here.start()
        await charging(here)
        await daemon.kill()
        log = tmp_path / "data" / "ledger.db-wal"
        with log.open("r+b") as file:
            file.seek(32 + 60 * (24 + PAGE) + 24)
            file.write(b"\x5a" * 64)
        await here.start()
        await told(here, "pages of the log", within_s=10.0)
        for station in here.stations.values():
            assert await station.settled(20.0), station.point.queue
        assert (await store(here))["state"] == "ok"


@pytest.mark.timeout(150)
async def test_damage_is_found_while_it_serves_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        daemon = await here.start()
        await charging(here)
        await daemon.stop()
        daemon = await here.start()  # with all of it in the file, and little of that in memory
        ledger = tmp_path / "data" / "ledger.db"
        zero(ledger, pages_of(ledger, *INDEXES))
        first = here.stations["CP01"]
        async with asyncio.timeout(20):
            while "the store is corrupt" not in daemon.log:
                first.start(1, "ALICE")
                first.stop(1)
                await first.settled(2.0)
        await says_again(first)
        await told(here, "The ledger was damaged on")
        assert daemon.running
        await ends_well(here, "store.corrupt", "store.salvaged", "store.ok")


# --- from the start ---------------------------------------------------------------------------------------------------


@needs_mounts
@pytest.mark.timeout(150)
@pytest.mark.parametrize("hindrance", ["full", "read_only"])
async def test_it_starts_on_a_disk_that_takes_nothing_and_serves_whom_it_knows(tmp_path: Path, hindrance: str) -> None:
    async with on_a_small_disk(tmp_path, 200) as (here, disk):
        await charging(here)
        assert here.serving is not None
        await here.serving.kill()
        if hindrance == "full":
            (disk.outside / "ledger.db.ballast").unlink()
            disk.fill()
        else:
            disk.remount("ro")
        again = await here.start((*disk.command, *SITECTL))
        assert again.running, again.log
        first, second = here.stations["CP01"], here.stations["CP02"]
        await until(lambda: first.online.is_set() and second.online.is_set())
        assert (await store(here))["state"] == hindrance
        await told(here, "no transaction message is answered")
        assert (await again.get("status"))["transactions"]["open"] >= 1
        pulse = await Pulse(again).start()
        first.start(1, "ALICE")
        assert await first.settled(3.0) is False
        await pulse.holds()
        if hindrance == "full":
            disk.clear()
        else:
            disk.remount("rw")
        await reaches(here, "ok")
        first.stop(1)
        await says_again(first)
        await ends_well(here, "store.ok")
