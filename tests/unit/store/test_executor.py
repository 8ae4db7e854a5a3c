import asyncio
import threading
from collections.abc import Callable

import pytest

from sitectl.store.executor import Executor, InlineExecutor, ThreadExecutor


@pytest.fixture(params=[InlineExecutor, lambda: ThreadExecutor("test")], ids=["inline", "thread"])
def executor(request: pytest.FixtureRequest) -> Executor:
    make: Callable[[], Executor] = request.param
    return make()


async def test_calls_run_in_order_and_results_arrive_in_the_loops_thread(executor: Executor) -> None:
    results: list[tuple[int, int]] = []
    finished = asyncio.Event()

    def done(number: int) -> None:
        results.append((number, threading.get_ident()))
        if number == 9:
            finished.set()

    for number in range(10):
        executor.submit(lambda number=number: number, done)
    await finished.wait()
    executor.stop()
    assert results == [(number, threading.get_ident()) for number in range(10)]


async def test_a_thread_runs_elsewhere() -> None:
    executor = ThreadExecutor("test")
    where: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    executor.submit(threading.get_ident, where.set_result)
    assert await where != threading.get_ident()
    executor.stop()


def test_a_loop_that_closed_does_not_end_the_thread() -> None:
    executor = ThreadExecutor("test")
    hold, second = threading.Event(), threading.Event()

    async def submit() -> None:
        executor.submit(hold.wait, lambda _: None)
        executor.submit(second.set, lambda _: None)

    asyncio.run(submit())
    hold.set()
    assert second.wait(5)
    executor.stop()
