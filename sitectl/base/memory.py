"""The memory of a process that runs for months: what is settled is no more looked over, what is free goes back.

* A thousand stations that connect within seconds leave holes in the heap, and glibc returns a heap's end only.
* Each thread would keep a heap of its own, with holes that only it fills again: all share one.
* The collector looks over all that is new since its last look, and holds the event loop meanwhile: a fifth of a second
  after a thousand stations came. So what has lived for a while is set aside (that takes no time), and looked over once
  an hour, for cycles that died among it: connections that ended, mostly.
* A thousand limits make forty thousand objects, and left to itself the collector looked them over while half of the
  limits had not left: 25 to 60 ms. So it looks at moments when nobody waits, and by itself only as a last resort.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Awaitable, Callable
from itertools import count

M_ARENA_MAX = -8
"""The number of this setting in glibc's malloc.h."""

EVERY_S = 30.0
LOOK_OVER_EVERY = 120

NEW_MANY = 10_000
"""So many more objects than at the last look are worth one at the next quiet moment."""

NEW_MOST = 200_000
"""So many are looked over at once, whoever waits: the most that cycles which died since then may hold."""

Quiet = Callable[[], Awaitable[object]]
"""Returns at the next moment when nobody waits for the event loop."""


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


def look_over_seldom() -> None:
    """Let the collector begin by itself only as a last resort: `keep_small` asks it at quiet moments."""
    gc.set_threshold(NEW_MOST, 20, 100)


async def keep_small(quiet: Quiet) -> None:
    """Look over what is new, set aside what has settled and give back what is free, now and then, until cancelled."""
    loop = asyncio.get_running_loop()
    for round in count(1):
        try:
            async with asyncio.timeout(EVERY_S):
                while True:
                    await quiet()
                    look_over_new()
        except TimeoutError:
            tend(round)
        await loop.run_in_executor(None, give_back)


def look_over_new() -> None:
    """Look over what is new, where that is much."""
    if gc.get_count()[0] >= NEW_MANY:
        gc.collect(0)


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
