"""Kill the daemon at one chosen system call, let it be started again, and compare the ledgers.

One point is one life: the daemon is started, stations come and charge, the n-th call of a kind is its last; it is
started again on what is on disk as by a service manager, stations say again what was not acknowledged, everybody ends,
and when nothing waits any more the three ledgers are laid side by side. Calls that come only with an orderly stop are
reached by one: who is still alive after the first act is asked to end.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.e2e.rig import SITECTL, Daemon
from tests.faults import tracer
from tests.faults.play import act_one, act_two, swap
from tests.faults.stage import Stage, stage

SERVING = ("pwrite64", "fdatasync", "fsync", "write", "writev", "sendmsg", "sendto", "openat", "ftruncate", "unlink")
"""Calls at which a daemon that serves is killed; those that it never makes are left out by the count."""

OPENING = ("pwrite64", "fdatasync", "fsync", "openat", "mkdir", "rename", "ftruncate", "unlink")
"""Calls at which it is killed from its first instruction on."""


@dataclass(frozen=True)
class Point:
    """One way to die."""

    call: str
    nth: int
    serving: bool
    patient: bool = False
    deduplicates: bool = True

    def __str__(self) -> str:
        when = "serving" if self.serving else "opening"
        pace, kind = "patient" if self.patient else "quick", "careful" if self.deduplicates else "naive"
        return f"{self.call} {self.nth} while {when}, {pace}, {kind} central"


@dataclass(frozen=True)
class Outcome:
    """What became of it. `killed`: the call was reached; `at`: what the daemon was doing."""

    point: Point
    killed: bool
    wrong: Sequence[str]
    looks: int


async def live(point: Point, folder: Path, command: tuple[str, ...] = SITECTL) -> Outcome:
    """Live through one point; `command` is what dies."""
    folder.mkdir()
    async with stage(folder, deduplicates=point.deduplicates) as here:
        try:
            killed = await _first_life(here, point, command)
            await act_two(here, patient=point.patient)
            wrong = await here.verdict()
        except (AssertionError, TimeoutError) as error:
            killed, wrong = False, [f"{type(error).__name__}: {error}"]
    return Outcome(point, killed, wrong, here.looks)


async def _first_life(here: Stage, point: Point, command: tuple[str, ...]) -> bool:
    """The first act, with a daemon that dies meanwhile, or at the end of it; whether it was killed."""
    daemon, traced = await _begin(here, point, command)
    here.meanwhile = partial(swap, here)
    succession = asyncio.create_task(here.restarted())
    try:
        await act_one(here, patient=point.patient)
        if daemon.running:
            daemon.signal(signal.SIGTERM)
        await succession
    finally:
        succession.cancel()
        await traced.ended()
    return await daemon.ended() == -signal.SIGKILL


async def _begin(here: Stage, point: Point, command: tuple[str, ...]) -> tuple[Daemon, tracer.Attached]:
    """Start the one that will die."""
    traced = tracer.Attached(here.folder / "calls.log", (point.call,), point.nth)
    if point.serving:
        daemon = await here.start(command)
        await traced.attach(daemon.pid)
    else:
        daemon = await here.start((*tracer.launched(traced.log, point.call, point.nth), *command))
    return daemon, traced


async def counted(folder: Path, *, serving: bool, patient: bool) -> dict[str, list[int]]:
    """How often each call is made in such a life: for each kind the numbers at which a kill makes sense."""
    folder.mkdir()
    log = folder / "calls.log"
    async with stage(folder) as here:
        if serving:
            daemon = await here.start()
            attached = tracer.Attached(log, SERVING, None)
            await attached.attach(daemon.pid)
        else:
            daemon = await here.start((*tracer.counting(log, OPENING), *SITECTL))
        await act_one(here, patient=patient)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0, daemon.log
    return _numbers(log, folder / "data", serving=serving)


def _numbers(log: Path, data: Path, *, serving: bool) -> dict[str, list[int]]:
    """By kind, the ordinals of calls (strace counts by thread) that are worth dying at.

    Of what is opened, and of all that is done before it serves, only what touches the ledger is: the interpreter opens
    a thousand other files.
    """
    ordinal: Counter[tuple[str, str]] = Counter()
    found: dict[str, set[int]] = {}
    for call, line in tracer.listed(log):
        thread = line.split(maxsplit=1)[0], call
        ordinal[thread] += 1
        if (serving and call != "openat") or str(data) in line:
            found.setdefault(call, set()).add(ordinal[thread])
    return {call: sorted(numbers) for call, numbers in found.items()}


def chosen(counts: dict[str, list[int]], many: int, random: Random, *, serving: bool, patient: bool) -> list[Point]:
    """`many` points spread over all kinds, and over the life of each; the rarer kinds whole first."""
    left, points = many, []
    for rank, call in enumerate(sorted(counts, key=lambda call: len(counts[call]))):
        numbers = counts[call]
        share = min(len(numbers), -(-left // (len(counts) - rank)))
        left -= share
        for stratum in range(share):
            low, high = stratum * len(numbers) // share, (stratum + 1) * len(numbers) // share
            nth = numbers[random.randrange(low, high)]
            points.append(Point(call, nth, serving, patient, deduplicates=random.random() < 0.6))
    return points


async def sweep(
    points: Sequence[Point], folder: Path, at_once: int, command: tuple[str, ...] = SITECTL
) -> list[Outcome]:
    """Live through all of them, a few at a time."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int, point: Point) -> Outcome:
        async with places:
            return await live(point, folder / f"{number:03}", command)

    return list(await asyncio.gather(*(one(number, point) for number, point in enumerate(points))))
