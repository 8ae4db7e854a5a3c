"""What is free goes back to the system, what is settled is set aside."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import platform
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitectl.base.memory import EVERY_S, LOOK_OVER_EVERY, NEW_MANY, give_back, keep_small, tend
from sitectl.base.virtual import run_virtual

BLOCKS, SIZE = 2000, 60_000
"""Blocks that the C library takes from its heap and does not map each by itself."""


def resident_kb() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has malloc_trim")
def test_the_holes_below_what_is_still_in_use_are_given_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(SIZE) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    for block in blocks[:-1]:
        libc.free(block)
    before = resident_kb()
    assert give_back()
    assert before - resident_kb() > BLOCKS * SIZE / 1000 / 2
    libc.free(blocks[-1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_threads_share_one_heap_when_they_are_told_to() -> None:
    def heaps(first: str) -> int:
        program = f"""
import ctypes, threading
from sitectl.base.memory import share_one_heap
{first}
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
threads = [threading.Thread(target=lambda: libc.malloc({SIZE})) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_stats()
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return done.stderr.count("Arena ")

    assert heaps("") > 1
    assert heaps("assert share_one_heap()") == 1


class Cycle:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_that_die_after_they_were_set_aside_are_found_within_the_hour() -> None:
    cycle = Cycle()
    alive = weakref.ref(cycle)
    try:
        tend(1)
        del cycle
        gc.collect()
        assert alive() is not None, "it was not set aside"
        for round in range(2, LOOK_OVER_EVERY):
            tend(round)
        assert alive() is not None
        tend(LOOK_OVER_EVERY)
        assert alive() is None
    finally:
        gc.unfreeze()


@pytest.fixture
def asked() -> Iterator[None]:
    """The collector begins nothing by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("asked")
def test_what_is_new_is_looked_over_at_quiet_moments_only_and_where_it_is_much() -> None:
    async def main() -> list[bool]:
        quiet = asyncio.Event()

        async def next_quiet() -> None:
            await quiet.wait()
            quiet.clear()

        async def found() -> bool:
            await asyncio.sleep(0.01)
            return alive() is None

        keeping = asyncio.create_task(keep_small(next_quiet))
        cycle = Cycle()
        alive = weakref.ref(cycle)
        del cycle
        gone = [await found()]
        quiet.set()
        gone.append(await found())
        many: list[list[int]] = [[] for _ in range(NEW_MANY)]
        gone.append(await found())
        quiet.set()
        gone.append(await found())
        keeping.cancel()
        del many
        return gone

    assert EVERY_S > 1.0, "nothing was set aside meanwhile"
    assert run_virtual(main()) == [False, False, False, True]
