"""An upgrade brings the ledger forward, and is killed at any system call, or the power goes: nothing of it is lost.

What is there afterwards is the file of the old schema or one of the steps after it, whole; from the first step on with
the copy of the old one beside it. The next start finishes what was begun.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from random import Random

import pytest

from sitectl.base.clock import SystemClock
from sitectl.store.executor import InlineExecutor
from sitectl.store.migrate import shipped
from sitectl.store.opening import open_store
from tests.e2e.rig import ROOT
from tests.faults import recording, tracer
from tests.faults.crash import crashes, put_down
from tests.faults.sweep import OPENING
from tests.unit.store.builders import compose_stop
from tests.unit.store.old_schemas import EXPECTED, build_old, summary

SEED = int(os.environ.get("SITECTL_SWEEP_SEED", "1"))
LEDGER = "ledger.db"
NEWEST = shipped()[-1].number

no_strace = tracer.unavailable()
pytestmark = pytest.mark.skipif(no_strace is not None, reason=str(no_strace))

UPGRADE = """
import asyncio, sys
from pathlib import Path
from random import Random
from sitectl.base.clock import SystemClock
from sitectl.store.opening import open_store
from tests.unit.store.builders import compose_stop

async def main():
    await (await open_store(Path(sys.argv[1]), SystemClock(), Random(1), compose_stop)).close()

asyncio.run(main())
"""


def upgraded(folder: Path, *before: str) -> int:
    """Bring the ledger in a folder forward, in a process of its own; its exit status."""
    command = [*before, sys.executable, "-c", UPGRADE, str(folder / LEDGER)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode


def old_one(folder: Path) -> Path:
    folder.mkdir()
    build_old(folder / LEDGER)
    return folder


def half_way(folder: Path) -> list[str]:
    """What is wrong with what was left, before anybody mends it."""
    with closing(sqlite3.connect(folder / LEDGER)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    copy, wrong = folder / f"{LEDGER}.schema-1", [] if integrity == "ok" else [f"corrupt: {integrity}"]
    if copy.exists():
        with closing(sqlite3.connect(copy)) as connection:
            (kept,) = connection.execute("PRAGMA user_version").fetchone()
            (rows,) = connection.execute("SELECT count(*) FROM transactions").fetchone()
        wrong += [] if (kept, rows) == (1, len(EXPECTED["transactions"])) else [f"the copy is of {kept}, {rows} rows"]
    elif version > 1:
        wrong.append(f"schema {version} without a copy of the old one")
    return wrong


async def finished(folder: Path) -> list[str]:
    """What is wrong once it was opened again."""
    inline = {"executor": lambda name: InlineExecutor(), "ballast_bytes": 0}
    store = await open_store(folder / LEDGER, SystemClock(), Random(2), compose_stop, **inline)
    await store.close()
    with closing(sqlite3.connect(folder / LEDGER)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = summary(connection)
    salvaged = list((folder / "corrupt").iterdir()) if (folder / "corrupt").exists() else []
    wrong = [f"salvaged: {salvaged}"] if salvaged else []
    if not found["station_counters"]:
        found["station_counters"] = EXPECTED["station_counters"]  # ids go on in another range: an opening was cut short
    if version != NEWEST or found != EXPECTED:
        wrong.append(f"schema {version}, {[table for table in EXPECTED if found[table] != EXPECTED[table]]} differ")
    return wrong


def points(folder: Path) -> list[tuple[str, int]]:
    """Each (call, n) that touches the ledger or what lies beside it; strace counts by thread."""
    log = folder / "calls.log"
    assert upgraded(old_one(folder / "counted"), *tracer.counting(log, OPENING)) == 0
    ordinal: dict[tuple[str, str], int] = {}
    found = set()
    for call, line in tracer.listed(log):
        thread = line.split(maxsplit=1)[0], call
        ordinal[thread] = ordinal.get(thread, 0) + 1
        if str(folder / "counted") in line:
            found.add((call, ordinal[thread]))
    return sorted(found)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("many", [12, pytest.param(10_000, marks=pytest.mark.full)])
async def test_killed_at_a_call_of_an_upgrade(tmp_path: Path, many: int) -> None:
    every = await asyncio.to_thread(points, tmp_path)
    picked = Random(SEED).sample(every, min(many, len(every)))
    killed, steps = 0, set()
    for number, (call, nth) in enumerate(picked):
        folder = old_one(tmp_path / f"{number}")
        status = await asyncio.to_thread(upgraded, folder, *tracer.launched(tmp_path / "log", call, nth))
        killed += status == -9
        assert status in (-9, 0), f"{call} {nth}: {status}"
        with closing(sqlite3.connect(folder / LEDGER)) as connection:
            steps.add(connection.execute("PRAGMA user_version").fetchone()[0])
        wrong = half_way(folder) + await finished(folder)
        assert not wrong, f"{call} {nth}: {wrong}"
    print(f"{len(picked)} of {len(every)} points, {killed} killed, schemas left behind: {sorted(steps)}")
    assert killed >= 0.85 * len(picked)
    assert {1, NEWEST} <= steps


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("subsets", "every"), [pytest.param(1, 8, id="sampled"), pytest.param(4, 1, id="whole", marks=pytest.mark.full)]
)
async def test_the_power_goes_in_an_upgrade(tmp_path: Path, memory: Path, subsets: int, every: int) -> None:
    folder, log = old_one(tmp_path / "upgraded"), tmp_path / "calls.log"
    before = {str(folder / LEDGER): (folder / LEDGER).read_bytes()}
    assert await asyncio.to_thread(upgraded, folder, *tracer.recording(log)) == 0
    operations = recording.read(log, folder)
    here, seen, states, wrong = memory / "opened", set(), 0, []
    here.mkdir()
    for crash in crashes(operations, Random(SEED), subsets=subsets, every=every, before=before):
        states += 1
        digest = blake2b(repr(sorted(crash.files.items())).encode(), digest_size=16).digest()
        if digest in seen:
            continue
        seen.add(digest)
        put_down(crash.files, folder, here)
        wrong += [f"after {crash.after}, {crash.kind}: {what}" for what in half_way(here) + await finished(here)]
    print(f"{states} states, {len(seen)} of them different")
    assert not wrong, "\n".join(wrong[:10])
    assert len(seen) > 50
