"""What is free goes back to the system, what is settled is set aside."""

from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from sitectl.base.memory import LOOK_OVER_EVERY, give_back, tend

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
