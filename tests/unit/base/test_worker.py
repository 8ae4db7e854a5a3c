import asyncio
import threading

import pytest

from sitectl.base.worker import InlineWorker, ThreadWorker


async def test_a_thread_does_one_job_after_the_other_beside_the_loop() -> None:
    worker = ThreadWorker("jobs")
    order: list[int] = []
    let_go = threading.Event()
    first = asyncio.create_task(worker.do(lambda: (let_go.wait(5), order.append(1))))
    second = asyncio.create_task(worker.do(lambda: (order.append(2), threading.current_thread().name)[1]))
    await asyncio.sleep(0.01)
    assert order == []
    let_go.set()
    assert (await second).startswith("jobs")
    await first
    assert order == [1, 2]
    worker.stop()


async def test_what_a_job_raises_reaches_who_waits() -> None:
    for worker in (ThreadWorker("jobs"), InlineWorker()):
        with pytest.raises(ZeroDivisionError):
            await worker.do(lambda: 1 // 0)
        assert await worker.do(lambda: 7) == 7
        worker.stop()
