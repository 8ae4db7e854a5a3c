"""The recorder: gathers, writes now and then, gives way, and says when it does not record."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.model.ids import UplinkId
from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import Store
from sitectl.store.recorder import FLUSH_EVERY_S, Recorder, WrittenToday, written_by_this_process
from sitectl.store.recordings import Recorded, read, segments
from tests.unit.store.builders import CP1, NOON, HandClock

DAY_S = 86_400.0


class Rig:
    def __init__(self, store: Store, clock: HandClock, directory: Path) -> None:
        self.ample, self.counted = True, 0
        self.directory = directory / "recordings"
        self.clock = clock
        self.recorder = Recorder(
            self.directory,
            "1",
            clock,
            store.journal,
            InlineExecutor(),
            lambda: self.ample,
            1_000_000,
            lambda: self.counted,
        )

    def frames(self) -> list[Recorded]:
        return [frame for segment in segments(self.directory) for frame in read(segment, CP1, 2**62)]


@pytest.fixture
async def rig(store: Store, clock: HandClock, tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(store, clock, tmp_path)
    yield rig
    await rig.recorder.close()


async def events(store: Store) -> list[str]:
    await store.journal.drain()
    return [event.type for event in await store.queries.events()]


async def test_both_wires_are_recorded_with_the_time_of_each_frame(rig: Rig, clock: HandClock) -> None:
    station, central = rig.recorder.tap(CP1), rig.recorder.tap(CP1, UplinkId("central"))
    station(clock.at - 2.0, False, b"call")
    central(clock.at - 1.0, True, "copy")
    assert rig.frames() == []
    await rig.recorder.flush()
    seconds = [(frame.time_us / 1e6 - NOON.timestamp(), *frame[1:]) for frame in rig.frames()]
    assert seconds == [(-2.0, None, False, "call"), (-1.0, "central", True, "copy")]
    assert rig.recorder.written > 0


async def test_nothing_heard_is_nothing_written(rig: Rig) -> None:
    await rig.recorder.flush()
    assert not rig.directory.exists()


async def test_memory_is_bounded_and_the_oldest_give_way(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitectl.store.recorder.MOST_HELD", 10_000)
    tap = rig.recorder.tap(CP1)
    for n in range(100):
        tap(0.0, False, f"{n}".ljust(872))
    assert rig.recorder.dropped == 90
    await rig.recorder.flush()
    assert [int(frame.frame) for frame in rig.frames()] == list(range(90, 100))
    tap(0.0, False, b"more")
    await rig.recorder.flush()
    assert len(rig.frames()) == 11


async def test_a_day_has_its_bytes_and_the_next_its_own(rig: Rig, store: Store, clock: HandClock) -> None:
    tap = rig.recorder.tap(CP1)
    for mb in (0.0, 0.9, 1.0, 1.5):
        rig.counted = int(mb * 1_000_000)
        tap(clock.at, False, f"at {mb}")
        await rig.recorder.flush()
    ((what, where, _),) = rig.recorder.findings()
    assert (what, where) == ("The wire is not recorded: 2 MB were written today, which is all that may be", "recorder")
    clock.pass_s(DAY_S)
    tap(clock.at, False, "next day")
    await rig.recorder.flush()
    assert [frame.frame for frame in rig.frames()] == ["at 0.0", "at 0.9", "next day"]
    assert list(rig.recorder.findings()) == []
    assert await events(store) == ["recorder.paused", "recorder.resumed"]
    rig.recorder.most_per_day = 0
    tap(clock.at, False, "no more")
    await rig.recorder.flush()
    assert len(rig.frames()) == 3


async def test_where_space_is_short_nothing_is_recorded(rig: Rig, store: Store) -> None:
    tap = rig.recorder.tap(CP1)
    rig.ample = False
    tap(0.0, False, "lost")
    await rig.recorder.flush()
    assert rig.recorder.why == "space on the disk is short"
    rig.ample = True
    tap(0.0, False, "kept")
    await rig.recorder.flush()
    assert [frame.frame for frame in rig.frames()] == ["kept"]
    assert await events(store) == ["recorder.paused", "recorder.resumed"]


async def test_a_disk_that_refuses_is_told_and_tried_again(rig: Rig) -> None:
    tap = rig.recorder.tap(CP1)
    rig.directory.write_text("in the way")
    tap(0.0, False, "lost")
    await rig.recorder.flush()
    assert rig.recorder.why == "File exists"
    rig.directory.unlink()
    tap(0.0, False, "kept")
    await rig.recorder.flush()
    assert [frame.frame for frame in rig.frames()] == ["kept"]
    assert rig.recorder.why == ""


async def test_a_frame_that_cannot_be_written_ends_nothing(rig: Rig) -> None:
    tap = rig.recorder.tap(CP1)
    tap(0.0, True, "\ud800")
    await rig.recorder.flush()
    assert "an error of ours" in rig.recorder.why
    tap(0.0, True, "fine")
    await rig.recorder.flush()
    assert [frame.frame for frame in rig.frames()] == ["fine"]


def test_it_writes_every_few_seconds(tmp_path: Path) -> None:
    async def main() -> None:
        from random import Random

        from sitectl.base.clock import LoopClock
        from sitectl.store.opening import open_store
        from tests.unit.store.builders import compose_stop

        clock = LoopClock(NOON)
        store = await open_store(None, clock, Random(1), compose_stop, executor=lambda name: InlineExecutor())
        recorder = Recorder(tmp_path / "r", "1", clock, store.journal, InlineExecutor(), lambda: True, 10**9)
        running = asyncio.get_running_loop().create_task(recorder.run())
        recorder.tap(CP1)(clock.monotonic(), False, "frame")
        await asyncio.sleep(FLUSH_EVERY_S - 1)
        assert segments(tmp_path / "r") == []
        await asyncio.sleep(2)
        assert len(segments(tmp_path / "r")) == 1
        running.cancel()
        await recorder.close()
        await store.close()

    run_virtual(main())


def test_what_was_written_before_the_day_began_does_not_count() -> None:
    counted = [5_000]
    today = WrittenToday(lambda: counted[0])
    noon_us = int(NOON.timestamp()) * 1_000_000
    assert today(noon_us) == 0
    counted[0] = 6_000
    assert today(noon_us) == 1_000
    assert today(noon_us + int(timedelta(days=1).total_seconds()) * 1_000_000) == 0


def test_the_system_counts_what_this_process_writes(tmp_path: Path) -> None:
    before = written_by_this_process()
    (tmp_path / "large").write_bytes(b"x" * 1_000_000)
    assert written_by_this_process() - before in (0, *range(1_000_000, 2_000_000))  # 0: not on a disk
