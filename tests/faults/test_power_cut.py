"""Power may go at any moment, whatever the disk kept of what it was not told to sync: what was acknowledged is there.

One life of the unmodified daemon is recorded, call by call; the states of the disk are rebuilt from it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.e2e.rig import SITECTL, patched
from tests.faults import recording, tracer
from tests.faults.central import content
from tests.faults.crash import Crash, crashes
from tests.faults.lawful import LimitJudge
from tests.faults.play import act_one, act_two
from tests.faults.recording import Operation
from tests.faults.replay import Verdict, replay
from tests.faults.resume import resumed
from tests.faults.stage import MAKES, Stage, stage

SEED = int(os.environ.get("SITECTL_SWEEP_SEED", "1"))

no_strace = tracer.unavailable()
pytestmark = pytest.mark.skipif(no_strace is not None, reason=str(no_strace))


@dataclass
class Played:
    """A recorded life: who took part, what happened, and how it ended."""

    stage: Stage
    operations: list[Operation]

    @property
    def must(self) -> set[str]:
        """Contents of all messages that are kept by the rules."""
        said = (one for station in self.stage.stations.values() for one in station.said)
        return {content(one.message.payload) for one in said if one.must}


async def played(folder: Path, command: tuple[str, ...] = SITECTL, *, long: bool = False) -> Played:
    """Record a life that is long enough for raises, with an orderly end. `long`: raises after its middle, too."""
    folder.mkdir()
    log = folder / "calls.log"
    async with stage(folder) as here:
        daemon = await here.start((*tracer.recording(log), *command))
        await act_one(here, patient=True)
        await act_two(here, patient=long)
        assert await here.verdict() == []
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended() == 0, daemon.log
    operations = await asyncio.to_thread(recording.read, log, folder / "data")
    log.unlink()
    return Played(here, operations)


def judged(life: Played, folder: Path, *, subsets: int, every: int, picked: list[Crash], pick: float) -> Verdict:
    """Rebuild and judge the states of one life; some are picked to be gone on from."""
    random, kinds = Random(SEED), Counter[str]()

    def states() -> Iterator[Crash]:
        for crash in crashes(life.operations, random, subsets=subsets, every=every):
            kinds[crash.kind] += 1
            if random.random() < pick:
                picked.append(crash)
            yield crash

    below = life.stage.folder / "data"
    opened, asked = folder / "opened", folder / "asked"
    opened.mkdir()
    asked.mkdir()
    limits = LimitJudge(life.stage.config, MAKES, life.operations, below, asked)
    verdict = replay(life.operations, states(), life.must, below=below, folder=opened, also=limits)
    print(f"{verdict}, {dict(kinds)}, limits judged {limits.judged} times")
    assert min(kinds[kind] for kind in ("nothing", "all", "torn", "some writes", "some sectors", "some names")) > 0
    assert verdict.promised > 20
    assert limits.judged > 500
    return verdict


async def go_on(life: Played, picked: list[Crash], folder: Path) -> None:
    """Start the daemon on each of these states."""
    places = asyncio.Semaphore(3)

    async def one(number: int, crash: Crash) -> list[str]:
        async with places:
            careful = number % 2 == 0
            wrong = await resumed(life.stage, life.operations, crash, folder / f"{number:03}", deduplicates=careful)
        return [f"after {crash.after} operations, {crash.kind}: {what}" for what in wrong]

    outcomes = await asyncio.gather(*(one(number, crash) for number, crash in enumerate(picked)))
    print(f"gone on from {len(picked)} states: {dict(Counter(crash.kind for crash in picked))}")
    assert not any(outcomes), "\n".join(what for outcome in outcomes for what in outcome)


@pytest.mark.timeout(240)
async def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path, memory: Path) -> None:
    life, picked = await played(tmp_path / "life"), []
    verdict = await asyncio.to_thread(judged, life, memory, subsets=1, every=6, picked=picked, pick=1.0)
    assert verdict.broken_states == 0, "\n".join(verdict.wrong[:20])
    await go_on(life, Random(SEED).sample(picked, 6), tmp_path / "on")


@pytest.mark.full
@pytest.mark.timeout(3600)
async def test_what_was_acknowledged_survives_in_every_state(tmp_path: Path, memory: Path) -> None:
    life, picked = await played(tmp_path / "life", long=True), []
    verdict = await asyncio.to_thread(judged, life, memory, subsets=15, every=1, picked=picked, pick=0.0007)
    assert verdict.broken_states == 0, "\n".join(verdict.wrong[:20])
    assert verdict.opened >= 20_000
    await go_on(life, picked, tmp_path / "on")


@pytest.mark.timeout(120)
async def test_the_replay_finds_commits_that_are_not_synced_and_limits_that_are_not_kept(
    tmp_path: Path, memory: Path
) -> None:
    careless = """
import sqlite3
from dataclasses import replace
import sitectl.store.limits as limits
class Lazy(sqlite3.Connection):
    def execute(self, sql, *more):
        return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *more)
connect, save = sqlite3.connect, limits.LimitStore.save
sqlite3.connect = lambda *a, **k: connect(*a, **k, factory=Lazy)
def low(self, rows, done):
    save(self, [replace(row, counts_a=row.fallback_a or 0.0) for row in rows], done)
limits.LimitStore.save = low
"""
    life = await played(tmp_path / "life", patched(tmp_path, careless))
    verdict = await asyncio.to_thread(judged, life, memory, subsets=1, every=10, picked=[], pick=0.0)
    assert verdict.broken_states > 0.1 * verdict.states
    assert any("lost the transaction" in what for what in verdict.wrong)
    assert any(re.search(r"may draw .* counts", what) for what in verdict.wrong), verdict
