"""The memory of a process that runs for months: what is settled is no more looked over, what is free goes back.

* A thousand stations that connect within seconds leave holes in the heap, and glibc returns a heap's end only.
* Each thread would keep a heap of its own, with holes that only it fills again: all share one.
* The collector looks over all that is new since its last look, and holds the event loop meanwhile: a fifth of a second
  after a thousand stations came. So what has lived for a while is set aside (that takes no time), and looked over once
  an hour, for cycles that died among it: connections that ended, mostly.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from itertools import count

M_ARENA_MAX = -8
"""The number of this setting in glibc's malloc.h."""

EVERY_S = 30.0
LOOK_OVER_EVERY = 120


def share_one_heap() -> bool:
    """Before any thread is started: let all take memory from one heap. False where the C library knows no such thing.

    It takes 3 MB less at a thousand stations. Nobody waits for it: small pieces come from a cache of each thread.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_ARENA_MAX, 1))


def settle_down() -> None:
    """Look over everything, and set it aside: for a moment when nobody waits."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def keep_small() -> None:
    """Set aside what has settled and give back what is free, now and then, until cancelled."""
    loop = asyncio.get_running_loop()
    for round in count(1):
        await asyncio.sleep(EVERY_S)
        tend(round)
        await loop.run_in_executor(None, give_back)


def tend(round: int) -> None:
    """Set aside what lives; once in an hour of rounds, look it over first."""
    if round % LOOK_OVER_EVERY == 0:
        settle_down()
    else:
        gc.freeze()


def give_back() -> bool:
    """Whether anything was given back; False, too, where the C library has no such call (it is glibc's)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
