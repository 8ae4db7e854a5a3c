"""A real file, opened on the twin that runs in the loop's thread."""

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import HandClock, Says, compose_stop

SHARED_MEMORY = Path("/dev/shm")
INLINE: Any = {"executor": lambda name: InlineExecutor(), "ballast_bytes": 0}

Reopen = Callable[[], Awaitable[Store]]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: what a sync costs is not what these tests are about."""
    if not os.access(SHARED_MEMORY, os.W_OK):
        yield tmp_path / "ledger.sqlite"
        return
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as directory:
        yield Path(directory) / "ledger.sqlite"


@pytest.fixture
async def store(path: Path, clock: HandClock) -> AsyncIterator[Store]:
    store = await open_store(path, clock, Random(1), compose_stop, **INLINE)
    yield store
    await store.close()


@pytest.fixture
def says(store: Store) -> Says:
    return Says(store)


@pytest.fixture
async def reopen(path: Path, clock: HandClock, store: Store) -> AsyncIterator[Reopen]:
    """Close the store and open the same file again."""
    opened: list[Store] = []

    async def again() -> Store:
        for one in [store, *opened]:
            await one.close()
        opened.append(await open_store(path, clock, Random(2), compose_stop, **INLINE))
        return opened[-1]

    yield again
    for one in opened:
        await one.close()
