"""What is free goes back to the system."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import pytest

from sitectl.base.memory import give_back

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
