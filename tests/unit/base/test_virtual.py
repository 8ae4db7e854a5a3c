import asyncio

import pytest

from sitectl.base.virtual import DeadlockError, VirtualLoop, run_virtual


def test_days_pass_at_once_and_in_order() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []

        async def note(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append((name, loop.time()))

        await asyncio.gather(note("late", 200_000.0), note("early", 0.25), note("middle", 3_600.0))
        return seen

    assert run_virtual(main()) == [("early", 0.25), ("middle", 3_600.0), ("late", 200_000.0)]


def test_timeout_and_call_later_run_on_virtual_time() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        called = loop.create_future()
        loop.call_later(5.0, lambda: called.set_result(loop.time()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30.0):
                await asyncio.Event().wait()
        return called.result(), loop.time()

    assert run_virtual(main()) == (5.0, 30.0)


def test_a_second_control_cycle_does_not_drift() -> None:
    async def main() -> float:
        for _ in range(86_400):
            await asyncio.sleep(1.0)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(86_400.0, abs=1e-3)


def test_a_deadlock_is_an_error_and_no_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="no timer"):
        run_virtual(main())


def test_time_may_begin_anywhere() -> None:
    loop = VirtualLoop(start=1_000.0)
    try:
        loop.run_until_complete(asyncio.sleep(1.5))
        assert loop.time() == 1_001.5
    finally:
        loop.close()
