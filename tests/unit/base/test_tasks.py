import asyncio
import gc
import logging
from datetime import UTC, datetime
from random import Random

import pytest

from sitectl.base.backoff import Backoff
from sitectl.base.clock import LoopClock
from sitectl.base.errors import ConfigurationError
from sitectl.base.tasks import HEALTHY_S, Tasks, spawn, supervise
from sitectl.base.virtual import run_virtual


class Upper(Random):
    """Always draws the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_spawn_names_the_task_and_its_failure_ends_the_group() -> None:
    async def fail() -> None:
        raise OSError("gone")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            waiting = spawn(group, asyncio.sleep(3_600), "waiting")
            assert waiting.get_name() == "waiting"
            spawn(group, fail(), "failing")

    with pytest.raises(ExceptionGroup) as caught:
        run_virtual(main())
    assert caught.group_contains(OSError, match="gone")


def test_tasks_hold_their_tasks_until_they_end() -> None:
    async def main() -> tuple[int, str, int]:
        tasks = Tasks()
        done: list[str] = []

        async def work() -> None:
            await asyncio.sleep(1.0)
            done.append("worked")

        tasks.spawn(work(), "worker")
        gc.collect()
        held = len(tasks)
        await asyncio.sleep(2.0)
        return held, done[0], len(tasks)

    assert run_virtual(main()) == (1, "worked", 0)


def test_a_failed_task_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    async def main() -> None:
        Tasks().spawn(fail(), "poller of main")
        await asyncio.sleep(1.0)

    run_virtual(main())
    assert "task poller of main failed" in caplog.text
    assert "ValueError: broken" in caplog.text


def test_cancel_all_waits_for_clean_ups_and_for_latecomers(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[str]:
        tasks = Tasks()
        ended: list[str] = []

        async def work(name: str, follower: bool) -> None:
            try:
                await asyncio.sleep(3_600.0)
            finally:
                await asyncio.sleep(0.5)
                ended.append(name)
                if follower:
                    tasks.spawn(work("follower", False), "follower")
                    await asyncio.sleep(0.0)

        tasks.spawn(work("first", True), "first")
        await asyncio.sleep(1.0)
        await tasks.cancel_all()
        assert len(tasks) == 0
        return ended

    assert run_virtual(main()) == ["first", "follower"]
    assert caplog.text == ""


def test_cancel_all_may_be_called_by_one_of_the_tasks() -> None:
    async def main() -> bool:
        tasks = Tasks()
        tasks.spawn(asyncio.sleep(3_600.0), "sleeper")
        await tasks.spawn(tasks.cancel_all(), "closer")
        await asyncio.sleep(0.0)
        return len(tasks) == 0

    assert run_virtual(main())


def starts_of(lifetimes_s: list[float], error: Exception | None = None) -> list[float]:
    """When a supervised room is started that lives for each of `lifetimes_s`, fails, and at last ends well."""
    starts: list[float] = []

    async def room() -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) <= len(lifetimes_s):
            await asyncio.sleep(lifetimes_s[len(starts) - 1])
            raise error or OSError("gone")

    run_virtual(supervise("mqtt", room, Backoff(1.0, 60.0, Upper()), LoopClock(datetime(2026, 11, 20, tzinfo=UTC))))
    return starts


def test_supervise_restarts_with_back_off_until_the_room_ends() -> None:
    assert starts_of([0.0, 0.0, 0.0]) == [0.0, 1.0, 3.0, 7.0]


def test_supervise_forgives_a_room_that_ran_well() -> None:
    assert starts_of([0.0, 0.0, HEALTHY_S]) == [0.0, 1.0, 3.0, 3.0 + HEALTHY_S + 1.0]


def test_supervise_gives_up_on_what_only_an_edit_cures(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert starts_of([0.0], ConfigurationError("no such host")) == [0.0]
    assert "mqtt cannot run as configured" in caplog.text


def test_supervise_restarts_a_room_whose_task_group_failed() -> None:
    assert starts_of([0.0], ExceptionGroup("room", [OSError("gone")])) == [0.0, 1.0]
