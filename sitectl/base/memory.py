"""Memory that the C library keeps after a burst of work, given back to the system.

A thousand stations that connect within seconds leave holes in the heap, and glibc returns a heap's end only.
"""

from __future__ import annotations

import asyncio
import ctypes

EVERY_S = 30.0


async def keep_giving_back() -> None:
    """Give back what is free, now and then, until cancelled. It happens beside the event loop."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(EVERY_S)
        await loop.run_in_executor(None, give_back)


def give_back() -> bool:
    """Whether anything was given back; False, too, where the C library has no such call (it is glibc's)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
