"""A salvage that is interrupted, or lacks room, and the rows that are copied while the site goes on."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sitectl.store import remainder
from tests.unit.store.builders import Says
from tests.unit.store.damaging import (
    ZEROS,
    content,
    equal,
    fill_with_transactions,
    found,
    leaves,
    opened,
    overwrite,
    roots,
)
from tests.unit.store.small_disk import ROOT, run_on_a_small_disk


@pytest.fixture
async def filled(path: Path) -> Path:
    """A ledger of two hundred transactions, closed."""
    await fill_with_transactions(path)
    return path


INTERRUPTED = """
import asyncio, os, sys
from pathlib import Path
from random import Random
from sitectl.store.opening import open_store
from tests.unit.store.builders import HandClock, compose_stop
from tests.unit.store.conftest import INLINE
from tests.unit.store.small_disk import ROOT, run_on_a_small_disk

steps = int(sys.argv[2])
def step(event, arguments):
    global steps
    if event in ("os.rename", "open", "os.mkdir", "sqlite3.connect", "os.remove"):
        steps -= 1
        if steps < 0:
            os._exit(7)
sys.addaudithook(step)
asyncio.run(open_store(Path(sys.argv[1]), HandClock(), Random(5), compose_stop, **INLINE))
os._exit(0)
"""


@pytest.mark.parametrize("every", [31, pytest.param(3, marks=pytest.mark.full)])
async def test_interrupted_anywhere_it_is_brought_to_its_end_by_the_next_start(
    filled: Path, tmp_path: Path, every: int
) -> None:
    before = content(filled)
    overwrite(filled, roots(filled)["transactions"], ZEROS)
    finished = False
    for steps in range(2, 400, every):
        directory = tmp_path / str(steps)
        shutil.copytree(filled.parent, directory)
        copy = directory / filled.name
        command = [sys.executable, "-c", INTERRUPTED, str(copy), str(steps)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode in (0, 7), ended.stderr
        after, salvage = await found(copy)
        equal(after, before)
        assert salvage.saved["transactions"] == 200
        shutil.rmtree(directory)
        if ended.returncode == 0:
            finished = True
            break
    assert finished


async def test_the_many_rows_are_copied_while_the_site_goes_on(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remainder, "PAUSE_S", 0.001)
    before = content(filled)
    overwrite(filled, roots(filled)["outbox"], ZEROS)
    overwrite(filled, leaves(filled, "raw_frames")[-1], ZEROS)
    overwrite(filled, leaves(filled, "raw_frames")[2], ZEROS)
    store = await opened(filled)
    assert not store.health().salvages[0].complete
    started = await Says(store, minute=5000).start(raw=b"a new frame")
    async with asyncio.timeout(20):
        while not store.health().salvages[0].complete:
            store.database.care.look()
            await asyncio.sleep(0.01)
    assert store.health().salvages[0].damaged == {"outbox": 1, "raw_frames": 2}
    rows = await Says(store).rows("SELECT id, frame FROM raw_frames ORDER BY id")
    assert rows[-1][1] == b"a new frame"
    assert started.station_transaction_id > 0
    lost = len(before["raw_frames"]) + 1 - len(rows)
    assert 0 < lost < 20
    kept = {row[0]: row[-1] for row in before["raw_frames"]}
    assert all(kept[id] == frame for id, frame in rows[:-1])
    events = [event.type for event in await store.queries.events()]
    assert events[:2] == ["site.started", "store.salvaged"]
    await store.close()


def test_a_disk_without_room_for_it_keeps_everything_and_goes_on_when_there_is_some() -> None:
    run_on_a_small_disk(
        30,
        """
        import os
        from random import Random
        from sitectl.base.clock import SystemClock
        from sitectl.store.errors import StoreUnavailable
        from sitectl.store.opening import open_store
        from tests.unit.store.builders import Says, compose_stop
        from tests.unit.store.damaging import ZEROS, content, overwrite, roots

        async def started():
            return await open_store(path, SystemClock(), Random(1), compose_stop, ballast_bytes=0)

        async def main():
            store = await started()
            says = Says(store)
            for number in range(300):
                await says.start(evse=number + 1, raw=bytes(20000))
            await store.close()
            before = len(content(path)["transactions"])
            overwrite(path, 1, ZEROS)
            with (here / "filler").open("wb") as file:
                file.write(bytes(disk.space(here).free))
            for attempt in range(2):
                try:
                    await started()
                    raise AssertionError("where was room for it?")
                except StoreUnavailable as error:
                    assert "full" in str(error) or "No space" in str(error), error
            (here / "filler").unlink()
            store = await started()
            assert store.health().salvages[0].saved["transactions"] == before == 300
            assert (await store.queries.totals()).unsent == 300
            await store.close()

        asyncio.run(main())
        """,
    )
